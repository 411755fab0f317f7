"""Environments in which a policy uses tools."""

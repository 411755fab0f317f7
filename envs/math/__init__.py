"""Environments of the mathematics family."""

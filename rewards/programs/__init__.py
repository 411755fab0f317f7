"""Rewards as programs: how they are checked, run and improved."""

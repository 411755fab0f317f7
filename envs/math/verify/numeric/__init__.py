"""Comparing expressions by their values, with error bounds."""

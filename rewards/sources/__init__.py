"""Reward sources: one file is one source, and the file's name is the name it is registered under."""

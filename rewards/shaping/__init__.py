"""Shaping: nodes that turn one reward into a better behaved one. One file, one node."""

"""Combination: nodes that make one reward of several. One file, one node; the plain sum is ``+``."""

"""Combination: nodes that make one reward out of several."""

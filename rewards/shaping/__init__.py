"""Shaping: nodes that turn a reward into a better-behaved one, step by step or segment by segment."""

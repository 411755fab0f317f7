"""Models that learn a reward from labels, preferences or visits."""

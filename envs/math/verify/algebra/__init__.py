"""Computer algebra, inside of worker processes only."""

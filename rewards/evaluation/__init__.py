"""How good a reward is, without training on it: distances to the truth, rank correlations, probes."""

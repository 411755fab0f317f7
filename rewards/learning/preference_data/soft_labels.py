"""Preferences from the distance of two rewards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import generator_for, require_count, require_range, some_of
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("soft_labels", "builder", papers=("A25",))
@dataclass(frozen=True)
class SoftLabels:
    """All pairs of a prompt's responses with ``P(first is better) = sigmoid((r_1 - r_2) / temperature)``.

    The preference label generator of "Subject-driven Text-to-Image Generation via Preference-based Reinforcement
    Learning" (2024), certainty: recalled; its reward is the harmonic mean that ``harmonic`` computes, and its labels
    are drawn (``draw=True``). The temperature is ours.

    Args:
        by: ``"scores"`` or the name of a factor.
        temperature: Above 0.
        draw: Draw a label of 0 or 1 in place of the probability.
        pairs: At most so many of a prompt; 0 for all.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("2+2=", ["4", "5"], scores=[1.0, 1.0])]
        >>> SoftLabels()(rows)[0].preference
        0.5
    """

    by: str = "scores"
    temperature: float = 1.0
    draw: bool = False
    pairs: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        require_range("soft_labels", "temperature", self.temperature, 1e-9)
        require_count("soft_labels", "pairs", self.pairs)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs."""
        return [pair for row in comparisons for pair in self._pairs(row)]

    def _pairs(self, row: Comparison) -> list[Comparison]:
        scores, generator = row.factor(self.by), generator_for(self.seed, row)
        every = [(i, j) for i in range(len(scores)) for j in range(i + 1, len(scores))]
        found = []
        for i, j in some_of(every, self.pairs, generator):
            distance = min(max((scores[i] - scores[j]) / self.temperature, -50.0), 50.0)
            probability = 1.0 / (1.0 + math.exp(-distance))
            label = float(generator.random() < probability) if self.draw else probability
            found.append(row.subset((i, j), preference=label, scores=None))
        return found

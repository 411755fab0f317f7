"""Right answers against wrong ones to the same prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import (
    generator_for,
    pair_of,
    require_count,
    require_range,
    some_of,
)
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("verified_pairs", "builder")
@dataclass(frozen=True)
class VerifiedPairs:
    """Pairs of a right and a wrong response to one prompt, as a verifier's scores say.

    Args:
        pairs: At most so many of a prompt, drawn evenly; 0 for all.
        threshold: The least score of a right response.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("2+2=", ["5", "4", "6"], scores=[0, 1, 0])]
        >>> [pair.responses for pair in VerifiedPairs()(rows)]
        [('4', '5'), ('4', '6')]
    """

    pairs: int = 0
    threshold: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        require_count("verified_pairs", "pairs", self.pairs)
        require_range("verified_pairs", "threshold", self.threshold, -1e9)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs; a prompt whose responses are all right or all wrong has none."""
        return [pair for row in comparisons for pair in self._pairs(row)]

    def _pairs(self, row: Comparison) -> list[Comparison]:
        right = [score >= self.threshold for score in row.factor("scores")]
        every = [(i, j) for i, good in enumerate(right) if good for j, other in enumerate(right) if not other]
        return [pair_of(row, i, j) for i, j in some_of(every, self.pairs, generator_for(self.seed, row))]

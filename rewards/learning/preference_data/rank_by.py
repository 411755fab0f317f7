"""A factor becomes the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("rank_by", "builder")
@dataclass(frozen=True)
class RankBy:
    """Rows whose scores are another column, as it is or as ranks.

    Args:
        factor: The column that says what is better.
        ranks: Take the rank, 0 for the worst, equal values sharing the smaller one, in place of the value.

    Example:
        >>> rows = [Comparison.of("?", ["a", "b", "c"], scores=[0, 0, 0], factors={"judge": [7.5, 0.1, 7.5]})]
        >>> RankBy("judge", ranks=True)(rows)[0].scores
        (1.0, 0.0, 1.0)
    """

    factor: str
    ranks: bool = False

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Rank the rows."""
        found = []
        for row in comparisons:
            column = row.factor(self.factor)
            scores = tuple(float(sum(other < value for other in column)) for value in column) if self.ranks else column
            found.append(row.replaced(scores=scores, preference=None))
        return found

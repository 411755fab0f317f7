"""Pairs that are told apart by enough, and not by too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import better_and_worse, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("margin_filter", "curator")
@dataclass(frozen=True)
class MarginFilter:
    """Keeps pairs whose better response is ahead by a distance in a range.

    Args:
        least: The least distance.
        most: The largest distance.
        by: ``"strength"``, ``"scores"`` or the name of a factor.

    Example:
        >>> rows = [Comparison.of("?", ["a", "b"], 1.0, strength=strength) for strength in (0.1, 1.0, 9.0)]
        >>> [row.strength for row in MarginFilter(least=0.5, most=5.0)(rows)]
        [1.0]
    """

    least: float = 0.0
    most: float = 1e9
    by: str = "strength"

    def __post_init__(self) -> None:
        require_range("margin_filter", "least", self.least, -1e9)
        require_range("margin_filter", "most", self.most, self.least)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Keep some pairs; a tie has the distance 0."""
        return [row for row in comparisons if self.least <= self._distance(row) <= self.most]

    def _distance(self, row: Comparison) -> float:
        sides = better_and_worse("margin_filter", row)
        if sides is None:
            return 0.0
        if self.by == "strength":
            return row.strength
        column = row.factor(self.by)
        return column[sides[0]] - column[sides[1]]

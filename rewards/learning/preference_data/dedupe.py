"""The same comparison once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("dedupe", "curator")
@dataclass(frozen=True)
class Dedupe:
    """Drops comparisons that came before, in whatever order of their responses, and those that contradict them.

    Args:
        contradictions: Drop all comparisons of the same responses where they disagree on which is better.

    Example:
        >>> rows = [Comparison.of("?", ["a", "b"], 1.0), Comparison.of("?", ["b", "a"], 0.0)]
        >>> len(Dedupe()(rows)), len(Dedupe()([*rows, Comparison.of("?", ["a", "b"], 0.0)]))
        (1, 0)
    """

    contradictions: bool = True

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Drop what is there twice."""
        said: dict[tuple[tuple[str, str], ...], set[tuple[float, ...]]] = {}
        first: dict[tuple[tuple[str, str], ...], Comparison] = {}
        for row in comparisons:
            order = sorted(range(len(row.responses)), key=lambda i: (row.prompts[i], row.responses[i]))
            key = tuple((row.prompts[i], row.responses[i]) for i in order)
            wins = tuple(row.wins()[order][:, order].ravel().tolist())
            first.setdefault(key, row)
            said.setdefault(key, set()).add(wins)
        return [row for key, row in first.items() if len(said[key]) == 1 or not self.contradictions]

"""Texts with labels, written as comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rewardium.rewards.learning.preference_data.comparison import MOST_RESPONSES, Comparison


class Labelled(NamedTuple):
    """A text and how good it is.

    Args:
        text: A response, or the beginning of one.
        label: Its score.
        factors: Further numbers, of the same names in all rows.
    """

    text: str
    label: float
    factors: Mapping[str, float] = MappingProxyType({})


def as_comparisons(prompt: str, rows: Sequence[Labelled]) -> list[Comparison]:
    """Write labelled texts of one prompt as comparisons, as many as one holds in each.

    Args:
        prompt: The prompt.
        rows: The texts.

    Returns:
        The comparisons; none where there are no rows.

    Example:
        >>> [row.scores for row in as_comparisons("2+2=", [Labelled("4", 1.0), Labelled("5", 0.0)])]
        [(1.0, 0.0)]
    """
    found = []
    for start in range(0, len(rows), MOST_RESPONSES):
        part = rows[start : start + MOST_RESPONSES]
        factors = {name: [row.factors[name] for row in part] for name in part[0].factors}
        scores = [row.label for row in part]
        found.append(Comparison.of(prompt, [row.text for row in part], scores=scores, factors=factors))
    return found

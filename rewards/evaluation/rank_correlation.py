"""How far two measures put things into the same order."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rewardium.rewards.evaluation.epic import Values, pearson_correlation

_ROWS = 512


def ranks(values: Values) -> Values:
    """Return the ranks from 1; equal values share the mean of theirs.

    Example:
        >>> ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist()
        [3.5, 1.0, 3.5, 2.0]
    """
    column = np.asarray(values, dtype=np.float64)
    _, groups, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Values = last - (counts - 1) / 2.0
    return means[groups.reshape(-1)]


def spearman(first: Values, second: Values) -> float:
    """Return Spearman's rank correlation: the correlation of the ranks.

    Args:
        first: float [B], finite.
        second: float [B], finite.

    Returns:
        In [-1, 1]; not a number where a column is constant.

    Raises:
        RewardiumError: When the shapes differ or a value is not finite.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0]))
        1.0
    """
    pearson_correlation(first, second)  # refuses what cannot be compared
    return pearson_correlation(ranks(first), ranks(second))


def kendall(first: Values, second: Values) -> float:
    """Return Kendall's tau-b: of all pairs, those in the same order less those in the opposite one.

    With C and D the numbers of such pairs, and X and Y those that are equal in one column alone::

        tau_b = (C - D) / sqrt((C + D + X) (C + D + Y))

    From "The treatment of ties in ranking problems" (Kendall, 1945); certainty high. Takes time in the square of B.

    Args:
        first: float [B], finite.
        second: float [B], finite.

    Returns:
        In [-1, 1]; not a number where a column is constant.

    Raises:
        RewardiumError: When the shapes differ or a value is not finite.

    Example:
        >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).__round__(4)
        0.3333
    """
    pearson_correlation(first, second)
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    balance = ordered_one = ordered_two = 0
    for start in range(0, len(one), _ROWS):
        signs_one, signs_two = _signs(one, start), _signs(two, start)
        balance += int((signs_one * signs_two).sum(dtype=np.int64))
        ordered_one += int(np.count_nonzero(signs_one))
        ordered_two += int(np.count_nonzero(signs_two))
    if not ordered_one or not ordered_two:
        return math.nan
    return max(-1.0, min(1.0, balance / math.sqrt(ordered_one) / math.sqrt(ordered_two)))


def _signs(column: Values, start: int) -> NDArray[np.int8]:
    part = column[start : start + _ROWS]
    return (part[:, None] > column[None, :]).astype(np.int8) - (part[:, None] < column[None, :]).astype(np.int8)

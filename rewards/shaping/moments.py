"""Running mean and variance that stay exact over any number of batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rewardium.rewards.shaping.shaper import FloatArray


class Moments(NamedTuple):
    """Number, mean and sum of squared deviations of the values seen so far.

    Args:
        number: How many values.
        mean: Their mean; 0 where there are none.
        squares: The sum of ``(value - mean) ** 2``.
    """

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def variance(self) -> float:
        """The population variance; 0 where there are no values."""
        return self.squares / self.number if self.number else 0.0


def merge_moments(moments: Moments, values: FloatArray) -> Moments:
    """Take a batch of values into the moments.

    The pairwise update of Chan, Golub and LeVeque (1979), which does not subtract large sums from each other.

    Args:
        moments: What was seen so far.
        values: float64 [K], any K.

    Returns:
        The moments of everything seen.

    Example:
        >>> moments = merge_moments(merge_moments(Moments(), np.array([1.0, 2.0])), np.array([3.0, 6.0]))
        >>> moments.mean, moments.variance
        (3.0, 3.5)
    """
    if not len(values):
        return moments
    number = moments.number + len(values)
    mean = float(values.mean())
    gap = mean - moments.mean
    squares = float(np.square(values - mean).sum()) + gap * gap * moments.number * len(values) / number
    return Moments(number, moments.mean + gap * len(values) / number, moments.squares + squares)

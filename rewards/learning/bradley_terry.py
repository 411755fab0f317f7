"""Preferences between two messages, and the model of Bradley and Terry as plain mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Preference(NamedTuple):
    """Which of two messages is better.

    Args:
        first: A message.
        second: Another one.
        preference: 1.0 where the first is better, 0.0 where the second is, 0.5 for a tie.
    """

    first: str
    second: str
    preference: float


def bradley_terry_loss(first: FloatArray, second: FloatArray, preference: FloatArray) -> float:
    """Return the mean cross-entropy of preferences under ``P(first wins) = sigmoid(first - second)``.

    A tie counts half as a win of each side, as in Motif (2023): its minimum lies where both rewards are equal.

    Args:
        first: float64 [B], the rewards of the first messages.
        second: float64 [B].
        preference: float64 [B] in [0, 1].

    Returns:
        The loss, at least 0; ``log(2)`` where the rewards are equal.

    Example:
        >>> tie, win = np.array([0.5]), np.array([1.0])
        >>> round(bradley_terry_loss(np.zeros(1), np.zeros(1), tie), 4)
        0.6931
        >>> bradley_terry_loss(np.array([9.0]), np.zeros(1), win) < 0.001
        True
    """
    margin = first - second
    return float(np.mean(np.logaddexp(0.0, -margin) * preference + np.logaddexp(0.0, margin) * (1.0 - preference)))


def pair_accuracy(first: FloatArray, second: FloatArray, preference: FloatArray) -> float | None:
    """Return the share of decided pairs whose better message has the larger reward; equal rewards count half.

    Args:
        first: float64 [B].
        second: float64 [B].
        preference: float64 [B]; ties are left out.

    Returns:
        A number in [0, 1], or None where every pair is a tie.

    Example:
        >>> pair_accuracy(np.array([2.0, 1.0, 0.0]), np.array([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.5]))
        0.5
    """
    decided = preference != 0.5
    if not decided.any():
        return None
    agreement = np.sign(first - second)[decided] * np.sign(preference - 0.5)[decided]
    return float(np.mean(0.5 + 0.5 * agreement))


class RewardScale(NamedTuple):
    """How the raw numbers of a ranker are spread: they have no unit and no zero of their own.

    Args:
        mean: Of the numbers, each message as often as it stands in a pair.
        deviation: The standard deviation of the same numbers.
        quantiles: float64 [101], the numbers of the distinct messages at 0%, 1%, ..., 100%.
    """

    mean: float
    deviation: float
    quantiles: tuple[float, ...]

    @classmethod
    def of(cls, scores: FloatArray, counts: FloatArray) -> RewardScale:
        """Measure the spread.

        Args:
            scores: float64 [M], one number a distinct message, at least one.
            counts: float64 [M], how often each message stands in a pair; above 0 in sum.

        Returns:
            The scale.

        Example:
            >>> RewardScale.of(np.array([1.0, 3.0]), np.array([1.0, 1.0]))[:2]
            (2.0, 1.0)
        """
        mean = float(np.average(scores, weights=counts))
        deviation = float(np.sqrt(np.average(np.square(scores - mean), weights=counts)))
        return cls(mean, deviation, tuple(np.quantile(scores, np.linspace(0.0, 1.0, 101)).tolist()))

    def rewards(self, scores: FloatArray, quantile: float) -> FloatArray:
        """Normalise and pay nothing below a quantile: ``1[score >= quantile] * (score - mean) / deviation``.

        Args:
            scores: float64 [B].
            quantile: In [0, 1]; of the distinct messages.

        Returns:
            float64 [B]; all 0 where the scores have no spread. Between quantile and mean, where the mean is the larger
            one, a reward is negative.

        Example:
            >>> scale = RewardScale.of(np.array([-1.0, 0.0, 1.0]), np.ones(3))
            >>> scale.rewards(np.array([-1.0, 0.0, 1.0]), 0.5).round(3).tolist()
            [0.0, 0.0, 1.225]
        """
        if not self.deviation > 0.0:
            return np.zeros(len(scores))
        threshold = float(np.interp(100.0 * quantile, np.arange(101), self.quantiles))
        return np.where(scores >= threshold, (scores - self.mean) / self.deviation, 0.0)


def scale_of_pairs(messages: Sequence[str], scores: FloatArray, pairs: Sequence[Preference]) -> RewardScale:
    """Measure the spread of rewards over labelled pairs, as Motif's code does (certainty: high).

    Args:
        messages: Length M, distinct.
        scores: float64 [M].
        pairs: The pairs; a message that is not among ``messages`` is passed over.

    Returns:
        The scale.
    """
    number = {message: index for index, message in enumerate(messages)}
    counts = np.zeros(len(messages))
    for pair in pairs:
        for side in (pair.first, pair.second):
            if side in number:
                counts[number[side]] += 1.0
    return RewardScale.of(scores, counts)

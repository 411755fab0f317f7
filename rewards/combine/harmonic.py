"""The harmonic mean of two scores, which the worse of them dominates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def harmonic(first: FloatArray, second: FloatArray, lambda_: float = 0.5) -> FloatArray:
    """Return ``1 / (lambda_ / first + (1 - lambda_) / second)``.

    Args:
        first: float64 [B]; below 0 counts as 0.
        second: float64 [B]; below 0 counts as 0.
        lambda_: The weight of the first, in [0, 1]; a score of weight 0 has no influence.

    Returns:
        float64 [B]; 0 where a score with a weight is 0.

    Example:
        >>> harmonic(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.25, 1.0])).tolist()
        [1.0, 0.4, 0.0]
    """
    inverse = np.zeros(len(first), dtype=np.float64)
    # The inverse of a tiny score overflows to infinity, whose inverse is the right answer: 0.
    with np.errstate(divide="ignore", over="ignore"):
        for weight, score in ((lambda_, first), (1.0 - lambda_, second)):
            if weight > 0.0:
                inverse = inverse + weight / np.maximum(score, 0.0)
        return np.asarray(1.0 / inverse, dtype=np.float64)


@register("harmonic", papers=("A25",))
@dataclass(frozen=True)
class Harmonic(Reward):
    """Pay the weighted harmonic mean of two scores in [0, 1], so that neither can be bought with the other.

    From "Subject-driven Text-to-Image Generation via Preference-based Reinforcement Learning" (2024). The formula is
    recalled, not re-read; the paper trains with ``lambda_=0`` and validates with 0.3 to 0.7. A row has a score where
    both have one. Segments are dropped.

    Args:
        first: A score in [0, 1].
        second: A score in [0, 1].
        lambda_: The weight of the first, in [0, 1].

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("harmonic(verify, length, lambda_=0.7)"))
        harmonic(first=verify, second=length, lambda_=0.7)
    """

    first: Reward
    second: Reward
    lambda_: float = 0.5

    def __post_init__(self) -> None:
        require_reward(self, "first", "second")
        require_number(self, "lambda_", at_least=0.0, at_most=1.0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Take the mean."""
        first = self.first.fold(scores, batch, state.child(0))
        second = self.second.fold(scores, batch, state.child(1))
        value = harmonic(first.value.astype(np.float64), second.value.astype(np.float64), self.lambda_)
        return add_term(self.registered_name, (first, second), first.value, Shaped(value, first.valid & second.valid))

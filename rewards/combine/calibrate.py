"""Lift the low scores of a noisy reward by the look of the response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import narrow
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def calibrated(
    model: FloatArray, pattern: FloatArray, threshold: float = 0.5, weight: float = 0.1, most: float = 1.0
) -> FloatArray:
    """Return ``min(most, model + weight * pattern)`` where ``model < threshold``, else ``model``.

    Args:
        model: float64 [B], the noisy reward.
        pattern: float64 [B], what corrects it.
        threshold: The score from which on the reward is left alone.
        weight: The factor of the correction.
        most: The largest corrected score.

    Returns:
        float64 [B].

    Example:
        >>> calibrated(np.array([0.25, 0.5]), np.array([1.0, 1.0])).tolist()
        [0.35, 0.5]
    """
    return np.where(model < threshold, np.minimum(most, model + weight * pattern), model)


@register("calibrate", papers=("A2",))
@dataclass(frozen=True)
class Calibrate(Reward):
    """Add a little of a second reward where the first one is low, so that its false negatives cost less.

    With the noisy score ``m`` and the pattern ``p``: ``min(most, m + weight * p)`` where ``m < threshold``, else ``m``.
    The calibration of a noisy reward model in "The Climb Carves Wisdom Deeper Than the Summit: On the Noisy Rewards in
    Learning to Reason" (2025); threshold 0.5 and weight 0.1 as in the authors' code, where ``p`` is the reasoning
    pattern reward and ``m`` counts only where the format is right: ``calibrate(gate(format, judge), phrases)``.

    Where the pattern has no score nothing is added; without the reward's score the row has none. Segments of the
    reward are kept, and what is added lies outside them.

    Args:
        reward: The noisy score, in [0, 1].
        pattern: What is added where that is low.
        threshold: The score from which on the reward is left alone.
        weight: The factor of the pattern.
        most: The largest corrected score.

    Raises:
        RewardiumError: When a parameter is no reward or no finite number.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("calibrate(gate(format, graded), phrases, weight=0.2)"))
        calibrate(reward=gate(condition=format, reward=graded), pattern=phrases, weight=0.2)
    """

    reward: Reward
    pattern: Reward
    threshold: float = 0.5
    weight: float = 0.1
    most: float = 1.0

    def __post_init__(self) -> None:
        require_reward(self, "reward", "pattern")
        for name in ("threshold", "weight", "most"):
            require_number(self, name)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Add the pattern where the reward is low."""
        reward = self.reward.fold(scores, batch, state.child(0))
        pattern = self.pattern.fold(scores, batch, state.child(1))
        model = reward.value.astype(np.float64)
        corrected = calibrated(model, pattern.value.astype(np.float64), narrow(self.threshold), self.weight, self.most)
        value = np.where(pattern.valid, corrected, model)
        shaped = Shaped(value, reward.valid, reward.segments)
        return add_term(self.registered_name, (reward, pattern), reward.value, shaped)

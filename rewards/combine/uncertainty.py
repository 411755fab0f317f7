"""Believe a reward as far as two looks at the same thing agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, add_term, scaled
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def certainty(first: FloatArray, second: FloatArray, scale: float = 1.0) -> FloatArray:
    """Return ``exp(-scale * U)`` with the uncertainty ``U = |first - second|``.

    Args:
        first: float64 [B].
        second: float64 [B].
        scale: At least 0; 0 believes everything.

    Returns:
        float64 [B] in [0, 1]; 1 where both agree.

    Example:
        >>> certainty(np.array([0.5, 0.5]), np.array([0.5, 1.5])).round(4).tolist()
        [1.0, 0.3679]
    """
    return np.asarray(np.exp(-scale * np.abs(first - second)), dtype=np.float64)


@register("uncertainty", papers=("A54",))
@dataclass(frozen=True)
class Uncertainty(Reward):
    """Pay a reward times ``exp(-scale * U)``, where U is how far a second opinion lies from it.

    From "Ctrl-U: Robust Conditional Image Generation via Uncertainty-aware Reward Modeling" (2024), whose code takes
    ``U = |o1 - o2|`` of two predictions of the reward model under slightly different conditions, element by element,
    and weights the reward loss by ``exp(-U)``; certainty: high for the formula. There the loss also has ``0.1 *
    mean(U)``, without which a generator could learn to be uncertain. A control policy could likewise seek frames on
    which a punishment is uncertain: keep the reward at least 0. Its ramp of the weight over training is
    ``anneal(..., start=0.0, end=1.0)``. ``scale`` is ours: cosines, which lie around 0.2 to 0.3, hardly differ by 0.1,
    so that it must be large for them.

    The second opinion may be any reward of the same thing: another view of the frame (``augmented``), another prompt,
    another model. A row has a score where both have one. Segments of the reward are scaled.

    Args:
        reward: What is paid.
        other: The second opinion.
        scale: How fast belief falls with disagreement, at least 0.

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("uncertainty(graded, augmented(graded), scale=2.0)"))
        uncertainty(reward=graded, other=augmented(source=graded), scale=2.0)
    """

    reward: Reward
    other: Reward
    scale: float = 1.0

    def __post_init__(self) -> None:
        require_reward(self, "reward", "other")
        require_number(self, "scale", at_least=0.0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Weigh."""
        reward = self.reward.fold(scores, batch, state.child(0))
        other = self.other.fold(scores, batch, state.child(1))
        weight = certainty(reward.value.astype(np.float64), other.value.astype(np.float64), self.scale)
        shaped = scaled(reward, weight)._replace(valid=reward.valid & other.valid)
        return add_term(self.registered_name, (reward, other), reward.value, shaped)

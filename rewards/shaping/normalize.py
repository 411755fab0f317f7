"""Divide by the running spread of the discounted return."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.moments import Moments, merge_moments
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import Shaped, Shaper, scaled
from rewardium.rewards.state import RewardState


def normalizer(moments: Moments, epsilon: float = 1e-8) -> float:
    """Return the factor ``1 / sqrt(variance + epsilon)``, or 1 while the values seen do not differ.

    Args:
        moments: The discounted returns seen so far.
        epsilon: Added to the variance.

    Returns:
        The factor.

    Example:
        >>> round(normalizer(merge_moments(Moments(), np.array([0.0, 4.0]))), 6)
        0.5
        >>> normalizer(Moments())
        1.0
    """
    return 1.0 / math.sqrt(moments.variance + epsilon) if moments.variance > 0.0 else 1.0


@register("normalize")
@dataclass(frozen=True)
class Normalize(Shaper):
    """Divide a reward by the running standard deviation of its discounted return, and limit the result.

    The reward is scaled, not shifted, so that its sign stays. The return ``g = gamma * g + r`` that the deviation is
    taken of starts anew with every episode, however the last one ended. The usual reward scaling of PPO, studied in
    "Implementation Matters in Deep Policy Gradients" (2020). Segments are scaled with their row.

    Args:
        reward: What is scaled.
        gamma: Discount of the return, in [0, 1].
        epsilon: Added to the variance, above 0.
        limit: The largest absolute value that is paid, above 0.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("normalize(extrinsic, gamma=0.95)"))
        normalize(reward=extrinsic, gamma=0.95)
    """

    reward: Reward
    gamma: float = 0.99
    epsilon: float = 1e-8
    limit: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "gamma", at_least=0.0, at_most=1.0)
        require_number(self, "epsilon", above=0.0)
        require_number(self, "limit", above=0.0)

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Take the returns into the statistics, then scale."""
        returns = state.episode_arrays(batch, returns=0.0)["returns"]
        env = batch.env[inner.valid]
        returns[env] = self.gamma * returns[env] + inner.value[inner.valid]
        moments = merge_moments(Moments(*state.memory.get("moments", ())), returns[env])
        state.memory["moments"] = list(moments)
        factor = normalizer(moments, self.epsilon)
        excess = np.maximum(np.abs(inner.value.astype(np.float64)) * factor / self.limit, 1.0)
        return scaled(inner, factor / excess)

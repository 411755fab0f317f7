"""A soft gate: one reward counts less where another is too low."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import Shaped, add_term, scaled
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("soft_gate")
@dataclass(frozen=True)
class SoftGate(Reward):
    """Pay a reward in full where a condition's value reaches a threshold, and ``kappa`` times the reward elsewhere.

    The soft level of the hierarchical gate of Janus-Q (2026). Its constants are reconstructed, not read: neither
    ``kappa`` nor the threshold was found in the paper. A row has a score where both have one. Segments are scaled.

    Args:
        condition: What opens the gate.
        reward: What is paid.
        threshold: The smallest value of the condition that opens the gate.
        kappa: The factor where the gate is closed; 1 makes the gate void, 0 makes it hard.

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("soft_gate(format, verify, kappa=0.2)"))
        soft_gate(condition=format, reward=verify, kappa=0.2)
    """

    condition: Reward
    reward: Reward
    threshold: float = 0.5
    kappa: float = 0.5

    def __post_init__(self) -> None:
        require_reward(self, "condition", "reward")
        require_number(self, "threshold")
        require_number(self, "kappa", at_least=0.0, at_most=1.0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Scale the reward."""
        condition = self.condition.fold(scores, batch, state.child(0))
        reward = self.reward.fold(scores, batch, state.child(1))
        factors = np.where(condition.value >= self.threshold, 1.0, self.kappa)
        value, valid, segments = scaled(reward, factors)
        return add_term(
            self.registered_name, (condition, reward), reward.value, Shaped(value, valid & condition.valid, segments)
        )

"""A hard gate: one reward counts only where another is high enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("gate")
@dataclass(frozen=True)
class Gate(Reward):
    """Pay a reward where a condition's value reaches a threshold, and a constant elsewhere.

    Without the condition's score nothing can be decided, and the row has none either. A closed gate pays
    ``otherwise`` also where the reward's own score is missing; an open one has no score then. The reward's segments
    are kept where the gate is open.

    Args:
        condition: What opens the gate.
        reward: What is paid where it is open.
        threshold: The smallest value of the condition that opens the gate.
        otherwise: What is paid where the gate is closed.

    Raises:
        RewardiumError: When a parameter is no reward or no finite number.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("gate(format, verify, otherwise=-1.0)"))
        gate(condition=format, reward=verify, otherwise=-1.0)
    """

    condition: Reward
    reward: Reward
    threshold: float = 0.5
    otherwise: float = 0.0

    def __post_init__(self) -> None:
        require_reward(self, "condition", "reward")
        require_number(self, "threshold")
        require_number(self, "otherwise")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Pay the reward or the constant."""
        condition = self.condition.fold(scores, batch, state.child(0))
        reward = self.reward.fold(scores, batch, state.child(1))
        is_open = condition.value >= self.threshold
        value = np.where(is_open, reward.value.astype(np.float64), self.otherwise)
        valid = condition.valid & (reward.valid | ~is_open)
        segments = None
        if reward.segments is not None:
            segments = [row if through else () for row, through in zip(reward.segments, is_open.tolist(), strict=True)]
        return add_term(self.registered_name, (condition, reward), reward.value, Shaped(value, valid, segments))

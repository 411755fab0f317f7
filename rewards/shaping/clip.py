"""Plain bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import Shaped, Shaper, elementwise
from rewardium.rewards.state import RewardState


@register("clip")
@dataclass(frozen=True)
class Clip(Shaper):
    """Keep a reward within bounds: ``min(max(r, low), high)``.

    Where a row has segments, each segment is clipped.

    Args:
        reward: What is clipped.
        low: The lower bound.
        high: The upper bound, not below ``low``.

    Raises:
        RewardiumError: When a bound is no finite number or ``low > high``.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("clip(extrinsic, low=0)"))
        clip(reward=extrinsic, low=0)
    """

    reward: Reward
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "low")
        require_number(self, "high")
        if self.low > self.high:
            raise RewardiumError(f"clip: 'low' must not exceed 'high', got low={self.low} and high={self.high}")

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Clip each value."""
        return elementwise(inner, lambda values: np.clip(values, self.low, self.high))

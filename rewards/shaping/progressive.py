"""Criteria that become stricter while training goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.schedule import require_stages, stage_of
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, elementwise
from rewardium.rewards.state import RewardState


def differentiated(values: FloatArray, low: float, high: float) -> FloatArray:
    """Return 0 below ``low``, 1 above ``high``, and the value itself between them.

    Args:
        values: float64 of any shape, in [0, 1].
        low: What is not enough.
        high: What is as good as perfect.

    Returns:
        float64 of the same shape.

    Example:
        >>> differentiated(np.array([0.4, 0.5, 0.6, 0.8]), 0.5, 0.75).tolist()
        [0.0, 0.5, 0.6, 1.0]
    """
    return np.where(values < low, 0.0, np.where(values > high, 1.0, values))


@register("progressive", papers=("B24",))
@dataclass(frozen=True)
class Progressive(Shaper):
    """Pay nothing for a score below ``low`` and in full above ``high``, and raise both from stage to stage.

    From "Vision-R1: Evolving Human-Free Alignment in Large Vision-Language Models via Vision-Guided Reinforcement
    Learning" (2025): 0 below, 1 above, the score itself between; (0.5, 0.75) in the first stage and (0.75, 0.9) in the
    second, as in the authors' code, where the second begins at training step 1500. Here transitions are counted, over
    all environments: a training step of 128 episodes of one turn is 128 of them. The count is part of the reward's
    state. Where a row has segments, each segment's value is treated so.

    Args:
        reward: A score in [0, 1].
        at: The number of transitions at which each stage begins, increasing.
        low: One number a stage: below it nothing is paid.
        high: One number a stage, not below ``low``: above it 1 is paid.

    Raises:
        RewardiumError: When the lists do not fit, or a ``low`` exceeds its ``high``.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("progressive(graded, at=[0, 192000])"))
        progressive(reward=graded, at=[0, 192000])
    """

    reward: Reward
    at: tuple[float, ...]
    low: tuple[float, ...] = (0.5, 0.75)
    high: tuple[float, ...] = (0.75, 0.9)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_stages(self, "low", "high")
        if any(low > high for low, high in zip(self.low, self.high, strict=True)):
            raise RewardiumError(f"progressive: 'low' must not exceed 'high', got {list(self.low)}, {list(self.high)}")

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Apply the stage's criteria, then count the batch."""
        seen = int(state.memory.get("seen", 0))
        state.memory["seen"] = seen + len(batch)
        stage = stage_of(seen, self.at)
        # In single precision, in which a score of 0.9 is not below the constant 0.9.
        low, high = float(np.float32(self.low[stage])), float(np.float32(self.high[stage]))
        return elementwise(inner, lambda values: differentiated(values, low, high))

"""Correctness first, then quality, then efficiency: each is worth something only above the one before."""

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


@register("conditional_gate", papers=("B18",))
@dataclass(frozen=True)
class ConditionalGate(Reward):
    """Pay for correctness, above it for quality, and above that for efficiency.

    With correctness ``c``, quality ``q`` and efficiency ``e``, each in [0, 1]::

        r = partial * c                                                             where c < correct_from
        r = base + quality_weight * q + efficiency_weight * 1[q >= quality_from] * e    elsewhere

    The hierarchical reward of "ChatShopBuddy: Towards Reliable Conversational Shopping Agents via Reinforcement
    Learning" (2026). Two levels and the gates between them are known from a digest; the formula and every constant
    are reconstructed. A row has a score where what its gates ask for has one: correctness always, quality where the
    answer is correct, efficiency where the quality suffices. Segments are dropped.

    Args:
        correctness: Which share of the basic demands is met, in [0, 1].
        quality: How good a correct answer is, in [0, 1].
        efficiency: How cheap a good one was, in [0, 1].
        partial: The factor of the correctness below the first gate.
        base: What a correct answer is worth.
        quality_weight: The factor of the quality.
        efficiency_weight: The factor of the efficiency.
        correct_from: The correctness from which on an answer is correct.
        quality_from: The quality from which on efficiency counts.

    Raises:
        RewardiumError: When a parameter is no reward or no finite number.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("conditional_gate(extrinsic, tool_rl, length, base=2.0)"))
        conditional_gate(correctness=extrinsic, quality=tool_rl, efficiency=length, base=2.0)
    """

    correctness: Reward
    quality: Reward
    efficiency: Reward
    partial: float = 0.2
    base: float = 1.0
    quality_weight: float = 0.5
    efficiency_weight: float = 0.3
    correct_from: float = 1.0
    quality_from: float = 0.6

    def __post_init__(self) -> None:
        require_reward(self, "correctness", "quality", "efficiency")
        for name in ("partial", "base", "quality_weight", "efficiency_weight", "correct_from", "quality_from"):
            require_number(self, name)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Pay level by level."""
        inputs = (self.correctness, self.quality, self.efficiency)
        outcomes = tuple(reward.fold(scores, batch, state.child(index)) for index, reward in enumerate(inputs))
        correctness, quality, efficiency = outcomes
        # In single precision, in which a score of 0.6 reaches the constant 0.6.
        is_correct = correctness.value >= np.float32(self.correct_from)
        is_good = is_correct & (quality.value >= np.float32(self.quality_from))
        c, q, e = (outcome.value.astype(np.float64) for outcome in outcomes)
        above = self.base + self.quality_weight * q + self.efficiency_weight * is_good * e
        valid = correctness.valid & (quality.valid | ~is_correct) & (efficiency.valid | ~is_good)
        value = np.where(is_correct, above, self.partial * c)
        return add_term(self.registered_name, outcomes, correctness.value, Shaped(value, valid))

"""Levels that open one after another: what stands higher counts only where all below it is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, narrow, require_numbers, require_rewards
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("ladder")
@dataclass(frozen=True)
class Ladder(Reward):
    """Add up rewards from the first to the last, as far as each reaches its threshold.

    ``r = sum_i w_i r_i prod_{j<i} 1[r_j >= tau_j]``, for any rewards; ``tool_ladder`` has the rungs of tool use built
    in. A lexicographic gate where each weight is above all that follow: then no lower level can be bought with a higher
    one. The order of "TIGeR: Tool-Integrated Geometric Reasoning in Vision-Language Models for Robotics" (2025) and of
    "ChipSeek-R1" (2025): that each level is checked after the one before is known from notes (and, for the latter, from
    an evaluation script: 0 where it does not parse, 0.2 where it fails, 1 where it passes, then quality); the formula
    is reconstructed. For TIGeR's five levels, ``weights=[0.1, 0.2, 0.2, 0.2, 1.0], thresholds=[1.0, 1.0, 0.5, 1.0]``,
    reconstructed too. Thresholds of little more than 0 let partial credit through, which keeps variance in a group of
    GRPO while nothing is solved yet.

    A row has a score where every level that its gates ask for has one. Segments are dropped.

    Args:
        rewards: The levels, the lowest first.
        weights: One number a level; empty for 1 each.
        thresholds: One number a level but the last, from which on the next level counts; empty for 0.5 each.

    Raises:
        RewardiumError: When there are no rewards, or the numbers do not fit them.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("ladder([format, verify, length], weights=[0.1, 1.0, 0.2])"))
        ladder(rewards=[format, verify, length], weights=[0.1, 1.0, 0.2])
    """

    rewards: tuple[Reward, ...]
    weights: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        require_rewards(self, "rewards")
        require_numbers(self, "weights", len(self.rewards) if self.weights else 0)
        require_numbers(self, "thresholds", len(self.rewards) - 1 if self.thresholds else 0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Climb."""
        outcomes = fold_all(self.rewards, scores, batch, state)
        weights = self.weights or (1.0,) * len(outcomes)
        thresholds = (*(self.thresholds or (0.5,) * (len(outcomes) - 1)), np.inf)
        value = np.zeros(len(batch), dtype=np.float64)
        valid = is_open = np.ones(len(batch), dtype=np.bool_)
        for outcome, weight, threshold in zip(outcomes, weights, thresholds, strict=True):
            value += np.where(is_open, weight * outcome.value.astype(np.float64), 0.0)
            valid = valid & (outcome.valid | ~is_open)
            is_open = is_open & (outcome.value >= narrow(threshold))
        return add_term(self.registered_name, outcomes, outcomes[0].value, Shaped(value, valid))

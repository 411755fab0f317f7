"""The mean of several rewards, over those that have a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, require_numbers, require_rewards
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("mean")
@dataclass(frozen=True)
class Mean(Reward):
    """Pay the weighted mean of several rewards.

    The ensemble of "BaseReward" (2025; recalled), the share of met instructions of HARMO (2025; reconstructed), and the
    second layer of SearchLLM (2026; known from notes), whose first is ``geometric_gate``::

        r = sum_k w_k r_k / sum_k w_k    over the rewards k that have a score

    Unlike a sum, a mean keeps its scale where a reward is missing. The row has a score where any reward of a weight
    above 0 has one. Segments are dropped.

    Args:
        rewards: The rewards.
        weights: One number a reward, at least 0 and not all 0; empty for equal weights.

    Raises:
        RewardiumError: When there are no rewards, or the weights do not fit them.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("mean([format, graded, length], weights=[1.0, 2.0, 1.0])"))
        mean(rewards=[format, graded, length], weights=[1.0, 2.0, 1.0])
    """

    rewards: tuple[Reward, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        require_rewards(self, "rewards")
        require_numbers(self, "weights", len(self.rewards) if self.weights else 0, at_least=0.0)
        if self.weights and not any(self.weights):
            raise RewardiumError("mean: 'weights' must not all be 0")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Average what is known."""
        outcomes = fold_all(self.rewards, scores, batch, state)
        weights = np.array(self.weights or [1.0] * len(outcomes), dtype=np.float64)
        known = np.stack([outcome.valid for outcome in outcomes]) * (weights / weights.max())[:, None]
        total = known.sum(axis=0)
        values = np.stack([outcome.value for outcome in outcomes]).astype(np.float64)
        value = np.divide((known * values).sum(axis=0), total, out=np.zeros(len(batch)), where=total > 0.0)
        return add_term(self.registered_name, outcomes, value.astype(np.float32), Shaped(value, total > 0.0))

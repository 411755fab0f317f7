"""The product of several rewards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, require_rewards
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("product")
@dataclass(frozen=True)
class Product(Reward):
    """Multiply rewards: each scales the others, and one that is 0 takes everything.

    A gate without a threshold, e.g. the length, relevance and uniqueness of "Preference-free Alignment Learning with
    Regularized Relevance Reward" (2024). Use factors of at least 0: two negative ones make a positive. A row has a
    score where every factor has one. Segments are dropped.

    Args:
        rewards: The factors.

    Raises:
        RewardiumError: When it is no list of rewards, or an empty one.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("product([verify, graded])"))
        product(rewards=[verify, graded])
    """

    rewards: tuple[Reward, ...]

    def __post_init__(self) -> None:
        require_rewards(self, "rewards")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Multiply."""
        outcomes = fold_all(self.rewards, scores, batch, state)
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.prod([outcome.value.astype(np.float64) for outcome in outcomes], axis=0)
        valid = np.all([outcome.valid for outcome in outcomes], axis=0)
        return add_term(self.registered_name, outcomes, outcomes[0].value, Shaped(value, valid))

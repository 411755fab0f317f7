"""The first of several rewards that has a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, require_rewards
from rewardium.rewards.combine.choose import chosen_segments
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("first_of")
@dataclass(frozen=True)
class FirstOf(Reward):
    """Pay the first reward of a list that has a score: a rule where it can decide, a model where it cannot.

    "Rule check first, reward model otherwise" is how "BaseReward: A Strong Baseline for Multimodal Reward Model" (2025)
    is used in training (recalled, not re-read), and half of HARMO's hybrid reward (2025, known from a summary):
    ``first_of([verify, bound(model)])``. Put the rewards on one scale, or a row's value says which of them spoke. A
    rule that decides only where it is sure is ``choose(confidence, rule)``.

    A row has a score where any of the rewards has one. Segments are those of the reward that is paid.

    Args:
        rewards: The rewards, the most trusted first.

    Raises:
        RewardiumError: When it is no list of rewards, or an empty one.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("first_of([verify, bound(length)])"))
        first_of(rewards=[verify, bound(reward=length)])
    """

    rewards: tuple[Reward, ...]

    def __post_init__(self) -> None:
        require_rewards(self, "rewards")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Take each row's first score."""
        outcomes = fold_all(self.rewards, scores, batch, state)
        valid = np.stack([outcome.valid for outcome in outcomes])
        choice = valid.argmax(axis=0)
        places = choice, np.arange(len(batch))
        value = np.stack([outcome.value for outcome in outcomes])[places]
        segments = chosen_segments(list(outcomes), choice.tolist())
        shaped = Shaped(value.astype(np.float64), valid[places], segments)
        return add_term(self.registered_name, outcomes, value, shaped)

"""One reward where a condition holds, another where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import narrow
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward, SegmentRows
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("choose")
@dataclass(frozen=True)
class Choose(Reward):
    """Pay one reward where a condition's value reaches a threshold, and another one elsewhere.

    Without the condition's score nothing can be chosen, and the row has none either. With ``otherwise=None`` a row on
    which the condition fails has no score, so that the reward drops out of a sum there, where ``gate`` would pay a
    constant. Both rewards are scored, and see every step; the segments of the chosen one are kept.

    Args:
        condition: What decides.
        reward: What is paid where it holds.
        otherwise: What is paid elsewhere, or None.
        threshold: The smallest value of the condition that holds.

    Raises:
        RewardiumError: When a parameter is no reward or no finite number.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("choose(format, verify, clip(length, high=0.0))"))
        choose(condition=format, reward=verify, otherwise=clip(reward=length, high=0.0))
    """

    condition: Reward
    reward: Reward
    otherwise: Reward | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        require_reward(self, "condition", "reward", *([] if self.otherwise is None else ["otherwise"]))
        require_number(self, "threshold")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Choose row by row."""
        condition = self.condition.fold(scores, batch, state.child(0))
        reward = self.reward.fold(scores, batch, state.child(1))
        holds = condition.value >= narrow(self.threshold)
        if self.otherwise is None:
            shaped = Shaped(reward.value.astype(np.float64), condition.valid & reward.valid & holds, reward.segments)
            return add_term(self.registered_name, (condition, reward), reward.value, shaped)
        otherwise = self.otherwise.fold(scores, batch, state.child(2))
        value = np.where(holds, reward.value, otherwise.value)
        valid = condition.valid & np.where(holds, reward.valid, otherwise.valid)
        segments = chosen_segments([reward, otherwise], np.where(holds, 0, 1).tolist())
        shaped = Shaped(value.astype(np.float64), valid, segments)
        return add_term(self.registered_name, (condition, reward, otherwise), value, shaped)


def chosen_segments(outcomes: list[Outcome], choice: list[int]) -> SegmentRows | None:
    """Return each row's segments as the chosen outcome has them.

    Args:
        outcomes: The outcomes of B rows.
        choice: Length B, the index of the outcome whose segments a row takes.

    Returns:
        One tuple of segments a row, or None where no outcome has any.
    """
    if all(outcome.segments is None for outcome in outcomes):
        return None
    columns = [outcome.segments for outcome in outcomes]
    return [() if (column := columns[index]) is None else column[row] for row, index in enumerate(choice)]

"""Rank answers by several rewards in their order of importance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, require_numbers, require_rewards
from rewardium.rewards.combine.trust import task_groups
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.moments import Moments, merge_moments
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState

Group = Literal["task", "step"]


def lexicographic_preference(factors: FloatArray, margins: FloatArray) -> NDArray[np.int64]:
    """Compare every two of G things: the first level on which they differ by more than its margin decides.

    Args:
        factors: float64 [K, G], the levels, the most important first; higher is better.
        margins: float64 [K], at least 0.

    Returns:
        int64 [G, G]: 1 where the row's thing is preferred to the column's, -1 where the column's is, 0 for a tie on all
        levels, which labels no pair.

    Example:
        >>> solved, briefness = [1.0, 1.0, 0.0], [-9.0, -5.0, -1.0]
        >>> lexicographic_preference(np.array([solved, briefness]), np.array([0.0, 2.0])).tolist()
        [[0, -1, 1], [1, 0, 1], [-1, -1, 0]]
    """
    number = factors.shape[1]
    preferred = np.zeros((number, number), dtype=np.int64)
    for level, margin in zip(factors, margins.tolist(), strict=True):
        gap = level[:, None] - level[None, :]
        decided = np.where(np.abs(gap) > margin, np.sign(gap), 0.0).astype(np.int64)
        preferred = np.where(preferred == 0, decided, preferred)
    return preferred


def win_margin(preferred: NDArray[np.int64]) -> FloatArray:
    """Return how many others each thing beats, less how many beat it, as a share of the others: float64 [G] in [-1, 1].

    Example:
        >>> win_margin(np.array([[0, -1, 1], [1, 0, 1], [-1, -1, 0]])).tolist()
        [0.0, 1.0, -1.0]
    """
    return np.asarray(preferred.sum(axis=1) / max(len(preferred) - 1, 1), dtype=np.float64)


@register("lexicographic", papers=("B48",))
@dataclass(frozen=True)
class Lexicographic(Reward):
    """Pay the share of its group that an answer beats, less the share that beats it, in a lexicographic comparison.

    The decision tree of "Deep Reinforcement Learning from Hierarchical Weak Preference Feedback" (HERON, 2023): two
    answers are compared by the most important reward; where that differs by no more than a margin, by the next. As in
    the authors' code the first margin is 0 and every further one is ``spread`` times the standard deviation of all
    values seen so far. HERON labels pairs in this way (``lexicographic_preference``) and trains a reward model on them;
    to pay the balance of wins directly is ours, and needs no model. The order alone counts: no weights are chosen.

    A group is the rows of a time step whose tasks are equal, or, with ``group="step"``, all rows of a time step, as
    suits a vector of control environments. A row has a score where every reward has one and it is not alone in its
    group. Segments are dropped.

    Args:
        rewards: The rewards, the most important first; higher is better.
        margins: One number a reward, at least 0; empty for 0 each.
        spread: What is added to the margin of every reward but the first, in standard deviations, at least 0.
        group: Whether rows of one ``"task"`` are compared, or all rows of a ``"step"``.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("lexicographic([verify, format, -1.0 * size], spread=0.5)"))
        lexicographic(rewards=[verify, format, -1.0 * size], spread=0.5)
    """

    rewards: tuple[Reward, ...]
    margins: tuple[float, ...] = ()
    spread: float = 0.0
    group: Group = "task"

    def __post_init__(self) -> None:
        require_rewards(self, "rewards")
        require_numbers(self, "margins", len(self.rewards) if self.margins else 0, at_least=0.0)
        require_number(self, "spread", at_least=0.0)
        require_choice(self, "group", get_args(Group))

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, where rows are grouped by it."""
        return frozenset({"task"}) if self.group == "task" else frozenset()

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Compare within each group."""
        outcomes = fold_all(self.rewards, scores, batch, state)
        known = np.all([outcome.valid for outcome in outcomes], axis=0)
        factors = np.stack([outcome.value for outcome in outcomes]).astype(np.float64)
        margins = self._margins(factors[:, known], state)
        value, valid = np.zeros(len(batch), dtype=np.float64), np.zeros(len(batch), dtype=np.bool_)
        for rows in task_groups(batch, known) if self.group == "task" else [np.flatnonzero(known)]:
            if len(rows) > 1:
                value[rows] = win_margin(lexicographic_preference(factors[:, rows], margins))
                valid[rows] = True
        return add_term(self.registered_name, outcomes, outcomes[0].value, Shaped(value, valid))

    def _margins(self, factors: FloatArray, state: RewardState) -> FloatArray:
        """Return the margins (float64 [K]), after taking what is known of this step into the deviations."""
        margins = np.array(self.margins or [0.0] * len(factors), dtype=np.float64)
        if self.spread > 0.0:
            before = state.memory.get("moments", [[]] * len(factors))
            moments = [merge_moments(Moments(*old), values) for old, values in zip(before, factors, strict=True)]
            state.memory["moments"] = [list(moment) for moment in moments]
            margins[1:] += self.spread * np.sqrt([moment.variance for moment in moments])[1:]
        return margins

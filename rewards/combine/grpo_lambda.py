"""Penalise length only where a policy is good enough already: the switch of GRPO-lambda."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import narrow
from rewardium.rewards.combine.trust import task_groups
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.bound import bound
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.sources.size import Size
from rewardium.rewards.state import RewardState

_WORDS = Size()


def best_groups(accuracies: Sequence[float], share: float = 0.2) -> list[bool]:
    """Say which groups belong to the most accurate ``share`` of them.

    Args:
        accuracies: One number in [0, 1] a group.
        share: In [0, 1]; of K groups ``ceil(share * K)`` are taken, and all that are equal to the last of them.

    Returns:
        One answer a group; never a group of accuracy 0, in which nothing is correct.

    Example:
        >>> best_groups([0.5, 1.0, 0.0, 0.5, 0.25], share=0.2), best_groups([0.5, 1.0, 0.0, 0.5, 0.25], share=0.4)
        ([False, True, False, False, False], [True, True, False, True, False])
    """
    number = math.ceil(share * len(accuracies) - 1e-9)
    if number < 1:
        return [False] * len(accuracies)
    least = sorted(accuracies, reverse=True)[number - 1]
    return [accuracy >= least and accuracy > 0.0 for accuracy in accuracies]


def brief_reward(sizes: FloatArray, correct: NDArray[np.bool_], alpha: float = 0.2, floor: float = 1e-4) -> FloatArray:
    """Return ``1 - alpha * sigmoid((L - mean) / std)`` where correct, else 0; mean and std are of the correct ones.

    Args:
        sizes: float64 [G], the lengths.
        correct: bool [G].
        alpha: The largest loss, in [0, 1].
        floor: The smallest standard deviation that is divided by, above 0.

    Returns:
        float64 [G] in [0, 1].

    Example:
        >>> brief_reward(np.array([3.0, 3.0, 9.0]), np.array([True, True, False]), alpha=0.5).tolist()
        [0.75, 0.75, 0.0]
    """
    if not correct.any():
        return np.zeros(len(sizes), dtype=np.float64)
    spread = max(float(sizes[correct].std()), floor)
    return np.where(correct, 1.0 - alpha * bound(sizes, float(sizes[correct].mean()), spread), 0.0)


@register("grpo_lambda", papers=("A36",))
@dataclass(frozen=True)
class GRPOLambda(Reward):
    """Pay for correctness, and in the most accurate groups of a step also for brevity.

    With the groups of a time step ordered by accuracy::

        r = 1[correct] * (1 - alpha * sigmoid((L - mean) / std))    in the best ``share`` of the groups
        r = 1[correct]                                              in the others

    Mean and standard deviation of the length are those of the group's correct answers. From "Stable Reinforcement
    Learning for Efficient Reasoning" (GRPO-lambda, 2025): the formula and share = 0.2 are known from notes, which give
    alpha between 0.2 and 0.6. A public re-implementation leaves wrong answers in the best groups their length reward;
    the formula does not. That groups as accurate as the last of the best are taken too is ours: it makes the result
    independent of their order.

    A group is the rows of a time step whose tasks are equal, so that episodes of a group must end at one step for their
    last turns to be compared. A row has a score where verifier and size have one and it has a task.

    Args:
        verifier: The score of the answer, in [0, 1].
        size: The length of the answer, in any unit.
        share: The share of groups in which length counts, in [0, 1].
        alpha: The largest loss by length, in [0, 1].
        floor: The smallest standard deviation of the length that is divided by, above 0, in units of ``size``.
        threshold: The score from which on an answer is correct.

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("grpo_lambda(verify, alpha=0.6)"))
        grpo_lambda(verifier=verify, alpha=0.6)
    """

    verifier: Reward
    size: Reward = _WORDS
    share: float = 0.2
    alpha: float = 0.2
    floor: float = 1e-4
    threshold: float = 0.5

    def __post_init__(self) -> None:
        require_reward(self, "verifier", "size")
        require_number(self, "share", at_least=0.0, at_most=1.0)
        require_number(self, "alpha", at_least=0.0, at_most=1.0)
        require_number(self, "floor", above=0.0)
        require_number(self, "threshold")

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, by whose equality rows are grouped."""
        return frozenset({"task"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Order the groups and pay."""
        verifier = self.verifier.fold(scores, batch, state.child(0))
        size = self.size.fold(scores, batch, state.child(1))
        correct = verifier.value >= narrow(self.threshold)
        sizes = size.value.astype(np.float64)
        groups = task_groups(batch, verifier.valid & size.valid)
        best = best_groups([float(correct[rows].mean()) for rows in groups], self.share)
        value, valid = correct.astype(np.float64), np.zeros(len(batch), dtype=np.bool_)
        for rows, is_best in zip(groups, best, strict=True):
            valid[rows] = True
            if is_best:
                value[rows] = brief_reward(sizes[rows], correct[rows], self.alpha, self.floor)
        return add_term(self.registered_name, (verifier, size), verifier.value, Shaped(value, valid))

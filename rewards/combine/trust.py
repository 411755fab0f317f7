"""Believe a judge of reasoning as far as it agrees with the verifier within a group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import Shaped, add_term, scaled
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def trust_weight(
    thinking: NDArray[np.floating[Any]],
    answers: NDArray[np.floating[Any]],
    threshold: float = 0.5,
    low: float = 0.1,
    high: float = 0.9,
) -> float:
    """Return the weight of the thinking reward of one group.

    ``1`` where the correct answers' mean thinking reward reaches the wrong ones', else
    ``exp(mean of correct - mean of wrong)``; ``0`` where the answers are all near 1 or all near 0.

    Args:
        thinking: float [G], the judge's scores.
        answers: float [G], the verifier's scores.
        threshold: The score from which on an answer is correct.
        low: Skip a group whose answers are all at most this.
        high: Skip a group whose answers are all at least this.

    Returns:
        The weight in [0, 1]. It is 1 where nothing can be compared: for a group of one, and for a group without
        correct or without wrong answers that is not skipped.

    Example:
        >>> trust_weight(np.array([0.9, 0.4]), np.array([1.0, 0.0]))
        1.0
        >>> round(trust_weight(np.array([0.25, 0.75]), np.array([1.0, 0.0])), 4)
        0.6065
        >>> trust_weight(np.array([0.25, 0.75]), np.array([1.0, 1.0]))
        0.0
    """
    if len(answers) < 2:
        return 1.0
    if bool((answers >= high).all()) or bool((answers <= low).all()):
        return 0.0
    correct = answers >= threshold
    if correct.all() or not correct.any():
        return 1.0
    gap = float(thinking[correct].mean(dtype=np.float64) - thinking[~correct].mean(dtype=np.float64))
    return math.exp(min(gap, 0.0))


@register("trust", papers=("A41",))
@dataclass(frozen=True)
class Trust(Reward):
    """Weight a thinking reward by how well it agrees with the verifier within each group.

    Trust-GRPO of SophiaVL-R1 (2025), as in the authors' code. A group is the rows of a time step whose tasks are equal.
    The node pays the weighted thinking reward alone; the paper's whole reward is
    ``verify + 0.3 * anneal(trust(judge, verify), steps=..., kind="exponential")``. A row has a score where both have
    one, and only such rows enter the group. A group of one offers no comparison: its weight is 1. The paper does not
    define groups without correct or without wrong answers that are not skipped; their weight is 1 too. Segments of the
    thinking reward are scaled.

    Args:
        thinking: The judge's score of the reasoning, in [0, 1]. Score every response: the authors' code gives poor
            answers 0 without asking the judge, which leaves the weight at nearly always 1.
        verifier: The score of the answer, in [0, 1].
        threshold: The score from which on an answer is correct.
        low: A group whose answers all score at most this pays 0.
        high: A group whose answers all score at least this pays 0.

    Raises:
        RewardiumError: When a parameter is no reward or no finite number, or ``low >= high``.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("verify + 0.3 * trust(phrases, verify)"))
        verify + 0.3 * trust(thinking=phrases, verifier=verify)
    """

    thinking: Reward
    verifier: Reward
    threshold: float = 0.5
    low: float = 0.1
    high: float = 0.9

    def __post_init__(self) -> None:
        require_reward(self, "thinking", "verifier")
        for name in ("threshold", "low", "high"):
            require_number(self, name)
        if self.low >= self.high:
            raise RewardiumError(f"trust: 'low' must lie below 'high', got low={self.low} and high={self.high}")

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, by whose equality rows are grouped."""
        return frozenset({"task"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Weigh each group."""
        thinking = self.thinking.fold(scores, batch, state.child(0))
        verifier = self.verifier.fold(scores, batch, state.child(1))
        known = thinking.valid & verifier.valid
        weights = np.ones(len(batch), dtype=np.float64)
        for rows in task_groups(batch, known):
            # In single precision, in which a score of 0.9 is not below the constant 0.9.
            weights[rows] = trust_weight(
                thinking.value[rows], verifier.value[rows], self.threshold, self.low, self.high
            )
        value, _, segments = scaled(thinking, weights)
        return add_term(self.registered_name, (thinking, verifier), thinking.value, Shaped(value, known, segments))


def task_groups(batch: TransitionBatch, known: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the rows of each group of equal tasks.

    Args:
        batch: The transitions.
        known: bool [B], the rows that enter a group.

    Returns:
        One int64 array a group; rows without a task are in none.
    """
    groups: dict[Any, list[int]] = {}
    for row in np.flatnonzero(known).tolist():
        task = None if batch.tasks is None else batch.tasks[row]
        if task is not None:
            groups.setdefault(task, []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in groups.values()]

"""A length penalty that measures each group by its own correct answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import narrow
from rewardium.rewards.combine.trust import task_groups
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_choice, require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.sources.size import Size
from rewardium.rewards.state import RewardState

Penalised = Literal["longer", "shorter"]
Without = Literal["median", "nothing"]
_WORDS = Size()


def group_excess(
    sizes: FloatArray,
    correct: NDArray[np.bool_],
    penalised: Penalised = "longer",
    without_correct: Without = "median",
) -> FloatArray:
    """Return how much longer (or shorter) each answer is than the group's correct ones, as a share cut to [0, 1].

    ``clip((L - L*) / L*, 0, 1)``, or ``clip((L* - L) / L*, 0, 1)``, with the mean length ``L*`` of the correct answers.

    Args:
        sizes: float64 [G], at least 0.
        correct: bool [G].
        penalised: Which answers are penalised.
        without_correct: In a group without a correct answer ``L*`` is the ``"median"``, or ``"nothing"`` is penalised.

    Returns:
        float64 [G] in [0, 1]; 0 where L* is 0.

    Example:
        >>> sizes, correct = np.array([10.0, 15.0, 40.0, 5.0]), np.array([True, False, False, False])
        >>> group_excess(sizes, correct).tolist(), group_excess(sizes, correct, "shorter").tolist()
        ([0.0, 0.5, 1.0, 0.0], [0.0, 0.0, 0.0, 0.5])
    """
    if correct.any():
        middle = float(sizes[correct].mean())
    else:
        middle = float(np.median(sizes)) if without_correct == "median" else 0.0
    if middle <= 0.0:
        return np.zeros(len(sizes), dtype=np.float64)
    excess = sizes - middle if penalised == "longer" else middle - sizes
    return np.clip(excess / middle, 0.0, 1.0)


@register("group_length")
@dataclass(frozen=True)
class GroupLength(Reward):
    """Minus how much longer, or shorter, an answer is than the correct ones of its group.

    The generalised length penalty of "Beyond Monolithic Rewards: A Hybrid and Multi-Aspect Reward Optimization for MLLM
    Alignment" (HARMO, 2025). That there is one is known from reviews; its form and every constant are reconstructed, in
    two ways: by default long answers are penalised, wrong ones in full and correct ones by half. With
    ``penalised='shorter', correct_factor=0, wrong_factor=0.5, without_correct='nothing'`` only wrong answers are, for
    being short, which guards against collapse to brevity.

    A group is the rows of a time step whose tasks are equal. A row has a score where verifier and size have one and it
    has a task; only such rows enter the group.

    Args:
        verifier: The score of the answer, in [0, 1].
        size: The length of the answer, at least 0; in any unit, since only ratios count.
        penalised: Which answers are penalised, the ``"longer"`` or the ``"shorter"`` ones.
        correct_factor: What the penalty of a correct answer is multiplied by, at least 0.
        wrong_factor: What the penalty of a wrong answer is multiplied by, at least 0.
        without_correct: In a group without a correct answer, compare with the ``"median"``, or penalise ``"nothing"``.
        threshold: The score from which on an answer is correct.

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("verify + 0.1 * group_length(verify)"))
        verify + 0.1 * group_length(verifier=verify)
    """

    verifier: Reward
    size: Reward = _WORDS
    penalised: Penalised = "longer"
    correct_factor: float = 0.5
    wrong_factor: float = 1.0
    without_correct: Without = "median"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        require_reward(self, "verifier", "size")
        require_choice(self, "penalised", get_args(Penalised))
        require_choice(self, "without_correct", get_args(Without))
        require_number(self, "correct_factor", at_least=0.0)
        require_number(self, "wrong_factor", at_least=0.0)
        require_number(self, "threshold")

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, by whose equality rows are grouped."""
        return frozenset({"task"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Compare within each group."""
        verifier = self.verifier.fold(scores, batch, state.child(0))
        size = self.size.fold(scores, batch, state.child(1))
        correct = verifier.value >= narrow(self.threshold)
        sizes = np.maximum(size.value.astype(np.float64), 0.0)
        value, valid = np.zeros(len(batch), dtype=np.float64), np.zeros(len(batch), dtype=np.bool_)
        for rows in task_groups(batch, verifier.valid & size.valid):
            excess = group_excess(sizes[rows], correct[rows], self.penalised, self.without_correct)
            value[rows] = -excess * np.where(correct[rows], self.correct_factor, self.wrong_factor)
            valid[rows] = True
        return add_term(self.registered_name, (verifier, size), size.value, Shaped(value, valid))

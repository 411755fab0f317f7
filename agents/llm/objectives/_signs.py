"""Reinforcement by the sign of the outcome: fixed weights for right and wrong answers, no baseline."""

from __future__ import annotations

import math

from torch import Tensor

from rewardium.agents.llm.objectives import Answers
from rewardium.envs.errors import RewardiumError


def right_answers(answers: Answers, threshold: float) -> Tensor:
    """Say which answers are right: valid, and paid more than ``threshold``.

    Returns:
        bool [B].

    Example:
        >>> right_answers(Answers.of([1.0, 0.5, 0.0], [0, 0, 0]), 0.5).tolist()
        [True, False, False]
    """
    return answers.valid & (answers.returns > threshold)


def signed_weights(answers: Answers, threshold: float, right: float, wrong: float) -> Tensor:
    """Weigh right and wrong answers.

    Args:
        answers: B answers.
        threshold: Answers paid more than this are right.
        right: Advantage of a right answer.
        wrong: Advantage of a wrong one.

    Returns:
        float64 [B]; 0 where an answer is not valid.

    Example:
        >>> signed_weights(Answers.of([1.0, 0.0], [0, 0]), 0.5, 0.1, -1.0).tolist()
        [0.1, -1.0]
    """
    are_right = right_answers(answers, threshold)
    return right * are_right.double() + wrong * (answers.valid & ~are_right).double()


def check_threshold(name: str, threshold: float) -> None:
    """Refuse a threshold that is not a number.

    Raises:
        RewardiumError: When it is not finite.
    """
    if not math.isfinite(threshold):
        raise RewardiumError(f"{name} needs a finite threshold, got {threshold}")

"""The questions that are put to a judge of frames."""

from __future__ import annotations

from rewardium.rewards.models.frame_judge import Frame, ImageQuestion

YES_NO = ("yes", "no")
FIRST_SECOND_NEITHER = ("1", "2", "0")
"""Digits, because each is one token in every tokenizer."""

_MAX_GOAL_LENGTH = 2_000


def better_than_reference(goal: str, reference: Frame, frame: Frame) -> ImageQuestion:
    """Ask whether a frame shows the goal better than a reference does; the answer is one of ``YES_NO``.

    Args:
        goal: What should be seen, in words.
        reference: uint8 [H, W, 3].
        frame: uint8 [H, W, 3].

    Returns:
        The question.
    """
    goal = goal[:_MAX_GOAL_LENGTH]
    question = (
        f"The goal is: {goal}\nIs the goal reached better in the second picture than in the first? "
        "Reply with one word, yes or no."
    )
    return ImageQuestion(("First picture:", reference, "Second picture:", frame, question), goal)


def shows_goal(goal: str, frame: Frame) -> ImageQuestion:
    """Ask whether a frame shows the goal; the answer is one of ``YES_NO``.

    Args:
        goal: What should be seen, in words.
        frame: uint8 [H, W, 3].

    Returns:
        The question.
    """
    goal = goal[:_MAX_GOAL_LENGTH]
    question = f"The goal is: {goal}\nIs the goal reached in the picture? Reply with one word, yes or no."
    return ImageQuestion((frame, question), goal)


def which_is_better(goal: str, first: Frame, second: Frame) -> ImageQuestion:
    """Ask in which of two frames the goal is reached better; the answer is one of ``FIRST_SECOND_NEITHER``.

    Args:
        goal: What should be seen, in words.
        first: uint8 [H, W, 3].
        second: uint8 [H, W, 3].

    Returns:
        The question.

    Example:
        >>> import numpy as np
        >>> dark, bright = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
        >>> from rewardium.rewards.models.frame_judge import make_frame_judge
        >>> question = which_is_better("a bright room", dark, bright)
        >>> (answer,) = make_frame_judge("scripted:brightness").choose([question], FIRST_SECOND_NEITHER)
        >>> FIRST_SECOND_NEITHER[answer.argmax()]
        '2'
    """
    goal = goal[:_MAX_GOAL_LENGTH]
    question = (
        f"The goal is: {goal}\nIn which picture is the goal reached better, or nearly reached? Reply with one digit: "
        "1 for the first picture, 2 for the second, 0 if there is no difference or you cannot tell."
    )
    return ImageQuestion(("Picture 1:", first, "Picture 2:", second, question), goal)

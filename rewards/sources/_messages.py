"""What the sources share that score a step by its message; the leading underscore says that this file is no source."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.messages import message_column
from rewardium.rewards.source import Score

NO_TEXT = "the step has no text"


def score_messages(
    batch: TransitionBatch, values: Callable[[Sequence[str]], Sequence[float | None]], unknown: str
) -> Score:
    """Score each row by its message: each message is looked up once, and a step without a message scores 0.

    Args:
        batch: B transitions.
        values: Takes distinct messages, none of them "", and gives each a number, or None where there is none.
        unknown: What a row without a number says.

    Returns:
        The score; invalid where a row has no text at all, or its message has no number.
    """
    column = message_column(batch)
    distinct = list(dict.fromkeys(message for message in column if message))
    known: dict[str | None, float | None] = {"": 0.0, **dict(zip(distinct, values(distinct), strict=True))}
    scores = [known.get(message) for message in column]
    reasons = [
        NO_TEXT if message is None else unknown if value is None else None
        for message, value in zip(column, scores, strict=True)
    ]
    return Score.of(scores, reasons=reasons)

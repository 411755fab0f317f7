"""What several sources read of a batch; the leading underscore says that this file is no source."""

from __future__ import annotations

from collections.abc import Callable

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.rational import AnswerFrom, Verdict, boxed, check, last_line
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.source import Score

WHERE = ("boxed", "last_line")
UNITS = ("characters", "words")
NO_RESPONSE = "the batch has no actions"
NO_REFERENCE = "the task has no reference"


def responses(batch: TransitionBatch) -> list[str] | None:
    """Return the actions as texts, length B; an action that is no str counts as empty.

    Returns:
        The texts, or None where the batch has no actions at all.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> responses(TransitionBatch.from_transitions([Transition("", "", "4"), Transition("", "", 3.5)]))
        ['4', '']
    """
    if batch.actions is None:
        return None
    return [action if isinstance(action, str) else "" for action in batch.actions]


def references(batch: TransitionBatch) -> list[str | None]:
    """Return each task's reference, length B; None where there is no task or no reference."""
    if batch.tasks is None:
        return [None] * len(batch)
    return [None if task is None else task.reference for task in batch.tasks]


def answer_of(text: str, where: AnswerFrom) -> str | None:
    """Return the text of a response's answer as it stands, or None where it has none."""
    return boxed(text) if where == "boxed" else last_line(text)


def score_verdicts(batch: TransitionBatch, where: AnswerFrom, value: Callable[[Verdict], float]) -> Score:
    """Check each response against its reference and score the verdicts.

    The checker remembers its verdicts, so that an environment and several sources together check a response once.

    Args:
        batch: B transitions.
        where: Where the answer stands.
        value: The score of a verdict.

    Returns:
        The score, with the checker's reasons; invalid where the response is missing, or the reference is missing or
        is no rational number.
    """
    texts = responses(batch)
    if texts is None:
        return no_score(batch, NO_RESPONSE)
    values: list[float | None] = []
    reasons: list[str] = []
    for text, reference in zip(texts, references(batch), strict=True):
        try:
            verdict = None if reference is None else check(text, reference, where)
        except RewardiumError as error:  # the reference is no rational number
            values.append(None)
            reasons.append(str(error))
            continue
        values.append(None if verdict is None else value(verdict))
        reasons.append(NO_REFERENCE if verdict is None else verdict.reason)
    return Score.of(values, reasons=reasons)


def no_score(batch: TransitionBatch, reason: str) -> Score:
    """Return a score in which every row is invalid, for one reason."""
    return Score.of([None] * len(batch), reasons=[reason] * len(batch))


def require_one_of(parameter: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a parameter that is not one of the allowed words.

    Raises:
        RewardiumError: Naming the parameter and what it may be.

    Example:
        >>> require_one_of("unit", "tokens", ("characters", "words"))
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unit must be 'characters' or 'words', got 'tokens'
    """
    if value not in allowed:
        raise RewardiumError(f"{parameter} must be {' or '.join(map(repr, allowed))}, got {value!r}")


def require_positive_int(parameter: str, value: object) -> None:
    """Refuse a parameter that is not a whole number of at least 1.

    Raises:
        RewardiumError: Naming the parameter.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RewardiumError(f"{parameter} must be a whole number of at least 1, got {value!r}")

"""Dense credit inside the answer, character by character."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rewardium.envs.math.rational import MAX_ANSWER_LENGTH, AnswerFrom
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.sources._columns import (
    NO_REFERENCE,
    NO_RESPONSE,
    WHERE,
    answer_of,
    no_score,
    references,
    require_one_of,
    responses,
)

_INTEGER = re.compile(r"-?[0-9]+")
_BOX_OR_ESCAPE = re.compile(r"\\boxed\s*+\{|\\.", re.DOTALL)


def matches(answer: str, reference: str) -> list[bool]:
    """Say for each character of the answer whether the reference has the same one at the same place.

    Two plain integers are compared by place value, so from the right; anything else from the left.

    Args:
        answer: The answer.
        reference: What it is compared with.

    Returns:
        One bool a character of the answer.

    Example:
        >>> matches("25", "125"), matches("1/3", "1/2")
        ([True, True], [True, True, False])
    """
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(reference):
        return matches_from_left(answer[::-1], reference[::-1])[::-1]
    return matches_from_left(answer, reference)


def matches_from_left(answer: str, reference: str) -> list[bool]:
    """Compare character by character from the left; what the reference does not reach does not match."""
    same = [a == b for a, b in zip(answer, reference, strict=False)]
    return same + [False] * (len(answer) - len(same))


def answer_span(text: str, where: AnswerFrom) -> tuple[int, int] | None:
    r"""Return where a response's answer stands, without the white space around it.

    Args:
        text: The response.
        where: ``"boxed"`` or ``"last_line"``.

    Returns:
        (first character, last character + 1), or None where there is no answer or it is too long to be a number.

    Example:
        >>> answer_span(r"so \boxed{ 42 }.", "boxed")
        (11, 13)
    """
    answer = answer_of(text, where)
    if answer is None or len(answer) > MAX_ANSWER_LENGTH:
        return None
    start = len(text.rstrip()) - len(answer) if where == "last_line" else _box_start(text, answer)
    start += len(answer) - len(answer.lstrip())
    return start, start + len(answer.strip())


def _box_start(text: str, content: str) -> int:
    r"""Return where the last ``\boxed{`` with this very content opens; an escaped backslash opens none."""
    start = 0
    for match in _BOX_OR_ESCAPE.finditer(text):
        if len(match.group()) > 2 and text.startswith(content + "}", match.end()):
            start = match.end()
    return start


@register("digit_match")
@dataclass(frozen=True)
class DigitMatch(RewardSource):
    r"""The share of the answer's characters that are right, paid at the very characters.

    ``r = sum_i 1[a_i = b_i] / max(|a|, |b|)`` over the characters of the answer a and the reference b, plain integers
    aligned at the right (units under units), anything else at the left. 1.0 exactly where both texts are equal. The
    white space around the answer is ignored.

    This is a dense proxy of our own, and an honest one only as a demonstration of credit inside a text: a digit in the
    right place may be luck, ``1/2`` for ``0.5`` earns almost nothing although it is right, and a policy can collect
    credit with likely digits (a minus sign, a final 0). Show the success of ``verify`` beside it.

    Score: value float32 [B] in [0, 1], valid bool [B], False without a reference. Segments: one for each character of
    the answer, 0.0 where it does not match; none where there is no answer, or one of over 200 characters (value 0.0).

    Args:
        where: Where the answer stands: in the last ``\boxed{...}``, or on the last line.

    Raises:
        RewardiumError: When ``where`` is neither.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> row = Transition("", "", r"\boxed{19}", task=Task("7 + 5", reference="12"))
        >>> score = DigitMatch().score(TransitionBatch.from_transitions([row]))
        >>> score.value.tolist(), score.segments[0]
        ([0.5], (Segment(start=7, end=8, value=0.5), Segment(start=8, end=9, value=0.0)))
    """

    where: AnswerFrom = "boxed"

    needs = frozenset({"action", "task"})

    def __post_init__(self) -> None:
        require_one_of("where", self.where, WHERE)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses, with one segment for each character of the answer."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        wanted = references(batch)
        rows = [
            None if reference is None else self._segments(text, reference.strip())
            for text, reference in zip(texts, wanted, strict=True)
        ]
        return Score.of(
            [None if row is None else sum(segment.value for segment in row) for row in rows],
            segments=[row or () for row in rows],
            reasons=[NO_REFERENCE if reference is None else None for reference in wanted],
        )

    def _segments(self, text: str, reference: str) -> Segments:
        span = answer_span(text, self.where)
        if span is None:
            return ()
        answer = text[slice(*span)]
        credit = 1.0 / max(len(answer), len(reference), 1)
        return tuple(
            Segment(index, index + 1, credit if match else 0.0)
            for index, match in enumerate(matches(answer, reference), start=span[0])
        )

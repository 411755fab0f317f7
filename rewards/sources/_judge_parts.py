"""Judging a response part by part, in one call for all parts of a batch; no source, as the underscore says."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.source import Score, Segments
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._judge_asking import Asking, Cost
from rewardium.rewards.sources._judged_text import Judged, Settled
from rewardium.rewards.sources._text_judge import UNREAD, TextJudge
from rewardium.rewards.text_units import Span, TextUnit, require_unit, unit_spans


@dataclass(frozen=True, slots=True)
class JudgedPart(Judged):
    """A part of a response that the judge is asked about.

    Args:
        part: Its text.
        right: Whether the response is right, by the environment's own reward.
    """

    part: str = ""
    right: bool = False


class Part(NamedTuple):
    """What was said of a part.

    Args:
        span: Where it starts and ends in the response.
        value: What its questions came to.
        right: As in ``JudgedPart``.
    """

    span: Span
    value: float
    right: bool


def few_spans(text: str, unit: TextUnit, separator: str, most: int) -> list[Span]:
    r"""Cut a text into at most so many parts: neighbours are joined where there would be more.

    Args:
        text: Any text.
        unit: What a part is, see ``unit_spans``.
        separator: What ends a step.
        most: The largest number of parts.

    Returns:
        Spans without gaps from the first character to the last.

    Example:
        >>> few_spans("a\n\nb\nc", "step", "\n", 9), few_spans("a\n\nb\nc", "step", "\n", 2)
        ([(0, 3), (3, 5), (5, 6)], [(0, 5), (5, 6)])
    """
    spans = unit_spans(text, unit, separator)
    size = max(math.ceil(len(spans) / most), 1)
    return [(joined[0][0], joined[-1][1]) for joined in (spans[k : k + size] for k in range(0, len(spans), size))]


@dataclass(frozen=True)
class PartJudge(TextJudge):
    r"""A judge's verdicts on the parts of a response; sources say what is asked and what the verdicts are worth.

    All parts of a batch are asked about in one call. A response of which one part has no verdict is invalid.

    Args:
        unit: What a part is: a ``"step"``, a ``"sentence"`` or a ``"clause"``, see ``unit_spans``.
        separator: What ends a step.
        most: The largest number of parts that a response is cut into, at least 1.
        threshold: A response is right where the environment pays more than this.

    The other parameters are those of all judges of texts, see ``TextJudge``; ``scope`` is ``"response"``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.
    """

    unit: TextUnit = "step"
    separator: str = "\n"
    most: int = 32
    threshold: float = 0.5

    keeps_thought: ClassVar[bool] = True

    def check(self) -> None:
        """Refuse what is no text and no number."""
        name = self.registered_name
        require_positive_int(f"{name}: 'most'", self.most)
        require_unit(name, self.unit, self.separator)
        if isinstance(self.threshold, bool) or not math.isfinite(self.threshold):
            raise RewardiumError(f"{name}: 'threshold' must be a finite number, got {self.threshold!r}")
        if self.scope != "response":
            raise RewardiumError(f"{name} judges the parts of a response: scope must be 'response', got {self.scope!r}")

    @abstractmethod
    def credit(self, parts: Sequence[Part]) -> Segments:
        """Say what the parts of one response are paid."""

    def judge_rows(self, asking: Asking, rows: Sequence[Judged | Settled], batch: TransitionBatch) -> Score:
        """Ask about every part of the rows that are not settled."""
        cost = Cost()
        cut = [
            (index, span, part)
            for index, row in enumerate(rows)
            if isinstance(row, Judged)
            for span, part in self._cut(row, batch.actions[index], bool(batch.rewards[index] > self.threshold))
        ]
        votes = self._votes(asking, {number: part for number, (_, _, part) in enumerate(cut)}, cost)
        found: dict[int, list[Part | None]] = {}
        for number, (index, span, part) in enumerate(cut):
            value = self._verdict(votes[number]).value
            found.setdefault(index, []).append(None if value is None else Part(span, value, part.right))
        credits = [
            (row, ()) if isinstance(row, Settled) else self._credited(found.get(index, []))
            for index, row in enumerate(rows)
        ]
        return Score.of(
            [settled.value for settled, _ in credits],
            segments=[segments for _, segments in credits],
            reasons=[settled.reason for settled, _ in credits],
            cost=cost.as_dict(),
        )

    def _cut(self, row: Judged, action: Any, right: bool) -> Iterator[tuple[Span, JudgedPart]]:
        """Yield the parts of a response; an action that is no text has none."""
        text = action if isinstance(action, str) else ""
        for start, end in few_spans(text, self.unit, self.separator, self.most):
            known = (row.question, row.response, row.reference, row.task)
            yield (start, end), JudgedPart(*known, part=text[start:end].strip(), right=right)

    def _credited(self, parts: Sequence[Part | None]) -> tuple[Settled, Segments]:
        """Pay the parts of a response, if all have a verdict."""
        known = [part for part in parts if part is not None]
        if not known or len(known) < len(parts):
            return Settled(None, UNREAD), ()
        segments = self.credit(known)
        total = sum(segment.value for segment in segments)
        return Settled(total, f"{len(known)} parts, {len(segments)} paid"), segments

"""Values of the parts of a response as its reward; the leading underscore says that this file is no source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.text_units import Span, TextUnit, unit_spans

Pay = Literal["value", "gain", "last", "min", "mean", "product"]
PAYS: tuple[Pay, ...] = ("value", "gain", "last", "min", "mean", "product")
NO_PARTS = "the response is no text or has no parts"
NO_VALUES = "no part of the response has a score"


class Part(NamedTuple):
    """A part of a response that was valued.

    Args:
        span: Where it starts and ends.
        value: Its value; None where it could not be had.
    """

    span: Span
    value: float | None


def paid(parts: Sequence[Part], pay: Pay) -> tuple[float | None, Segments]:
    """Turn the values ``v_1 .. v_K`` of the parts of a response into its reward.

    Args:
        parts: K parts in order; those without a value are passed over.
        pay: ``"value"``: each ``v_k`` at the end of its part; the sum grows with the number of parts, so bound it, with
            ``clip_delta`` for instance. ``"gain"``: ``v_k - v_{k-1}`` with ``v_0 = 0``, which sums to ``v_K``. The
            others are one number for the whole response, by which candidates are ranked: the ``"last"``, the ``"min"``,
            the ``"mean"`` or the ``"product"`` of the values.

    Returns:
        The reward, None where no part has a value, and its segments, none for one number.

    Example:
        >>> parts = [Part((0, 2), 0.5), Part((2, 3), None), Part((3, 5), 0.25)]
        >>> paid(parts, "value")[0], paid(parts, "gain")[1][1].value, paid(parts, "product")
        (0.75, -0.25, (0.125, ()))
    """
    known = [part for part in parts if part.value is not None]
    if not known:
        return None, ()
    values = np.array([part.value for part in known], dtype=np.float64)
    if pay in ("value", "gain"):
        credits = values if pay == "value" else np.diff(values, prepend=0.0)
        # Rewards are float32, and digits below that depend on what else was in the model's batch.
        segments = tuple(
            Segment(*part.span, float(np.float32(credit))) for part, credit in zip(known, credits.tolist(), strict=True)
        )
        return sum(segment.value for segment in segments), segments
    return float(_REDUCTIONS[pay](values)), ()


_REDUCTIONS: dict[str, Any] = {
    "last": lambda values: values[-1], "min": np.min, "mean": np.mean, "product": np.prod,
}  # fmt: skip


def score_of(rows: Sequence[Sequence[Part]], pay: Pay, cost: dict[str, float] | None = None) -> Score:
    """Build the score of B responses.

    Args:
        rows: The parts of each response.
        pay: See ``paid``.
        cost: What it took.

    Returns:
        The score; a response without parts or values is invalid.
    """
    found = [paid(parts, pay) for parts in rows]
    segments = [row for _, row in found]
    reasons = [
        (NO_VALUES if parts else NO_PARTS) if value is None else f"{len(parts)} parts"
        for parts, (value, _) in zip(rows, found, strict=True)
    ]
    some = segments if any(segments) else None
    return Score.of([value for value, _ in found], segments=some, reasons=reasons, cost=cost)


def spans_of(batch: TransitionBatch, unit: TextUnit, separator: str) -> list[list[Span]]:
    """Return where the parts of each response are, length B; none where an action is no text."""
    return [unit_spans(text, unit, separator) if isinstance(text, str) else [] for text in batch.actions]


def rows_with_texts(batch: TransitionBatch, texts: Sequence[tuple[int, str]]) -> TransitionBatch:
    """Return a batch in which each row is a row of another with a text in place of its action.

    Args:
        batch: B transitions.
        texts: R pairs of a row of the batch and a text.

    Returns:
        R transitions.
    """
    rows = batch.select(np.array([row for row, _ in texts], dtype=np.int64))
    return replace(rows, actions=[text for _, text in texts])


def values_of(score: Score, link: str, threshold: float = 0.0) -> list[float | None]:
    """Return the value of each row of a score, None where invalid, through a link.

    Args:
        score: R rows.
        link: ``"raw"``, or ``"sign"``: 1 from the threshold on, else -1.
        threshold: Of the sign.
    """
    values: NDArray[np.float64] = score.value.astype(np.float64)
    if link == "sign":
        values = np.where(values >= threshold, 1.0, -1.0)
    return [value if valid else None for value, valid in zip(values.tolist(), score.valid.tolist(), strict=True)]

"""From one number for each token to the reward of a response and where it stands; no source itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Span, TokenScores
from rewardium.rewards.source import Score, Segment, Segments

NO_TOKENS = "the response is empty, and a mean over no tokens is not defined"

Unit = Literal["token", "step", "response"]
UNITS: tuple[Unit, ...] = ("token", "step", "response")
Reduce = Literal["sum", "mean"]
REDUCTIONS: tuple[Reduce, ...] = ("sum", "mean")


class Tokens(NamedTuple):
    """One number for each token of a text.

    Args:
        spans: T pairs: where a token's characters start and end.
        values: float64 [T].
    """

    spans: Sequence[Span]
    values: NDArray[np.float64]


def log_probabilities(scores: Sequence[TokenScores | str]) -> list[Tokens | str]:
    """Return ``log p(y_t | x, y_<t)`` for each token of each row."""
    return [row if isinstance(row, str) else Tokens(row.spans, row.log_probabilities) for row in scores]


def log_ratios(above: Sequence[TokenScores | str], below: Sequence[TokenScores | str]) -> list[Tokens | str]:
    """Return ``log p(y_t | ...) - log q(y_t | ...)`` for each token of each row.

    Args:
        above: What ``p`` says, length B.
        below: What ``q`` says of the same texts, length B. Where the models cut a text into different tokens, it
            counts as one token.

    Returns:
        Length B; the first reason where either has no score.
    """
    rows: list[Tokens | str] = []
    for first, second in zip(above, below, strict=True):
        if isinstance(first, str) or isinstance(second, str):
            rows.append(first if isinstance(first, str) else str(second))
        elif first.spans != second.spans:  # then only the sums can be compared
            end = max([end for _, end in (*first.spans, *second.spans)], default=0)
            total = first.log_probabilities.sum() - second.log_probabilities.sum()
            rows.append(Tokens([(0, end)], np.array([total])))
        else:
            rows.append(Tokens(first.spans, first.log_probabilities - second.log_probabilities))
    return rows


def within(tokens: Tokens, spans: Sequence[Span]) -> Tokens:
    """Keep the tokens that hold a character of one of some spans.

    Args:
        tokens: T tokens.
        spans: Pairs of start and end, in order, none inside of another.

    Returns:
        The tokens, in order.

    Example:
        >>> within(Tokens([(0, 2), (2, 3), (3, 5)], np.array([1.0, 2.0, 3.0])), [(1, 3)]).values.tolist()
        [1.0, 2.0]
    """
    if not len(tokens.spans) or not spans:
        return Tokens([], np.zeros(0))
    starts, ends = np.array(tokens.spans, dtype=np.int64).T
    kept = np.zeros(len(starts), dtype=np.bool_)
    for start, end in spans:
        kept |= (starts < end) & (ends > start)
    return Tokens([tokens.spans[index] for index in np.flatnonzero(kept).tolist()], tokens.values[kept])


def before(text: str, mark: str) -> str:
    """Return a text up to the first place where a mark stands, or all of it where there is none, or no mark.

    Example:
        >>> before("6 * 7 is 42 ### 42", "###"), before("42", "###"), before("42", "")
        ('6 * 7 is 42 ', '42', '42')
    """
    return text.partition(mark)[0] if mark else text


def split_steps(text: str, separator: str) -> Iterator[Span]:
    r"""Yield where the steps of a text start and end; a separator belongs to the step before it.

    Example:
        >>> list(split_steps("a\n\nbc\n\n", "\n\n"))
        [(0, 3), (3, 7)]
    """
    start = 0
    while start < len(text):
        place = text.find(separator, start)
        end = len(text) if place < 0 else place + len(separator)
        yield start, end
        start = end


def parts_of(tokens: Tokens, text: str, unit: Unit, separator: str) -> list[Segment]:
    r"""Add up the tokens of a response by the part that they stand in.

    Args:
        tokens: T tokens of the response.
        text: The response.
        unit: The parts: every token, the steps between separators, or the response as a whole.
        separator: What ends a step.

    Returns:
        The parts that hold a token, in order; each token counts where its last character stands.

    Example:
        >>> tokens = Tokens([(0, 1), (1, 2), (2, 3)], np.array([1.0, 2.0, 4.0]))
        >>> [tuple(part) for part in parts_of(tokens, "a\nb", "step", "\n")]
        [(0, 2, 3.0), (2, 3, 4.0)]
    """
    if not len(tokens.spans):
        return []
    if unit == "token":
        # A token without characters of its own, as a mark of a word's beginning, stands at the nearest one.
        return [
            Segment(min(start, len(text) - 1), min(max(end, start + 1), len(text)), value)
            for (start, end), value in zip(tokens.spans, tokens.values.tolist(), strict=True)
        ]
    if unit == "response":
        return [Segment(0, len(text), float(tokens.values.sum()))]
    steps = list(split_steps(text, separator))
    last = np.array([max(end - 1, 0) for _, end in tokens.spans], dtype=np.int64)
    step_of = np.minimum(np.searchsorted([end for _, end in steps], last, side="right"), len(steps) - 1)
    sums = np.bincount(step_of, weights=tokens.values, minlength=len(steps))
    held = np.unique(step_of).tolist()
    return [Segment(steps[step][0], steps[step][1], float(sums[step])) for step in held]


class Credit(NamedTuple):
    """What a source says of one row.

    Args:
        value: The reward; None where it cannot be had.
        reason: In words.
        segments: Parts of the value, which sum to it; empty where it belongs to the response as a whole.
    """

    value: float | None
    reason: str
    segments: Segments = ()


def token_credit(
    row: Tokens | str,
    text: Any,
    *,
    factor: float = 1.0,
    reduce: Reduce = "sum",
    unit: Unit = "token",
    separator: str = "\n",
) -> Credit:
    """Turn one number a token into the reward of a response.

    Args:
        row: The tokens, or why there are none.
        text: The response.
        factor: What every number is multiplied by.
        reduce: Their ``"sum"`` or ``"mean"``. The sum over an empty response is 0, its mean is not defined.
        unit: The parts that carry the credit.
        separator: What ends a step.

    Returns:
        The credit. Its reason says what reveals a reward for length or repetition: the number of tokens, sum and mean.

    Example:
        >>> token_credit(Tokens([(0, 1), (1, 2)], np.array([1.0, 3.0])), "ab", factor=0.5, reduce="mean").value
        1.0
        >>> token_credit(Tokens([], np.zeros(0)), "").value
        0.0
    """
    if isinstance(row, str):
        return Credit(None, row)
    count = len(row.values)
    if not count:
        return Credit(0.0, "the response is empty") if reduce == "sum" else Credit(None, NO_TOKENS)
    scaled = Tokens(row.spans, row.values * (factor / count if reduce == "mean" else factor))
    # Rewards are float32, and digits below that depend on what else was in the model's batch.
    parts = [
        Segment(start, end, float(np.float32(value))) for start, end, value in parts_of(scaled, text, unit, separator)
    ]
    segments = () if unit == "response" else tuple(parts)
    return Credit(sum(part.value for part in parts), told(row.values), segments)


def told(values: NDArray[np.float64]) -> str:
    """Say how many tokens there are, with the sum and the mean of their numbers.

    Example:
        >>> told(np.array([1.0, 2.0]))
        '2 tokens, sum 3, mean 1.5'
    """
    mean = values.mean() if len(values) else 0.0
    unit = "token" if len(values) == 1 else "tokens"
    return f"{len(values)} {unit}, sum {values.sum():.4g}, mean {mean:.4g}"


def token_credits(rows: Sequence[Tokens | str], batch: TransitionBatch, **how: Any) -> list[Credit]:
    """Turn the tokens of B rows into the rewards of their responses; ``how`` as in ``token_credit``."""
    return [token_credit(row, text, **how) for row, text in zip(rows, batch.actions, strict=True)]


class Credited(NamedTuple):
    """What a source says of B rows.

    Args:
        credits: Length B.
        said: What each model said of its requests, to count the tokens that it read.
    """

    credits: Sequence[Credit]
    said: Sequence[Sequence[TokenScores | str]] = ()


def as_score(credits: Sequence[Credit], models: Sequence[Sequence[TokenScores | str]] = ()) -> Score:
    """Build the score of B rows.

    Args:
        credits: Length B.
        models: What each model said, to count the tokens that it scored.

    Returns:
        The score; a number that is not finite makes its row invalid.
    """
    segments = [row.segments for row in credits]
    cost = float(sum(len(row.spans) for rows in models for row in rows if not isinstance(row, str)))
    score = Score.of(
        [row.value for row in credits],
        reasons=[row.reason for row in credits],
        segments=segments if any(segments) else None,
        cost={"tokens": cost},
    )
    if score.segments is None or score.valid.all():
        return score
    kept = [row if valid else () for row, valid in zip(score.segments, score.valid.tolist(), strict=True)]
    return Score(score.value, score.valid, kept, score.reasons, score.cost)

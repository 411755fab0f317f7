"""What every shaping node shares: fold the child, change its value, keep the ledger right."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.reward import Outcome, Reward, SegmentRows, Term, merge_terms, only_logged, scale_segments
from rewardium.rewards.shaping.parameters import require_reward
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.state import RewardState

FloatArray = NDArray[np.float64]


class Shaped(NamedTuple):
    """What a node makes of a batch, before it is written into the ledger.

    Args:
        value: float64 [B]; anything where invalid.
        valid: bool [B].
        segments: None, or one tuple of segments a row.
    """

    value: FloatArray
    valid: NDArray[np.bool_]
    segments: SegmentRows | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> Shaped:
        """Return a child's outcome in double precision, unchanged."""
        return cls(outcome.value.astype(np.float64), outcome.valid, outcome.segments)


class Shaper(Reward):
    """A node around one reward.

    A concrete node is a frozen dataclass whose first field is ``reward``, and writes ``shape``. A row without a score
    stays without one and leaves the node's memory as it was, unless the node says otherwise.
    """

    reward: Reward

    def __post_init__(self) -> None:
        require_reward(self, "reward")

    @abstractmethod
    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Turn the child's outcome into what this node pays.

        Args:
            inner: The outcome of ``reward`` for this time step.
            batch: The transitions, at most one an environment.
            state: What this node remembers; changed in place.

        Returns:
            Value, validity and segments of the batch.
        """

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Fold the child, shape its outcome and write the ledger."""
        inner = self.reward.fold(scores, batch, state.child(0))
        return replace_terms(self.registered_name, inner, self.shape(inner, batch, state))


def replace_terms(name: str, inner: Outcome, shaped: Shaped) -> Outcome:
    """Write the ledger of a node around one reward.

    A child of one term keeps that term, its name and what its source said, with the new value. The terms of any other
    child are only logged, beside a term of the node's own.

    Args:
        name: The node's registered name.
        inner: The child's outcome.
        shaped: What the node pays.

    Returns:
        The outcome; rows that are not finite in single precision are invalid.
    """
    value, valid, segments = _narrow(shaped)
    if len(inner.terms) == 1:
        ((label, term),) = inner.terms.items()
        if term.weight != 0.0:
            return Outcome(value, valid, {label: Term(term.raw, value, 1.0, valid)}, segments)
    return add_term(name, (inner,), inner.value, shaped)


def add_term(name: str, inputs: tuple[Outcome, ...], raw: NDArray[np.float32], shaped: Shaped) -> Outcome:
    """Write the ledger of a node over several rewards: its inputs are only logged, its result is a term of its own.

    Args:
        name: The node's registered name.
        inputs: The children's outcomes.
        raw: float32 [B], the value that the node starts from.
        shaped: What the node pays.

    Returns:
        The outcome; rows that are not finite in single precision are invalid.
    """
    value, valid, segments = _narrow(shaped)
    terms = only_logged(*inputs)
    merge_terms(terms, {name: Term(raw, value, 1.0, valid)})
    return Outcome(value, valid, terms, segments)


def _narrow(shaped: Shaped) -> tuple[NDArray[np.float32], NDArray[np.bool_], SegmentRows | None]:
    valid = shaped.valid & payable(shaped.value)
    segments = None
    if shaped.segments is not None:
        segments = [row if known else () for row, known in zip(shaped.segments, valid.tolist(), strict=True)]
    return np.where(valid, shaped.value, 0.0).astype(np.float32), valid, segments


def payable(value: FloatArray) -> NDArray[np.bool_]:
    """Return which values (float64 [B]) are finite in single precision, in which rewards are paid: bool [B]."""
    with np.errstate(over="ignore"):
        return np.isfinite(value.astype(np.float32))


def elementwise(inner: Outcome, function: Callable[[FloatArray], FloatArray]) -> Shaped:
    """Apply a function to every segment of the rows that have segments, and to the value of every other row.

    Args:
        inner: The child's outcome.
        function: Maps float64 [K] to a new float64 [K], element by element.

    Returns:
        The shaped batch. The part of a row's value that lies outside its segments (another source's, say) is kept.

    Example:
        >>> rows = [(Segment(0, 1, 2.0), Segment(1, 2, 3.0)), ()]
        >>> inner = Outcome(np.array([6, 7], np.float32), np.array([True, True]), {}, rows)
        >>> elementwise(inner, lambda values: values / 2).value.tolist()
        [3.5, 3.5]
    """
    value = function(inner.value.astype(np.float64))
    if inner.segments is None:
        return Shaped(value, inner.valid)
    segments: list[Segments] = list(inner.segments)
    for row, parts in enumerate(inner.segments):
        if parts and inner.valid[row]:
            before = values_of(parts)
            after = function(before)
            value[row] = inner.value[row] - before.sum() + after.sum()
            segments[row] = with_values(parts, after)
    return Shaped(value, inner.valid, segments)


def scaled(inner: Outcome, factors: float | FloatArray) -> Shaped:
    """Multiply each row and its segments by a factor.

    Args:
        inner: The child's outcome.
        factors: One factor, or float64 [B].

    Returns:
        The shaped batch.
    """
    return Shaped(inner.value * np.float64(1) * factors, inner.valid, scale_segments(inner.segments, factors))


def values_of(parts: Segments) -> FloatArray:
    """Return the values of K segments as float64 [K]."""
    return np.array([part.value for part in parts], dtype=np.float64)


def with_values(parts: Segments, values: FloatArray) -> Segments:
    """Return the segments at the same places with new values (float64 [K])."""
    return tuple(Segment(part.start, part.end, value) for part, value in zip(parts, values.tolist(), strict=True))

"""Where a reward comes from: a source scores a batch of transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError


class Segment(NamedTuple):
    """Credit for a part of one text action.

    Args:
        start: Index of the first character.
        end: Index after the last character; the credit is paid at the token that holds character ``end - 1``.
        value: The credit.
    """

    start: int
    end: int
    value: float


Segments = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """What a source says of a batch.

    A score that could not be had is not 0: its ``valid`` is False, and its value is never read.

    Args:
        value: float32 [B]. Where a row has segments, the sum of their values.
        valid: bool [B].
        segments: None, or one tuple of segments a row (empty where the row has none).
        reasons: None, or one line a row in words, or None where there is nothing to say.
        cost: What the scoring took, summed over the batch, e.g. ``{"tokens": 812.0, "calls": 4.0}``.
    """

    value: NDArray[np.float32]
    valid: NDArray[np.bool_]
    segments: Sequence[Segments] | None = None
    reasons: Sequence[str | None] | None = None
    cost: dict[str, float] | None = None

    @classmethod
    def of(
        cls,
        values: Any,
        *,
        valid: Any = None,
        segments: Sequence[Segments] | None = None,
        reasons: Sequence[str | None] | None = None,
        cost: dict[str, float] | None = None,
    ) -> Score:
        """Build a score from plain numbers; None and numbers that are not finite become invalid, never 0.

        Args:
            values: Length B, floats; None where a score could not be had.
            valid: Length B, bools; by default everything finite.
            segments: One tuple of segments a row.
            reasons: One line a row.
            cost: What the scoring took.

        Returns:
            The score.

        Raises:
            RewardiumError: When the lengths differ or the values are not one-dimensional.

        Example:
            >>> score = Score.of([1.0, None, float("nan")])
            >>> score.value.tolist(), score.valid.tolist()
            ([1.0, 0.0, 0.0], [True, False, False])
        """
        # float() of None is an error but None -> nan is what numpy's object conversion gives.
        array = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
        if array.ndim != 1:
            raise RewardiumError(f"a score needs one value a transition, got an array of shape {array.shape}")
        with np.errstate(over="ignore"):
            narrow = array.astype(np.float32)
        known = np.isfinite(narrow)
        if valid is not None:
            valid = np.asarray(valid, dtype=np.bool_)
            if valid.shape != array.shape:
                raise RewardiumError(f"'valid' has shape {valid.shape}, the values have shape {array.shape}")
            known = known & valid
        for name, column in (("segments", segments), ("reasons", reasons)):
            if column is not None and len(column) != len(array):
                raise RewardiumError(f"{name!r} has {len(column)} rows, the values have {len(array)}")
        return cls(np.where(known, narrow, np.float32(0)), known, segments, reasons, cost)

    @classmethod
    def of_segments(cls, segments: Sequence[Segments | None], *, cost: dict[str, float] | None = None) -> Score:
        """Build a score whose value is the sum of each row's segments; a row of None is invalid.

        Example:
            >>> Score.of_segments([(Segment(0, 2, 0.5), Segment(2, 3, 0.25)), None]).value.tolist()
            [0.75, 0.0]
        """
        values = [None if row is None else sum(segment.value for segment in row) for row in segments]
        return cls.of(values, segments=[() if row is None else row for row in segments], cost=cost)

    def __len__(self) -> int:
        return len(self.value)

    def select(self, rows: NDArray[np.int64]) -> Score:
        """Return the score of the given rows (int64 [B']), without the cost."""
        return Score(
            self.value[rows],
            self.valid[rows],
            None if self.segments is None else [self.segments[row] for row in rows],
            None if self.reasons is None else [self.reasons[row] for row in rows],
        )

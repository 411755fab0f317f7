"""Several responses that are compared with each other: what reward models learn from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError

MOST_RESPONSES = 64
"""Of one comparison: what is computed for each pair of them stays small."""


@dataclass(frozen=True)
class Comparison:
    """One prompt, K responses to it, and how good they are.

    Args:
        prompts: Length K, the prompt of each response: K times the same, except where responses to different prompts
            are compared.
        responses: Length K, 1 to 64 texts.
        scores: Length K, how good each is, larger is better; None where only a preference is known.
        preference: Of two responses, the probability in [0, 1] that the first is better, 0.5 for a tie; None where
            scores say it.
        strength: By how much, at least 0; with scores a factor on their distances.
        factors: Further columns of length K, e.g. a confidence or a length, which builders read.

    Raises:
        RewardiumError: When the parts do not fit together.

    Example:
        >>> Comparison.of("2+2=", ["4", "5"], 1.0).preference
        1.0
        >>> Comparison.of("2+2=", ["4", "5", "6"], 1.0)
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: a preference compares two responses, got 3: give scores
    """

    prompts: tuple[str, ...]
    responses: tuple[str, ...]
    scores: tuple[float, ...] | None = None
    preference: float | None = None
    strength: float = 1.0
    factors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        prompt: str,
        responses: Sequence[str],
        preference: float | None = None,
        *,
        scores: Sequence[float] | None = None,
        strength: float = 1.0,
        factors: Mapping[str, Sequence[float]] | None = None,
    ) -> Comparison:
        """Compare responses to one prompt."""
        return cls(
            (prompt,) * len(responses),
            tuple(responses),
            None if scores is None else tuple(float(score) for score in scores),
            preference,
            strength,
            {name: tuple(float(value) for value in column) for name, column in (factors or {}).items()},
        )

    def __post_init__(self) -> None:
        count = len(self.responses)
        if not 1 <= count <= MOST_RESPONSES or len(self.prompts) != count:
            raise RewardiumError(
                f"a comparison has 1 to {MOST_RESPONSES} responses and a prompt for each, got {count} responses and "
                f"{len(self.prompts)} prompts"
            )
        if not all(isinstance(text, str) for text in (*self.prompts, *self.responses)):
            raise RewardiumError("prompts and responses must be texts")
        columns = {**self.factors} if self.scores is None else {"scores": self.scores, **self.factors}
        for name, column in columns.items():
            if len(column) != count or not all(map(_is_number, column)):
                raise RewardiumError(f"{name} must be {count} finite numbers, one a response")
        if not _is_number(self.strength) or self.strength < 0.0:
            raise RewardiumError(f"strength must be a number of at least 0, got {self.strength!r}")
        self._check_preference(count)

    def _check_preference(self, count: int) -> None:
        if self.preference is None:
            if self.scores is None:
                raise RewardiumError("a comparison needs scores or, for two responses, a preference")
            return
        if count != 2:
            raise RewardiumError(f"a preference compares two responses, got {count}: give scores")
        if not _is_number(self.preference) or not 0.0 <= self.preference <= 1.0:
            raise RewardiumError(f"a preference must be in [0, 1], got {self.preference!r}")

    @property
    def pairs(self) -> int:
        """The number of pairs in which one is better."""
        return int((self.wins() > 0.5).sum())

    def wins(self) -> NDArray[np.float64]:
        """Return the probability that each is better than each, float64 [K, K]; 0.5 on the diagonal."""
        if self.preference is not None:
            return np.array([[0.5, self.preference], [1.0 - self.preference, 0.5]])
        grades = np.array(self.scores)
        wins: NDArray[np.float64] = 0.5 + 0.5 * np.sign(grades[:, None] - grades[None, :])
        return wins

    def factor(self, name: str) -> tuple[float, ...]:
        """Return a column, of which ``"scores"`` is one.

        Raises:
            RewardiumError: When there is none of that name.
        """
        if name == "scores" and self.scores is not None:
            return self.scores
        if name not in self.factors:
            known = [*(["scores"] if self.scores is not None else []), *self.factors]
            raise RewardiumError(f"the responses have no {name!r}; they have {', '.join(known) or 'nothing'}")
        return self.factors[name]

    def subset(self, rows: Sequence[int], **changes: Any) -> Comparison:
        """Return the comparison of some of the responses, with changed fields."""

        def some(column: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(column[row] for row in rows)

        scores = None if self.scores is None else some(self.scores)
        factors = {name: some(column) for name, column in self.factors.items()}
        fields: dict[str, Any] = {"scores": scores, "preference": None, "strength": self.strength, "factors": factors}
        return Comparison(some(self.prompts), some(self.responses), **{**fields, **changes})

    def replaced(self, **changes: Any) -> Comparison:
        """Return a copy with changed fields."""
        return dataclasses.replace(self, **changes)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

"""A reward for a response of the right length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import (
    NO_RESPONSE,
    UNITS,
    no_score,
    require_one_of,
    require_positive_int,
    responses,
)

SHAPES = ("hump", "polyline")


def hump(x: NDArray[np.float64], target: float) -> NDArray[np.float64]:
    """Rise from 0 at ``x = 0`` to 1 at ``x = target`` and fall to -1 at ``x = 1``, along two parabolas.

    Args:
        x: float64 of any shape, relative lengths in [0, 1].
        target: The relative length that pays most, in (0, 1].

    Returns:
        float64 of the same shape, in [-1, 1].

    Example:
        >>> hump(np.array([0.0, 0.25, 0.5, 1.0]), 0.5).tolist()
        [0.0, 0.75, 1.0, -1.0]
    """
    return np.where(x <= target, 1 - (1 - x / target) ** 2, 1 - 2 * _excess(x, target) ** 2)


def polyline(x: NDArray[np.float64], target: float) -> NDArray[np.float64]:
    """Rise and fall like ``hump`` through the same three points, along two straight lines.

    Args:
        x: float64 of any shape, relative lengths in [0, 1].
        target: The relative length that pays most, in (0, 1].

    Returns:
        float64 of the same shape, in [-1, 1].

    Example:
        >>> polyline(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), 0.5).tolist()
        [0.0, 0.5, 1.0, 0.0, -1.0]
    """
    return np.where(x <= target, x / target, 1 - 2 * _excess(x, target))


def _excess(x: NDArray[np.float64], target: float) -> NDArray[np.float64]:
    """Return how far x lies on the way from the target to 1; a target of 1 is never exceeded."""
    return (x - target) / (1 - target) if target < 1 else np.zeros_like(x)


@register("length")
@dataclass(frozen=True)
class Length(RewardSource):
    """A hump over the length of the response: too short and too long both cost.

    With ``x = min(L / maximum, 1)`` and ``p = target``:
    ``r = 1 - (1 - x/p)^2`` for ``x <= p``, and ``r = 1 - 2 ((x - p) / (1 - p))^2`` above. The polyline is ``x/p``, then
    ``1 - 2 (x - p) / (1 - p)``. Both are the label-free length reward of "Surrogate Signals from Format and Length"
    (2025), as in the paper's text: p = 0.5 there, 0.4 to 0.8 equally good, 1 leading to truncated and 0.1 to collapsed
    responses, and a maximum of 3072 tokens. Here L counts characters or words, and the default maximum is our own.
    The paper adds this to the format reward, and caps the sum at 0 where the format is wrong.

    Score: value float32 [B] in [-1, 1], valid bool [B].

    Args:
        maximum: The length at and above which the reward is -1, in ``unit``; at least 1.
        target: The share of ``maximum`` that pays most, in (0, 1].
        unit: What is counted, ``"characters"`` or ``"words"`` (runs of non-whitespace).
        shape: ``"hump"`` (parabolas) or ``"polyline"`` (straight lines).

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "", "x" * length) for length in (0, 4, 8)]
        >>> Length(maximum=8).score(TransitionBatch.from_transitions(rows)).value.tolist()
        [0.0, 1.0, -1.0]
    """

    maximum: int = 512
    target: float = 0.5
    unit: Literal["characters", "words"] = "characters"
    shape: Literal["hump", "polyline"] = "hump"

    needs = frozenset({"action"})

    def __post_init__(self) -> None:
        require_positive_int("maximum", self.maximum)
        require_one_of("unit", self.unit, UNITS)
        require_one_of("shape", self.shape, SHAPES)
        if not _is_share(self.target):
            raise RewardiumError(f"target must be a number in (0, 1], got {self.target!r}")

    def score(self, batch: TransitionBatch) -> Score:
        """Score the lengths of B responses."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        lengths = map(len, texts) if self.unit == "characters" else (len(text.split()) for text in texts)
        x = np.minimum(np.fromiter(lengths, dtype=np.float64, count=len(texts)) / self.maximum, 1.0)
        return Score.of((hump if self.shape == "hump" else polyline)(x, self.target))


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1

"""Keep the few places of a response that stand out, and pay for those alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, values_of, with_values
from rewardium.rewards.source import Segments
from rewardium.rewards.state import RewardState


def top_values(values: FloatArray, threshold: float = 0.6, most: int = 15) -> FloatArray:
    """Normalise values to [0, 1] by their extremes, and set all but the largest to 0.

    Args:
        values: float64 [K].
        threshold: What a normalised value must exceed to be kept.
        most: The largest number of values that are kept; of equal ones, the first.

    Returns:
        float64 [K] in [0, 1]; all 0 where the values do not differ.

    Example:
        >>> top_values(np.array([1.0, 5.0, 4.0, 2.0])).tolist(), top_values(np.array([1.0, 5.0, 4.0]), most=1).tolist()
        ([0.0, 1.0, 0.75, 0.0], [0.0, 1.0, 0.0])
    """
    if not len(values) or values.max() <= values.min():
        return np.zeros(len(values), dtype=np.float64)
    scaled = (values - values.min()) / (values.max() - values.min())
    kept = np.zeros(len(values), dtype=np.bool_)
    # By the values themselves: of two that hardly differ, both may be scaled to the same number.
    kept[np.argsort(-values, kind="stable")[:most]] = True
    return np.where(kept & (scaled > threshold), scaled, 0.0)


@register("top_segments")
@dataclass(frozen=True)
class TopSegments(Shaper):
    """Normalise a response's segments among themselves, keep the largest few, and pay ``scale`` times those.

    The refiner of "RLFR: Extending Reinforcement Learning for LLMs with Flow Environment" (2025), whose segments are
    tokens and whose values say how far the hidden state of each strays from good data; threshold 0.6, 15 tokens and a
    scale of -0.01 as in the authors' code, added to the outcome. The sum is bounded by ``most * |scale|`` for responses
    of any length. The part of the value that lies outside of segments is not paid, and a row without segments pays 0.

    Args:
        reward: A reward with segments.
        threshold: What a value must exceed, normalised to [0, 1] within its row.
        most: The largest number of segments that are paid, at least 1.
        scale: What a segment of normalised value 1 is paid; negative for a penalty.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("verify + top_segments(repetition, most=5)"))
        verify + top_segments(reward=repetition, most=5)
    """

    reward: Reward
    threshold: float = 0.6
    most: int = 15
    scale: float = -0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "threshold", at_least=0.0, at_most=1.0)
        require_number(self, "scale")
        if isinstance(self.most, bool) or not isinstance(self.most, int) or self.most < 1:
            raise RewardiumError(f"top_segments: 'most' must be a whole number of at least 1, got {self.most!r}")

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Keep the largest segments of each row."""
        segments: list[Segments] = [()] * len(batch) if inner.segments is None else list(inner.segments)
        value = np.zeros(len(batch), dtype=np.float64)
        for row, parts in enumerate(segments):
            if parts and inner.valid[row]:
                paid = self.scale * top_values(values_of(parts), self.threshold, self.most)
                value[row] = paid.sum()
                kept = [part for part, credit in zip(with_values(parts, paid), paid.tolist(), strict=True) if credit]
                segments[row] = tuple(kept)
        return Shaped(value, inner.valid, None if inner.segments is None else segments)

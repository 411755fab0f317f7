"""A coarse reward for the whole and the mean of fine ones for its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward, add_segments
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term, scaled, values_of, with_values
from rewardium.rewards.source import Score, Segments
from rewardium.rewards.state import RewardState


def part_shares(values: FloatArray, weight: float, smoothing: float = 0.0) -> FloatArray:
    """Return what each of K parts is paid: ``weight / K`` times its value, drawn toward 1/2.

    Args:
        values: float64 [K], in [0, 1] where ``smoothing`` is above 0.
        weight: What all parts are worth together.
        smoothing: The share of each value that is 1/2 in its place, for labels that are known to be noisy.

    Returns:
        float64 [K].

    Example:
        >>> part_shares(np.array([1.0, 0.0]), 0.5).tolist(), part_shares(np.array([1.0, 0.0]), 2.0, 0.5).tolist()
        ([0.25, 0.0], [0.75, 0.25])
    """
    return weight / max(len(values), 1) * ((1.0 - smoothing) * values + 0.5 * smoothing)


@register("mixed_grain", papers=("B19",))
@dataclass(frozen=True)
class MixedGrain(Reward):
    """Pay ``alpha * whole + (1 - alpha) * mean of the parts``, each part where it ends.

    The two grains of "Enhanced Whole Page Optimization via Mixed-Grained Reward Mechanism-Adapted Language Models"
    (PageLLM, 2025): one for the coherence of all, one for whether each item is right, with labels that are noisy. The
    formula, alpha = 0.5 and a smoothing of 0.1 are reconstructed from the abstract. The mean keeps the parts' weight
    the same for any number of them.

    The parts are the segments of a reward, e.g. ``judge_facts`` or ``fine_grained``; a row without segments is one
    part. A row has a score where both have one.

    Args:
        whole: The coarse reward.
        parts: The fine one.
        alpha: The weight of the coarse one, in [0, 1].
        smoothing: How far the parts' values, then in [0, 1], are drawn toward 1/2, in [0, 1].

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("mixed_grain(verify, repetition, alpha=0.75)"))
        mixed_grain(whole=verify, parts=repetition, alpha=0.75)
    """

    whole: Reward
    parts: Reward
    alpha: float = 0.5
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_reward(self, "whole", "parts")
        require_number(self, "alpha", at_least=0.0, at_most=1.0)
        require_number(self, "smoothing", at_least=0.0, at_most=1.0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Mix the grains."""
        whole = self.whole.fold(scores, batch, state.child(0))
        parts = self.parts.fold(scores, batch, state.child(1))
        coarse = scaled(whole, self.alpha)
        value = coarse.value.copy()
        rows: list[Segments] = [()] * len(batch) if parts.segments is None else list(parts.segments)
        for row in np.flatnonzero(parts.valid).tolist():
            own = values_of(rows[row]) if rows[row] else parts.value[row : row + 1].astype(np.float64)
            paid = part_shares(own, 1.0 - self.alpha, self.smoothing)
            value[row] += paid.sum()
            rows[row] = with_values(rows[row], paid) if rows[row] else ()
        segments = add_segments(coarse.segments, rows if any(rows) else None, parts.valid)
        shaped = Shaped(value, whole.valid & parts.valid, segments)
        return add_term(self.registered_name, (whole, parts), whole.value, shaped)

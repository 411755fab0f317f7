"""Centre and bound: a reward that saturates, so that pushing it further pays nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.moments import Moments, merge_moments
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper
from rewardium.rewards.state import RewardState

BoundKind = Literal["sigmoid", "tanh"]


def bound(values: FloatArray, centre: float = 0.0, scale: float = 1.0, kind: BoundKind = "sigmoid") -> FloatArray:
    """Return a bounded, increasing function of the centred values.

    Args:
        values: float64 [B], any finite numbers.
        centre: The value that maps to the middle.
        scale: The distance from the centre over which the function bends; the inverse of its slope.
        kind: ``"sigmoid"`` maps to [0, 1], ``"tanh"`` to [-1, 1].

    Returns:
        float64 [B].

    Example:
        >>> bound(np.array([-1e300, 2.0, 1e300]), centre=2.0).tolist()
        [0.0, 0.5, 1.0]
    """
    with np.errstate(over="ignore"):
        centred = (values - centre) / scale
    # The sigmoid through tanh: exact at both ends, where exp would overflow.
    return np.tanh(centred) if kind == "tanh" else 0.5 * (1.0 + np.tanh(0.5 * centred))


@register("bound", papers=("B49",))
@dataclass(frozen=True)
class Bound(Shaper):
    """Centre a reward and bound it: ``sigmoid((r - centre) / scale)`` or ``tanh`` of the same.

    From "Reward Shaping to Mitigate Reward Hacking in RLHF" (2025), whose "preference as reward" is the sigmoid of the
    gap to a reference response with slope 1. A running mean stands in for the reference where there is none; that is a
    substitute, not the paper's choice. The function acts on a row's total; segments are dropped, because a bounded
    total has no meaning as a sum over them.

    Args:
        reward: What is bounded.
        centre: The value that maps to the middle; with ``running``, counted from the running mean.
        scale: The distance from the centre over which the function bends, above 0.
        kind: ``"sigmoid"`` pays within [0, 1], ``"tanh"`` within [-1, 1].
        running: Whether to centre on the mean of all values seen so far, the present ones included.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("bound(extrinsic, kind='tanh', running=True)"))
        bound(reward=extrinsic, kind='tanh', running=True)
    """

    reward: Reward
    centre: float = 0.0
    scale: float = 1.0
    kind: BoundKind = "sigmoid"
    running: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "centre")
        require_number(self, "scale", above=0.0)
        require_choice(self, "kind", ("sigmoid", "tanh"))

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Bound each row's total."""
        values = inner.value.astype(np.float64)
        centre = self.centre
        if self.running:
            moments = merge_moments(Moments(*state.memory.get("moments", ())), values[inner.valid])
            state.memory["moments"] = list(moments)
            centre += moments.mean
        return Shaped(bound(values, centre, self.scale, self.kind), inner.valid)

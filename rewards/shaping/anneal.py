"""A weight that changes while training goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.shaping.shaper import Shaped, Shaper, scaled
from rewardium.rewards.state import RewardState

AnnealKind = Literal["linear", "exponential", "cosine", "switch"]


def anneal_weight(seen: int, steps: float, start: float = 1.0, end: float = 0.0, kind: AnnealKind = "linear") -> float:
    """Return the weight after some number of transitions.

    Args:
        seen: Number of transitions so far.
        steps: Where ``linear`` and ``cosine`` arrive at ``end``, and ``switch`` changes to it at once; the time
            constant T of ``exponential``, ``end + (start - end) * exp(-seen / T)``.
        start: The weight at 0.
        end: The weight in the end.
        kind: The shape of the curve.

    Returns:
        The weight.

    Example:
        >>> [anneal_weight(seen, steps=10) for seen in (0, 5, 10, 20)]
        [1.0, 0.5, 0.0, 0.0]
        >>> round(anneal_weight(500, steps=500, kind="exponential"), 4)
        0.3679
    """
    progress = seen / steps
    if kind == "exponential":
        remaining = math.exp(-progress)
    elif kind == "cosine":
        remaining = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    elif kind == "switch":
        remaining = float(progress < 1.0)
    else:
        remaining = 1.0 - min(progress, 1.0)
    return end + (start - end) * remaining


@register("anneal")
@dataclass(frozen=True)
class Anneal(Shaper):
    """Weight a reward by the number of transitions that were rewarded so far, over all environments.

    The count is part of the reward's state, so that a resumed run goes on where it stopped. All environments of one
    time step share one weight, and a transition without a score counts like any other: the schedule is one of time.
    The exponential kind is that of SophiaVL-R1 (2025), which counts 500 training steps; here, transitions are counted.
    Segments are scaled with their row.

    Args:
        reward: What is weighted.
        steps: Number of transitions over which the weight changes, above 0; see ``anneal_weight``.
        start: The weight at the beginning.
        end: The weight in the end.
        kind: ``"linear"``, ``"exponential"``, ``"cosine"`` or ``"switch"``.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("0.3 * anneal(extrinsic, steps=100000, kind='cosine')"))
        0.3 * anneal(reward=extrinsic, steps=100000, kind='cosine')
    """

    reward: Reward
    steps: float
    start: float = 1.0
    end: float = 0.0
    kind: AnnealKind = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "steps", above=0.0)
        require_number(self, "start")
        require_number(self, "end")
        require_choice(self, "kind", ("linear", "exponential", "cosine", "switch"))

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Weight every row, then count the batch."""
        seen = int(state.memory.get("seen", 0))
        state.memory["seen"] = seen + len(batch)
        return scaled(inner, anneal_weight(seen, self.steps, self.start, self.end, self.kind))

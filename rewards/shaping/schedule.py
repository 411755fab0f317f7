"""A weight that changes in several stages while training goes on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.shaping.shaper import Shaped, Shaper, scaled
from rewardium.rewards.state import RewardState

ScheduleKind = Literal["step", "linear"]


def stage_of(seen: float, at: Sequence[float]) -> int:
    """Return the stage after some number of transitions: how many of the later stages have begun.

    Args:
        seen: Number of transitions so far.
        at: Where each stage begins, increasing; what comes before the first belongs to the first.

    Returns:
        An index into ``at``.

    Example:
        >>> [stage_of(seen, at=(0, 100, 200)) for seen in (0, 99, 100, 1000)]
        [0, 0, 1, 2]
    """
    return max(bisect_right(at, seen) - 1, 0)


def scheduled_weight(seen: float, at: Sequence[float], weights: Sequence[float], kind: ScheduleKind = "step") -> float:
    """Return the weight after some number of transitions.

    Args:
        seen: Number of transitions so far.
        at: Where each weight begins, increasing.
        weights: The weights.
        kind: ``"step"`` changes at once, ``"linear"`` draws a line from each point to the next.

    Returns:
        The weight; the first one before, and the last one after all of ``at``.

    Example:
        >>> at, weights = (0, 100, 200), (0.0, 1.0, 0.5)
        >>> [scheduled_weight(seen, at, weights) for seen in (0, 150, 300)]
        [0.0, 1.0, 0.5]
        >>> [scheduled_weight(seen, at, weights, "linear") for seen in (50, 150, 300)]
        [0.5, 0.75, 0.5]
    """
    return float(np.interp(seen, at, weights)) if kind == "linear" else float(weights[stage_of(seen, at)])


def require_stages(node: Reward, *names: str) -> None:
    """Make fields tuples of equally many finite numbers, the field ``at`` increasing, and refuse anything else.

    Args:
        node: The node, which has a field ``at``.
        *names: The fields that hold one number a stage.

    Raises:
        RewardiumError: Naming the field and what it holds.
    """
    for name in ("at", *names):
        given = getattr(node, name)
        if not isinstance(given, (list, tuple)) or not given or not all(_is_number(number) for number in given):
            raise RewardiumError(f"{node.registered_name}: {name!r} must be a list of finite numbers, got {given!r}")
        object.__setattr__(node, name, tuple(given))
    at = getattr(node, "at")  # noqa: B009  a field that not every reward has
    if any(later <= earlier for earlier, later in pairwise(at)):
        raise RewardiumError(f"{node.registered_name}: 'at' must increase, got {list(at)}")
    for name in names:
        if len(getattr(node, name)) != len(at):
            raise RewardiumError(
                f"{node.registered_name}: {name!r} must hold {len(at)} numbers, one a stage, "
                f"got {list(getattr(node, name))}"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


@register("schedule", papers=("B69",))
@dataclass(frozen=True)
class Schedule(Shaper):
    """Weight a reward in stages, by the number of transitions that were rewarded so far, over all environments.

    For curricula of several stages; ``anneal`` is the curve from one weight to another. The cost-aware curriculum of
    "Breaking the SFT Plateau: Multimodal Structured Reinforcement Learning for Chart-to-Code Generation" (MSRL, 2025)
    is ``text + schedule(visual, at=[0, 100000], weights=[0.0, 1.0])``: first the cheap rules, then the judge. The two
    stages are known from notes; where the second begins is yours to choose. At a weight of 0 the source is still asked:
    the schedule saves no calls of a judge.

    The count is part of the reward's state. All environments of one time step share one weight, and a transition
    without a score counts like any other. Segments are scaled with their row.

    Args:
        reward: What is weighted.
        at: The number of transitions at which each weight begins, increasing.
        weights: One weight a stage.
        kind: ``"step"`` or ``"linear"``.

    Raises:
        RewardiumError: When the lists do not fit, or a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("verify + schedule(length, at=[0, 50000], weights=[0.0, 0.2])"))
        verify + schedule(reward=length, at=[0, 50000], weights=[0.0, 0.2])
    """

    reward: Reward
    at: tuple[float, ...]
    weights: tuple[float, ...]
    kind: ScheduleKind = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_stages(self, "weights")
        require_choice(self, "kind", get_args(ScheduleKind))

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Weight every row, then count the batch."""
        seen = int(state.memory.get("seen", 0))
        state.memory["seen"] = seen + len(batch)
        return scaled(inner, scheduled_weight(seen, self.at, self.weights, self.kind))

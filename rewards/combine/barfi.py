"""A blend that learns how much each auxiliary reward helps what is really wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, require_rewards
from rewardium.rewards.combine.trust import task_groups
from rewardium.rewards.learning.implicit_gradient import group_implicit_gradient
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward, add_segments
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import Shaped, add_term, scaled
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


@register("barfi", papers=("A52",))
@dataclass(frozen=True)
class Barfi(Reward):
    """Pay ``r_p + sum_k phi_k r_k``, and move each ``phi_k`` along what it does to the return of ``r_p`` alone.

    From "Behavior Alignment via Reward Function Optimization" (BARFI, 2023): a blend of primary and auxiliary rewards
    is learned so that the policy which *it* trains does best by the primary one. A helpful term gains weight, a
    misleading one loses it until it is gone, one that varies with nothing stays as it is. The inner fixed point is here
    that of each group by itself, a policy that chooses freely among the sampled answers and is held to the one that
    sampled, for which the paper's implicit gradient is a covariance in closed form (see ``group_implicit_gradient``).
    So the node needs no gradient of the policy's network; what the network generalises between prompts is not seen.
    ``implicit_gradient`` is the general form, for policies that are at hand.

    The start at 1 and the two levels are recalled from the paper; ``temperature``, ``rate`` and the bounds are ours.
    The weight of ``r_p`` stays 1, since only the proportion matters to a policy, and there is neither the paper's free
    term nor its learned discount.

    A group is the rows of a time step whose tasks are equal; groups of one and rows with a missing term teach nothing.
    The weights are in the reward's state, and so in checkpoints; a step's weights do not depend on that step. A missing
    auxiliary term is left out of its row's reward; a row has a score where the primary reward has one.

    Args:
        primary: What is wanted.
        auxiliary: What may help, one reward or several.
        start: What every ``phi_k`` starts at.
        rate: How far they move along the mean gradient of a step's groups, above 0.
        temperature: How far the inner policy goes from the one that sampled, above 0, in units of the reward.
        low: The least ``phi_k``; 0 never pays for the contrary of a term.
        high: The largest.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("barfi(verify, [length(maximum=64), repetition], rate=0.05)"))
        barfi(primary=verify, auxiliary=[length(maximum=64), repetition], rate=0.05)
    """

    primary: Reward
    auxiliary: tuple[Reward, ...]
    start: float = 1.0
    rate: float = 0.1
    temperature: float = 1.0
    low: float = 0.0
    high: float = 2.0

    def __post_init__(self) -> None:
        require_reward(self, "primary")
        require_rewards(self, "auxiliary")
        for name in ("start", "low", "high"):
            require_number(self, name)
        require_number(self, "rate", above=0.0)
        require_number(self, "temperature", above=0.0)
        if not self.low <= self.start <= self.high:
            raise RewardiumError(
                f"barfi: 'start' must lie between 'low' and 'high', got {self.start}, {self.low} and {self.high}"
            )

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, by whose equality rows are grouped."""
        return frozenset({"task"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Pay with the blend as it is, then move it."""
        primary = self.primary.fold(scores, batch, state.child(0))
        auxiliary = fold_all(self.auxiliary, scores, batch, state, first=1)
        memory = self._memory(state)
        value, segments = primary.value.astype(np.float64), primary.segments
        for term, factor in zip(auxiliary, memory["blend"].tolist(), strict=True):
            part = scaled(term, factor)
            value += np.where(term.valid, part.value, 0.0)
            segments = add_segments(segments, part.segments, term.valid)
        self._learn(memory, primary, auxiliary, batch)
        shaped = Shaped(value, primary.valid, segments)
        return add_term(self.registered_name, (primary, *auxiliary), primary.value, shaped)

    def _memory(self, state: RewardState) -> dict[str, Any]:
        if "blend" not in state.memory:
            state.memory["blend"] = np.full(len(self.auxiliary), self.start, dtype=np.float64)
        return state.memory

    def _learn(
        self, memory: dict[str, Any], primary: Outcome, auxiliary: tuple[Outcome, ...], batch: TransitionBatch
    ) -> None:
        """Move the blend along the mean gradient of the groups."""
        known = primary.valid & np.logical_and.reduce([term.valid for term in auxiliary])
        groups = [rows for rows in task_groups(batch, known) if len(rows) > 1]
        if not groups:
            return
        wanted = primary.value.astype(np.float64)
        helping = np.stack([term.value for term in auxiliary]).astype(np.float64)
        gradients = [
            group_implicit_gradient(wanted[rows], helping[:, rows], memory["blend"], self.temperature)
            for rows in groups
        ]
        memory["blend"] = np.clip(memory["blend"] + self.rate * np.mean(gradients, axis=0), self.low, self.high)

"""A blend whose weights adapt until constraints hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine._lists import fold_all, require_numbers, require_rewards
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def multiplier_weights(multipliers: FloatArray) -> FloatArray:
    """Return the softmax of ``(0, z_1, ..., z_K)``: the weights of the reward and of K costs.

    Args:
        multipliers: float64 [K], z.

    Returns:
        float64 [K + 1], above 0, of sum 1.

    Example:
        >>> multiplier_weights(np.array([0.0])).tolist(), multiplier_weights(np.array([])).tolist()
        ([0.5, 0.5], [1.0])
    """
    logits = np.concatenate([[0.0], multipliers])
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), dtype=np.float64)


@register("lagrangian", papers=("A12",))
@dataclass(frozen=True)
class Lagrangian(Reward):
    """Pay a reward less costs, and weigh each cost the more, the longer its mean lies above a limit.

    ``r = w_0 r_0 - sum_k w_k c_k`` with ``w = softmax(0, z_1, ..., z_K)``, and after every ``every`` transitions
    ``z_k += rate * (mean of c_k since the last time - limit_k)``. With costs that are 0 or 1, a limit reads "at most on
    this share of the steps". From the constrained specification of behaviour in "Effective Reward Specification in Deep
    Reinforcement Learning" (2024): recalled from the author's papers, not re-read; ``rate``, ``every``, ``start`` and
    ``bound`` are ours. That the weights add up to 1 keeps the reward's size bounded however large a multiplier grows. A
    goal that must be reached first, which the author calls a bootstrap constraint, is the cost ``-1.0 * success`` with
    the limit ``-0.8``: it pays for success until that comes in 80% of the steps.

    The multipliers follow the policy that is being trained: they are in the reward's state, and so in checkpoints. A
    step's weights do not depend on that step. A cost that is missing is left out of the row's reward and of the mean; a
    row has a score where the reward has one. Segments are dropped.

    Args:
        reward: What is wanted.
        costs: What must stay low on average.
        limits: One number a cost: the mean that is allowed.
        rate: How fast the multipliers move, above 0.
        every: Number of transitions after which they move, at least 1.
        start: What every multiplier starts at.
        bound: The largest absolute value of a multiplier, above 0.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("lagrangian(verify, [size(per=100.0)], [0.5], every=512)"))
        lagrangian(reward=verify, costs=[size(per=100.0)], limits=[0.5], every=512)
    """

    reward: Reward
    costs: tuple[Reward, ...]
    limits: tuple[float, ...]
    rate: float = 0.1
    every: int = 1_000
    start: float = 0.0
    bound: float = 10.0

    def __post_init__(self) -> None:
        require_reward(self, "reward")
        require_rewards(self, "costs")
        require_numbers(self, "limits", len(self.costs))
        require_number(self, "rate", above=0.0)
        require_number(self, "start")
        require_number(self, "bound", above=0.0)
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise RewardiumError(f"lagrangian: 'every' must be a whole number of at least 1, got {self.every!r}")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Pay with the weights as they are, then move them."""
        reward = self.reward.fold(scores, batch, state.child(0))
        costs = fold_all(self.costs, scores, batch, state, first=1)
        memory = self._memory(state)
        weights = multiplier_weights(memory["multipliers"])
        value = weights[0] * reward.value.astype(np.float64)
        for cost, weight in zip(costs, weights[1:], strict=True):
            value -= weight * np.where(cost.valid, cost.value, 0.0).astype(np.float64)
        self._learn(memory, costs, len(batch))
        return add_term(self.registered_name, (reward, *costs), reward.value, Shaped(value, reward.valid))

    def _memory(self, state: RewardState) -> dict[str, Any]:
        if "multipliers" not in state.memory:
            number = len(self.costs)
            start = float(np.clip(self.start, -self.bound, self.bound))
            state.memory.update(
                multipliers=np.full(number, start), sums=np.zeros(number), counts=np.zeros(number), seen=0
            )
        return state.memory

    def _learn(self, memory: dict[str, Any], costs: tuple[Outcome, ...], number: int) -> None:
        """Take a step's costs into the means, and move the multipliers when enough was seen."""
        memory["sums"] += [np.where(cost.valid, cost.value, 0.0).sum(dtype=np.float64) for cost in costs]
        memory["counts"] += [cost.valid.sum() for cost in costs]
        memory["seen"] += number
        if memory["seen"] < self.every:
            return
        limits = np.array(self.limits, dtype=np.float64)
        counted = memory["counts"] > 0
        mean = np.divide(memory["sums"], memory["counts"], out=limits.copy(), where=counted)
        moved = memory["multipliers"] + self.rate * (mean - limits)
        memory["multipliers"] = np.clip(moved, -self.bound, self.bound)
        memory.update(sums=np.zeros(len(costs)), counts=np.zeros(len(costs)), seen=0)

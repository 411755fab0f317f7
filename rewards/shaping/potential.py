"""Potential-based shaping: guidance that leaves the optimal policy as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, payable
from rewardium.rewards.state import RewardState


def potential_difference(
    before: FloatArray, after: FloatArray, elapsed: NDArray[np.int64], gamma: float = 0.99
) -> FloatArray:
    """Return ``gamma * after - gamma ** (1 - elapsed) * before``.

    For ``elapsed = 1`` this is the shaping term of Ng, Harada and Russell (1999). Where the potential was unknown for
    some steps, the factor takes ``before`` back to the time at which it was paid, so that the discounted sum over an
    episode still telescopes exactly.

    Args:
        before: float64 [B], the last potential that was paid.
        after: float64 [B], the potential now.
        elapsed: int64 [B], number of steps between the two, at least 1.
        gamma: The discount, in (0, 1].

    Returns:
        float64 [B]; not finite where a long gap and a small gamma exceed the range of numbers.

    Example:
        >>> one, two = np.array([1, 1, 2]), np.array([4.0, 4.0, 4.0])
        >>> potential_difference(np.array([2.0, 4.0, 2.0]), two, one, gamma=0.5).tolist()
        [0.0, -2.0, -2.0]
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        rebased: FloatArray = np.power(gamma, 1.0 - elapsed) * before
        return gamma * after - rebased


@register("potential")
@dataclass(frozen=True)
class Potential(Shaper):
    """Pay ``gamma * Phi(s') - Phi(s)``, where Phi is the reward's score of the state that a step leads to.

    Ng, Harada and Russell, "Policy invariance under reward transformations" (1999). The discounted sum over an episode
    is ``gamma ** T * Phi(s_T) - initial``, whatever happened on the way. A terminal state has potential 0 by
    definition, so a terminated step is paid also where its score is missing; at a truncation the state goes on, and
    keeps its potential. A step without a score is not paid, and the next one with a score makes up for it.

    Use the discount that the agent trains with; only then is the optimal policy untouched. Segments are dropped: a
    difference of potentials of whole states has no place within an action.

    Args:
        reward: The potential Phi of the state after an action, any finite number.
        gamma: The agent's discount, in (0, 1].
        initial: The potential of an episode's first state, which no action leads to and so no source scores. It shifts
            every return by the same constant.

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("extrinsic + potential(extrinsic, gamma=0.9)"))
        extrinsic + potential(reward=extrinsic, gamma=0.9)
    """

    reward: Reward
    gamma: float = 0.99
    initial: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "gamma", above=0.0, at_most=1.0)
        require_number(self, "initial")

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Pay the differences and remember the potentials."""
        memory = state.episode_arrays(batch, before=float(self.initial), paid_step=-1.0)
        after = np.where(batch.terminated, 0.0, inner.value.astype(np.float64))
        elapsed = np.maximum(batch.step - memory["paid_step"][batch.env].astype(np.int64), 1)
        value = potential_difference(memory["before"][batch.env], after, elapsed, self.gamma)
        paid = (inner.valid | batch.terminated) & payable(value)
        memory["before"][batch.env[paid]] = after[paid]
        memory["paid_step"][batch.env[paid]] = batch.step[paid]
        return Shaped(value, paid)

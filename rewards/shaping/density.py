"""Pay at a share of the steps only, without a change of what the episode is paid in all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper
from rewardium.rewards.state import RewardState


def pays_at(step: FloatArray, share: float) -> NDArray[np.bool_]:
    """Say at which steps a share of all steps pays, as evenly as can be.

    Args:
        step: float64 [B], the numbers of the steps, from 1.
        share: In [0, 1].

    Returns:
        bool [B]: ``floor(share * n) > floor(share * (n - 1))``.

    Example:
        >>> pays_at(np.arange(1.0, 9.0), 0.25).nonzero()[0].tolist(), pays_at(np.arange(1.0, 4.0), 1.0).all().item()
        ([3, 7], True)
    """
    slack = 1e-9  # a third of three steps is one step
    paid: NDArray[np.bool_] = np.floor(share * step + slack) > np.floor(share * (step - 1.0) + slack)
    return paid


@register("density", papers=("B44",))
@dataclass(frozen=True)
class Density(Shaper):
    """Collect a reward over steps and pay it at a share of them, and what is left at the episode's end.

    The axis "reward density" of "A Practitioner's Guide to Multi-turn Agentic Reinforcement Learning", arXiv 2510.01132
    (2025), which compares one reward at the end with rewards at a part of the turns or at all of them: ``share=0`` pays
    at the end alone, 0.25, 0.5 and 1 at every fourth, second and every turn. Every share pays an episode the same in
    sum, so that a comparison is of when, not of how much. The paper's own choice of turns is reconstructed: its rewards
    are for sub-goals, of which a part is left out.

    Steps without a score are not counted and stay without one; where the last step of an episode has none, what waits
    is lost. Segments are dropped.

    Args:
        reward: What is collected.
        share: The share of the steps that pay, in [0, 1].

    Raises:
        RewardiumError: When a parameter is out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("density(extrinsic, share=0.25)"))
        density(reward=extrinsic, share=0.25)
    """

    reward: Reward
    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "share", at_least=0.0, at_most=1.0)

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Collect, and pay where it is due."""
        memory = state.episode_arrays(batch, waiting=0.0, steps=0.0)
        waiting, steps = memory["waiting"], memory["steps"]
        waiting[batch.env] += np.where(inner.valid, inner.value, 0.0)
        steps[batch.env] += inner.valid
        due = inner.valid & (pays_at(steps[batch.env], self.share) | batch.dones)
        value = np.where(due, waiting[batch.env], 0.0)
        waiting[batch.env[due]] = 0.0
        return Shaped(value, inner.valid)

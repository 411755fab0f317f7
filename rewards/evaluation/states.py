"""Score states that no episode led to: each stands alone, as the first step of an episode of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.evaluation.epic import Values
from rewardium.rewards.reward import Reward
from rewardium.rewards.state import RewardState


def batch_of_states(
    observations: Any,
    frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8] | None = None,
    task: Task | None = None,
    extrinsic: Values | None = None,
) -> TransitionBatch:
    """Return B states as transitions whose rows have nothing to do with each other.

    Args:
        observations: Length B.
        frames: Length B, uint8 [height, width, 3] each.
        task: What is to be done in all of them.
        extrinsic: float [B], what the environment pays for being there; unknown by default.

    Returns:
        B transitions, each of an environment of its own.
    """
    size = len(observations)
    return TransitionBatch(
        observations=observations,
        previous_observations=observations,
        actions=[None] * size,
        rewards=np.full(size, np.nan) if extrinsic is None else np.asarray(extrinsic, dtype=np.float64),
        terminated=np.zeros(size, dtype=np.bool_),
        truncated=np.zeros(size, dtype=np.bool_),
        env=np.arange(size, dtype=np.int64),
        episode=np.zeros(size, dtype=np.int64),
        step=np.zeros(size, dtype=np.int64),
        frames=None if frames is None else list(frames),
        tasks=None if task is None else [task] * size,
    )


def state_values(reward: Reward, batch: TransitionBatch) -> Values:
    """Return what a reward pays for states, not a number where it has no score.

    Args:
        reward: The reward; its memory begins anew.
        batch: From ``batch_of_states``.

    Returns:
        float64 [B].

    Example:
        >>> from rewardium.rewards import parse
        >>> batch = batch_of_states([0, 1], extrinsic=np.array([0.5, np.nan]))
        >>> state_values(parse("2.0 * extrinsic"), batch).tolist()
        [1.0, nan]
    """
    outcome = reward.evaluate(batch, RewardState())
    return np.where(outcome.valid, outcome.value.astype(np.float64), np.nan)

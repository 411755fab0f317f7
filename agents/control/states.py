"""Simulator states beside a replay buffer's steps, and frames from them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from rewardium.agents.control.relabel import Frames, ReplayRecord
from rewardium.envs.errors import RewardiumError


class CaptureState(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Write the simulator's state after each step into ``info["state"]``: float64 [nq + nv], positions and velocities.

    Args:
        env: An environment of MuJoCo.

    Raises:
        RewardiumError: When it is none.

    Example:
        >>> env = CaptureState(gym.make("InvertedPendulum-v5"))  # doctest: +SKIP
        >>> env.reset(seed=0)[1]["state"].shape  # doctest: +SKIP
        (4,)
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        state_of(env)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and keep its first state."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, {**info, "state": state_of(self.env)}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and keep its state."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, {**info, "state": state_of(self.env)}


def state_of(env: gym.Env[Any, Any]) -> NDArray[np.float64]:
    """Return a copy of positions and velocities, float64 [nq + nv].

    Raises:
        RewardiumError: When the environment is none of MuJoCo.
    """
    data: Any = getattr(env.unwrapped, "data", None)
    if not hasattr(data, "qpos") or not hasattr(data, "qvel"):
        raise RewardiumError(f"{env.unwrapped} has no state of MuJoCo (data.qpos, data.qvel) to keep")
    return np.concatenate([data.qpos, data.qvel]).astype(np.float64)


def recorded_frames(record: ReplayRecord, env: gym.Env[Any, Any]) -> Frames:
    """Return what renders the places of a record.

    Args:
        record: With states.
        env: An environment of the same id and arguments, which is set to each state and rendered; it is not stepped.

    Returns:
        See ``Frames``.

    Raises:
        RewardiumError: When the record holds no states, or states of another environment.
    """
    size = len(state_of(env))
    if record.states.shape[-1] != size:
        raise RewardiumError(f"the record holds states of {record.states.shape[-1]} numbers, {env} has {size}")
    positions = len(env.unwrapped.data.qpos)  # type: ignore[attr-defined]

    def frames(place: int) -> NDArray[np.uint8]:
        return np.stack([_frame(env, state, positions) for state in record.states[place]])

    return frames


def _frame(env: gym.Env[Any, Any], state: NDArray[np.float64], positions: int) -> NDArray[np.uint8]:
    if not np.isfinite(state).all():
        raise RewardiumError("a step of the replay buffer has no state: it was collected without keep_states")
    env.unwrapped.set_state(state[:positions], state[positions:])  # type: ignore[attr-defined]
    return np.asarray(env.render(), dtype=np.uint8)

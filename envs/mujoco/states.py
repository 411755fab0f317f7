"""States for evaluation: put a body into one, draw them at random, say what they look like and how good they are.

Everything here reads the state. It tells how good a reward is, and no reward may use it.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.environment import MujocoTaskEnv


def task_env(env: gym.Env[Any, Any]) -> MujocoTaskEnv:
    """Return the environment of the family that is within wrappers.

    Raises:
        RewardiumError: When it is another environment.
    """
    base = env.unwrapped
    if not isinstance(base, MujocoTaskEnv):
        raise RewardiumError(f"states can be read and set in environments of rewardium.envs.mujoco, not in {base}")
    return base


def set_state(env: gym.Env[Any, Any], positions: ArrayLike, velocities: ArrayLike | None = None) -> None:
    """Put the body into a state.

    Args:
        env: An environment of the family, wrapped or not, that was reset.
        positions: The positions of all joints [nq].
        velocities: Their velocities [nv]; at rest by default.

    Raises:
        RewardiumError: When it is no environment of the family or no state of it.

    Example:
        >>> from rewardium.envs.mujoco.pendulum_upright import PendulumUprightEnv
        >>> env = PendulumUprightEnv()
        >>> set_state(env, [0.0, 1.5])
        >>> describe(env), round(truth(env), 2)
        ('an inverted pendulum lying to the right', 0.05)
    """
    base = task_env(env)
    base.set_state(positions, np.zeros(base.model.nv) if velocities is None else velocities)


def random_states(
    env: gym.Env[Any, Any], number: int, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw states from all over what a body can be like, those that do the task among them.

    Args:
        env: An environment of the family; its own state stays as it is.
        number: How many, n.
        seed: Fixes them.

    Returns:
        Positions float64 [n, nq] and velocities float64 [n, nv].

    Raises:
        RewardiumError: When it is no environment of the family, or ``number`` is not positive.

    Example:
        >>> from rewardium.envs.mujoco.pendulum_upright import PendulumUprightEnv
        >>> positions, velocities = random_states(PendulumUprightEnv(), 5)
        >>> positions.shape, velocities.shape
        ((5, 2), (5, 2))
    """
    base = task_env(env)
    if number < 1:
        raise RewardiumError(f"the number of states must be positive, got {number}")
    rng = np.random.default_rng(seed)
    states = [base.draw_state(rng) for _ in range(number)]
    return np.stack([state[0] for state in states]), np.stack([state[1] for state in states])


def describe(env: gym.Env[Any, Any]) -> str:
    """Return a caption of the present state, made from the state, e.g. to train a model of pictures and captions.

    Raises:
        RewardiumError: When it is no environment of the family.
    """
    return task_env(env).describe()


def truth(env: gym.Env[Any, Any]) -> float:
    """Return how well the present state does what the task says, in [0, 1].

    Raises:
        RewardiumError: When it is no environment of the family.
    """
    return task_env(env).truth()

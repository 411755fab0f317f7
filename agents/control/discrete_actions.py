"""Continuous actions for an algorithm that chooses among a few: a table of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorActionWrapper, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError

MOST = 1_000
"""Actions of a table; a value is learned for each."""


class DiscreteActions(VectorActionWrapper):
    """Offer every combination of evenly spaced values of each part of the action, by number.

    It stands around whatever pays, so that rewards see the actions that the environments take.

    Args:
        env: A vector environment whose actions are boxes of one dimension.
        levels: Values of each part, from its lowest to its highest; at least 2.

    Raises:
        RewardiumError: When the actions are no such boxes or not bounded, or the table would be too long.

    Example:
        >>> import gymnasium as gym
        >>> venv = DiscreteActions(gym.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync"), levels=5)
        >>> venv.single_action_space, venv.actions(np.array([0, 3])).tolist()
        (Discrete(5), [[-2.0], [1.0]])
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], levels: int) -> None:
        super().__init__(env)
        self.table = action_table(env.single_action_space, levels)
        self.single_action_space = spaces.Discrete(len(self.table))
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def actions(self, actions: Any) -> Any:
        """Look N actions up.

        Args:
            actions: int [N].

        Returns:
            float [N, parts].
        """
        return self.table[np.asarray(actions)]


def action_table(space: Any, levels: int) -> NDArray[Any]:
    """Return every combination of ``levels`` values of each part of an action, float [levels ** parts, parts].

    Raises:
        RewardiumError: When that makes no sense, or is too much.

    Example:
        >>> action_table(spaces.Box(-1, 1, (2,)), 2).tolist()
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded():
        raise RewardiumError(f"a table of actions is made of bounded boxes of one dimension, not of {space}")
    if levels < 2 or levels ** space.shape[0] > MOST:
        raise RewardiumError(
            f"{levels} values for each of {space.shape[0]} parts of an action make {levels ** space.shape[0]} actions, "
            f"and 2 values and at most {MOST} actions can be chosen among; sac takes actions as they are"
        )
    values = [np.linspace(low, high, levels) for low, high in zip(space.low, space.high, strict=True)]
    mesh = np.meshgrid(*values, indexing="ij")
    return np.stack([part.ravel() for part in mesh], axis=1).astype(space.dtype)


def table_of(venv: Any) -> NDArray[Any] | None:
    """Return the table of a vector environment that chooses among one, within wrappers; else None."""
    while venv is not None:
        if isinstance(venv, DiscreteActions):
            table: NDArray[Any] = venv.table
            return table
        venv = getattr(venv, "env", None)
    return None

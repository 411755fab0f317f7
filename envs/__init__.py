"""Environments of the suite; importing this package registers them with Gymnasium.

Registration stores names only: an environment's module is imported when the environment is made.

Example:
    >>> import gymnasium as gym
    >>> import rewardium.envs
    >>> env = gym.make("rewardium/RandomCalculation-v0", num_steps=1)
    >>> observation, info = env.reset(seed=0)
"""

from __future__ import annotations

from rewardium.envs.registration import missing_extra, register_all, registered_ids

__all__ = ["missing_extra", "register_all", "registered_ids"]

register_all()

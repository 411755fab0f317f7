"""ExploRS while Stable-Baselines3 trains: a callback hands each leaf its episodes and the policy's probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from gymnasium.vector import VectorWrapper
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import obs_as_tensor

from rewardium.agents.control.explors_learner import ExploitLearner
from rewardium.agents.control.explors_updates import (
    ExplorsSettings,
    FloatArray,
)
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.reward import Reward
from rewardium.rewards.shaping.explors_exploit import ExplorsExploit
from rewardium.rewards.state import RewardState
from rewardium.rewards.vector import DenseVectorReward


def leaves_of(reward: Reward, state: RewardState) -> Iterator[tuple[ExplorsExploit, RewardState]]:
    """Yield the ``explors_exploit`` leaves of a reward, each with its own part of the state.

    Args:
        reward: The reward.
        state: What the reward remembers.

    Example:
        >>> from rewardium.rewards import parse
        >>> [str(leaf) for leaf, _ in leaves_of(parse("extrinsic + 0.5 * explors_exploit()"), RewardState())]
        ['explors_exploit']
    """
    if isinstance(reward, ExplorsExploit):
        yield reward, state
    for index, child in enumerate(reward.children()):
        yield from leaves_of(child, state.child(index))


class ExplorsUpdates(BaseCallback):
    """Teach the ``explors_exploit`` leaves of an on-policy algorithm's reward after each rollout.

    The algorithm's environment is ``GymnasiumVecEnv(DenseVectorReward(venv, "extrinsic + explors_exploit() +
    count_bonus(key='observation', form='explors')"))``, or the same with ``DeferredVectorReward``, whose own callback
    then stands before this one in the list. The policy's probabilities are computed for the whole rollout in one call,
    before the policy trains on it: they are those that the actions were drawn from. Frames may be stacked around the
    environment: the policy's observations are the stacked ones, the leaf's are the environment's.

    Args:
        settings: How to learn.
        batch_size: The number of observations in one call of the policy.

    Raises:
        RewardiumError: When training begins: when the algorithm is not on-policy or recurrent, its actions are not
            discrete, or its environment's reward has no such leaf.

    Example:
        >>> import gymnasium as gym
        >>> from gymnasium.vector import AutoresetMode
        >>> from stable_baselines3 import PPO
        >>> same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
        >>> venv = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync", vector_kwargs=same_step)
        >>> env = GymnasiumVecEnv(DenseVectorReward(venv, "extrinsic + explors_exploit(model='network')"))
        >>> model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, device="cpu", seed=0)
        >>> callback = ExplorsUpdates(ExplorsSettings(every=1))
        >>> callback = model.learn(128, callback=callback) and callback
        >>> callback.updates > 0
        True
        >>> env.close()
    """

    def __init__(
        self,
        settings: ExplorsSettings | None = None,
        batch_size: int = 4096,
    ) -> None:
        super().__init__()
        self.settings = settings or ExplorsSettings()
        self.batch_size = batch_size
        self.updates = 0

    def _init_callback(self) -> None:
        if not isinstance(self.model, OnPolicyAlgorithm):
            name = type(self.model).__name__
            raise RewardiumError(f"{name} is not on-policy: ExploRS learns from the policy's own play")
        if hasattr(self.model.policy, "lstm_actor"):
            raise RewardiumError("ExploRS needs the policy's probabilities again, which a recurrent policy cannot give")
        if not isinstance(self.model.action_space, Discrete):
            raise RewardiumError(f"ExploRS needs discrete actions, not {self.model.action_space}")
        if not self._learners():
            raise RewardiumError(
                'the reward has no explors_exploit: write e.g. "extrinsic + explors_exploit() + '
                "count_bonus(key='observation', form='explors')\""
            )

    def _learners(self) -> list[ExploitLearner]:
        """Find the leaves anew each time, since loading a checkpoint replaces the reward's state."""
        venv = _rewarded(self.model)
        return [ExploitLearner(leaf, state, self.settings) for leaf, state in leaves_of(venv.reward, venv.state)]

    def _on_rollout_start(self) -> None:
        for learner in self._learners():
            learner.begin()

    def _on_rollout_end(self) -> None:
        probabilities = self._probabilities()
        learners = self._learners()
        self.updates += sum(learner.label(probabilities) for learner in learners)
        self.logger.record("explors/updates", self.updates)
        self.logger.record("explors/episodes", sum(learner.memory.get("finished", 0) for learner in learners))

    def _probabilities(self) -> FloatArray:
        """Return the policy's probabilities over the rollout: float64 [T, N, A]."""
        model: Any = self.model
        observations = model.rollout_buffer.observations
        columns = observations if isinstance(observations, dict) else {"": observations}
        steps, envs = next(iter(columns.values())).shape[:2]
        flat = {name: column.reshape(steps * envs, *column.shape[2:]) for name, column in columns.items()}
        found = []
        with torch.no_grad():
            for start in range(0, steps * envs, self.batch_size):
                part: Any = {name: column[start : start + self.batch_size] for name, column in flat.items()}
                tensors = obs_as_tensor(part if isinstance(observations, dict) else part[""], model.device)
                found.append(model.policy.get_distribution(tensors).distribution.probs.double().cpu().numpy())
        return np.concatenate(found).reshape(steps, envs, -1)

    def _on_step(self) -> bool:
        return True


def _rewarded(model: Any) -> DenseVectorReward | DeferredVectorReward:
    """Return the wrapper inside an algorithm's environment that pays its reward."""
    env = model.get_env()
    adapter = None if env is None else env.unwrapped
    venv: Any = adapter.venv if isinstance(adapter, GymnasiumVecEnv) else None
    while isinstance(venv, VectorWrapper):
        if isinstance(venv, (DenseVectorReward, DeferredVectorReward)):
            return venv
        venv = venv.env
    raise RewardiumError(
        f"ExploRS needs the environment GymnasiumVecEnv(DenseVectorReward(venv, reward)); the algorithm has {env}"
    )

"""Deferred rewards in Stable-Baselines3: score what was collected in one pass, and write the rewards back.

A large reward model is used well when it scores a whole rollout in one batch instead of one step of the environments
at a time. ``DeferredVectorReward`` pays 0 while the environments step; the callbacks here fill in the rewards before
the algorithm trains on them. A step that only some terms could score is paid what those terms say; a step without any
score is paid 0.

Example:
    >>> import gymnasium as gym
    >>> from gymnasium.vector import AutoresetMode
    >>> from stable_baselines3 import PPO
    >>> from rewardium.agents.control.vec_env import GymnasiumVecEnv
    >>> from rewardium.rewards.deferred import DeferredVectorReward
    >>> same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
    >>> venv = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync", vector_kwargs=same_step)
    >>> env = GymnasiumVecEnv(DeferredVectorReward(venv, "2.0 * extrinsic"))
    >>> model = PPO("MlpPolicy", env, n_steps=8, batch_size=16, n_epochs=1, device="cpu")
    >>> model = model.learn(16, callback=DeferredRolloutRewards())
    >>> env.close()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorWrapper
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize, unwrap_vec_normalize
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredRewards, DeferredVectorReward
from rewardium.rewards.ledger import LedgerSummary

# A batch that fills a vision model on a GPU, and few enough steps that the policy does not lag behind.
_COLLECTED = 256

OnScored = Callable[[DeferredRewards], None]


class DeferredRolloutRewards(BaseCallback):
    """Pay an on-policy algorithm (PPO, A2C, TRPO, and their recurrent and maskable kin) its deferred rewards.

    The rewards are added to the rollout buffer just before the algorithm computes returns and advantages from it, so
    what it adds itself, the discounted value of the terminal observation where a limit ended an episode, stays.

    Args:
        on_scored: Called with all that was scored, also with steps that the algorithm dropped.

    Raises:
        RewardiumError: When training begins: when the algorithm is not on-policy, its environment holds no
            ``DeferredVectorReward``, or rewards are normalised while they are still 0.
    """

    def __init__(self, on_scored: OnScored | None = None) -> None:
        super().__init__()
        self._venv: DeferredVectorReward | None = None
        self._on_scored = on_scored

    def _init_callback(self) -> None:
        if not isinstance(self.model, OnPolicyAlgorithm):
            raise RewardiumError(f"{type(self.model).__name__} is not on-policy: use DeferredReplayRewards")
        self._venv = deferred_of(self.model)
        # The hook hands on exactly the last values and dones that the algorithm uses; not every algorithm shows them
        # to its callbacks at the rollout's end.
        self.model.rollout_buffer.compute_returns_and_advantage = self._pay_and_compute  # type: ignore[method-assign]

    def _pay_and_compute(self, last_values: torch.Tensor, dones: NDArray[np.bool_]) -> None:
        buffer = _rollout_buffer(self.model)
        scored = _scored(self._venv, self._on_scored)
        if scored.rewards.shape != buffer.rewards.shape:
            raise RewardiumError(
                f"deferred rewards of shape {scored.rewards.shape} (steps, environments) for a rollout of "
                f"{buffer.rewards.shape}: something else stepped the training environment during the rollout"
            )
        buffer.rewards += scored.rewards
        type(buffer).compute_returns_and_advantage(buffer, last_values, dones)
        log_scored(self, scored)

    def _on_rollout_start(self) -> None:
        # Only a rollout that a callback stopped leaves steps behind: scored, because the reward's memory must see
        # every step of an episode, and dropped, because the algorithm dropped them too.
        _scored(self._venv, self._on_scored)

    def _on_training_end(self) -> None:
        _rollout_buffer(self.model).__dict__.pop("compute_returns_and_advantage", None)

    def _on_step(self) -> bool:
        return True


class DeferredReplayRewards(BaseCallback):
    """Pay an off-policy algorithm (DQN, SAC, TD3 and their kin) its deferred rewards.

    After each collection (``train_freq`` steps) the rewards go to the positions of the replay buffer that were just
    written, before the next gradient step.

    Args:
        on_scored: Called with all that was scored, also with a step that the algorithm dropped.

    Raises:
        RewardiumError: When training begins: when the algorithm is not off-policy, its environment holds no
            ``DeferredVectorReward``, its replay buffer makes rewards of its own (HER), or rewards are normalised while
            they are still 0.
    """

    def __init__(self, on_scored: OnScored | None = None) -> None:
        super().__init__()
        self._venv: DeferredVectorReward | None = None
        self._on_scored = on_scored

    def _init_callback(self) -> None:
        if not isinstance(self.model, OffPolicyAlgorithm):
            raise RewardiumError(f"{type(self.model).__name__} is not off-policy: use DeferredRolloutRewards")
        if isinstance(self.model.replay_buffer, HerReplayBuffer):
            raise RewardiumError(
                "HerReplayBuffer computes rewards for goals of its own: it cannot be paid deferred rewards"
            )
        self._venv = deferred_of(self.model)

    def _on_rollout_end(self) -> None:
        self._write_back(dropped=0)

    def _on_training_end(self) -> None:
        # The algorithm does not store the step on which a callback stopped it.
        self._write_back(dropped=1)

    def _write_back(self, dropped: int) -> None:
        scored = _scored(self._venv, self._on_scored)
        buffer = _replay_buffer(self.model)
        rewards = scored.rewards[: max(len(scored.rewards) - dropped, 0)][-buffer.buffer_size :]
        buffer.rewards[written_positions(buffer.pos, len(rewards), buffer.buffer_size)] = rewards
        log_scored(self, scored)

    def _on_step(self) -> bool:
        return True


def collection_settings(algorithm: str, num_envs: int) -> dict[str, int]:
    """Return how much an off-policy algorithm collects between updates where its rewards are deferred.

    By itself SAC updates after each step of the environments, so that a model would score a handful of frames at a
    time. Gradient steps for each environment step stay as they are.

    Args:
        algorithm: A name as in ``ControlConfig``.
        num_envs: Environments.

    Returns:
        Settings of the algorithm; none for an on-policy one, which collects long rollouts anyway.

    Example:
        >>> collection_settings("dqn", 8), collection_settings("sac", 8), collection_settings("ppo", 8)
        ({'train_freq': 32, 'gradient_steps': 64}, {'train_freq': 32}, {})
    """
    steps = max(_COLLECTED // num_envs, 1)
    if algorithm == "dqn":
        return {"train_freq": steps, "gradient_steps": max(steps * num_envs // 4, 1)}
    return {"train_freq": steps} if algorithm == "sac" else {}


def written_positions(position: int, count: int, size: int) -> NDArray[np.int64]:
    """Return the places of a ring that were written last.

    Args:
        position: The place that is written next.
        count: How many places were written, at most ``size``.
        size: The number of places.

    Returns:
        int64 [count], oldest first.

    Example:
        >>> written_positions(position=1, count=3, size=5).tolist()
        [3, 4, 0]
    """
    return (position - count + np.arange(count, dtype=np.int64)) % size


def deferred_of(model: BaseAlgorithm) -> DeferredVectorReward:
    """Return the ``DeferredVectorReward`` inside an algorithm's environment.

    Raises:
        RewardiumError: When there is none, or the environment normalises rewards.
    """
    env = model.get_env()
    normalize = None if env is None else unwrap_vec_normalize(env)
    if isinstance(normalize, VecNormalize) and normalize.norm_reward:
        raise RewardiumError("VecNormalize would normalise rewards that are still 0: set norm_reward=False")
    adapter = None if env is None else env.unwrapped
    venv: Any = adapter.venv if isinstance(adapter, GymnasiumVecEnv) else None
    while isinstance(venv, VectorWrapper):
        if isinstance(venv, DeferredVectorReward):
            return venv
        venv = venv.env
    raise RewardiumError(
        "deferred rewards need the environment GymnasiumVecEnv(DeferredVectorReward(venv, reward)); "
        f"the algorithm has {env}"
    )


def log_scored(callback: BaseCallback, scored: DeferredRewards) -> None:
    """Record the mean reward, the share of steps with a score, and every term of the ledger."""
    if not scored.outcomes:
        return
    summary = LedgerSummary()
    for outcome in scored.outcomes:
        summary.add(outcome)
    metrics = {
        "rollout/shaped_reward_mean": float(scored.rewards.mean()),
        "rollout/reward_valid": float(scored.valid.mean()),
    }
    for name, value in {**metrics, **summary.metrics()}.items():
        callback.logger.record(name, value)


def _scored(venv: DeferredVectorReward | None, on_scored: OnScored | None) -> DeferredRewards:
    if venv is None:
        raise RewardiumError("the callback was not given to an algorithm's learn()")
    scored = venv.score()
    if on_scored is not None and scored.outcomes:
        on_scored(scored)
    return scored


def _rollout_buffer(model: BaseAlgorithm) -> RolloutBuffer:
    buffer = model.rollout_buffer if isinstance(model, OnPolicyAlgorithm) else None
    if buffer is None:
        raise RewardiumError(f"{type(model).__name__} has no rollout buffer")
    return buffer


def _replay_buffer(model: BaseAlgorithm) -> ReplayBuffer:
    buffer = model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None
    if buffer is None:
        raise RewardiumError(f"{type(model).__name__} has no replay buffer")
    return buffer

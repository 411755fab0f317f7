"""Deferred scoring: collect a rollout first, score it in one pass afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import build
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.state import RewardState
from rewardium.rewards.vector import paid, vector_tracker


@dataclass(frozen=True, slots=True)
class DeferredRewards:
    """The rewards of a finished rollout of T steps in N environments.

    Args:
        rewards: float32 [T, N]; 0 where no term had a score or the row only reset.
        valid: bool [T, N].
        batches: The transitions of each step.
        outcomes: Value, validity and ledger of each step, for the rows of its batch.
    """

    rewards: NDArray[np.float32]
    valid: NDArray[np.bool_]
    batches: list[TransitionBatch]
    outcomes: list[Outcome]


class DeferredVectorReward(VectorWrapper):
    r"""Collect transitions while the environments step, pay 0, and score all of them when asked.

    One model call then covers the whole rollout, which is how a large reward model is used efficiently. The rewards
    equal those that ``DenseVectorReward`` pays at once.

    Args:
        env: The vector environment.
        reward: A reward, or an expression or config that builds one.

    Raises:
        RewardiumError: When the reward cannot be built, or needs what the environment cannot give.

    Example:
        >>> import gymnasium as gym, rewardium.envs
        >>> venv = gym.make_vec("rewardium/RandomCalculation-v0", num_envs=2, num_steps=1)
        >>> venv = DeferredVectorReward(venv, "verify")
        >>> _, infos = venv.reset(seed=0)
        >>> _, rewards, *_ = venv.step([f"\\boxed{{{task.reference}}}" for task in infos["task"]])
        >>> rewards.tolist(), venv.score().rewards.tolist()
        ([0.0, 0.0], [[1.0, 1.0]])
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], reward: Reward | Any) -> None:
        super().__init__(env)
        self.reward = build(reward)
        self.state = RewardState()
        self._tracker = vector_tracker(env, self.reward)
        self._batches: list[TransitionBatch] = []

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments; transitions collected so far are kept until they are scored."""
        mask = None if options is None else options.get("reset_mask")
        observations, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._tracker.reset(observations, infos, mask)
        return observations, infos

    def step(  # type: ignore[override]
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step the environments, remember the transitions and pay 0 (float32 [N])."""
        self._tracker.require_begun()
        observations, extrinsic, terminated, truncated, infos = self.env.step(actions)
        batch = self._tracker.step(actions, observations, extrinsic, terminated, truncated, infos)
        self._batches.append(batch.copied("actions", "frames"))
        infos = {
            **infos,
            "extrinsic_reward": np.array(extrinsic),
            "_extrinsic_reward": np.ones(self.num_envs, dtype=np.bool_),
        }
        return observations, np.zeros(self.num_envs, dtype=np.float32), terminated, truncated, infos

    def score(self) -> DeferredRewards:
        """Score every transition since the last call in one pass, and forget them.

        Returns:
            The rewards of T steps; T is 0 where no step was taken.
        """
        batches, self._batches = self._batches, []
        outcomes = self.reward.evaluate_rollout(batches, self.state)
        rewards = np.zeros((len(batches), self.num_envs), dtype=np.float32)
        valid = np.zeros((len(batches), self.num_envs), dtype=np.bool_)
        for step, (batch, outcome) in enumerate(zip(batches, outcomes, strict=True)):
            rewards[step] = paid(outcome, batch.env, self.num_envs)
            valid[step, batch.env] = outcome.valid
        return DeferredRewards(rewards, valid, batches, outcomes)

"""Deferred scoring: collect a rollout first, and score it afterwards in one pass, or a few if its frames are many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import build
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.state import RewardState
from rewardium.rewards.vector import RewardMemory, paid, vector_tracker

MAX_BYTES = 64 * 2**20
"""Frames that are held before they are scored, in bytes: 445 frames of 224 x 224, more than a model takes at once."""


@dataclass(frozen=True, slots=True)
class DeferredRewards:
    """The rewards of a finished rollout of T steps in N environments.

    Args:
        rewards: float32 [T, N]; 0 where no term had a score or the row only reset.
        valid: bool [T, N].
        batches: The transitions of each step; those scored on the way, see ``DeferredVectorReward``, without frames
            and histories.
        outcomes: Value, validity and ledger of each step, for the rows of its batch.
    """

    rewards: NDArray[np.float32]
    valid: NDArray[np.bool_]
    batches: list[TransitionBatch]
    outcomes: list[Outcome]


class DeferredVectorReward(RewardMemory, VectorWrapper):
    r"""Collect transitions while the environments step, pay 0, and score all of them when asked.

    One model call then covers the whole rollout, which is how a large reward model is used efficiently. Ten thousand
    frames of 224 x 224 would take 1.5 GB, so that frames are scored on the way as soon as ``max_bytes`` of them lie in
    memory, and then only the scores are kept. Either way the rewards equal those that ``DenseVectorReward`` pays at
    once, but for how a model rounds in batches of another size.

    Args:
        env: The vector environment.
        reward: A reward, or an expression or config that builds one.
        max_bytes: Bytes of frames at which those held are scored; at least 1. At most one step more lies in memory.

    Raises:
        RewardiumError: When the reward cannot be built, or needs what the environment cannot give, or ``max_bytes`` is
            below 1.

    Example:
        >>> import gymnasium as gym, rewardium.envs
        >>> venv = gym.make_vec("rewardium/RandomCalculation-v0", num_envs=2, num_steps=1)
        >>> venv = DeferredVectorReward(venv, "verify")
        >>> _, infos = venv.reset(seed=0)
        >>> _, rewards, *_ = venv.step([f"\\boxed{{{task.reference}}}" for task in infos["task"]])
        >>> rewards.tolist(), venv.score().rewards.tolist()
        ([0.0, 0.0], [[1.0, 1.0]])
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], reward: Reward | Any, *, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(env)
        if max_bytes < 1:
            raise RewardiumError(f"max_bytes must be at least 1, got {max_bytes}")
        self.reward = build(reward)
        self.max_bytes = max_bytes
        self.state = RewardState()
        self._tracker = vector_tracker(env, self.reward)
        self._batches: list[TransitionBatch] = []
        self._outcomes: list[Outcome] = []  # of the first batches, which are scored already
        self._held = 0

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
        self._held += frame_bytes(batch)
        if self._held >= self.max_bytes:
            self._score_held()
        infos = {
            **infos,
            "extrinsic_reward": np.array(extrinsic),
            "_extrinsic_reward": np.ones(self.num_envs, dtype=np.bool_),
        }
        return observations, np.zeros(self.num_envs, dtype=np.float32), terminated, truncated, infos

    def score(self) -> DeferredRewards:
        """Score every transition since the last call that is not scored yet, and forget them.

        Returns:
            The rewards of T steps; T is 0 where no step was taken.
        """
        self._score_held()
        batches, self._batches = self._batches, []
        outcomes, self._outcomes = self._outcomes, []
        rewards = np.zeros((len(batches), self.num_envs), dtype=np.float32)
        valid = np.zeros((len(batches), self.num_envs), dtype=np.bool_)
        for step, (batch, outcome) in enumerate(zip(batches, outcomes, strict=True)):
            rewards[step] = paid(outcome, batch.env, self.num_envs)
            valid[step, batch.env] = outcome.valid
        return DeferredRewards(rewards, valid, batches, outcomes)

    def _score_held(self) -> None:
        """Score the steps that are not scored yet; what made them large is let go where there is much of it."""
        done = len(self._outcomes)
        self._outcomes += self.reward.evaluate_rollout(self._batches[done:], self.state)
        if self._held >= self.max_bytes:
            self._batches[done:] = [replace(batch, frames=None, histories=None) for batch in self._batches[done:]]
        self._held = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what the reward remembers as plain JSON values, for a checkpoint between two resets.

        Returns:
            The same as ``DenseVectorReward.state_dict``, so that either wrapper goes on from the other's.

        Raises:
            RewardiumError: When steps wait to be scored, which the reward does not remember yet.
        """
        if self._batches:
            raise RewardiumError(f"{len(self._batches)} steps wait to be scored: call score() before state_dict()")
        return super().state_dict()


def frame_bytes(batch: TransitionBatch) -> int:
    """Return the bytes of a batch's frames."""
    if batch.frames is None:
        return 0
    return sum(int(np.asarray(frame).nbytes) for frame in batch.frames if frame is not None)

"""A composed reward on a vector of environments: every source scores all of them in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import TextVectorEnv, no_actions
from rewardium.envs.tracker import TransitionTracker, autoreset_mode_of
from rewardium.rewards.ledger import vector_entries
from rewardium.rewards.registry import build
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.state import RewardState
from rewardium.rewards.wrappers import check_frames


def vector_tracker(venv: VectorEnv[Any, Any, Any], reward: Reward) -> TransitionTracker:
    """Return a tracker that collects from a vector environment what a reward needs.

    Args:
        venv: The vector environment; its autoreset mode says how it resets.
        reward: The reward.

    Raises:
        RewardiumError: When the reward needs frames and the environment renders none.
    """
    check_frames(reward, venv.render_mode)
    mode = autoreset_mode_of(venv)

    def caption() -> list[str]:
        base: Any = venv.unwrapped  # Gymnasium's vector wrappers do not hand call() on
        if not hasattr(base, "call"):
            raise RewardiumError(f"a reward source needs text, but {base} gives none: put it into infos['text']")
        return list(base.call("caption"))

    return TransitionTracker(
        venv.num_envs,
        reward.needs,
        autoreset_mode=mode,
        observation_space=venv.observation_space,
        render=venv.render,
        caption=caption,
        waits=no_actions if mode is AutoresetMode.DISABLED and isinstance(venv.unwrapped, TextVectorEnv) else None,
    )


class RewardMemory:
    """What a wrapper of a vector of environments keeps in checkpoints; a mix-in."""

    num_envs: int
    state: RewardState
    _tracker: TransitionTracker

    def state_dict(self) -> dict[str, Any]:
        """Return what the reward remembers as plain JSON values, for a checkpoint between two resets."""
        return {"reward": self.state.state_dict(), "episode": self._tracker.episode.tolist()}

    def load_state_dict(self, plain: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` returned, with the same number of environments.

        Raises:
            RewardiumError: When it belongs to another number of environments.
        """
        if len(plain["episode"]) != self.num_envs:
            raise RewardiumError(f"a state of {len(plain['episode'])} environments does not fit {self.num_envs}")
        self.state = RewardState.from_state_dict(plain["reward"])
        self._tracker.episode[:] = plain["episode"]


class DenseVectorReward(RewardMemory, VectorWrapper):
    r"""The batched twin of ``DenseReward``: one ``score`` call a source for all N environments.

    All three autoreset modes are understood; the row of a step that only resets pays 0.0 and has no ledger line.

    Args:
        env: The vector environment.
        reward: A reward, or an expression or config that builds one.

    Raises:
        RewardiumError: When the reward cannot be built, or needs what the environment cannot give.

    Example:
        >>> import gymnasium as gym, rewardium.envs
        >>> venv = gym.make_vec("rewardium/RandomCalculation-v0", num_envs=4, num_steps=1)
        >>> venv = DenseVectorReward(venv, "verify + 0.5 * format")
        >>> _, infos = venv.reset(seed=0)
        >>> _, rewards, _, _, infos = venv.step([f"\\boxed{{{task.reference}}}" for task in infos["task"]])
        >>> rewards.tolist(), infos["reward_terms"]["verify"]["raw"].tolist()
        ([1.5, 1.5, 1.5, 1.5], [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], reward: Reward | Any) -> None:
        super().__init__(env)
        self.reward = build(reward)
        self.state = RewardState()
        self._tracker = vector_tracker(env, self.reward)

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments; the reward begins new episodes where they were reset."""
        mask = None if options is None else options.get("reset_mask")  # Gymnasium pops it out of the options
        observations, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._tracker.reset(observations, infos, mask)
        return observations, infos

    def step(  # type: ignore[override]
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step the environments and pay the composed reward.

        Returns:
            Observations, rewards float32 [N], terminated bool [N], truncated bool [N], infos with the ledger.
        """
        self._tracker.require_begun()
        observations, extrinsic, terminated, truncated, infos = self.env.step(actions)
        batch = self._tracker.step(actions, observations, extrinsic, terminated, truncated, infos)
        outcome = self.reward.evaluate(batch, self.state)
        infos = {**infos, **vector_entries(outcome, batch.env, self.num_envs, np.array(extrinsic))}
        return observations, paid(outcome, batch.env, self.num_envs), terminated, truncated, infos


def paid(outcome: Outcome, rows: NDArray[np.int64], num_envs: int) -> NDArray[np.float32]:
    """Spread an outcome of B rows over N environments; rows without a transition pay 0.

    Args:
        outcome: The outcome of B rows.
        rows: int64 [B], their environments.
        num_envs: N.

    Returns:
        float32 [N].
    """
    rewards = np.zeros(num_envs, dtype=np.float32)
    rewards[rows] = outcome.value
    return rewards

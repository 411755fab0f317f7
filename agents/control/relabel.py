"""Give a whole replay buffer the rewards of another reward, or of one that has learned since.

A replay buffer holds observations and actions, no frames, and what was paid, not what the environment said. A
``ReplayRecord`` keeps the rest beside it: the environment's own rewards, and the state of the simulator, from which a
frame can be rendered again at a thousandth of its size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from rewardium.agents.control.deferred import written_positions
from rewardium.agents.control.discrete_actions import table_of
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.deferred import MAX_BYTES, frame_bytes
from rewardium.rewards.reward import Reward
from rewardium.rewards.state import RewardState
from rewardium.rewards.vector import paid

Frames = Callable[[int], NDArray[np.uint8]]
"""From a place of the replay buffer to the frames of its step, uint8 [N, height, width, 3]."""

_SEEN = frozenset({"observation", "action", "task", "frame"})
_STEPS = 256


class ReplayRecord:
    """What a replay buffer leaves out of its steps, in arrays of the same places.

    Args:
        size: Places of the replay buffer.
        num_envs: Number of environments N.
        state_size: Numbers of a simulator's state; 0 where none is kept.
    """

    def __init__(self, size: int, num_envs: int, state_size: int = 0) -> None:
        self.extrinsic: NDArray[np.float64] = np.full((size, num_envs), np.nan)
        self.states: NDArray[np.float64] = np.full((size, num_envs, state_size), np.nan)

    def state_dict(self, order: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Return the places in the given order, oldest first."""
        return {"extrinsic": self.extrinsic[order], "states": self.states[order]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Fill the first places with the newest that fit.

        Raises:
            RewardiumError: When it is the record of other environments, or one with other states.
        """
        for name, target in (("extrinsic", self.extrinsic), ("states", self.states)):
            column = np.asarray(state[name])
            if column.shape[1:] != target.shape[1:]:
                raise RewardiumError(
                    f"a record of {name} of the shape {column.shape[1:]} does not fit {target.shape[1:]}: go on with "
                    "the environments and the keep_states that the run began with"
                )
            rows = min(len(column), len(target))
            target[:rows] = column[len(column) - rows :]


class KeepRecord(BaseCallback):
    """Fill a ``ReplayRecord`` while an off-policy algorithm collects.

    The environment's own reward is read from ``infos[i]["extrinsic_reward"]``, the state from ``infos[i]["state"]``,
    where the record has room for it.

    Args:
        record: The record, of the replay buffer's size.
    """

    def __init__(self, record: ReplayRecord) -> None:
        super().__init__()
        self.record = record

    def _on_step(self) -> bool:
        place = _replay_buffer(self.model).pos  # the algorithm stores the step once its callbacks have seen it
        infos = self.locals["infos"]
        self.record.extrinsic[place] = [info["extrinsic_reward"] for info in infos]
        if self.record.states.shape[-1]:
            self.record.states[place] = [info["state"] for info in infos]
        return True


@dataclass(frozen=True)
class Relabelled:
    """What came of it.

    Args:
        steps: Steps of one environment.
        valid: The share of all rows that had a score.
        mean: The mean reward.
        state: What the reward remembers after the newest step.
        episodes: int64 [N], the number of the episode that each environment is in.
    """

    steps: int
    valid: float
    mean: float
    state: RewardState
    episodes: NDArray[np.int64]


def relabel_replay(
    model: OffPolicyAlgorithm,
    reward: Reward,
    *,
    frames: Frames | None = None,
    extrinsic: NDArray[np.float64] | None = None,
    task: Task | None = None,
    max_bytes: int = MAX_BYTES,
    on_progress: Callable[[int, int], None] | None = None,
) -> Relabelled:
    """Score every step of a replay buffer, oldest first, and write the rewards in place of those that were paid.

    Frames are made, scored and forgotten in chunks of ``max_bytes``. A step that only some terms can score is paid what
    those say; a step without any score is paid 0. Where the ring has gone round, an environment's oldest episode has
    lost its beginning: a reward that remembers takes the oldest step that is left for the first.

    Args:
        model: The algorithm whose buffer it is.
        reward: The reward; its memory begins anew.
        frames: Makes frames, where the reward needs them; see ``recorded_frames``.
        extrinsic: float [places, N], the environment's own rewards, from a ``ReplayRecord``; without them a term
            ``extrinsic`` has no score.
        task: What all environments are to do, where a source needs it.
        max_bytes: Bytes of frames in memory at a time.
        on_progress: Called with the steps done and their number after each chunk.

    Returns:
        A summary, and the reward's memory to go on with.

    Raises:
        RewardiumError: When the reward needs what no replay buffer holds, or the buffer is of a kind that makes rewards
            or observations of its own.

    Example:
        >>> from rewardium.agents.control.environments import make_venv
        >>> from rewardium.agents.control.vec_env import GymnasiumVecEnv
        >>> from rewardium.rewards import parse
        >>> from stable_baselines3 import DQN
        >>> env = GymnasiumVecEnv(make_venv("CartPole-v1", 2))
        >>> model = DQN("MlpPolicy", env, buffer_size=40, learning_starts=99, device="cpu").learn(40)
        >>> record = np.full((20, 2), 0.25)
        >>> relabel_replay(model, parse("2.0 * extrinsic"), extrinsic=record).mean
        0.5
        >>> model.replay_buffer.rewards.min().item()
        0.5
    """
    buffer = _replay_buffer(model)
    _check(buffer, reward, frames)
    places = written_positions(buffer.pos, buffer.size(), buffer.buffer_size)
    state, episodes = RewardState(), _Episodes(buffer.n_envs)
    held: list[tuple[int, TransitionBatch]] = []
    scored, total, size = 0, 0.0, 0
    for done, place in enumerate(places.tolist(), start=1):
        shown = None if frames is None else list(frames(place))
        held.append((place, _batch(model, buffer, place, shown, extrinsic, task, episodes)))
        size += frame_bytes(held[-1][1])
        if done == len(places) or len(held) == _STEPS or size >= max_bytes:
            outcomes = reward.evaluate_rollout([batch for _, batch in held], state)
            for (where, batch), outcome in zip(held, outcomes, strict=True):
                buffer.rewards[where] = paid(outcome, batch.env, buffer.n_envs)
                scored, total = scored + int(outcome.valid.sum()), total + float(buffer.rewards[where].sum())
            held, size = [], 0
            if on_progress is not None:
                on_progress(done, len(places))
    rows = max(len(places) * buffer.n_envs, 1)
    return Relabelled(len(places), scored / rows, total / rows, state, episodes.episode)


class _Episodes:
    """Number the episodes of each environment, and their steps, from the ends that a buffer holds."""

    def __init__(self, num_envs: int) -> None:
        self.episode: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self.step: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)

    def advance(self, ended: NDArray[np.bool_]) -> None:
        self.step = np.where(ended, 0, self.step + 1)
        self.episode = self.episode + ended


def _check(buffer: ReplayBuffer, reward: Reward, frames: Frames | None) -> None:
    if isinstance(buffer, HerReplayBuffer):
        raise RewardiumError("HerReplayBuffer computes rewards for goals of its own: it cannot be relabelled")
    if buffer.optimize_memory_usage:
        raise RewardiumError("a buffer with optimize_memory_usage holds no terminal observations to relabel")
    if reward.needs - _SEEN:
        raise RewardiumError(
            f"a replay buffer holds no {' and no '.join(sorted(reward.needs - _SEEN))}, which {reward} needs"
        )
    if "frame" in reward.needs and frames is None:
        raise RewardiumError(
            f"a replay buffer holds no frames, which {reward} needs: train with keep_states on an environment of MuJoCo"
        )


def _batch(
    model: OffPolicyAlgorithm,
    buffer: ReplayBuffer,
    place: int,
    frames: list[Any] | None,
    extrinsic: NDArray[np.float64] | None,
    task: Task | None,
    episodes: _Episodes,
) -> TransitionBatch:
    ended = buffer.dones[place].astype(np.bool_)
    truncated = buffer.timeouts[place].astype(np.bool_)
    batch = TransitionBatch(
        observations=_rows(buffer.next_observations, place, buffer.n_envs),
        previous_observations=_rows(buffer.observations, place, buffer.n_envs),
        actions=_actions(model, buffer.actions[place]),
        rewards=np.full(buffer.n_envs, np.nan) if extrinsic is None else extrinsic[place].astype(np.float64),
        terminated=ended & ~truncated,
        truncated=ended & truncated,
        env=np.arange(buffer.n_envs, dtype=np.int64),
        episode=episodes.episode,
        step=episodes.step,
        frames=frames,
        tasks=None if task is None else [task] * buffer.n_envs,
    )
    episodes.advance(ended)
    return batch


def _rows(column: Any, place: int, num_envs: int) -> Any:
    if isinstance(column, dict):
        return [{key: value[place, row] for key, value in column.items()} for row in range(num_envs)]
    return column[place]


def _actions(model: OffPolicyAlgorithm, stored: NDArray[Any]) -> NDArray[Any]:
    """Return actions as the environment took them: a buffer holds them scaled, and whole numbers in a row of one."""
    if isinstance(model.action_space, spaces.Box):
        return np.asarray(model.policy.unscale_action(stored))
    chosen = stored[:, 0] if isinstance(model.action_space, spaces.Discrete) else stored
    adapter = None if model.env is None else model.env.unwrapped
    table = table_of(adapter.venv) if isinstance(adapter, GymnasiumVecEnv) else None
    return chosen if table is None else table[chosen]


def _replay_buffer(model: Any) -> ReplayBuffer:
    buffer = model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None
    if buffer is None:
        raise RewardiumError(f"{type(model).__name__} has no replay buffer")
    return buffer

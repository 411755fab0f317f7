"""Every way in which a reward can be applied, each giving the same record of what was paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from rewardium.envs.capture import Capture
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.reward import Reward
from rewardium.rewards.vector import DenseVectorReward
from rewardium.rewards.wrappers import DenseReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages, MultiTurnText, SingleTurnText

Key = tuple[int, int, int]
"""Environment, episode, step."""


@dataclass(frozen=True)
class Paid:
    """What one step of one episode was paid."""

    reward: float
    valid: bool
    terms: dict[str, tuple[float, float, float, bool]]
    extrinsic: float


@dataclass(frozen=True)
class Shape:
    """An environment, and a policy that depends on the place in the record alone."""

    make: Callable[[], gym.Env[Any, Any]]
    act: Callable[[np.random.Generator], Any]
    frames: bool = False

    def action(self, env: int, episode: int, step: int) -> Any:
        return self.act(np.random.default_rng((env, episode, step)))

    def vector(self, mode: AutoresetMode, num_envs: int, *, processes: bool = False) -> VectorEnv[Any, Any, Any]:
        makers = [lambda: Capture(self.make()) if self.frames else self.make()] * num_envs
        if processes:
            return AsyncVectorEnv(makers, shared_memory=False, autoreset_mode=mode)
        return SyncVectorEnv(makers, autoreset_mode=mode)


SHAPES = {
    "single-turn text": Shape(SingleTurnText, lambda rng: " ".join(map(str, rng.integers(0, 19, rng.integers(0, 9))))),
    "multi-turn text": Shape(MultiTurnText, lambda rng: str(rng.integers(0, 5)) * int(rng.integers(1, 4))),
    "discrete with messages": Shape(DiscreteMessages, lambda rng: int(rng.integers(0, 3))),
    "continuous with frames": Shape(
        lambda: ContinuousFrames("rgb_array"), lambda rng: rng.uniform(-1, 1, 2).astype(np.float32), frames=True
    ),
}


def scalar(shape: Shape, reward: Reward, num_envs: int, episodes: int) -> dict[Key, Paid]:
    """Apply the reward at once, one wrapper an environment."""
    record = {}
    for row in range(num_envs):
        env = DenseReward(shape.make(), reward)
        for episode in range(episodes):
            env.reset(seed=row if episode == 0 else None)
            done, step = False, 0
            while not done:
                _, paid, terminated, truncated, info = env.step(shape.action(row, episode, step))
                terms = {name: tuple(term.values()) for name, term in info["reward_terms"].items()}
                record[row, episode, step] = Paid(paid, info["reward_valid"], terms, info["extrinsic_reward"])
                done, step = terminated or truncated, step + 1
        env.close()
    return record


def vector(
    shape: Shape, reward: Reward, num_envs: int, episodes: int, mode: AutoresetMode, *, processes: bool = False
) -> dict[Key, Paid]:
    """Apply the reward at once, to all environments together."""
    venv = DenseVectorReward(shape.vector(mode, num_envs, processes=processes), reward)
    record: dict[Key, Paid] = {}
    for keys, rewards, infos in walk(shape, venv, episodes, mode):
        for row, key in enumerate(keys):
            if key is not None:
                record[key] = _paid(rewards[row], infos, row)
            else:
                assert rewards[row] == 0.0
                assert not infos["_reward_terms"][row]
    venv.close()
    return only(record, episodes)


def deferred(
    shape: Shape, reward: Reward, num_envs: int, episodes: int, mode: AutoresetMode, *, every: int
) -> dict[Key, Paid]:
    """Collect first, and score every so many steps in one pass."""
    venv = DeferredVectorReward(shape.vector(mode, num_envs), reward)
    record: dict[Key, Paid] = {}
    waiting: list[tuple[list[Key | None], Any]] = []
    for keys, rewards, infos in walk(shape, venv, episodes, mode):
        assert not rewards.any()
        waiting.append((keys, infos["extrinsic_reward"]))
        if len(waiting) == every:
            _score(venv, waiting, record)
    _score(venv, waiting, record)
    venv.close()
    return only(record, episodes)


def _score(venv: DeferredVectorReward, waiting: list[tuple[list[Key | None], Any]], record: dict[Key, Paid]) -> None:
    scored = venv.score()
    assert scored.rewards.shape == scored.valid.shape == (len(waiting), venv.num_envs)
    assert scored.rewards.dtype == np.float32
    for time, (keys, extrinsic) in enumerate(waiting):
        index = {int(env): row for row, env in enumerate(scored.batches[time].env)}
        assert set(index) == {row for row, key in enumerate(keys) if key is not None}
        for env, row in index.items():
            terms = {
                name: (float(term.raw[row]), float(term.shaped[row]), float(term.weight), bool(term.valid[row]))
                for name, term in scored.outcomes[time].terms.items()
            }
            key = keys[env]
            assert key is not None
            record[key] = Paid(
                float(scored.rewards[time, env]), bool(scored.valid[time, env]), terms, float(extrinsic[env])
            )
    waiting.clear()


def walk(shape: Shape, venv: Any, episodes: int, mode: AutoresetMode) -> Any:
    """Step until every environment has had its episodes; yield each row's key (None where it only reset)."""
    num_envs = venv.num_envs
    venv.reset(seed=list(range(num_envs)))
    episode, step, resets = [0] * num_envs, [0] * num_envs, [False] * num_envs
    while min(episode) < episodes:
        actions = [shape.action(row, episode[row], step[row]) for row in range(num_envs)]
        batched = tuple(actions) if isinstance(actions[0], str) else np.array(actions)
        _, rewards, terminated, truncated, infos = venv.step(batched)
        yield [None if resets[row] else (row, episode[row], step[row]) for row in range(num_envs)], rewards, infos
        done = np.logical_or(terminated, truncated)
        for row in range(num_envs):
            if resets[row]:
                resets[row] = False
            elif done[row]:
                episode[row], step[row], resets[row] = episode[row] + 1, 0, mode is AutoresetMode.NEXT_STEP
            else:
                step[row] += 1
        if mode is AutoresetMode.DISABLED and done.any():
            venv.reset(options={"reset_mask": done})


def only(record: dict[Key, Paid], episodes: int) -> dict[Key, Paid]:
    """Return the part of the record that every way has."""
    return {key: paid for key, paid in record.items() if key[1] < episodes}


def _paid(reward: Any, infos: dict[str, Any], row: int) -> Paid:
    terms = {
        name: (
            float(term["raw"][row]),
            float(term["shaped"][row]),
            float(term["weight"][row]),
            bool(term["valid"][row]),
        )
        for name, term in infos["reward_terms"].items()
        if not name.startswith("_")
    }
    return Paid(float(reward), bool(infos["reward_valid"][row]), terms, float(infos["extrinsic_reward"][row]))

"""States of a MuJoCo task with their pictures and the truth about them, to hold rewards against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.evaluation.epic import Values
from rewardium.rewards.evaluation.states import batch_of_states

Array = NDArray[np.float64]

CHANGE_OF_ACTION = 0.25
"""How likely a state's player takes another action at a step, where it does not hold one."""


@dataclass(frozen=True)
class RenderedStates:
    """B states.

    Args:
        positions: float64 [B, nq].
        velocities: float64 [B, nv].
        observations: float32 [B, ...].
        frames: uint8 [B, height, width, 3].
        truth: float64 [B] in [0, 1], how well each does the task.
        captions: Length B, what each looks like, made from the state.
        task: What is to be done.
    """

    positions: Array
    velocities: Array
    observations: NDArray[Any]
    frames: NDArray[np.uint8]
    truth: Values
    captions: list[str]
    task: Task

    def batch(self) -> TransitionBatch:
        """Return the states as transitions; what the environment pays for them is the truth."""
        return batch_of_states(self.observations, self.frames, self.task, self.truth)


def make_rendered(name: str, env_kwargs: Mapping[str, Any] | None = None) -> gym.Env[Any, Any]:
    """Make an environment of the MuJoCo family that renders pictures.

    Raises:
        RewardiumError: When there is no such environment, or it is of another family.
    """
    from rewardium.envs.mujoco.states import task_env

    try:
        env = gym.make(name, render_mode="rgb_array", **(env_kwargs or {}))
    except RewardiumError:
        raise
    except Exception as error:  # an environment's constructor may raise anything
        raise RewardiumError(f"cannot make the environment {name!r}: {type(error).__name__}: {error}") from error
    task_env(env)
    return env


def reached_states(env: gym.Env[Any, Any], number: int, seed: int = 0) -> tuple[Array, Array]:
    """Draw states from all over the task's space, take a random action in each, and return where it leads.

    Args:
        env: From ``make_rendered``.
        number: How many, B.
        seed: Fixes states and actions.

    Returns:
        Positions float64 [B, nq] and velocities float64 [B, nv].
    """
    from rewardium.envs.mujoco.states import random_states, set_state, task_env

    base = task_env(env)
    base.reset(seed=seed)
    base.action_space.seed(seed)
    reached = []
    for positions, velocities in zip(*random_states(env, number, seed), strict=True):
        set_state(env, positions, velocities)
        base.step(base.action_space.sample())
        reached.append((base.data.qpos.copy(), base.data.qvel.copy()))
    return np.stack([pair[0] for pair in reached]), np.stack([pair[1] for pair in reached])


def played_states(env: gym.Env[Any, Any], number: int, seed: int = 0, longest: int = 20) -> tuple[Array, Array]:
    """Draw states that a policy brings about: half begin as an episode does, half anywhere, and then it acts.

    A policy in training often holds some joints at their limits, which leads to places where no state drawn joint by
    joint is: every other one holds one action of -1 and 1 throughout, the others change theirs now and then.

    Args:
        env: From ``make_rendered``.
        number: How many, B.
        seed: Fixes states and actions.
        longest: The most steps that are taken; each count up to it is as likely.

    Returns:
        Positions float64 [B, nq] and velocities float64 [B, nv].

    Raises:
        RewardiumError: When there would be no state, or no step.
    """
    from rewardium.envs.mujoco.states import set_state, task_env

    if min(number, longest) < 1:
        raise RewardiumError(f"number and longest must be at least 1, got {number} and {longest}")
    base, generator = task_env(env), np.random.default_rng(seed)
    base.reset(seed=seed)
    reached = []
    for row in range(number):
        set_state(env, *(base.draw_start(generator) if row % 2 else base.draw_state(generator)))
        holds = row % 4 < 2
        action = np.where(generator.random(base.model.nu) < 0.5, -1.0, 1.0)
        for _ in range(generator.integers(1, longest + 1)):
            if not holds and generator.random() < CHANGE_OF_ACTION:
                action = generator.uniform(-1.0, 1.0, size=base.model.nu)
            base.step(action)
        reached.append((base.data.qpos.copy(), base.data.qvel.copy()))
    return np.stack([pair[0] for pair in reached]), np.stack([pair[1] for pair in reached])


def render_states(
    env: gym.Env[Any, Any], positions: Array, velocities: Array, on_progress: Callable[[int], None] | None = None
) -> RenderedStates:
    """Put the environment into states, and look at each.

    Args:
        env: From ``make_rendered``.
        positions: float64 [B, nq].
        velocities: float64 [B, nv].
        on_progress: Called with the number of states done.

    Returns:
        The states.

    Raises:
        RewardiumError: When there is none.
    """
    from rewardium.envs.mujoco.states import describe, set_state, task_env, truth

    if not len(positions):
        raise RewardiumError("there are no states to render")
    base = task_env(env)
    _, info = base.reset(seed=0)
    rows = []
    for done, (place, speed) in enumerate(zip(positions, velocities, strict=True), start=1):
        set_state(env, place, speed)
        rows.append((np.asarray(base.observe(), dtype=np.float32), base.draw(), truth(env), describe(env)))
        if on_progress is not None:
            on_progress(done)
    observations, frames, grades, captions = zip(*rows, strict=True)
    return RenderedStates(
        positions, velocities, np.stack(observations), np.stack(frames), np.array(grades), list(captions), info["task"]
    )

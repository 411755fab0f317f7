"""Captions from really playing: a random policy in many tasks of MiniHack and NetHack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium as gym

import rewardium.envs  # noqa: F401  (registers the tasks)
from rewardium.envs.caption import message_of

TASKS: tuple[str, ...] = (
    *(f"rewardium/MiniHack-{name}-v0" for name in (
        "Room-Monster-15x15", "Room-Dark-15x15", "Corridor-R3", "KeyRoom-S5", "KeyRoom-S15", "KeyHalls", "KeyRiver",
        "MazeWalk-9x9", "River", "River-Lava", "LavaCrossingS9N1", "Eat", "Pray", "Sink", "Wear", "PutOn", "Zap",
        "Read", "ClosedDoor", "LockedDoor", "LavaCross-Levitate-Restricted", "Quest-Easy",
    )),
    "rewardium/NetHackScore-v0",
)  # fmt: skip
"""The tasks whose messages the judge learns from."""

HELD_OUT_TASKS: tuple[str, ...] = tuple(
    f"rewardium/{name}-v0"
    for name in ("MiniHack-KeyRoom-Dark-S5", "MiniHack-Wield", "MiniHack-LavaCross-Full", "NetHackStaircase")
)
"""The tasks whose messages it is measured on."""

_STEPS_PER_EPISODE = 150


def play(task: str, steps: int, seed: int, *, on_step: Callable[[], None] | None = None) -> Iterator[str]:
    """Play a task with a random policy and caption every step.

    Args:
        task: Id of an environment that has captions.
        steps: Number of steps; episodes end after 150.
        seed: Seed of the games and the policy.
        on_step: Called after each step.

    Yields:
        One caption a step.

    Raises:
        MissingExtraError: When ``nle`` or ``minihack`` is not installed.
    """
    env: gym.Env[Any, Any] = gym.make(task, max_episode_steps=_STEPS_PER_EPISODE)
    try:
        env.action_space.seed(seed)
        env.reset(seed=seed)
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            yield env.unwrapped.caption()  # type: ignore[attr-defined]
            if on_step is not None:
                on_step()
            if terminated or truncated:
                env.reset()
    finally:
        env.close()  # type: ignore[no-untyped-call]


def play_all(tasks: Sequence[str], steps: int, seed: int, *, on_step: Callable[[], None] | None = None) -> list[str]:
    """Play several tasks and keep a caption of each pair of message and action; see ``play``."""
    found: dict[tuple[str, str], str] = {}
    for task in tasks:
        for caption in play(task, steps, seed, on_step=on_step):
            action = caption.partition("\n")[0]
            found.setdefault((message_of(caption), action), caption)
    return list(found.values())

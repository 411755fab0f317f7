"""Frames to label: rendered while an environment is played at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.lib.format import open_memmap

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task


def collect_frames(
    env_id: str,
    path: str | Path,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    frames: int = 500,
    every: int = 5,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> str:
    """Play at random and write every n-th frame to a file, as it is rendered.

    Args:
        env_id: The environment; it is made with ``render_mode="rgb_array"``.
        path: The ``.npy`` file, uint8 [N, H, W, 3]; it is there as a whole or not at all.
        env_kwargs: Its arguments.
        frames: Frames N to collect.
        every: Steps between two frames.
        seed: Of episodes and actions.
        progress: Called with the frames so far.

    Returns:
        The goal of the environment's task in words; "" where it has none.

    Raises:
        RewardiumError: When the environment cannot be made, or renders no frames of one size.

    Example:
        >>> collect_frames("CartPole-v1", "cart.npy", frames=3)  # doctest: +SKIP
        ''
    """
    if frames < 1 or every < 1:
        raise RewardiumError(f"frames and every must be at least 1, got {frames} and {every}")
    path = Path(path)
    try:
        env = gym.make(env_id, render_mode="rgb_array", **(env_kwargs or {}))
    except (gym.error.Error, TypeError) as error:
        raise RewardiumError(f"cannot make {env_id}: {error}") from error
    try:
        return _collect(env, path, frames, every, seed, progress)
    finally:
        env.close()  # type: ignore[no-untyped-call]


def _collect(
    env: gym.Env[Any, Any], path: Path, frames: int, every: int, seed: int, progress: Callable[[int], None] | None
) -> str:
    part = path.with_name(f".{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    env.action_space.seed(seed)
    _, info = env.reset(seed=seed)
    goal = info["task"].goal if isinstance(info.get("task"), Task) else ""
    shown: Any = None  # the file's memory map, of the first frame's size
    for row in range(frames):
        frame: Any = env.render()
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise RewardiumError(f"{env.spec and env.spec.id} renders no uint8 [H, W, 3]: {type(frame).__name__}")
        if shown is None:
            shown = open_memmap(part, mode="w+", dtype=np.uint8, shape=(frames, *frame.shape))
        if frame.shape != shown.shape[1:]:
            raise RewardiumError(f"the frames change their size: {shown.shape[1:]} and {frame.shape}")
        shown[row] = frame
        for _ in range(every):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        if progress is not None:
            progress(row + 1)
    if shown is not None:
        shown.flush()
    part.replace(path)
    return goal

"""Episodes as a designer, a critic and an analyser look at them: the steps in words, and how they ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tracker import TransitionTracker
from rewardium.rewards.programs.step import Step, as_steps, steps_of

NEEDS = frozenset({"text", "action"})
"""What is read of a transition."""


@dataclass(frozen=True)
class Episode:
    """One finished episode.

    Args:
        steps: What a program is shown of each step, in order.
        success: Whether the task was solved; the environment's truth, which no program sees.
        reason: The environment's words on the end, where it has some.
        extrinsic: The sum of the environment's own rewards.

    Example:
        >>> Episode(({"message": "Killed by a fox.", "terminated": True},), success=False).died
        True
    """

    steps: tuple[Step, ...]
    success: bool
    reason: str = ""
    extrinsic: float = 0.0

    @property
    def died(self) -> bool:
        """Whether the task ended without success."""
        return not self.success and bool(self.steps) and bool(self.steps[-1].get("terminated"))


class RecordSteps(gym.Wrapper[Any, Any, Any, Any]):
    r"""Keep what a reward program would be shown of an environment's episodes.

    Args:
        env: An environment that gives texts: ``info["text"]``, a ``caption()``, or observations that are texts.

    Example:
        >>> import rewardium.envs
        >>> env = RecordSteps(gym.make("rewardium/RandomCalculation-v0", num_steps=1))
        >>> _ = env.reset(seed=0)
        >>> _ = env.step("\\boxed{no idea}")
        >>> env.episodes[0].success, env.episodes[0].steps[0]["terminated"]
        (False, True)
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.episodes: list[Episode] = []
        caption = self._captions if hasattr(env.unwrapped, "caption") else None
        self._tracker = TransitionTracker(1, NEEDS, caption=caption)
        self._steps: list[Step] = []
        self._extrinsic = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; an episode that had not ended is forgotten."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._tracker.reset([observation], {"task": [info["task"]]} if "task" in info else {})
        self._steps, self._extrinsic = [], 0.0
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and keep the step; with the last, the episode."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        batch = self._tracker.step(
            [action],
            [observation],
            np.array([reward], dtype=np.float64),
            np.array([terminated], dtype=np.bool_),
            np.array([truncated], dtype=np.bool_),
            {"text": [info["text"]]} if "text" in info else {},
        )
        self._steps.extend(step for step in steps_of(batch) if step is not None)
        self._extrinsic += float(reward)
        if terminated or truncated:
            success = bool(info.get("success", self._extrinsic > 0.0))
            reason = str(info.get("reason", ""))
            self.episodes.append(Episode(tuple(self._steps), success, reason, self._extrinsic))
        return observation, reward, terminated, truncated, info

    def _captions(self) -> list[str]:
        return [self.env.unwrapped.caption()]  # type: ignore[attr-defined]


def record_episodes(
    env: gym.Env[Any, Any],
    count: int,
    *,
    choose: Callable[[Any], Any] | None = None,
    seed: int = 0,
    finished: Callable[[int], None] | None = None,
) -> list[Episode]:
    """Play episodes, and keep what a reward program would be shown of them.

    Args:
        env: An environment as ``RecordSteps`` takes it, whose episodes end.
        count: Number of episodes.
        choose: The policy, an observation in and an action out; without one, actions are drawn at random.
        seed: Episode ``i`` begins with ``reset(seed=seed + i)``; seeds the random actions, too.
        finished: Called with the number of finished episodes.

    Returns:
        Length ``count``.

    Raises:
        RewardiumError: When the environment gives no texts.

    Example:
        >>> import rewardium.envs
        >>> env = gym.make("rewardium/RandomCalculation-v0", num_steps=1)
        >>> [episode.success for episode in record_episodes(env, 2, choose=lambda question: "no idea")]
        [False, False]
    """
    recorder = RecordSteps(env)
    env.action_space.seed(seed)
    for index in range(count):
        observation, _ = recorder.reset(seed=seed + index)
        while len(recorder.episodes) == index:
            action = env.action_space.sample() if choose is None else choose(observation)
            observation, *_ = recorder.step(action)
        if finished is not None:
            finished(index + 1)
    return recorder.episodes


def write_episodes(path: str | Path, episodes: Sequence[Episode]) -> None:
    """Write episodes to a file, one JSON object a line.

    Args:
        path: The file.
        episodes: The episodes.
    """
    lines = [
        json.dumps(
            {
                "success": episode.success,
                "reason": episode.reason,
                "extrinsic": episode.extrinsic,
                "steps": list(episode.steps),
            }
        )
        for episode in episodes
    ]
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_episodes(path: str | Path) -> list[Episode]:
    """Read what ``write_episodes`` wrote.

    Args:
        path: The file.

    Returns:
        The episodes.

    Raises:
        RewardiumError: When the file cannot be read, or a line is no episode.

    Example:
        >>> import tempfile
        >>> episode = Episode(tuple(as_steps([{"message": "You wait."}])), success=True)
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     write_episodes(file.name, [episode])
        ...     read_episodes(file.name) == [episode]
        True
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"cannot read the episodes of {path}: {error}") from None
    return [_episode(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _episode(line: str, place: str) -> Episode:
    try:
        row = json.loads(line)
        if not isinstance(row, Mapping) or not all(isinstance(step, Mapping) for step in row["steps"]):
            raise TypeError("an episode is an object with a list of steps, each an object")
        steps = tuple(as_steps(row["steps"]))
        return Episode(steps, bool(row["success"]), str(row.get("reason", "")), float(row.get("extrinsic", 0.0)))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RewardiumError(f"{place} is no episode: {type(error).__name__}: {error}") from None

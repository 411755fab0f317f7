"""The four shapes of environment that one reward must serve, each as small as it can be.

They draw every random choice from ``np_random``, so an environment's episodes depend on its first seed and its actions
alone, whichever way it is vectorised.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task


class SingleTurnText(gym.Env[str, str]):
    """One question, one answer; an answer of more than 20 characters is cut off (truncated)."""

    observation_space = Utf8Text(64)
    action_space = Utf8Text(64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        a, b = self.np_random.integers(0, 10, size=2).tolist()
        self.task = Task(f"{a} + {b}", reference=str(a + b))
        return self.task.goal, {"task": self.task}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        cut = len(action) > 20
        success = not cut and self.task.reference in action.split()
        return "", float(success), not cut, cut, {"task": self.task, "success": success}


class MultiTurnText(gym.Env[str, str]):
    """Guess a number in at most three turns; the reply says higher or lower."""

    observation_space = Utf8Text(64)
    action_space = Utf8Text(64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.secret, self.turn = int(self.np_random.integers(0, 4)), 0
        self.task = Task("guess a digit below 4", reference=str(self.secret))
        return self.task.goal, {"task": self.task}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.turn += 1
        guess = int(action[0]) if action[:1].isdigit() else -1
        success = guess == self.secret
        over = self.turn == 3 and not success
        reply = "" if success or over else "higher" if guess < self.secret else "lower"
        return reply, float(success), success, over, {"task": self.task, "success": success}


class DiscreteMessages(gym.Env[Any, int]):
    """A corridor with a key and a trap; every step says something in ``info["text"]``."""

    observation_space = Box(-1.0, 1.0, (2,), np.float32)
    action_space = Discrete(3)
    limit = 9

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.time, self.goal = 0, 0, int(self.np_random.integers(1, 4))
        return self._observation(), {"text": "You stand in a corridor."}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.time += 1
        self.place += (-1, 0, 1)[int(action)]
        won, lost = self.place == self.goal, self.place == -2
        text = "You find a key!" if won else "You fall into a pit." if lost else "" if action == 1 else "You walk on."
        cut = self.time >= self.limit and not (won or lost)
        return self._observation(), 1.0 * won - 0.5 * lost, won or lost, cut, {"text": text, "success": won}

    def _observation(self) -> Any:
        return np.array([self.place / 4, self.goal / 4], dtype=np.float32)


class ContinuousFrames(gym.Env[Any, Any]):
    """A bright dot on a dark square: terminated at the edge, truncated after ``limit`` steps."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = Box(-1.0, 1.0, (2,), np.float32)
    action_space = Box(-1.0, 1.0, (2,), np.float32)
    limit = 7

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.renders = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.time = self.np_random.uniform(-0.5, 0.5, size=2), 0
        return self.place.astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.time += 1
        self.place = np.clip(self.place + 0.4 * np.asarray(action, dtype=np.float64), -1.0, 1.0)
        out = bool(np.abs(self.place).max() >= 1.0)
        return (
            self.place.astype(np.float32),
            -float(np.abs(self.place).sum()),
            out,
            self.time >= self.limit and not out,
            {},
        )

    def render(self) -> Any:
        self.renders += 1
        frame = np.full((8, 8, 3), 10, dtype=np.uint8)
        row, column = ((self.place + 1) * 3.5).astype(int)
        frame[row, column] = (250, 40 * self.time % 256, 0)
        return frame

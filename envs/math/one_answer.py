"""Environments of one response an episode: a question, an answer, a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.group_draws import GroupDraws
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_ACTION_LENGTH, Infos, Steps, TextVectorEnv, columns

V = TypeVar("V")


class Problems(Protocol[V]):
    """What an environment asks, and how it judges with verdicts of a kind ``V``."""

    @property
    def observation_space(self) -> Utf8Text:
        """The space of prompts."""

    def draw(self, random: np.random.Generator) -> Task:
        """Draw a task."""

    def read_task(self, option: Any) -> Task:
        """Read a chosen task; raises ``RewardiumError`` where it cannot be asked."""

    def ask(self, task: Task) -> str:
        """Return the prompt of a task."""

    def judge(self, response: Any, task: Task) -> V:
        """Judge a response, of any type."""

    def judge_all(self, responses: Sequence[Any], tasks: Sequence[Task]) -> list[V]:
        """Judge R responses."""

    def pay(self, verdict: V) -> float:
        """Return the reward of a verdict."""

    def told(self, verdict: V) -> Mapping[str, Any]:
        """Return what the infos of a step say of a verdict; a bool and a float become columns of their dtype."""


class OneAnswerEnv(gym.Env[str, str], Generic[V]):
    """An environment that asks a problem and ends with the response.

    Args:
        problems: What it asks, and how it judges.
        render_mode: ``"ansi"`` or None.

    Raises:
        RewardiumError: When there is no such render mode.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own shape

    def __init__(self, problems: Problems[V], render_mode: str | None) -> None:
        if render_mode not in (None, "ansi"):
            raise RewardiumError(f"render_mode must be 'ansi' or None, got {render_mode!r}")
        self.render_mode = render_mode
        self.problems: Any = problems
        self.observation_space = problems.observation_space
        self.action_space = Utf8Text(MAX_ACTION_LENGTH)
        self._task: Task | None = None
        self._response: Any = None
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Draw a task, or take ``options["task"]``, and return the prompt."""
        super().reset(seed=seed)
        option = (options or {}).get("task")
        self._task = self.problems.draw(self.np_random) if option is None else self.problems.read_task(option)
        self._response, self._ended = None, False
        return self.problems.ask(self._task), {"task": self._task}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Judge the response and end the episode.

        Raises:
            gymnasium.error.ResetNeeded: When there is no episode to step.
        """
        if self._ended or self._task is None:
            raise ResetNeeded("the episode has ended (one response an episode), or none has begun: call reset first")
        self._response, self._ended = action, True
        verdict = self.problems.judge(action, self._task)
        return "", self.problems.pay(verdict), True, False, {"task": self._task, **self.problems.told(verdict)}

    def render(self) -> str | None:  # type: ignore[override]
        """Return prompt and response as text, where ``render_mode`` is ``"ansi"``."""
        if self.render_mode is None or self._task is None:
            return None
        return transcript(self.problems.ask(self._task), self._response)


class OneAnswerVectorEnv(TextVectorEnv, Generic[V]):
    """The batched ``OneAnswerEnv``: the same tasks, rewards and infos, judged together.

    Args:
        problems: What it asks, and how it judges.
        num_envs: Number of environments N.
        autoreset_mode: How an environment that has ended begins again.
        render_mode: ``"ansi"`` or None.
    """

    def __init__(
        self, problems: Problems[V], num_envs: int, autoreset_mode: AutoresetMode | str, render_mode: str | None
    ) -> None:
        self.problems: Any = problems
        super().__init__(num_envs, autoreset_mode=autoreset_mode, render_mode=render_mode)
        self._draws: GroupDraws[Task] = GroupDraws(problems.draw, num_envs)
        self._tasks: list[Task] = [Task("", "0")] * num_envs
        self._responses: list[Any] = [None] * num_envs

    def _reset_rows(
        self, rows: Sequence[int], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
    ) -> tuple[Sequence[str], Infos]:
        # Chosen tasks are read before anything changes: one that is refused leaves the vector as it was.
        given = [(option or {}).get("task") for option in options]
        chosen = [None if task is None else self.problems.read_task(task) for task in given]
        for row, task in zip(rows, self._draws.draw_or_take(rows, seeds, chosen), strict=True):
            self._responses[row], self._tasks[row] = None, task
        tasks = [self._tasks[row] for row in rows]
        return [self.problems.ask(task) for task in tasks], columns(self.num_envs, rows, {"task": tasks})

    def _step_rows(self, rows: Sequence[int], actions: Sequence[Any]) -> Steps:
        tasks = [self._tasks[row] for row in rows]
        verdicts = self.problems.judge_all(actions, tasks)
        for row, action in zip(rows, actions, strict=True):
            self._responses[row] = action
        told = [self.problems.told(verdict) for verdict in verdicts]
        said = {key: _column([each[key] for each in told]) for key in told[0]}
        rewards = [self.problems.pay(verdict) for verdict in verdicts]
        return Steps([""] * len(rows), rewards, True, False, columns(self.num_envs, rows, {"task": tasks, **said}))

    def render(self) -> tuple[Any, ...] | None:
        """Return prompt and response of each environment, where ``render_mode`` is ``"ansi"``."""
        if self.render_mode is None:
            return None
        asked = [self.problems.ask(task) for task in self._tasks]
        return tuple(transcript(prompt, response) for prompt, response in zip(asked, self._responses, strict=True))


def _column(values: list[Any]) -> Any:
    """Turn bools and floats into an array of their dtype."""
    return np.array(values) if type(values[0]) in (bool, float) else values


def transcript(prompt: str, response: Any) -> str:
    """Return prompt and response as text that any terminal takes.

    Example:
        >>> print(transcript("Calculate 1 + 1.", "2"))
        Calculate 1 + 1.
        2
    """
    text = prompt if response is None else f"{prompt}\n{response if isinstance(response, str) else repr(response)}"
    return text.encode("utf-8", errors="replace").decode("utf-8")

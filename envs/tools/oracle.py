"""A policy that solves every task of the tool family as an agent does: by text.

It writes calls, reads observations, and makes its next call out of what it has read; each template tells it how, in a
script. It serves as the test of the environment, and as a demonstrator for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import gymnasium as gym

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.tools.answers import AnswerFrom
from rewardium.envs.tools.calls import CallStyle, ToolCall, render_turn
from rewardium.envs.tools.observations import read_observation
from rewardium.envs.tools.tasks import assign, templates
from rewardium.envs.tools.template import DONE


class Oracle:
    r"""Solves one episode.

    Args:
        task: The task of the episode, drawn by the environment.
        call_style: How to write calls.
        answer_from: Where the environment reads the answer.

    Raises:
        RewardiumError: When the task comes from no template.

    Example:
        >>> from rewardium.envs.tools.tool_use import ToolUseEnv
        >>> env = ToolUseEnv(templates=["two_step_calculation"])
        >>> observation, info = env.reset(seed=0)
        >>> oracle, reward, ended = Oracle(info["task"]), 0.0, False
        >>> while not ended:
        ...     observation, reward, ended, _, _ = env.step(oracle.respond(observation))
        >>> reward
        1.0
    """

    def __init__(self, task: Task, call_style: CallStyle = "hermes", answer_from: AnswerFrom = "boxed") -> None:
        name, number = task.fields.get("template"), task.fields.get("number")
        if not isinstance(name, str) or not isinstance(number, int):
            raise RewardiumError(f"the task {task.goal[:80]!r} comes from no template, so that no script solves it")
        assignment = assign(name, number)
        self._needs_answer = assignment.reference is not None
        self._script = templates()[name].script(assignment)
        self._is_begun = False
        self._call_style = call_style
        self._answer_from = answer_from

    def respond(self, observation: str) -> str:
        """Return the next response to what the environment showed: the prompt at first, then results."""
        try:
            if self._is_begun:
                return self._written(self._script.send(read_observation(observation)))
            self._is_begun = True
            return self._written(next(self._script))
        except StopIteration as stop:
            return self._answered(str(stop.value))

    def _written(self, calls: Sequence[ToolCall]) -> str:
        return render_turn(calls, style=self._call_style)

    def _answered(self, answer: str) -> str:
        if not self._needs_answer:
            return DONE
        return f"\\boxed{{{answer}}}" if self._answer_from == "boxed" else answer


class Exchange(NamedTuple):
    """What the policy saw and said in one turn."""

    observation: str
    response: str


class Demonstration(NamedTuple):
    """A whole episode of the oracle.

    Args:
        task: The task.
        exchanges: The turns.
        success: Whether the environment says that it is solved.
        reason: Why.
        observation: The last observation.
    """

    task: Task
    exchanges: tuple[Exchange, ...]
    success: bool
    reason: str
    observation: str


def demonstrate(
    env: gym.Env[Any, Any],
    seed: int | None = None,
    call_style: Literal["hermes", "openai", "auto"] | None = None,
) -> Demonstration:
    """Solve an episode of an environment.

    Args:
        env: A ``ToolUseEnv``, however wrapped.
        seed: The seed of its reset.
        call_style: How to write calls; None for what the environment reads.

    Returns:
        What was seen, said and reached.

    Example:
        >>> from rewardium.envs.tools.tool_use import ToolUseEnv
        >>> shown = demonstrate(ToolUseEnv(templates=["file_trail"]), seed=3)
        >>> shown.success, len(shown.exchanges)
        (True, 6)
    """
    rules = env.unwrapped.tasks  # type: ignore[attr-defined]
    style = call_style or rules.call_style
    observation, info = env.reset(seed=seed)
    oracle = Oracle(info["task"], "openai" if style == "openai" else "hermes", rules.answer_from)
    exchanges = []
    ended = False
    while not ended:
        response = oracle.respond(observation)
        exchanges.append(Exchange(observation, response))
        observation, _, terminated, truncated, info = env.step(response)
        ended = bool(terminated or truncated)
    return Demonstration(info["task"], tuple(exchanges), bool(info["success"]), info["reason"], observation)

r"""Tasks that are solved with tools, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.group_draws import GroupDraws
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.text import MAX_ACTION_LENGTH, Infos, Steps, TextVectorEnv, columns
from rewardium.envs.tools.episode import Episode, Turn
from rewardium.envs.tools.tasks import Draw, ToolTasks

REGISTRATION = [
    {
        "id": "rewardium/ToolUse-v0",
        "entry_point": "ToolUseEnv",
        "vector_entry_point": "ToolUseVectorEnv",
        "papers": ["A16"],
    },
    {
        "id": "rewardium/ToolUseCalculator-v0",
        "entry_point": "ToolUseEnv",
        "vector_entry_point": "ToolUseVectorEnv",
        "kwargs": {"templates": ["single_calculation"], "max_turns": 2, "prompt_style": "compact"},
    },
    {
        "id": "rewardium/ToolUseSearch-v0",
        "entry_point": "ToolUseEnv",
        "vector_entry_point": "ToolUseVectorEnv",
        "kwargs": {"templates": ["search_fact", "search_then_calculate", "flaky_search", "broken_search"]},
    },
    {
        "id": "rewardium/ToolUseServices-v0",
        "entry_point": "ToolUseEnv",
        "vector_entry_point": "ToolUseVectorEnv",
        "kwargs": {"templates": ["calendar_booking", "contact_update", "file_tidy", "file_trail"]},
    },
    {
        "id": "rewardium/ToolUsePython-v0",
        "entry_point": "ToolUseEnv",
        "vector_entry_point": "ToolUseVectorEnv",
        "kwargs": {"templates": ["python_program"], "max_turns": 4},
    },
]

_MAX_THREADS = 16


class ToolUseEnv(gym.Env[str, str]):
    r"""Solve a task with tools: look things up, calculate, change a small world, answer.

    ## Description
    Each episode has a question, tools, and a world of its own that the tools act on: invented documents, a database,
    contacts and a calendar, files. A response makes calls, and the observation tells what they gave; a response without
    a call is the final answer. Some tasks need one call and some five in a row; in some no call is right; in some a
    tool fails on purpose, once or for good; and in some what is asked cannot be done, and saying so is right. Success
    is read from the final state of the world and from a verified answer, never from what the agent claims.

    ## Action Space
    A ``Utf8Text``: the response, any text. A call is ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``, or a
    message of OpenAI's style, see ``call_style``. A response with several calls runs them in order. Something that
    looks like a call and cannot be read, and an action that is no text, gives an error to read and no end. No response
    raises.

    ## Observation Space
    A ``Utf8Text``: after ``reset`` the prompt. After calls, for each of them in order, a line of JSON with ``name``,
    ``status`` and ``content`` between ``<tool_response>`` and ``</tool_response>``, which no tool can forge;
    ``observations.read_observation`` reads it. After the final answer ``""``.

    ## Rewards
    1.0 at the episode's end where the task is solved, else 0.0.

    ## Starting State
    A template of ``templates``, each with the same probability, and a task of it; a seed fixes question and world.
    ``options={"task": ...}`` takes the task of an earlier episode, or a question with a ``reference`` of one's own.

    ## Episode End
    ``terminated`` after a response without calls. ``truncated`` when response number ``max_turns`` still makes calls. A
    task that asks only for a change of the world is then solved where the world is as it should be; one that asks for
    an answer is not.

    ## Information
    ``reset``: ``task``. Its reference is the right answer, None where only the state counts; its fields are
    ``template`` and ``number`` (which fix it), ``difficulty`` (1 to 5), ``gold_calls`` (a best solution, a list of
    ``{"name", "arguments"}``), ``num_gold_calls`` and ``tools`` (names). ``step``: ``task``, ``success`` (bool, False
    until the end), ``reason`` (str), ``outcomes`` (str: what came of this turn's calls, for
    ``execution.outcomes_from_json``), ``num_calls`` and ``num_valid_calls`` (int: of this turn, and how many of them
    a tool was run for), and ``turn`` (int: how many responses there were).

    ## Arguments
    Those of ``ToolTasks``, and ``render_mode="ansi"``, where ``render`` returns all that was said.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"ansi"`` or None.
        **arguments: The fields of ``ToolTasks``.

    Raises:
        RewardiumError: When an argument is unknown or wrong; also where Python is to be run and this machine has no
            sandbox.

    Example:
        >>> env = ToolUseEnv(templates=["single_calculation"], prompt_style="goal")
        >>> observation, info = env.reset(seed=1)
        >>> observation
        'Calculate 79 * 43 + 601.'
        >>> call = '<tool_call>{"name": "calculate", "arguments": {"expression": "79 * 43 + 601"}}</tool_call>'
        >>> print(env.step(call)[0])
        <tool_response>
        {"name": "calculate", "status": "ok", "content": {"exact": "3998", "decimal": "3998", "note": ...}}
        </tool_response>
        >>> env.step(r"\boxed{3998}")[1:3]
        (1.0, True)
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own shape

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        if render_mode not in (None, "ansi"):
            raise RewardiumError(f"render_mode must be 'ansi' or None, got {render_mode!r}")
        self.render_mode = render_mode
        self.tasks = ToolTasks.from_arguments(arguments)
        self.observation_space = self.tasks.observation_space
        self.action_space = Utf8Text(MAX_ACTION_LENGTH)
        self._episode: Episode | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Draw a task, or take ``options["task"]``, and return the prompt."""
        super().reset(seed=seed)
        option = (options or {}).get("task")
        draw = self.tasks.draw(self.np_random) if option is None else self.tasks.read_task(option)
        self.close()
        self._episode = Episode(draw, self.tasks)
        return draw.prompt, {"task": draw.task}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Run the calls of the response, or end the episode with it.

        Raises:
            gymnasium.error.ResetNeeded: When there is no episode to step.
        """
        if self._episode is None or self._episode.ended:
            raise ResetNeeded("the episode has ended, or none has begun: call reset first")
        turn = self._episode.respond(action)
        return turn.observation, turn.reward, turn.terminated, turn.truncated, turn.info

    def render(self) -> str | None:  # type: ignore[override]
        """Return all that was said, where ``render_mode`` is ``"ansi"``."""
        if self.render_mode is None or self._episode is None:
            return None
        return self._episode.transcript()

    def close(self) -> None:
        """Give back what the tools of the episode hold."""
        if self._episode is not None:
            self._episode.close()


class ToolUseVectorEnv(TextVectorEnv):
    r"""The batched ``ToolUseEnv``: the same tasks, observations, rewards and infos. Programs run beside each other.

    Args:
        num_envs: Number of environments N.
        autoreset_mode: How an environment that has ended begins again.
        render_mode: ``"ansi"`` or None.
        **arguments: The fields of ``ToolTasks``.

    Raises:
        RewardiumError: When an argument is unknown or wrong; also where Python is to be run and this machine has no
            sandbox.

    Example:
        >>> venv = ToolUseVectorEnv(3, autoreset_mode="Disabled", templates=["search_fact"])
        >>> observations, infos = venv.reset(seed=[5, 5, 5])
        >>> answer = infos["task"][0].reference
        >>> venv.step([rf"\boxed{{{answer}}}", "no idea", None])[1].tolist()
        [1.0, 0.0, 0.0]
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        self.tasks = ToolTasks.from_arguments(arguments)
        super().__init__(num_envs, autoreset_mode=autoreset_mode, render_mode=render_mode)
        self._draws: GroupDraws[Draw] = GroupDraws(self.tasks.draw, num_envs)
        self._episodes: list[Episode | None] = [None] * num_envs

    def _reset_rows(
        self, rows: Sequence[int], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
    ) -> tuple[Sequence[str], Infos]:
        given = [(option or {}).get("task") for option in options]
        # Chosen tasks are read before anything changes: one that is refused leaves the vector as it was.
        chosen = [None if task is None else self.tasks.read_task(task) for task in given]
        draws = self._draws.draw_or_take(rows, seeds, chosen)
        for row, draw in zip(rows, draws, strict=True):
            self._close(row)
            self._episodes[row] = Episode(draw, self.tasks)
        infos = columns(self.num_envs, rows, {"task": [draw.task for draw in draws]})
        return [draw.prompt for draw in draws], infos

    def _step_rows(self, rows: Sequence[int], actions: Sequence[Any]) -> Steps:
        episodes = [episode for row in rows if (episode := self._episodes[row]) is not None]
        turns = _respond(episodes, actions)
        infos = columns(
            self.num_envs,
            rows,
            {
                key: [turn.info[key] for turn in turns]
                if dtype is None
                else np.array([turn.info[key] for turn in turns], dtype=dtype)
                for key, dtype in _COLUMNS.items()
            },
        )
        return Steps(
            [turn.observation for turn in turns],
            np.array([turn.reward for turn in turns], dtype=np.float64),
            np.array([turn.terminated for turn in turns], dtype=np.bool_),
            np.array([turn.truncated for turn in turns], dtype=np.bool_),
            infos,
        )

    def render(self) -> tuple[Any, ...] | None:
        """Return all that was said in each environment, where ``render_mode`` is ``"ansi"``."""
        if self.render_mode is None:
            return None
        return tuple(None if episode is None else episode.transcript() for episode in self._episodes)

    def _close(self, row: int) -> None:
        episode = self._episodes[row]
        if episode is not None:
            episode.close()

    def close_extras(self, **kwargs: Any) -> None:
        """Give back what the tools of all episodes hold."""
        for row in range(self.num_envs):
            self._close(row)


_COLUMNS = {
    "task": None,
    "success": np.bool_,
    "reason": None,
    "outcomes": None,
    "num_calls": np.int64,
    "num_valid_calls": np.int64,
    "turn": np.int64,
}


def _respond(episodes: Sequence[Episode], actions: Sequence[Any]) -> list[Turn]:
    """Step some episodes: beside each other those that wait for programs, the others one after the other."""
    waits = [index for index, episode in enumerate(episodes) if episode.waits]
    if len(waits) < 2:
        return [episode.respond(action) for episode, action in zip(episodes, actions, strict=True)]
    turns: dict[int, Turn] = {}
    with ThreadPoolExecutor(min(len(waits), _MAX_THREADS)) as threads:
        running = {index: threads.submit(episodes[index].respond, actions[index]) for index in waits}
        for index, episode in enumerate(episodes):
            if index not in running:
                turns[index] = episode.respond(actions[index])
        turns.update({index: future.result() for index, future in running.items()})
    return [turns[index] for index in range(len(episodes))]

"""How well a policy uses tools: how often it solves a task, how many of its calls are valid, what a success costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.evaluation import derived_seeds
from rewardium.agents.llm.policy import load_policy
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import Sampler, SamplingSettings, TransformersSampler
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec


@dataclass(frozen=True)
class ToolFigures:
    """What some episodes came to.

    Args:
        episodes: How many there were.
        solved: How many of them were solved.
        calls: Calls of all episodes together, with those that cannot be read.
        valid_calls: Those of them that a tool was run for.
    """

    episodes: int
    solved: int
    calls: int
    valid_calls: int

    @property
    def success(self) -> float:
        """The share of episodes that were solved."""
        return self.solved / self.episodes

    @property
    def valid_call_rate(self) -> float | None:
        """The share of calls that a tool was run for; None where there was no call."""
        return self.valid_calls / self.calls if self.calls else None

    @property
    def calls_per_success(self) -> float | None:
        """All calls, also those of episodes that failed, by solved episode; None where none was solved."""
        return self.calls / self.solved if self.solved else None

    def summary(self) -> dict[str, Any]:
        """Return counts and figures as plain values.

        Example:
            >>> summary = ToolFigures(episodes=10, solved=4, calls=9, valid_calls=6).summary()
            >>> summary["success"], summary["calls_per_success"], round(summary["valid_call_rate"], 2)
            (0.4, 2.25, 0.67)
        """
        return {
            "episodes": self.episodes,
            "success": self.success,
            "valid_call_rate": self.valid_call_rate,
            "calls_per_success": self.calls_per_success,
            "calls_per_episode": self.calls / self.episodes,
        }


class _CallCounter:
    """A vector environment that counts the calls of what it plays."""

    def __init__(self, venv: Any) -> None:
        self.num_envs: int = venv.num_envs
        self.calls = 0
        self.valid_calls = 0
        self._venv = venv

    def reset(self, **arguments: Any) -> Any:
        return self._venv.reset(**arguments)

    def step(self, actions: Any) -> Any:
        result = self._venv.step(actions)
        self.calls += _total(result[-1], "num_calls")
        self.valid_calls += _total(result[-1], "num_valid_calls")
        return result


def _total(infos: Mapping[str, Any], key: str) -> int:
    """Add up a column over the environments that made a step."""
    if key not in infos:
        raise RewardiumError(f"the environment does not say {key!r} in its infos, as those of tool use do")
    return int(np.asarray(infos[key])[np.asarray(infos[f"_{key}"])].sum())


def evaluate_tool_use(
    sampler: Sampler,
    chat: Chat,
    env: str,
    env_kwargs: Mapping[str, Any],
    settings: SamplingSettings,
    *,
    tasks: int,
    seed: int = 0,
    context_length: int,
) -> ToolFigures:
    """Play one episode on each of some tasks.

    Args:
        sampler: Draws the answers.
        chat: Turns text into tokens.
        env: The id of an environment of tool use.
        env_kwargs: Its arguments.
        settings: Temperature 0 is greedy.
        tasks: Number of tasks.
        seed: Seeds tasks and answers; the tasks are those of ``evaluation.evaluate`` with the same seed.
        context_length: The largest number of tokens of a conversation.

    Returns:
        The figures.

    Raises:
        RewardiumError: When there is nothing to play, or the environment does not count calls.
    """
    if tasks < 1:
        raise RewardiumError(f"an evaluation needs at least one task, got {tasks}")
    venv = make_text_vec(env, tasks, autoreset_mode=AutoresetMode.DISABLED, **env_kwargs)
    counter = _CallCounter(venv)
    try:
        rollout = collect(
            sampler,
            chat,
            counter,
            settings,
            task_seeds=derived_seeds(tasks, seed, 0).tolist(),
            sampling_seeds=derived_seeds(tasks, seed, 1).tolist(),
            context_length=context_length,
        )
    finally:
        venv.close()
    return ToolFigures(tasks, int(rollout.success.sum()), counter.calls, counter.valid_calls)


def evaluate_policy_folder(
    folder: str | Path,
    env: str,
    env_kwargs: Mapping[str, Any],
    *,
    temperature: float,
    max_new_tokens: int,
    tasks: int,
    seed: int = 0,
) -> ToolFigures:
    """Load a policy onto the CPU and evaluate it; see ``evaluate_tool_use``.

    Args:
        folder: What ``load_policy`` reads.
        env: The id of an environment of tool use.
        env_kwargs: Its arguments.
        temperature: 0 is greedy.
        max_new_tokens: Largest number of tokens of one response.
        tasks: Number of tasks.
        seed: Seeds tasks and answers.

    Returns:
        The figures.
    """
    policy = load_policy(str(folder), device="cpu", trainable=False)
    return evaluate_tool_use(
        TransformersSampler(policy),
        Chat(policy.tokenizer),
        env,
        env_kwargs,
        SamplingSettings(temperature=temperature, max_new_tokens=max_new_tokens),
        tasks=tasks,
        seed=seed,
        context_length=policy.context_length,
    )

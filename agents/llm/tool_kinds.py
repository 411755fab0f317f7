"""How well a policy uses tools in each kind of task: what an average over templates hides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.evaluation import derived_seeds
from rewardium.agents.llm.policy import load_policy
from rewardium.agents.llm.pupils import kind_of
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.agents.llm.tool_evaluation import ToolFigures
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec


class _Record:
    """A vector environment that names the kinds of its tasks, and counts the calls of each."""

    def __init__(self, venv: Any) -> None:
        self.num_envs: int = venv.num_envs
        self.kinds: list[str] = []
        self.calls, self.valid_calls = np.zeros((2, venv.num_envs), dtype=np.int64)
        self._venv = venv

    def reset(self, **arguments: Any) -> Any:
        observations, infos = self._venv.reset(**arguments)
        self.kinds = [kind_of(task) for task in infos["task"]]
        return observations, infos

    def step(self, actions: Any) -> Any:
        result = self._venv.step(actions)
        self.calls += _counted(result[-1], "num_calls")
        self.valid_calls += _counted(result[-1], "num_valid_calls")
        return result


def _counted(infos: Mapping[str, Any], key: str) -> NDArray[np.int64]:
    """Return a column of counts, with 0 where an environment made no step."""
    if key not in infos:
        raise RewardiumError(f"the environment does not say {key!r} in its infos, as those of tool use do")
    return np.where(np.asarray(infos[f"_{key}"]), np.asarray(infos[key]), 0).astype(np.int64)


def figures_by_kind(
    kinds: Sequence[str], success: Sequence[bool], calls: Sequence[int], valid_calls: Sequence[int]
) -> dict[str, ToolFigures]:
    """Add up episodes by their kinds.

    Args:
        kinds: N names.
        success: Length N, whether an episode was solved.
        calls: Length N, its calls.
        valid_calls: Length N, those of them that a tool was run for.

    Returns:
        Figures by kind, in alphabetical order.

    Example:
        >>> found = figures_by_kind(["b", "a", "b"], [True, False, False], [1, 2, 1], [1, 0, 1])
        >>> found["b"].success, found["a"].calls
        (0.5, 2)
    """
    rows = {kind: [row for row, other in enumerate(kinds) if other == kind] for kind in sorted(set(kinds))}
    return {
        kind: ToolFigures(
            len(own),
            sum(bool(success[row]) for row in own),
            sum(int(calls[row]) for row in own),
            sum(int(valid_calls[row]) for row in own),
        )
        for kind, own in rows.items()
    }


def join(figures: Sequence[ToolFigures]) -> ToolFigures:
    """Add figures up.

    Example:
        >>> join([ToolFigures(2, 1, 2, 2), ToolFigures(1, 1, 1, 0)])
        ToolFigures(episodes=3, solved=2, calls=3, valid_calls=2)
    """
    return ToolFigures(
        sum(each.episodes for each in figures),
        sum(each.solved for each in figures),
        sum(each.calls for each in figures),
        sum(each.valid_calls for each in figures),
    )


def evaluate_kinds(
    folder: str | Path,
    env: str,
    env_kwargs: Mapping[str, Any],
    *,
    temperature: float,
    max_new_tokens: int,
    tasks: int,
    seed: int = 0,
) -> dict[str, ToolFigures]:
    """Load a policy onto the CPU and let it play one episode on each of some tasks.

    Args:
        folder: What ``load_policy`` reads.
        env: The id of an environment of tool use, whose templates a pupil knows.
        env_kwargs: Its arguments.
        temperature: 0 is greedy.
        max_new_tokens: Largest number of tokens of one response.
        tasks: Number of tasks of all kinds together; they are those of ``evaluate_tool_use`` with the same seed.
        seed: Seeds tasks and answers.

    Returns:
        Figures by the name that ``kind_of`` gives a task.

    Raises:
        RewardiumError: When there is nothing to play, or the environment has other templates or counts no calls.
    """
    if tasks < 1:
        raise RewardiumError(f"an evaluation needs at least one task, got {tasks}")
    policy = load_policy(str(folder), device="cpu", trainable=False)
    venv = make_text_vec(env, tasks, autoreset_mode=AutoresetMode.DISABLED, **env_kwargs)
    record = _Record(venv)
    try:
        rollout = collect(
            TransformersSampler(policy),
            Chat(policy.tokenizer),
            record,
            SamplingSettings(temperature=temperature, max_new_tokens=max_new_tokens),
            task_seeds=derived_seeds(tasks, seed, 0).tolist(),
            sampling_seeds=derived_seeds(tasks, seed, 1).tolist(),
            context_length=policy.context_length,
        )
    finally:
        venv.close()
    return figures_by_kind(record.kinds, rollout.success.tolist(), record.calls.tolist(), record.valid_calls.tolist())

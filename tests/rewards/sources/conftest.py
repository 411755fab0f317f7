"""Episodes with tools, written down turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from rewardium import rewards
from rewardium.envs.task import Task
from rewardium.envs.tools.calls import ToolCall, parse_turn, render_turn
from rewardium.envs.tools.execution import CallOutcome
from rewardium.envs.tools.observations import write_observation
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.reward import Reward


def call(tool: str, /, **arguments: Any) -> str:
    """Write one call as a policy does."""
    return render_turn([ToolCall(tool, arguments)])


def seen(action: str, statuses: Sequence[str] = ()) -> str:
    """Write what the environment shows after a turn; a call without a status of its own was ok."""
    items = parse_turn(action, "hermes").calls
    default = ["ok" if isinstance(item, ToolCall) else "malformed" for item in items]
    given = [*statuses, *default[len(statuses) :]]
    return write_observation([CallOutcome(item, status, "42") for item, status in zip(items, given, strict=True)])


def episode(
    *actions: Any,
    gold: Any = None,
    reference: str | None = None,
    reward: float = 0.0,
    ends: bool = True,
    statuses: Sequence[Sequence[str]] | None = None,
    **fields: Any,
) -> list[TransitionBatch]:
    """Build an episode of these actions: one batch of one transition a turn, with its history.

    ``gold`` is a list of calls as text, or anything else to stand in ``gold_calls`` as it is; the environment's reward
    is paid at the last turn.
    """
    calls = [_plain(text) for text in gold] if isinstance(gold, list) and all(map(_is_text, gold)) else gold
    task = Task("Do it.", reference, fields if gold is None else {"gold_calls": calls, **fields})
    rows: list[Transition] = []
    for step, action in enumerate(actions):
        last = step == len(actions) - 1
        observation = seen(action, statuses[step] if statuses else ()) if isinstance(action, str) else ""
        row = Transition(observation, "", action, task=task, step=step, reward=reward if last else 0.0)
        rows.append(replace(row, terminated=last and ends, history=tuple(rows)))
    batches = [TransitionBatch.from_transitions([row]) for row in rows]
    return [replace(batch, histories=[row.history]) for batch, row in zip(batches, rows, strict=True)]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _plain(text: str) -> dict[str, Any]:
    (item,) = parse_turn(text, "hermes").calls
    return {"name": item.name, "arguments": item.arguments}


def values(reward: Reward | str, batches: Sequence[TransitionBatch]) -> list[float | None]:
    """Apply a reward turn by turn: what each turn is paid, None where it has no score."""
    reward = rewards.parse(reward) if isinstance(reward, str) else reward
    state = rewards.RewardState()
    outcomes = [reward.evaluate(batch, state) for batch in batches]
    return [float(outcome.value[0]) if outcome.valid[0] else None for outcome in outcomes]


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    return SimpleNamespace(call=call, seen=seen, episode=episode, values=values)

"""A number that the task carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score


@register("task_field")
@dataclass(frozen=True)
class TaskField(RewardSource):
    """A number or a yes or no that the task has in its fields: a condition for nodes that treat tasks differently.

    ``r = task.fields[field]``, a yes as 1 and a no as 0. It says nothing of what the policy did, and all samples of a
    prompt share it, so that paid alone it teaches nothing: use it as the condition of ``choose`` or ``gate``, or as the
    measure of ``difficulty``.

    Score: value float32 [B], valid bool [B], False where there is no task, no such field, or no finite number in it.

    Args:
        field: The name of the field.

    Raises:
        RewardiumError: When that is no text.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> tasks = [Task("a", fields={"closed": True}), Task("b", fields={"closed": "perhaps"}), None]
        >>> score = TaskField("closed").score(
        ...     TransitionBatch.from_transitions([Transition("", "", "", task=task) for task in tasks])
        ... )
        >>> score.value.tolist(), score.valid.tolist()
        ([1.0, 0.0, 0.0], [True, False, False])
    """

    field: str

    needs = frozenset({"task"})

    def __post_init__(self) -> None:
        if not isinstance(self.field, str) or not self.field:
            raise RewardiumError(f"task_field: 'field' must be the name of a field, got {self.field!r}")

    @classmethod
    def example(cls) -> TaskField:
        """Return a small one: how many calls a tool task takes."""
        return cls("num_gold_calls")

    def score(self, batch: TransitionBatch) -> Score:
        """Look the field up in B tasks."""
        tasks = batch.tasks or [None] * len(batch)
        values = [None if task is None else _number(task.fields.get(self.field)) for task in tasks]
        missing = f"the task has no number in its field {self.field!r}"
        return Score.of(values, reasons=[missing if value is None else None for value in values])


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, (bool, int, float)) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None

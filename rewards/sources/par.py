"""Preference as reward: how likely a response beats reference responses to the same prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.bound import bound
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score, require_positive_int

# What a response is scored by must not depend on what the environment answered to it.
_READABLE = frozenset({"action", "task"})


def preference_as_reward(score: float, references: FloatArray, slope: float = 1.0) -> float:
    """Return the mean of ``sigmoid(slope * (score - reference))``.

    Args:
        score: The response's raw score.
        references: float64 [M], M of at least 1, the raw scores of the reference responses.
        slope: How fast the sigmoid bends, above 0.

    Returns:
        A number in [0, 1].

    Example:
        >>> preference_as_reward(2.0, np.array([2.0])), round(preference_as_reward(2.0, np.array([0.0, 4.0])), 6)
        (0.5, 0.5)
    """
    with np.errstate(over="ignore"):
        return float(bound(slope * (score - references)).mean())


@register("par", papers=("B49",))
@dataclass(frozen=True)
class Par(RewardSource):
    r"""The sigmoid of a source's lead over its score of reference responses to the same task.

    ``r = (1/M) sum_m sigmoid(slope * (s(response) - s(reference_m)))``: "preference as reward" (PAR) of "Reward Shaping
    to Mitigate Reward Hacking in RLHF" (2025); slope 1 and M = 1, up to 10, as in the authors' code. It saturates, so
    that pushing a hackable score further pays little. The references are responses of the policy before training;
    without any, ``bound(..., running=True)`` is a substitute. With one prompt a group and an advantage that is divided
    by the group's standard deviation, only the saturation remains of it.

    The source must score a response by action and task alone, since no environment has answered to the references.
    Each distinct task's references are scored once a batch.

    Score: value float32 [B] in [0, 1], valid bool [B], False where the source has no score of the response, or the task
    has no references with one.

    Args:
        source: What scores the responses, e.g. a reward model.
        slope: How fast the sigmoid bends, above 0.
        most: The largest number M of references that is read, at least 1.
        field: The name of the task's field that holds the references, a list of texts.

    Raises:
        RewardiumError: When ``source`` is no source or reads more than action and task, or a number is out of range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> from rewardium.rewards import make
        >>> task = Task("say much", fields={"reference_responses": ["two words"]})
        >>> rows = [Transition("", "", text, task=task) for text in ("one", "two words", "all of four words")]
        >>> Par(make("size")).score(TransitionBatch.from_transitions(rows)).value.astype(float).round(3).tolist()
        [0.269, 0.5, 0.881]
    """

    source: RewardSource
    slope: float = 1.0
    most: int = 10
    field: str = "reference_responses"

    def __post_init__(self) -> None:
        if not isinstance(self.source, RewardSource):
            raise RewardiumError(f"par: 'source' must be a source, got {self.source!r}")
        if not {"action"} <= self.source.needs <= _READABLE:
            raise RewardiumError(
                f"par: the source must read the action, and nothing else but the task, since no step followed the "
                f"references; {self.source} reads {', '.join(sorted(self.source.needs)) or 'neither'}"
            )
        require_number(self, "slope", above=0.0)
        require_positive_int("par: 'most'", self.most)
        if not isinstance(self.field, str) or not self.field:
            raise RewardiumError(f"par: 'field' must be the name of a field, got {self.field!r}")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The response and the task."""
        return _READABLE

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses and their references in one call of the source, and compare them."""
        if batch.actions is None or batch.tasks is None:
            return no_score(batch, NO_RESPONSE if batch.actions is None else "the batch has no tasks")
        given = [() if task is None else self._references(task) for task in batch.tasks]
        rows_of: dict[tuple[Task, tuple[str, ...]], list[int]] = {}
        actions, rows = list(batch.actions), list(range(len(batch)))
        for row, (task, texts) in enumerate(zip(batch.tasks, given, strict=True)):
            if task is None or not texts or (task, texts) in rows_of:
                continue
            rows_of[task, texts] = list(range(len(rows), len(rows) + len(texts)))
            actions.extend(texts)
            rows.extend([row] * len(texts))
        if not len(batch):
            return Score.of([])
        bare = replace(batch, texts=None, frames=None, histories=None)  # nothing that is not read is copied
        scored = self.source.score(replace(bare.select(np.array(rows, dtype=np.int64)), actions=actions))
        values = [
            self._compare(scored, row, rows_of.get((task, texts), [])) if task is not None else None
            for row, (task, texts) in enumerate(zip(batch.tasks, given, strict=True))
        ]
        reasons = [self._reason(texts, value) for texts, value in zip(given, values, strict=True)]
        return Score.of(values, reasons=reasons, cost=scored.cost)

    def _references(self, task: Task) -> tuple[str, ...]:
        given = task.fields.get(self.field)
        if isinstance(given, str) or not isinstance(given, Sequence):
            return ()
        return tuple(text for text in given if isinstance(text, str))[: self.most]

    def _compare(self, scored: Score, row: int, references: list[int]) -> float | None:
        known = [reference for reference in references if scored.valid[reference]]
        if not scored.valid[row] or not known:
            return None
        return preference_as_reward(float(scored.value[row]), scored.value[known].astype(np.float64), self.slope)

    def _reason(self, texts: tuple[str, ...], value: float | None) -> str | None:
        if not texts:
            return f"the task has no references in its field {self.field!r}"
        return "the source has no score of the response, or of any reference" if value is None else None

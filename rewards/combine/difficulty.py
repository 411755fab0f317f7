"""Scale a group's reward by how hard its task is, compared with the tasks of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.combine.trust import task_groups
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.bound import bound
from rewardium.rewards.shaping.moments import Moments, merge_moments
from rewardium.rewards.shaping.parameters import require_reward
from rewardium.rewards.shaping.shaper import add_term, scaled
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def difficulty_factor(measure: float, usual: float, invert: bool = False) -> float:
    """Return ``sigmoid(d) / sigmoid(mean d)``, or the same of ``-d``.

    Args:
        measure: A task's measure d.
        usual: The mean of d over the tasks of its kind.
        invert: Whether a low measure means a large factor.

    Returns:
        The factor, above 0; 1 for a usual task.

    Example:
        >>> [round(difficulty_factor(measure, usual=0.0), 3) for measure in (-1.0, 0.0, 1.0)]
        [0.538, 1.0, 1.462]
    """
    sign = -1.0 if invert else 1.0
    # The sigmoid of a very negative number rounds to 0, by which nothing can be divided.
    one, other = np.maximum(bound(sign * np.array([measure, usual])), 1e-12)
    return float(one / other)


@register("difficulty", papers=("B54",))
@dataclass(frozen=True)
class Difficulty(Reward):
    """Multiply the reward of each group by ``sigmoid(d) / sigmoid(mean d)``, with a measure d of the group's task.

    The scaling of "Inverse Reinforcement Learning with Dynamic Reward Scaling for LLM Alignment" (DR-IRL, 2025), whose
    equations are known from notes. Its two factors are this one with two measures: the hardness of the data (one less
    the similarity of two responses) and the responsiveness of the model (the gap between their rewards). As the
    equations stand, both grow with tasks that are told apart easily, while the text says that hard ones get the focus:
    ``invert`` turns a factor round; compare the two. Here d is the mean of any reward over the group, and the mean of
    its kind is a running one over all groups seen, the present ones included.

    The paper scales the advantage after it was normalised. A factor that is the same for a whole group vanishes when
    the advantage is divided by the group's standard deviation: train with ``--scale none``.

    A group is the rows of a time step whose tasks are equal. A row without a task, or in a group without any measure,
    is paid as it is. Segments are scaled.

    Args:
        reward: What is scaled.
        measure: The measure d, e.g. ``-1.0 * verify`` for how often the group fails.
        invert: Whether a low measure means a large factor.
        category: The name of the task's field that says its kind; "" for one kind of task.

    Raises:
        RewardiumError: When a parameter is no reward, or of another type.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("difficulty(verify, -1.0 * verify, category='num_steps')"))
        difficulty(reward=verify, measure=-1.0 * verify, category='num_steps')
    """

    reward: Reward
    measure: Reward
    invert: bool = False
    category: str = ""

    def __post_init__(self) -> None:
        require_reward(self, "reward", "measure")
        if not isinstance(self.invert, bool):
            raise RewardiumError(f"difficulty: 'invert' must be True or False, got {self.invert!r}")
        if not isinstance(self.category, str):
            raise RewardiumError(f"difficulty: 'category' must be the name of a field, got {self.category!r}")

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, by whose equality rows are grouped."""
        return frozenset({"task"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Measure each group, then scale."""
        reward = self.reward.fold(scores, batch, state.child(0))
        measure = self.measure.fold(scores, batch, state.child(1))
        groups = [
            (rows, self._kind(batch, rows), float(measure.value[known].astype(np.float64).mean()))
            for rows in task_groups(batch, np.ones(len(batch), dtype=np.bool_))
            if len(known := rows[measure.valid[rows]])
        ]
        usual: dict[str, Any] = state.memory.setdefault("kinds", {})
        for _, kind, value in groups:
            usual[kind] = list(merge_moments(Moments(*usual.get(kind, ())), np.array([value])))
        factors = np.ones(len(batch), dtype=np.float64)
        for rows, kind, value in groups:
            factors[rows] = difficulty_factor(value, Moments(*usual[kind]).mean, self.invert)
        return add_term(self.registered_name, (reward, measure), reward.value, scaled(reward, factors))

    def _kind(self, batch: TransitionBatch, rows: NDArray[np.int64]) -> str:
        task = None if batch.tasks is None else batch.tasks[int(rows[0])]
        return str(task.fields.get(self.category))[:200] if task is not None and self.category else ""

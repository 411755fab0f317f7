"""A source whose scores a test writes down, and rollouts made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.reward import Outcome, Reward, RewardSource
from rewardium.rewards.source import Score, Segment
from rewardium.rewards.state import RewardState

# A shared machine may pause for longer than a deadline.
settings.register_profile("rewards", deadline=None, max_examples=30)
settings.load_profile("rewards")


@dataclass(frozen=True)
class Column(RewardSource):
    """Scores a step with one entry of its action: a number, None for a missing score, or a tuple of segment values."""

    index: int = 0

    needs = frozenset({"action"})
    registered_name = "column"

    def score(self, batch: TransitionBatch) -> Score:
        entries = [action[self.index] for action in batch.actions]
        segments = [
            tuple(Segment(i, i + 1, value) for i, value in enumerate(entry)) if isinstance(entry, tuple) else ()
            for entry in entries
        ]
        values = [sum(entry) if isinstance(entry, tuple) else entry for entry in entries]
        return Score.of(values, segments=segments if any(segments) else None)


def rollout(
    *columns: Sequence[Sequence[Any]],
    ends: Sequence[Sequence[str]] | None = None,
    texts: Sequence[Sequence[str | None]] | None = None,
    tasks: Sequence[str | None] | None = None,
) -> list[TransitionBatch]:
    """Build T time steps of N environments; ``columns[c][t][n]`` is what ``Column(c)`` says.

    ``ends[t][n]`` is "terminated", "truncated" or "", and a new episode begins after an end.
    """
    steps, envs = len(columns[0]), len(columns[0][0]) if columns[0] else 0
    episode, step = [0] * envs, [0] * envs
    batches = []
    for t in range(steps):
        rows = []
        for n in range(envs):
            end = ends[t][n] if ends else ""
            rows.append(
                Transition(
                    "after",
                    "before",
                    tuple(column[t][n] for column in columns),
                    text=texts[t][n] if texts else None,
                    task=Task(tasks[n]) if tasks and tasks[n] is not None else None,
                    terminated=end == "terminated",
                    truncated=end == "truncated",
                    env=n,
                    episode=episode[n],
                    step=step[n],
                )
            )
            step[n] += 1
            if end:
                episode[n], step[n] = episode[n] + 1, 0
        batches.append(TransitionBatch.from_transitions(rows))
    return batches


def check_outcome(outcome: Outcome, rows: int) -> None:
    """Check what must hold of every outcome of every reward."""
    assert outcome.value.dtype == np.float32
    assert outcome.value.shape == outcome.valid.shape == (rows,)
    assert np.isfinite(outcome.value).all()
    assert (outcome.value[~outcome.valid] == 0).all()
    total = np.zeros(rows)
    for term in outcome.terms.values():
        assert term.raw.shape == term.shaped.shape == term.valid.shape == (rows,)
        total += np.where(term.valid, term.weight * term.shaped.astype(np.float64), 0.0)
    np.testing.assert_allclose(total, outcome.value, rtol=1e-5, atol=1e-5)
    if outcome.segments is not None:
        assert len(outcome.segments) == rows
        assert not any(parts for parts, valid in zip(outcome.segments, outcome.valid, strict=True) if not valid)


def play(reward: Reward, batches: Sequence[TransitionBatch], state: RewardState | None = None) -> np.ndarray:
    """Apply a reward step by step: float64 [T, N], NaN where there is no score."""
    state = RewardState() if state is None else state
    rows = []
    for batch in batches:
        outcome = reward.evaluate(batch, state)
        check_outcome(outcome, len(batch))
        rows.append(np.where(outcome.valid, outcome.value.astype(np.float64), np.nan))
    return np.array(rows)


@pytest.fixture(scope="session")
def rig() -> SimpleNamespace:
    return SimpleNamespace(Column=Column, rollout=rollout, play=play, check_outcome=check_outcome)

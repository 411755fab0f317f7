"""Batches of transitions."""

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import NEEDS, Transition, TransitionBatch, unknown_needs


def row(index, **more):
    return Transition(f"o{index}", f"p{index}", f"a{index}", reward=float(index), env=index, step=2 * index, **more)


def test_columns_and_rows_agree():
    rows = [row(0, terminated=True), row(1, truncated=True, episode=4), row(2)]
    batch = TransitionBatch.from_transitions(rows)
    assert list(batch) == rows
    assert [batch[index] for index in range(-3, 0)] == rows
    assert batch.dones.tolist() == [True, True, False]
    assert batch.rewards.dtype == np.float64
    assert batch.env.dtype == batch.step.dtype == np.int64
    with pytest.raises(IndexError):
        batch[3]


def test_columns_that_nobody_filled_are_none():
    batch = TransitionBatch.from_transitions([row(0), row(1)])
    assert batch.texts is batch.frames is batch.tasks is batch.histories is None
    batch = TransitionBatch.from_transitions([row(0, text="t"), row(1)])
    assert batch.texts == ["t", None]


def test_select_and_slices_keep_the_order_asked_for():
    frames = [np.full((2, 2, 3), index, dtype=np.uint8) for index in range(3)]
    batch = TransitionBatch.from_transitions(
        [row(index, frame=frames[index], task=Task(str(index)), history=(row(9),)) for index in range(3)]
    )
    chosen = batch.select(np.array([2, 0]))
    assert chosen.actions == ["a2", "a0"]
    assert chosen.env.tolist() == [2, 0]
    assert [task.goal for task in chosen.tasks] == ["2", "0"]
    assert [frame[0, 0, 0] for frame in chosen.frames] == [2, 0]
    assert chosen.histories == [(row(9),), (row(9),)]
    assert list(batch[1:].rewards) == [1.0, 2.0]
    assert len(batch[3:]) == 0


def test_select_takes_arrays_as_columns():
    flags, counts = np.zeros((2, 3), dtype=bool), np.zeros((3, 3), dtype=np.int64)
    batch = TransitionBatch(np.eye(3), np.zeros((3, 3)), np.arange(3), np.zeros(3), *flags, *counts)
    assert batch.select(np.array([1])).observations.tolist() == [[0.0, 1.0, 0.0]]


def test_concatenate_joins_and_fills_what_one_batch_lacks():
    first = TransitionBatch.from_transitions([row(0)])
    second = TransitionBatch.from_transitions([row(1, text="t", task=Task("g")), row(2)])
    joined = TransitionBatch.concatenate([first, second])
    assert list(joined) == [*first, *second]
    assert joined.texts == [None, "t", None]
    assert joined.frames is None
    with pytest.raises(RewardiumError, match="at least one"):
        TransitionBatch.concatenate([])


def test_concatenate_then_select_gives_each_step_back():
    steps = [TransitionBatch.from_transitions([row(index), row(index + 1)]) for index in range(3)]
    joined = TransitionBatch.concatenate(steps)
    for index, step in enumerate(steps):
        assert list(joined[2 * index : 2 * index + 2]) == list(step)


def test_unknown_needs():
    unknown_needs(NEEDS)
    with pytest.raises(RewardiumError, match=r"\['pixels'\].*frame"):
        unknown_needs(frozenset({"text", "pixels"}))

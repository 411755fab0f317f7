from __future__ import annotations

import math

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.rewards import parse
from rewardium.rewards.evaluation.probes import blank_frames, other_frames, other_goal, probe
from rewardium.rewards.evaluation.states import batch_of_states, state_values
from tests.shapes.sources import registered_test_sources


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


ANY = "test_brightness(dark=-1.0)"  # a score for black pictures, too
BRIGHT = [np.full((4, 4, 3), 51 * level, dtype=np.uint8) for level in range(5)]
TRUTH = np.arange(5) / 4


def states(**changes):
    return batch_of_states(np.zeros((5, 1)), **{"frames": BRIGHT, "task": Task("bright"), **changes})


def test_values_are_missing_where_there_is_no_score():
    values = state_values(parse("test_brightness(dark=0.1)"), states())
    assert np.isnan(values).tolist() == [True, False, False, False, False]
    np.testing.assert_allclose(values[1:], [0.2, 0.4, 0.6, 0.8], atol=1e-6)


def test_each_state_stands_alone_for_a_reward_that_remembers():
    values = state_values(parse(f"potential({ANY}, gamma=0.5)"), states())
    np.testing.assert_allclose(values, 0.5 * np.array([0.0, 0.2, 0.4, 0.6, 0.8]), atol=1e-6)


def test_a_blank_frame():
    found = probe(parse(ANY), states(), blank_frames(states(), 102), TRUTH)
    assert found.mean == pytest.approx(0.4)
    assert found.changed_mean == pytest.approx(0.4)
    assert found.below == 2 / 5
    assert math.isnan(found.same_order)
    assert math.isnan(found.truth)


def test_another_camera():
    negative = [255 - frame for frame in BRIGHT]
    found = probe(parse(ANY), states(), other_frames(states(), negative), TRUTH)
    assert (found.same_order, found.truth) == (-1.0, -1.0)
    assert found.changed_mean == pytest.approx(0.6)


def test_another_sentence():
    found = probe(parse(f"{ANY} + 0.1 * test_named"), states(), other_goal(states(), "dark room"), TRUTH)
    assert found.same_order == pytest.approx(1.0)  # it does not read
    assert found.changed_mean == pytest.approx(found.mean + 0.3)


def test_rows_without_a_score_are_left_out():
    found = probe(parse("test_brightness(dark=0.3)"), states(), other_frames(states(), BRIGHT[::-1]))
    assert found.mean == pytest.approx(0.4)  # the middle one alone has a score both times
    assert math.isnan(probe(parse("test_brightness(dark=0.9)"), states(), states()).mean)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: blank_frames(states(frames=None)), "needs states with frames"),
        (lambda: other_goal(states(task=None), "x"), "with a task"),
        (lambda: other_frames(states(), BRIGHT[:2]), "as many frames"),
        (lambda: probe(parse("extrinsic"), states(), batch_of_states([0])), "the same states"),
    ],
    ids=["frames", "task", "count", "length"],
)
def test_clear_errors(call, message):
    with pytest.raises(RewardiumError, match=message):
        call()

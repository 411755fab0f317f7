import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import RewardState
from rewardium.rewards.combine.difficulty import Difficulty, difficulty_factor


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_groups_are_compared_with_the_mean_of_all_groups(rig):
    node = Difficulty(rig.Column(0), rig.Column(1))
    steps = rig.rollout([[1.0, 2.0, 1.0, 1.0]], [[1.0, 3.0, 0.0, 9.0]], tasks=["a", "a", "b", None])
    usual = sigmoid((2.0 + 0.0) / 2)  # one measure a group: 2 of a, 0 of b
    expected = [sigmoid(2) / usual, 2 * sigmoid(2) / usual, sigmoid(0) / usual, 1.0]
    np.testing.assert_allclose(rig.play(node, steps)[0], expected, rtol=1e-6)


def test_the_usual_measure_runs_on_and_is_resumed(rig):
    node = Difficulty(rig.Column(0), rig.Column(1), invert=True)
    state = RewardState()
    assert rig.play(node, rig.rollout([[1.0]], [[4.0]], tasks=["a"]), state).tolist() == [[1.0]]
    resumed = RewardState.from_state_dict(state.state_dict())
    paid = rig.play(node, rig.rollout([[1.0]], [[0.0]], tasks=["b"]), resumed)
    np.testing.assert_allclose(paid, [[sigmoid(0) / sigmoid(-2)]], rtol=1e-6)


def test_each_category_has_a_mean_of_its_own(rig):
    node = Difficulty(rig.Column(0), rig.Column(1), category="kind")
    tasks = [Task("a", fields={"kind": "easy"}), Task("b", fields={"kind": "hard"}), Task("c", fields={"kind": "hard"})]
    rows = [
        Transition("", "", (1.0, measure), task=task, env=env)
        for env, (measure, task) in enumerate(zip([5.0, 1.0, 3.0], tasks, strict=True))
    ]
    paid = node.evaluate(TransitionBatch.from_transitions(rows), RewardState()).value
    np.testing.assert_allclose(paid, [1.0, sigmoid(1) / sigmoid(2), sigmoid(3) / sigmoid(2)], rtol=1e-6)


def test_without_a_measure_a_group_is_paid_as_it_is(rig):
    node = Difficulty(rig.Column(0), rig.Column(1))
    steps = rig.rollout([[2.0, None, 3.0]], [[None, 1.0, 1.0]], tasks=["a", "b", "b"])
    np.testing.assert_allclose(rig.play(node, steps), [[2.0, np.nan, 3.0]])


def test_segments_are_scaled(rig):
    node = Difficulty(rig.Column(0), rig.Column(1))
    steps = rig.rollout([[(1.0, 2.0), 1.0]], [[1.0, -1.0]], tasks=["a", "b"])
    outcome = node.evaluate(steps[0], RewardState())
    factor = sigmoid(1) / sigmoid(0)
    assert [part.value for part in outcome.segments[0]] == pytest.approx([factor, 2 * factor])


@given(st.floats(-50, 50), st.floats(-50, 50), st.booleans())
def test_the_factor_is_above_nothing_and_turns_round(measure, usual, invert):
    factor = difficulty_factor(measure, usual, invert)
    assert math.isfinite(factor)
    assert factor > 0
    if measure == usual:
        assert factor == 1
    elif (measure > usual) != invert:
        assert factor >= 1
    else:
        assert factor <= 1
    if abs(measure - usual) > 1e-3 and max(abs(measure), abs(usual)) < 20:
        assert factor != 1


@pytest.mark.parametrize("bad", [{"invert": 1}, {"category": None}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="difficulty: "):
        Difficulty(rig.Column(), rig.Column(1), **bad)

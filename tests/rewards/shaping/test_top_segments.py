import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.shaping.top_segments import TopSegments, top_values

numbers = st.lists(st.floats(-1e6, 1e6), max_size=40)


def outcome_of(rig, node, *entries):
    outcome = node.evaluate(rig.rollout([list(entries)])[0], RewardState())
    rig.check_outcome(outcome, len(entries))
    return outcome


def test_the_largest_segments_are_paid_and_the_others_dropped(rig):
    outcome = outcome_of(rig, TopSegments(rig.Column(), scale=-0.5), (2.0, 10.0, 6.0, 8.0), (3.0, 3.0), 7.0, None)
    np.testing.assert_allclose(outcome.value, [-0.5 * (1.0 + 0.75), 0.0, 0.0, 0.0])
    assert outcome.valid.tolist() == [True, True, True, False]
    paid = [[(part.start, part.value) for part in row] for row in outcome.segments]
    assert paid == [[(1, -0.5), (3, -0.375)], [], [], []]


def test_no_more_than_so_many_are_paid(rig):
    outcome = outcome_of(rig, TopSegments(rig.Column(), threshold=0.0, most=2, scale=1.0), (0.0, 1.0, 1.0, 1.0))
    assert [part.start for part in outcome.segments[0]] == [1, 2]


def test_without_any_segments_nothing_is_paid(rig):
    assert outcome_of(rig, TopSegments(rig.Column()), 5.0, 6.0).value.tolist() == [0.0, 0.0]


@given(numbers, st.floats(0, 1), st.integers(1, 20))
def test_what_is_kept(values, threshold, most):
    values = np.array(values, dtype=np.float64)
    kept = top_values(values, threshold, most)
    assert ((kept == 0) | ((kept > threshold) & (kept <= 1))).all()
    assert (kept > 0).sum() <= most
    if (kept > 0).any():
        assert kept[values.argmax()] == 1.0
        dropped = values[kept == 0]
        assert dropped.max(initial=-np.inf) <= values[kept > 0].min() or threshold == 1.0


def test_of_two_that_hardly_differ_the_larger_is_kept():
    values = np.array([0.0, -1e-216, -1.0, 0.0])
    assert top_values(values, 0.0, 2).tolist() == [1.0, 0.0, 0.0, 1.0]


@given(numbers, st.floats(0.5, 4.0), st.floats(-100, 100))
def test_an_affine_change_of_the_values_changes_nothing(values, factor, offset):
    values = np.round(np.array(values, dtype=np.float64), 2)
    np.testing.assert_allclose(top_values(factor * values + offset, 0.0, 100), top_values(values, 0.0, 100), atol=1e-5)


@pytest.mark.parametrize("bad", [{"most": 0}, {"threshold": 1.5}, {"scale": float("inf")}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="top_segments: "):
        TopSegments(rig.Column(), **bad)

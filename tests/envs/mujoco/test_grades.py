import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.grades import grade, overall

finite = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (2.5, 0.75), (-2.0, 0.5), (4.0, 0.0), (100.0, 0.0), (math.nan, 0.0)],
)
def test_falls_in_a_straight_line_beside_the_interval(value, expected):
    assert grade(value, -1.0, 2.0, margin=2.0) == expected


@given(finite, finite, st.floats(0, 1e6), st.floats(1e-6, 1e6))
def test_is_one_in_the_interval_and_nowhere_else(value, low, width, margin):
    high = low + width
    result = grade(value, low, high, margin=margin)
    assert 0.0 <= result <= 1.0
    assert (result == 1.0) == (low <= value <= high)


@given(finite, finite, st.floats(1e-3, 1e3))
def test_nearer_is_never_worse(first, second, margin):
    near, far = sorted((abs(first), abs(second)))
    assert grade(near, high=0.0, margin=margin) >= grade(far, high=0.0, margin=margin)


@pytest.mark.parametrize("wrong", [{"margin": 0.0}, {"margin": -1.0}, {"low": 1.0, "high": 0.0, "margin": 1.0}])
def test_refuses_what_is_no_interval(wrong):
    with pytest.raises(RewardiumError, match="margin above 0"):
        grade(0.5, **wrong)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_overall_lies_between_the_worst_and_the_mean(grades):
    result = overall(grades)
    assert min(grades) - 1e-12 <= result <= sum(grades) / len(grades) + 1e-12
    assert (result == 1.0) == (min(grades) == 1.0)


def test_no_grade_is_refused():
    with pytest.raises(RewardiumError, match="no grade"):
        overall([])

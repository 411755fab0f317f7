"""The length hump."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources.length import hump, polyline


def values(reward: str, *actions: object) -> list[float]:
    batch = TransitionBatch.from_transitions([Transition("", "", action) for action in actions])
    return rewards.parse(reward).evaluate(batch, rewards.RewardState()).value.tolist()


@pytest.mark.parametrize("function", [hump, polyline])
@pytest.mark.parametrize("target", [0.1, 0.5, 0.8])
def test_three_points(function, target):
    np.testing.assert_allclose(function(np.array([0.0, target, 1.0]), target), [0.0, 1.0, -1.0], atol=1e-12)


@pytest.mark.parametrize("function", [hump, polyline])
def test_continuous_at_the_target(function):
    below, above = function(np.array([0.3 - 1e-9, 0.3 + 1e-9]), 0.3)
    assert below == pytest.approx(above, abs=1e-6)


def test_between_the_points():
    assert hump(np.array([0.2, 0.7]), 0.4).tolist() == pytest.approx([0.75, 0.5])
    # the paper's polyline at p = 0.5: 2x, then 3 - 4x
    assert polyline(np.array([0.2, 0.7]), 0.5).tolist() == pytest.approx([0.4, 0.2])


@given(st.floats(0, 1), st.floats(0.01, 1))
def test_range(x, target):
    for function in (hump, polyline):
        assert -1 - 1e-9 <= function(np.array([x]), target)[0] <= 1


def test_target_one_never_falls():
    assert values("length(maximum=4, target=1.0)", "", "abcd", "abcdefgh") == [0.0, 1.0, 1.0]


def test_length_is_capped_at_the_maximum():
    assert values("length(maximum=8)", "x" * 8, "x" * 80) == [-1.0, -1.0]


def test_units_and_shape():
    assert values("length(maximum=4, unit='words')", "two words", "much longer words", None) == [1.0, 0.5, 0.0]
    assert values("length(maximum=4, unit='words', shape='polyline')", "a b c") == [0.0]


@pytest.mark.parametrize(
    "arguments",
    [{"maximum": 0}, {"maximum": 2.5}, {"maximum": True}, {"target": 0}, {"target": 1.5}, {"target": float("nan")},
     {"target": "0.5"}, {"unit": "tokens"}, {"shape": "round"}],
)  # fmt: skip
def test_bad_parameters(arguments):
    with pytest.raises(RewardiumError, match=next(iter(arguments))):
        rewards.make("length", **arguments)

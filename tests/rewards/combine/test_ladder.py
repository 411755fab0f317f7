import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.ladder import Ladder
from rewardium.rewards.sources.tool_ladder import climb

levels = st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3)


def three(rig, **parameters):
    return Ladder((rig.Column(0), rig.Column(1), rig.Column(2)), **parameters)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0, 1.0], 0.0),
        ([1.0, 0.0, 1.0], 0.1),
        ([1.0, 0.5, 1.0], 0.1 + 0.5),
        ([1.0, 1.0, 0.5], 0.1 + 1.0 + 0.1),
        ([None, 1.0, 1.0], np.nan),
        ([0.0, None, None], 0.0),  # what is not asked for may be missing
        ([1.0, 0.5, None], 0.6),
        ([1.0, 1.0, None], np.nan),
    ],
)
def test_closed_form(rig, values, expected):
    node = three(rig, weights=(0.1, 1.0, 0.2), thresholds=(1.0, 0.75))
    np.testing.assert_allclose(rig.play(node, rig.rollout(*[[[value]] for value in values])), [[expected]], rtol=1e-6)


@given(values=levels, weights=levels)
def test_it_is_the_ladder_of_tool_use_for_any_rewards(rig, values, weights):
    paid = rig.play(three(rig, weights=tuple(weights)), rig.rollout(*[[[value]] for value in values]))
    assert paid[0, 0] == pytest.approx(climb(values, weights, [0.5, 0.5]), abs=1e-6)


@given(low=levels, high=levels)
def test_no_lower_level_can_be_bought_with_a_higher_one(rig, low, high):
    """With falling weights, who passes the first level earns more than who does not."""
    node = three(rig, weights=(4.0, 1.0, 0.5), thresholds=(1.0, 1.0))
    low[0], high[0] = min(low[0], 0.5), 1.0
    failed, passed = (rig.play(node, rig.rollout(*[[[value]] for value in values]))[0, 0] for values in (low, high))
    assert failed < passed


@pytest.mark.parametrize("bad", [{"weights": (1.0,)}, {"thresholds": (0.5,)}, {"thresholds": ("a", "b")}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="ladder: "):
        three(rig, **bad)

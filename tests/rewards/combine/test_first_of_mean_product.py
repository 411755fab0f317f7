import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.combine.first_of import FirstOf
from rewardium.rewards.combine.mean import Mean
from rewardium.rewards.combine.product import Product

maybe = st.one_of(st.none(), st.floats(-100, 100, width=32))


def test_the_first_score_is_paid(rig):
    paid = rig.play(FirstOf((rig.Column(0), rig.Column(1))), rig.rollout([[1.0, None, None]], [[5.0, 6.0, None]]))
    np.testing.assert_array_equal(paid, [[1.0, 6.0, np.nan]])


def test_the_segments_of_the_first_score_are_kept(rig):
    node = FirstOf((rig.Column(0), rig.Column(1)))
    outcome = node.evaluate(rig.rollout([[1.0, None]], [[(2.0, 3.0), (2.0, 3.0)]])[0], RewardState())
    assert [[part.value for part in row] for row in outcome.segments] == [[], [2.0, 3.0]]


def test_the_mean_is_over_what_is_known(rig):
    node = Mean((rig.Column(0), rig.Column(1), rig.Column(2)), weights=(1.0, 2.0, 0.0))
    steps = rig.rollout([[1.0, None, 1.0, None]], [[4.0, 4.0, None, None]], [[9.0] * 4])
    np.testing.assert_allclose(rig.play(node, steps), [[3.0, 4.0, 1.0, np.nan]])


@given(values=st.lists(maybe, min_size=2, max_size=2))
def test_a_mean_lies_between_its_parts_and_a_product_needs_all(rig, values):
    steps = rig.rollout([[values[0]]], [[values[1]]])
    parts = (rig.Column(0), rig.Column(1))
    known = [value for value in values if value is not None]
    mean, product = (rig.play(node, steps)[0, 0] for node in (Mean(parts), Product(parts)))
    if known:
        assert min(known) - 1e-4 <= mean <= max(known) + 1e-4
    assert math.isnan(mean) == (not known)
    if len(known) == 2:
        assert product == pytest.approx(known[0] * known[1], rel=1e-5, abs=1e-30)
    else:
        assert math.isnan(product)


def test_a_product_that_is_too_large_has_no_score(rig):
    paid = rig.play(Product((rig.Column(0), rig.Column(0))), rig.rollout([[1e30, 2.0]]))
    np.testing.assert_array_equal(paid, [[np.nan, 4.0]])


@pytest.mark.parametrize("node", [FirstOf, Mean, Product])
@pytest.mark.parametrize("bad", [(), (1.0,), "verify"])
def test_a_list_of_rewards_is_asked_for(node, bad):
    with pytest.raises(RewardiumError, match="'rewards' must be a list of rewards"):
        node(bad)


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0), (-1.0, 2.0), (1.0, math.nan), ("a", "b")])
def test_weights_must_fit(rig, weights):
    with pytest.raises(RewardiumError, match="mean: 'weights'"):
        Mean((rig.Column(0), rig.Column(1)), weights)

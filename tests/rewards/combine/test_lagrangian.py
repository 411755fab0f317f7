import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.combine.lagrangian import Lagrangian, multiplier_weights


def node(rig, **parameters):
    return Lagrangian(rig.Column(0), (rig.Column(1),), (0.25,), **{"every": 2, "rate": 1.0, **parameters})


def test_a_cost_above_its_limit_weighs_more_from_the_next_step_on(rig):
    paid = rig.play(node(rig), rig.rollout([[1.0, 1.0], [1.0, 0.0]], [[1.0, 0.5], [0.0, 1.0]]))
    np.testing.assert_allclose(paid[0], [0.0, 0.25])  # both weights are 1/2
    weight = math.exp(0.5) / (1 + math.exp(0.5))  # the mean cost was 0.75, so that z = 0.5
    np.testing.assert_allclose(paid[1], [1 - weight, -weight], rtol=1e-6)


def test_the_multipliers_move_only_when_enough_was_seen_and_are_resumed(rig):
    reward = node(rig, every=3)
    state = RewardState()
    rig.play(reward, rig.rollout([[1.0, 1.0]], [[1.0, 1.0]]), state)
    assert state.memory["multipliers"].tolist() == [0.0]
    resumed = RewardState.from_state_dict(state.state_dict())
    rig.play(reward, rig.rollout([[1.0]], [[0.25]]), resumed)
    assert resumed.memory["multipliers"].tolist() == pytest.approx([2.25 / 3 - 0.25])
    assert (resumed.memory["seen"], resumed.memory["sums"].tolist()) == (0, [0.0])


def test_a_missing_cost_is_left_out_of_reward_and_mean(rig):
    state = RewardState()
    paid = rig.play(node(rig), rig.rollout([[1.0, None]], [[None, 1.0]]), state)
    np.testing.assert_array_equal(paid, [[0.5, np.nan]])
    assert state.memory["multipliers"].tolist() == [0.75]
    rig.play(node(rig), rig.rollout([[1.0, 1.0]], [[None, None]]), state)
    assert state.memory["multipliers"].tolist() == [0.75]  # nothing is known of the cost


def test_a_cost_that_stays_above_its_limit_takes_over_within_bounds(rig):
    state = RewardState()
    rig.play(node(rig, bound=3.0), rig.rollout([[1.0, 1.0]] * 50, [[1.0, 1.0]] * 50), state)
    assert state.memory["multipliers"].tolist() == [3.0]


def test_the_constraint_settles_where_a_policy_that_follows_the_weights_meets_it():
    """A policy that does the costly thing as often as the reward outweighs the cost ends up at the limit."""
    multiplier, limit = np.array([0.0]), 0.25
    for _ in range(2000):
        reward_weight, cost_weight = multiplier_weights(multiplier)
        cost = 1 / (1 + math.exp(-4 * (reward_weight - cost_weight)))
        multiplier = multiplier + 0.1 * (cost - limit)
    assert cost == pytest.approx(limit, abs=1e-3)


@given(st.lists(st.floats(-700, 700), max_size=5))
def test_weights_are_shares(multipliers):
    weights = multiplier_weights(np.array(multipliers, dtype=np.float64))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()


@pytest.mark.parametrize("bad", [{"limits": ()}, {"rate": 0.0}, {"every": 0}, {"bound": -1.0}, {"costs": ()}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="lagrangian: "):
        Lagrangian(**{"reward": rig.Column(), "costs": (rig.Column(1),), "limits": (0.5,), **bad})

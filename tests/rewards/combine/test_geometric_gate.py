import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.geometric_gate import GeometricGate, geometric_gate

unit = st.floats(0, 1)


@pytest.mark.parametrize(("delta", "leak"), [(1e-2, 0.207), (1e-6, 0.010)])
def test_the_leak_of_one_failed_constraint_of_three(rig, delta, leak):
    reward = GeometricGate((rig.Column(0), rig.Column(1), rig.Column(2)), rig.Column(3), delta=delta)
    paid = rig.play(reward, rig.rollout([[1.0]], [[0.0]], [[1.0]], [[1.0]]))
    assert paid[0, 0] == pytest.approx(leak, abs=5e-4)
    assert paid[0, 0] == pytest.approx((1 + delta) ** (2 / 3) * delta ** (1 / 3) - delta, rel=1e-5)


@given(st.integers(1, 5), st.floats(0, 0.1), st.data())
def test_one_where_all_hold_zero_where_none_does_and_in_between_otherwise(constraints, delta, data):
    weights = np.array(data.draw(st.lists(st.floats(0.1, 1), min_size=constraints, max_size=constraints)))
    weights /= weights.sum()
    scores = np.array(data.draw(st.lists(unit, min_size=constraints, max_size=constraints)))
    columns = np.stack([np.ones(constraints), np.zeros(constraints), scores], axis=1)
    gate = geometric_gate(columns, weights, delta)
    assert gate[:2] == pytest.approx([1.0, 0.0], abs=1e-9)
    assert scores.min() - 1e-9 <= gate[2] <= scores.max() + 1e-9


@given(st.lists(unit, min_size=3, max_size=3), st.integers(0, 2), unit)
def test_a_better_constraint_never_pays_less(scores, which, better):
    improved = list(scores)
    improved[which] = max(scores[which], better)
    gate = geometric_gate(np.array([scores, improved]).T, np.full(3, 1 / 3))
    assert gate[1] >= gate[0] - 1e-12


def test_weights_are_scaled_to_sum_one(rig):
    columns = rig.rollout([[0.25]], [[1.0]], [[2.0]])
    reward = GeometricGate((rig.Column(0), rig.Column(1)), rig.Column(2), weights=(2.0, 2.0), delta=0.0)
    assert rig.play(reward, columns)[0, 0] == pytest.approx(2.0 * 0.5)


def test_scores_outside_the_unit_interval_are_clipped(rig):
    reward = GeometricGate((rig.Column(0),), rig.Column(1))
    paid = rig.play(reward, rig.rollout([[-4.0, 4.0]], [[2.0, 2.0]]))
    assert paid[0] == pytest.approx([0.0, 2.0])


def test_every_score_is_needed(rig):
    reward = GeometricGate((rig.Column(0), rig.Column(1)), rig.Column(2))
    paid = rig.play(reward, rig.rollout([[None, 1.0, 1.0]], [[1.0, None, 1.0]], [[1.0, 1.0, None]]))
    assert np.isnan(paid).all()


def test_lists_become_tuples_so_that_equal_gates_are_equal(rig):
    left = GeometricGate([rig.Column(0)], rig.Column(1), weights=[1.0])
    assert left == GeometricGate((rig.Column(0),), rig.Column(1), weights=(1.0,))
    assert hash(left)


@pytest.mark.parametrize(
    "bad",
    [
        {"conditions": ()},
        {"conditions": 3},
        {"conditions": (3,)},
        {"weights": (1.0, 2.0)},
        {"weights": (-1.0,)},
        {"weights": (0.0,)},
        {"weights": ("a",)},
        {"delta": -1e-3},
    ],
)
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match=f"geometric_gate: '{next(iter(bad))}'"):
        GeometricGate(**{"conditions": (rig.Column(0),), "reward": rig.Column(1), **bad})

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.bound import Bound, bound
from rewardium.rewards.state import RewardState

finite = st.floats(allow_nan=False, allow_infinity=False)


def test_closed_forms():
    values = np.array([-3.0, 0.0, 1.5])
    np.testing.assert_allclose(bound(values, 1.0, 2.0), 1 / (1 + np.exp(-(values - 1.0) / 2.0)))
    np.testing.assert_allclose(bound(values, 1.0, 2.0, "tanh"), np.tanh((values - 1.0) / 2.0))


@given(st.lists(finite, min_size=2, max_size=20), finite, st.floats(1e-3, 1e3), st.sampled_from(["sigmoid", "tanh"]))
def test_it_is_bounded_and_increasing_for_all_finite_numbers(values, centre, scale, kind):
    paid = bound(np.sort(np.array(values)), centre, scale, kind)
    assert (np.diff(paid) >= 0).all()
    assert ((-1.0 if kind == "tanh" else 0.0) <= paid).all()
    assert (paid <= 1.0).all()


def test_the_running_centre_is_the_mean_of_the_known_values_so_far(rig):
    batches = rig.rollout([[1.0, 3.0], [None, 8.0], [4.0, None]])
    paid = rig.play(Bound(rig.Column(), centre=0.5, kind="tanh", running=True), batches)
    expected = np.tanh(np.array([[1.0, 3.0], [np.nan, 8.0], [4.0, np.nan]]) - [[2.0], [4.0], [4.0]] - 0.5)
    np.testing.assert_allclose(paid, expected, rtol=1e-6)


def test_segments_are_dropped(rig):
    outcome = Bound(rig.Column()).evaluate(rig.rollout([[(1.0, -1.0)]])[0], RewardState())
    assert outcome.segments is None
    assert outcome.value[0] == 0.5


@pytest.mark.parametrize("bad", [{"scale": 0.0}, {"scale": -1}, {"kind": "relu"}, {"centre": float("nan")}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match=f"bound: '{next(iter(bad))}'"):
        Bound(rig.Column(), **bad)

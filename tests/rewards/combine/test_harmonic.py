import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.harmonic import Harmonic, harmonic

unit = st.floats(0, 1)


def test_closed_form(rig):
    reward = Harmonic(rig.Column(0), rig.Column(1), lambda_=0.25)
    paid = rig.play(reward, rig.rollout([[0.5, 0.0, -1.0, None]], [[0.25, 1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(paid, [[1 / (0.25 / 0.5 + 0.75 / 0.25), 0.0, 0.0, np.nan]], rtol=1e-6)


@given(unit, unit, unit)
def test_it_lies_between_the_scores_and_below_the_arithmetic_mean(first, second, weight):
    (mean,) = harmonic(np.array([first]), np.array([second]), weight)
    assert np.isfinite(mean)
    assert -1e-9 <= mean <= weight * first + (1 - weight) * second + 1e-9
    if 0 < weight < 1:
        assert mean >= min(first, second) - 1e-9


@pytest.mark.parametrize(("weight", "expected"), [(0.0, 0.75), (1.0, 0.0)])
def test_a_score_of_weight_zero_has_no_influence(weight, expected):
    assert harmonic(np.array([0.0]), np.array([0.75]), weight)[0] == expected


def test_bad_parameters_are_refused(rig):
    with pytest.raises(RewardiumError, match="harmonic: 'lambda_'"):
        Harmonic(rig.Column(0), rig.Column(1), lambda_=2.0)

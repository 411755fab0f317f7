import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.verifier_dominant import VerifierDominant, verifier_dominant

finite32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def test_closed_form(rig):
    paid = rig.play(VerifierDominant(rig.Column(0), rig.Column(1)), rig.rollout([[2.0, 2.0]], [[1.0, 0.0]]))
    sigmoid = 1 / (1 + np.exp(-0.5 * 2.0))
    np.testing.assert_allclose(paid, [[sigmoid, sigmoid - 1]], rtol=1e-6)


@given(correct=finite32, wrong=finite32, alpha=st.floats(0, 1e6))
def test_correct_earns_more_than_wrong_for_every_finite_score(rig, correct, wrong, alpha):
    reward = VerifierDominant(rig.Column(0), rig.Column(1), alpha)
    paid = rig.play(reward, rig.rollout([[correct, wrong]], [[1.0, 0.0]]))[0]
    assert 0 < paid[0] < 1
    assert -1 < paid[1] < 0


@given(st.floats(-20, 20), st.floats(0.01, 5))
def test_a_higher_score_ranks_higher_within_a_class(score, gap):
    paid = verifier_dominant(np.array([score, score + gap]), np.ones(2))
    assert paid[1] > paid[0]


def test_a_missing_model_score_is_neutral_and_a_missing_verdict_is_missing(rig):
    paid = rig.play(
        VerifierDominant(rig.Column(0), rig.Column(1)), rig.rollout([[None, None, 3.0]], [[1.0, 0.0, None]])
    )
    np.testing.assert_array_equal(paid, [[0.5, -0.5, np.nan]])


def test_bad_parameters_are_refused(rig):
    with pytest.raises(RewardiumError, match="verifier_dominant: 'alpha'"):
        VerifierDominant(rig.Column(0), rig.Column(1), alpha=-1.0)

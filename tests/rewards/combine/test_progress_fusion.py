import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.progress_fusion import ProgressFusion, advanced, consistency, fused, hop
from rewardium.rewards.state import RewardState

shares = st.floats(0, 1)


@given(shares, shares)
def test_a_hop_leads_from_one_progress_to_the_other(before, after):
    p, q = np.array([before]), np.array([after])
    step = hop(p, q)
    assert -1 <= step[0] <= 1
    np.testing.assert_allclose(advanced(p, step), q, atol=1e-12)


@given(shares, shares, shares, shares)
def test_the_fused_progress_stays_in_its_range(previous, earlier, mean, trust):
    arrays = [np.array([value]) for value in (previous, earlier, mean, trust)]
    assert -1e-12 <= fused(*arrays)[0] <= 1 + 1e-12


@given(shares)
def test_without_trust_nothing_changes_and_measures_that_agree_are_trusted(value):
    one = np.array([value])
    assert fused(one, np.array([0.3]), np.array([0.9]), np.zeros(1))[0] == value
    assert consistency(one, one, 7.0)[0] == 1.0


def test_steps_by_hand(rig):
    node = ProgressFusion(rig.Column(0), rig.Column(1), sharpness=1.0)
    paid = rig.play(node, rig.rollout([[0.2], [0.6], [None], [0.9]], [[0.2], [0.6], [0.5], [0.1]]))[:, 0]
    assert paid[0] == pytest.approx(0.2)  # the first mean
    # both agree: half of the way to 0.6, and half of the hop (0.6 - 0.2) / (1 - 0.2) of what was left
    assert paid[1] == pytest.approx(0.2 + 0.5 * (0.4 + 0.8 * 0.5))
    assert np.isnan(paid[2])
    gap = 0.8 / (0.5 + 1e-6)
    trust = np.exp(-gap * gap)
    assert paid[3] == pytest.approx(0.6 + 0.5 * trust * ((0.5 - 0.6) + 0.6 * (0.5 - 0.6) / 0.6), abs=1e-6)


def test_each_episode_and_environment_begins_anew_and_the_state_can_be_saved(rig):
    node = ProgressFusion(rig.Column(0), rig.Column(1))
    columns = [[0.2, 0.9], [0.8, 0.8], [0.5, 0.7], [0.6, 0.6]]
    batches = rig.rollout(columns, columns, ends=[["", ""], ["truncated", ""], ["", ""], ["", ""]])
    whole = rig.play(node, batches)
    assert whole[2, 0] == pytest.approx(0.5)
    state = RewardState()
    first = rig.play(node, batches[:2], state)
    rest = rig.play(node, batches[2:], RewardState.from_state_dict(state.state_dict()))
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)


def test_wrong_arguments(rig):
    with pytest.raises(RewardiumError, match="'backward'"):
        ProgressFusion(rig.Column(0), 1)
    with pytest.raises(RewardiumError, match="'sharpness'"):
        ProgressFusion(rig.Column(0), rig.Column(1), sharpness=-1.0)

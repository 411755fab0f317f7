import math

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.uncertainty import Uncertainty


def test_weights_have_their_closed_form(rig):
    node = Uncertainty(rig.Column(0), rig.Column(1), scale=2.0)
    paid = rig.play(node, rig.rollout([[1.0, -1.0, 0.5, None]], [[1.0, -0.5, None, 0.5]]))
    assert paid[0, :2].tolist() == pytest.approx([1.0, -math.exp(-1.0)])
    assert all(math.isnan(value) for value in paid[0, 2:])


def test_a_scale_of_0_believes_everything(rig):
    node = Uncertainty(rig.Column(0), rig.Column(1), scale=0.0)
    assert rig.play(node, rig.rollout([[0.25]], [[9.0]])).tolist() == [[0.25]]


def test_segments_are_scaled(rig):
    node = Uncertainty(rig.Column(0), rig.Column(1))
    batch = rig.rollout([[(1.0, 2.0)]], [[4.0]])[0]
    from rewardium.rewards.state import RewardState

    outcome = node.evaluate(batch, RewardState())
    rig.check_outcome(outcome, 1)
    weight = math.exp(-1.0)
    assert [part.value for part in outcome.segments[0]] == pytest.approx([weight, 2 * weight])


def test_wrong_arguments(rig):
    with pytest.raises(RewardiumError, match="'other'"):
        Uncertainty(rig.Column(0), 3.0)
    with pytest.raises(RewardiumError, match="'scale'"):
        Uncertainty(rig.Column(0), rig.Column(1), scale=-1.0)

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.conditional_gate import ConditionalGate

NAN = np.nan


def test_closed_form(rig):
    correctness = [0.0, 0.5, 1.0, 1.0, 1.0, 1.0]
    quality = [1.0, 1.0, 0.0, 0.5, 0.6, 1.0]
    efficiency = [1.0, 1.0, 1.0, 1.0, 0.5, 1.0]
    reward = ConditionalGate(rig.Column(0), rig.Column(1), rig.Column(2))
    paid = rig.play(reward, rig.rollout([correctness], [quality], [efficiency]))
    np.testing.assert_allclose(paid, [[0.0, 0.1, 1.0, 1.25, 1.45, 1.8]], rtol=1e-6)


def test_only_what_is_asked_for_must_be_known(rig):
    correctness = [None, 0.5, 1.0, 1.0, 1.0]
    quality = [1.0, None, None, 0.1, 0.9]
    efficiency = [1.0, None, 1.0, None, None]
    reward = ConditionalGate(rig.Column(0), rig.Column(1), rig.Column(2))
    paid = rig.play(reward, rig.rollout([correctness], [quality], [efficiency]))
    np.testing.assert_allclose(paid, [[NAN, 0.1, NAN, 1.05, NAN]], rtol=1e-6)


def test_parameters(rig):
    reward = ConditionalGate(
        rig.Column(0), rig.Column(1), rig.Column(2), partial=1.0, base=2.0, quality_weight=10.0,
        efficiency_weight=100.0, correct_from=0.5, quality_from=0.25,
    )  # fmt: skip
    paid = rig.play(reward, rig.rollout([[0.25, 0.5, 0.5]], [[1.0, 0.125, 0.25]], [[1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(paid, [[0.25, 3.25, 104.5]])


@pytest.mark.parametrize("bad", [{"base": None}, {"quality_from": NAN}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match=f"conditional_gate: '{next(iter(bad))}'"):
        ConditionalGate(rig.Column(0), rig.Column(1), rig.Column(2), **bad)
    with pytest.raises(RewardiumError, match="'efficiency' must be a reward"):
        ConditionalGate(rig.Column(0), rig.Column(1), 0.5)

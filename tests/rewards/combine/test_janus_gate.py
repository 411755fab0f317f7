import numpy as np
import pytest

from rewardium import rewards
from rewardium.rewards.combine.gate import Gate
from rewardium.rewards.combine.janus_gate import janus_gate
from rewardium.rewards.combine.soft_gate import SoftGate


def test_the_hard_gate_blocks_and_the_soft_one_scales(rig):
    hard, soft, inner, beside = [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [2.0, 2.0, 2.0], [0.5, 0.5, 0.5]
    reward = janus_gate(rig.Column(0), rig.Column(1), rig.Column(2), rig.Column(3), kappa=0.25)
    paid = rig.play(reward, rig.rollout([hard], [soft], [inner], [beside]))
    np.testing.assert_array_equal(paid, [[-1.0, 1.0, 2.5]])


def test_without_a_reward_beside(rig):
    reward = janus_gate(rig.Column(0), rig.Column(1), rig.Column(2), penalty=-3.0)
    paid = rig.play(reward, rig.rollout([[0.0, 1.0]], [[0.0, 0.0]], [[2.0, 2.0]]))
    np.testing.assert_array_equal(paid, [[-3.0, 1.0]])


@pytest.mark.parametrize(
    "config",
    [
        "janus_gate(extrinsic, verify, graded)",
        {"janus_gate": {"hard": "extrinsic", "soft": "verify", "reward": "graded"}},
        {"janus_gate": ["extrinsic", "verify", "graded", None]},
    ],
)
def test_it_is_built_from_text_and_yaml(config):
    make = rewards.make
    assert rewards.build(config) == Gate(make("extrinsic"), SoftGate(make("verify"), make("graded")), otherwise=-1.0)

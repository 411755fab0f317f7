import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.gate import Gate
from rewardium.rewards.combine.soft_gate import SoftGate
from rewardium.rewards.shaping.delta import Delta
from rewardium.rewards.state import RewardState

NAN = np.nan


def test_truth_table(rig):
    conditions = [1.0, 0.5, 0.4, 0.4, None, 1.0]
    rewards = [3.0, 3.0, 3.0, None, 3.0, None]
    reward = Gate(rig.Column(0), rig.Column(1), otherwise=-1.0)
    paid = rig.play(reward, rig.rollout([conditions], [rewards]))
    np.testing.assert_array_equal(paid, [[3.0, 3.0, -1.0, -1.0, NAN, NAN]])


def test_a_threshold_that_is_no_binary_fraction_is_reached_by_an_equal_score(rig):
    reward = Gate(rig.Column(0), rig.Column(1), threshold=0.9)
    assert rig.play(reward, rig.rollout([[0.9]], [[3.0]]))[0, 0] == 3.0


def test_segments_pass_only_an_open_gate(rig):
    (batch,) = rig.rollout([[1.0, 0.0, None]], [[(1.0, 2.0), (1.0, 2.0), (1.0, 2.0)]])
    outcome = Gate(rig.Column(0), rig.Column(1)).evaluate(batch, RewardState())
    assert [len(parts) for parts in outcome.segments] == [2, 0, 0]


def test_the_ledger_logs_both_inputs_and_pays_the_gate(rig):
    (batch,) = rig.rollout([[0.0]], [[3.0]])
    terms = Gate(rig.Column(0), rig.Column(1), otherwise=-1.0).evaluate(batch, RewardState()).terms
    assert {name: (term.raw[0], term.shaped[0], term.weight) for name, term in terms.items()} == {
        "column": (0.0, 0.0, 0.0),
        "column#2": (3.0, 3.0, 0.0),
        "gate": (3.0, -1.0, 1.0),
    }


def test_nested_gates_have_a_line_each(rig):
    (batch,) = rig.rollout([[1.0]], [[3.0]])
    reward = Gate(rig.Column(0), Gate(rig.Column(0), rig.Column(1)))
    outcome = reward.evaluate(batch, RewardState())
    rig.check_outcome(outcome, 1)
    assert [name for name in outcome.terms if name.startswith("gate")] == ["gate", "gate#2"]


def test_a_shaper_behind_a_closed_gate_still_follows_the_episode(rig):
    batches = rig.rollout([[1.0], [0.0], [1.0]], [[1.0], [5.0], [6.0]])
    paid = rig.play(Gate(rig.Column(0), Delta(rig.Column(1))), batches)
    np.testing.assert_array_equal(paid[:, 0], [1.0, 0.0, 1.0])


def test_the_soft_gate_scales(rig):
    batches = rig.rollout([[1.0, 0.0, None, 1.0]], [[3.0, 3.0, 3.0, None]])
    paid = rig.play(SoftGate(rig.Column(0), rig.Column(1), kappa=0.25), batches)
    np.testing.assert_array_equal(paid, [[3.0, 0.75, NAN, NAN]])


def test_the_soft_gate_scales_segments(rig):
    (batch,) = rig.rollout([[0.0]], [[(1.0, 3.0)]])
    outcome = SoftGate(rig.Column(0), rig.Column(1)).evaluate(batch, RewardState())
    assert [part.value for part in outcome.segments[0]] == [0.5, 1.5]


@pytest.mark.parametrize(
    ("node", "bad"),
    [(Gate, {"threshold": None}), (Gate, {"otherwise": NAN}), (SoftGate, {"kappa": 1.5}), (SoftGate, {"kappa": -1})],
)
def test_bad_parameters_are_refused(rig, node, bad):
    with pytest.raises(RewardiumError, match=f"gate: '{next(iter(bad))}'"):
        node(rig.Column(0), rig.Column(1), **bad)
    with pytest.raises(RewardiumError, match="'condition' must be a reward"):
        node("format", rig.Column(1))

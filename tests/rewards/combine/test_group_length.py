import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.group_length import GroupLength, group_excess

sizes = st.lists(st.tuples(st.floats(0, 1e4), st.booleans()), min_size=1, max_size=8)


def test_closed_form_for_long_answers(rig):
    verdicts, lengths = [1.0, 1.0, 0.0, 0.0], [10.0, 30.0, 30.0, 100.0]  # the correct ones' mean is 20
    paid = rig.play(GroupLength(rig.Column(0), rig.Column(1)), rig.rollout([verdicts], [lengths], tasks=["a"] * 4))[0]
    np.testing.assert_allclose(paid, [0.0, -0.25, -0.5, -1.0])


def test_closed_form_for_short_wrong_answers(rig):
    node = GroupLength(
        rig.Column(0), rig.Column(1), "shorter", correct_factor=0.0, wrong_factor=0.5, without_correct="nothing"
    )
    verdicts, lengths = [1.0, 0.0, 0.0, 0.0, 0.0], [20.0, 10.0, 40.0, 5.0, 10.0]
    tasks = ["a", "a", "a", "b", "b"]  # in b nothing is correct
    np.testing.assert_allclose(
        rig.play(node, rig.rollout([verdicts], [lengths], tasks=tasks))[0], [0.0, -0.25, 0.0, 0.0, 0.0]
    )


def test_without_a_correct_answer_the_median_is_the_measure(rig):
    node = GroupLength(rig.Column(0), rig.Column(1))
    paid = rig.play(node, rig.rollout([[0.0] * 3], [[10.0, 20.0, 30.0]], tasks=["a"] * 3))[0]
    np.testing.assert_allclose(paid, [0.0, 0.0, -0.5])


def test_rows_without_a_score_or_a_task_are_missing_and_enter_no_group(rig):
    node = GroupLength(rig.Column(0), rig.Column(1))
    steps = rig.rollout([[1.0, None, 1.0, 1.0]], [[10.0, 99.0, None, 30.0]], tasks=["a", "a", "a", None])
    np.testing.assert_array_equal(rig.play(node, steps), [[0.0, np.nan, np.nan, np.nan]])


@given(sizes, st.sampled_from(["longer", "shorter"]), st.sampled_from(["median", "nothing"]))
def test_the_penalty_is_a_share_and_blind_to_the_unit(group, penalised, without):
    lengths, correct = (np.array(column) for column in zip(*group, strict=True))
    excess = group_excess(lengths, correct, penalised, without)
    assert ((excess >= 0) & (excess <= 1)).all()
    np.testing.assert_allclose(group_excess(4.0 * lengths, correct, penalised, without), excess, atol=1e-9)


def test_an_empty_answer_alone_costs_nothing():
    assert group_excess(np.zeros(2), np.array([True, False])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [{"penalised": "both"}, {"correct_factor": -1.0}, {"without_correct": "mean"}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="group_length: "):
        GroupLength(rig.Column(), rig.Column(1), **bad)

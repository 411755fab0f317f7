import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.grpo_lambda import GRPOLambda, best_groups, brief_reward

accuracies = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=12)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_length_counts_in_the_best_group_alone(rig):
    verdicts = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    lengths = [10.0, 30.0, 5.0, 1.0, 99.0, 2.0]  # of the correct ones in "a": mean 20, deviation 10
    node = GRPOLambda(rig.Column(0), rig.Column(1), share=0.5, alpha=0.4)
    paid = rig.play(node, rig.rollout([verdicts], [lengths], tasks=["a", "a", "a", "b", "b", "b"]))[0]
    np.testing.assert_allclose(paid, [1 - 0.4 * sigmoid(-1), 1 - 0.4 * sigmoid(1), 0.0, 1.0, 0.0, 0.0], rtol=1e-6)


def test_a_wrong_answer_earns_nothing_however_short(rig):
    node = GRPOLambda(rig.Column(0), rig.Column(1), share=1.0)
    paid = rig.play(node, rig.rollout([[1.0, 0.0, 0.0]], [[50.0, 1.0, 0.0]], tasks=["a"] * 3))[0]
    np.testing.assert_allclose(paid, [1 - 0.2 * 0.5, 0.0, 0.0], rtol=1e-6)


def test_without_any_correct_answer_nothing_is_switched(rig):
    node = GRPOLambda(rig.Column(0), rig.Column(1), share=1.0)
    assert rig.play(node, rig.rollout([[0.0, 0.0]], [[1.0, 9.0]], tasks=["a", "b"])).tolist() == [[0.0, 0.0]]


def test_rows_without_a_score_or_a_task_are_missing_and_enter_no_group(rig):
    node = GRPOLambda(rig.Column(0), rig.Column(1), share=1.0, alpha=0.5)
    steps = rig.rollout([[1.0, None, 1.0, 1.0]], [[10.0, 99.0, None, 30.0]], tasks=["a", "a", "a", None])
    np.testing.assert_array_equal(rig.play(node, steps), [[0.75, np.nan, np.nan, np.nan]])


@pytest.mark.parametrize(("number", "share", "taken"), [(5, 0.2, 1), (15, 0.2, 3), (6, 0.2, 2), (4, 0.0, 0), (3, 1, 3)])
def test_how_many_groups_are_the_best(number, share, taken):
    assert sum(best_groups([(index + 1) / number for index in range(number)], share)) == taken


@given(accuracies, st.floats(0, 1))
def test_the_best_groups_are_the_most_accurate_whatever_their_order(groups, share):
    best = best_groups(groups, share)
    chosen = [accuracy for accuracy, is_best in zip(groups, best, strict=True) if is_best]
    others = [accuracy for accuracy, is_best in zip(groups, best, strict=True) if not is_best]
    assert not chosen or min(chosen) > max(others, default=-1.0)
    assert best_groups(groups[::-1], share) == best[::-1]


@given(st.lists(st.tuples(st.floats(0, 1e4), st.booleans()), min_size=1, max_size=8), st.floats(0, 1))
def test_a_correct_answer_never_earns_less_than_a_wrong_one_or_a_longer_one(group, alpha):
    sizes, correct = (np.array(column) for column in zip(*group, strict=True))
    paid = brief_reward(sizes, correct, alpha)
    assert (paid[~correct] == 0).all()
    assert ((paid[correct] >= 1 - alpha - 1e-9) & (paid[correct] <= 1)).all()
    order = np.argsort(sizes[correct], kind="stable")
    assert (np.diff(paid[correct][order]) <= 1e-9).all()


@pytest.mark.parametrize("bad", [{"share": 2.0}, {"alpha": -0.1}, {"floor": 0.0}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="grpo_lambda: "):
        GRPOLambda(rig.Column(), rig.Column(1), **bad)

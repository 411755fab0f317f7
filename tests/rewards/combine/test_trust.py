import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.trust import Trust, trust_weight

unit = st.floats(0, 1, width=32)


@pytest.mark.parametrize(
    ("thinking", "answers", "weight"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 1.0),  # the judge agrees
        ([0.2, 0.2, 0.7, 0.7], [1, 1, 0, 0], math.exp(-0.5)),  # the judge prefers the wrong ones
        ([0.5, 0.5], [1, 0], 1.0),  # a tie is trusted
        ([0.1, 0.9, 0.5], [1, 1, 1], 0.0),  # no wrong answer
        ([0.1, 0.9, 0.5], [0, 0, 0], 0.0),  # no correct answer
        ([0.1, 0.9, 0.5], [0.9, 1.0, 0.95], 0.0),
        ([0.1, 0.9, 0.5], [0.1, 0.0, 0.05], 0.0),
        ([0.1, 0.9, 0.5], [0.6, 1.0, 0.95], 1.0),  # all correct, not all near 1
        ([0.1, 0.9, 0.5], [0.2, 0.0, 0.4], 1.0),  # all wrong, not all near 0
        ([0.7], [0], 1.0),  # nothing to compare with
    ],
)
def test_hand_made_groups(thinking, answers, weight):
    assert trust_weight(np.array(thinking, np.float32), np.array(answers, np.float32)) == pytest.approx(weight)


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=10), st.randoms())
def test_the_weight_is_within_its_range_and_blind_to_order(group, random):
    shuffled = list(group)
    random.shuffle(shuffled)
    weights = [trust_weight(*(np.array(column) for column in zip(*rows, strict=True))) for rows in (group, shuffled)]
    assert weights[0] == pytest.approx(weights[1])
    assert weights[0] == 0.0 or math.exp(-1) - 1e-9 <= weights[0] <= 1.0


def test_groups_are_rows_of_equal_tasks(rig):
    thinking = [0.25, 0.5, 0.75, 1.0, 0.5, 0.5, 0.5]
    answers = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    tasks = ["a", "b", "a", "b", "c", None, None]
    paid = rig.play(Trust(rig.Column(0), rig.Column(1)), rig.rollout([thinking], [answers], tasks=tasks))[0]
    penalty = math.exp(-0.5)
    expected = [0.25 * penalty, 0.5 * penalty, 0.75 * penalty, penalty, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(paid, expected, rtol=1e-6)


def test_rows_without_a_score_are_missing_and_enter_no_group(rig):
    thinking = [0.25, 0.75, None, 1.0]
    answers = [1.0, 0.0, 1.0, None]
    paid = rig.play(Trust(rig.Column(0), rig.Column(1)), rig.rollout([thinking], [answers], tasks=["a"] * 4))[0]
    weight = math.exp(-0.5)
    np.testing.assert_allclose(paid, [0.25 * weight, 0.75 * weight, np.nan, np.nan], rtol=1e-6)


def test_a_skipped_group_pays_nothing_but_is_not_missing(rig):
    paid = rig.play(Trust(rig.Column(0), rig.Column(1)), rig.rollout([[0.5, 0.25]], [[1.0, 1.0]], tasks=["a", "a"]))
    np.testing.assert_array_equal(paid, [[0.0, 0.0]])


def test_an_inverted_judge_is_weighted_down_and_a_good_one_is_not(rig):
    answers = [1.0, 1.0, 0.0, 0.0]
    batches = rig.rollout([[0.75, 1.0, 0.0, 0.25]], [[0.25, 0.0, 1.0, 0.75]], [answers], tasks=["a"] * 4)
    good = rig.play(Trust(rig.Column(0), rig.Column(2)), batches)
    inverted = rig.play(Trust(rig.Column(1), rig.Column(2)), batches)
    np.testing.assert_allclose(good, [[0.75, 1.0, 0.0, 0.25]])
    assert inverted.max() == pytest.approx(math.exp(-0.75))


def test_it_needs_the_task(rig):
    assert "task" in Trust(rig.Column(0), rig.Column(1)).needs
    with pytest.raises(RewardiumError, match="trust: 'low' must lie below 'high'"):
        Trust(rig.Column(0), rig.Column(1), low=0.9, high=0.1)

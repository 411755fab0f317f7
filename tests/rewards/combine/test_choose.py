import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.combine.choose import Choose


def test_each_row_takes_the_reward_that_its_condition_names(rig):
    reward = Choose(rig.Column(0), rig.Column(1), rig.Column(2))
    paid = rig.play(reward, rig.rollout([[1.0, 0.5, 0.25]], [[1.0, 2.0, 3.0]], [[-1.0, -2.0, -3.0]]))[0]
    np.testing.assert_array_equal(paid, [1.0, 2.0, -3.0])


@pytest.mark.parametrize(
    ("condition", "reward", "otherwise", "expected"),
    [
        (None, 1.0, 2.0, np.nan),  # nothing can be chosen
        (1.0, None, 2.0, np.nan),
        (0.0, None, 2.0, 2.0),  # the missing one is not chosen
        (1.0, 1.0, None, 1.0),
        (0.0, 1.0, None, np.nan),
    ],
)
def test_missing_scores(rig, condition, reward, otherwise, expected):
    node = Choose(rig.Column(0), rig.Column(1), rig.Column(2))
    np.testing.assert_array_equal(rig.play(node, rig.rollout([[condition]], [[reward]], [[otherwise]])), [[expected]])


def test_without_another_reward_the_row_has_no_score_and_drops_out_of_a_sum(rig):
    node = Choose(rig.Column(0), rig.Column(1))
    steps = rig.rollout([[1.0, 0.0]], [[3.0, 3.0]], [[1.0, 1.0]])
    np.testing.assert_array_equal(rig.play(node, steps), [[3.0, np.nan]])
    np.testing.assert_array_equal(rig.play(node + rig.Column(2), steps), [[4.0, 1.0]])


def test_the_segments_of_the_chosen_reward_are_kept(rig):
    node = Choose(rig.Column(0), rig.Column(1), rig.Column(2))
    outcome = node.evaluate(rig.rollout([[1.0, 0.0]], [[(1.0, 2.0), (1.0, 2.0)]], [[5.0, 5.0]])[0], RewardState())
    assert [[part.value for part in row] for row in outcome.segments] == [[1.0, 2.0], []]
    assert outcome.value.tolist() == [3.0, 5.0]


def test_bad_parameters_are_refused(rig):
    with pytest.raises(RewardiumError, match="choose: 'otherwise'"):
        Choose(rig.Column(), rig.Column(), 0.0)

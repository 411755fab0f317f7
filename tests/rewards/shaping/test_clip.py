import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.clip import Clip


def test_values_stay_within_the_bounds(rig):
    paid = rig.play(Clip(rig.Column(), -0.5, 2.0), rig.rollout([[-3.0, -0.5, 1.0, 7.0, None]]))
    np.testing.assert_array_equal(paid, [[-0.5, -0.5, 1.0, 2.0, np.nan]])


def test_segments_are_clipped_one_by_one_and_the_rest_of_the_row_is_kept(rig):
    reward = Clip(rig.Column(0) + rig.Column(1), 0.0, 1.0)
    (batch,) = rig.rollout([[(3.0, 0.25, -2.0)]], [[5.0]])
    assert rig.play(reward, [batch])[0, 0] == 1.0 + 0.25 + 0.0 + 5.0


@pytest.mark.parametrize("bounds", [(1.0, -1.0), (float("nan"), 1.0), ("a", 1.0), (0.0, float("inf")), (True, 2.0)])
def test_bad_bounds_are_refused(rig, bounds):
    with pytest.raises(RewardiumError, match=r"clip: '(low|high)'"):
        Clip(rig.Column(), *bounds)


def test_a_child_that_is_no_reward_is_refused():
    with pytest.raises(RewardiumError, match="clip: 'reward' must be a reward, got 3"):
        Clip(3)

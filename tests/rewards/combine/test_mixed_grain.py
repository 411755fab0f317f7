"""Two grains: the mean of the parts whatever their number, each paid where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.combine.mixed_grain import MixedGrain


def test_closed_form(rig):
    reward = MixedGrain(rig.Column(0), rig.Column(1), alpha=0.25)
    batches = rig.rollout([[1.0, 1.0, 0.0, None, 1.0]], [[(1.0, 0.0), (1.0, 1.0, 1.0, 1.0), 0.5, 1.0, None]])
    np.testing.assert_allclose(rig.play(reward, batches), [[0.625, 1.0, 0.375, np.nan, np.nan]])
    outcome = reward.evaluate(batches[0], RewardState())
    assert [[part.value for part in row] for row in outcome.segments] == [[0.375, 0.0], [0.1875] * 4, [], [], []]


def test_segments_of_both_grains_are_kept(rig):
    reward = MixedGrain(rig.Column(0), rig.Column(1))
    outcome = reward.evaluate(rig.rollout([[(2.0, 4.0)]], [[(1.0, 1.0)]])[0], RewardState())
    assert outcome.value.tolist() == [3.5]
    assert [part.value for part in outcome.segments[0]] == [1.0, 2.0, 0.25, 0.25]


def test_smoothing_draws_parts_to_the_middle(rig):
    reward = MixedGrain(rig.Column(0), rig.Column(1), alpha=0.0, smoothing=0.1)
    np.testing.assert_allclose(rig.play(reward, rig.rollout([[0.0]], [[(1.0, 0.0, 0.0)]])), [[0.35]])


@pytest.mark.parametrize("change", [{"alpha": 1.5}, {"smoothing": -0.1}])
def test_shares_are_between_none_and_all(rig, change):
    with pytest.raises(RewardiumError, match=next(iter(change))):
        MixedGrain(rig.Column(0), rig.Column(1), **change)

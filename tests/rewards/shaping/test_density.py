"""Density: when it pays, and that it pays an episode the same for every share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.density import Density, pays_at


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, [0, 0, 0, 0, 31]), (0.25, [0, 0, 0, 15, 16]), (0.5, [0, 3, 0, 12, 16]), (1.0, [1, 2, 4, 8, 16])],
)
def test_when_it_pays(rig, share, expected):
    ends = [[""]] * 4 + [["terminated"]]
    paid = rig.play(Density(rig.Column(), share), rig.rollout([[1.0], [2.0], [4.0], [8.0], [16.0]], ends=ends))
    assert paid[:, 0].tolist() == expected


@given(
    scores=st.lists(st.integers(-8, 8), min_size=1, max_size=20),
    share=st.floats(0.0, 1.0),
    end=st.sampled_from(["terminated", "truncated"]),
)
def test_every_share_pays_an_episode_the_same(rig, scores, share, end):
    ends = [[""]] * (len(scores) - 1) + [[end]]
    paid = rig.play(Density(rig.Column(), share), rig.rollout([[float(score)] for score in scores], ends=ends))
    assert paid.sum() == sum(scores)


@given(st.integers(1, 200), st.integers(1, 20))
def test_one_of_n_steps_pays(steps, every):
    assert pays_at(np.arange(1.0, steps + 1), 1.0 / every).sum() == steps // every


def test_episodes_do_not_share_what_waits(rig):
    ends = [["terminated", ""], ["", ""], ["", "terminated"]]
    paid = rig.play(Density(rig.Column(), 0.0), rig.rollout([[1.0, 1.0], [2.0, None], [4.0, 8.0]], ends=ends))
    np.testing.assert_array_equal(paid, [[1.0, 0.0], [0.0, np.nan], [0.0, 9.0]])


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_between_none_and_all(rig, share):
    with pytest.raises(RewardiumError, match="share"):
        Density(rig.Column(), share)

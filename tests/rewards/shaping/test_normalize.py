import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.moments import Moments, merge_moments
from rewardium.rewards.shaping.normalize import Normalize
from rewardium.rewards.state import RewardState

values = st.lists(st.floats(-1e3, 1e3), max_size=10)


@given(st.lists(values, max_size=10))
def test_merged_moments_are_those_of_all_values_at_once(batches):
    moments = Moments()
    for batch in batches:
        moments = merge_moments(moments, np.array(batch))
    together = np.array([value for batch in batches for value in batch])
    assert moments.number == len(together)
    if len(together):
        assert moments.mean == pytest.approx(together.mean(), abs=1e-8)
        assert moments.variance == pytest.approx(together.var(), abs=1e-6)


def test_the_variance_survives_a_large_offset():
    moments = Moments()
    for value in (1e9, 1e9 + 1, 1e9 + 2):
        moments = merge_moments(moments, np.array([value]))
    assert moments.variance == pytest.approx(2 / 3, rel=1e-6)


def by_hand(table, ends, gamma):
    """The definition: returns per environment, restarted at each end, one standard deviation over all of them."""
    running, seen, paid = [0.0] * len(table[0]), [], []
    for row, end in zip(table, ends, strict=True):
        for n, reward in enumerate(row):
            if reward is not None:
                running[n] = gamma * running[n] + reward
                seen.append(running[n])
        deviation = np.sqrt(np.var(seen) + 1e-8)
        paid.append([np.nan if reward is None else reward / deviation for reward in row])
        running = [0.0 if ended else value for ended, value in zip(end, running, strict=True)]
    return np.array(paid)


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_it_follows_the_definition_and_restarts_the_return_with_each_episode(rig, end):
    table = [[1.0, 2.0], [None, -1.0], [3.0, 0.5], [1.0, None], [0.25, 4.0]]
    ends = [["", ""], ["", end], [end, ""], ["", ""], ["", end]]
    paid = rig.play(Normalize(rig.Column(), gamma=0.5, limit=1e6), rig.rollout(table, ends=ends))
    np.testing.assert_allclose(paid, by_hand(table, ends, 0.5), rtol=1e-5)


def test_a_return_does_not_leak_across_episodes(rig):
    """Without the restart the second episode's return would carry the first one's 1000."""
    batches = rig.rollout([[1000.0], [1.0]], ends=[["truncated"], [""]])
    state = RewardState()
    rig.play(Normalize(rig.Column(), gamma=1.0), batches, state)
    assert Moments(*state.memory["moments"]).mean == (1000.0 + 1.0) / 2


@given(rewards=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30), limit=st.floats(0.1, 10))
def test_what_is_paid_is_limited_and_keeps_its_sign(rig, rewards, limit):
    paid = rig.play(Normalize(rig.Column(), limit=limit), rig.rollout([[reward] for reward in rewards]))[:, 0]
    assert (np.abs(paid) <= limit * (1 + 1e-6)).all()
    assert (np.sign(paid) * np.sign(rewards) >= 0).all()


def test_segments_add_up_to_the_limited_value(rig):
    batches = rig.rollout([[0.0], [(60.0, 40.0)]])
    state = RewardState()
    reward = Normalize(rig.Column(), limit=1.0)
    reward.evaluate(batches[0], state)
    outcome = reward.evaluate(batches[1], state)
    assert outcome.value[0] == pytest.approx(1.0)
    assert [part.value for part in outcome.segments[0]] == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize("bad", [{"gamma": 1.5}, {"gamma": -0.1}, {"epsilon": 0}, {"limit": 0.0}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match=f"normalize: '{next(iter(bad))}'"):
        Normalize(rig.Column(), **bad)

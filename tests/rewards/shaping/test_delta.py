import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.shaping.delta import Delta, delta
from rewardium.rewards.state import RewardState

bounded = st.floats(0, 1, width=32)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], []),
        ([0.5], [0.0]),
        ([0.5, 0.25], [0.5, 0.0]),
        ([0.5, 0.25, 1.0], [0.25, 0.25, 0.0]),
        ([0.5, 0.25, 1.0, 0.75], [0.25, -0.75, 1.0, 0.0]),
    ],
)
def test_the_papers_form(scores, expected):
    np.testing.assert_array_equal(delta(np.array(scores)), expected)


@given(st.lists(bounded, min_size=2, max_size=60))
def test_what_follows_from_a_step_adds_up_to_its_score(scores):
    returns = np.cumsum(delta(np.array(scores))[::-1])[::-1]
    np.testing.assert_allclose(returns[:-1], scores[:-1], atol=1e-9)
    assert returns[-1] == 0.0


@pytest.mark.parametrize("steps", [2, 10, 1000])
def test_filler_steps_do_not_add_up_in_either_form(rig, steps):
    filler = [0.9] * steps
    in_one_action = rig.play(Delta(rig.Column()), rig.rollout([[tuple(filler)]])).sum()
    over_actions = rig.play(Delta(rig.Column()), rig.rollout([[score] for score in filler])).sum()
    raw = rig.play(rig.Column(), rig.rollout([[score] for score in filler])).sum()
    assert in_one_action == pytest.approx(0.9)
    assert over_actions == pytest.approx(0.9)
    assert raw == pytest.approx(0.9 * steps)


@given(scores=st.lists(st.none() | bounded, min_size=1, max_size=30))
def test_an_episode_has_paid_its_newest_known_score(rig, scores):
    paid = rig.play(Delta(rig.Column()), rig.rollout([[score] for score in scores]))[:, 0]
    known = [score for score in scores if score is not None]
    np.testing.assert_array_equal(np.isnan(paid), [score is None for score in scores])
    assert np.nansum(paid) == pytest.approx(known[-1] if known else 0.0, abs=1e-5)


@given(actions=st.lists(st.lists(bounded, min_size=1, max_size=5).map(tuple), min_size=1, max_size=12))
def test_an_episode_of_several_segmented_actions_is_bounded(rig, actions):
    total = rig.play(Delta(rig.Column()), rig.rollout([[action] for action in actions])).sum()
    newest = [action[0] for action in actions if len(action) > 1]
    assert total == pytest.approx(newest[-1] if newest else 0.0, abs=1e-5)


def test_every_episode_starts_from_zero(rig):
    table = [[0.5], [0.75], [0.25], [1.0]]
    ends = [[""], ["truncated"], ["terminated"], [""]]
    paid = rig.play(Delta(rig.Column()), rig.rollout(table, ends=ends))
    np.testing.assert_array_equal(paid[:, 0], [0.5, 0.25, 0.25, 1.0])


def test_segments_keep_their_places_and_another_sources_part_is_kept(rig):
    (batch,) = rig.rollout([[(0.5, 0.25, 1.0)]], [[7.0]])
    outcome = Delta(rig.Column(0) + rig.Column(1)).evaluate(batch, RewardState())
    assert [tuple(part) for part in outcome.segments[0]] == [(0, 1, 0.25), (1, 2, 0.25), (2, 3, 0.0)]
    assert outcome.value[0] == 7.5

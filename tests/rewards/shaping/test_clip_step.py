import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.shaping.clip_step import ClipStep, clip_steps

scores = st.lists(st.floats(-10, 10), min_size=1, max_size=30)


def test_closed_form(rig):
    paid = rig.play(ClipStep(rig.Column(), 0.5), rig.rollout([[0.75, 0.5, 0.25, None]]))
    np.testing.assert_array_equal(paid, [[0.0, 0.0, -0.25, np.nan]])


def test_segments_are_clipped_one_by_one(rig):
    (batch,) = rig.rollout([[(0.75, 0.25, 0.0)]])
    from rewardium.rewards.state import RewardState

    outcome = ClipStep(rig.Column(), 0.5).evaluate(batch, RewardState())
    assert [part.value for part in outcome.segments[0]] == [0.0, -0.25, -0.5]
    assert outcome.value[0] == -0.75


@given(scores, st.floats(-10, 10))
def test_nothing_is_ever_earned_and_steps_above_eta_are_free(values, eta):
    values = np.array(values)
    paid = clip_steps(values, eta)
    assert (paid <= 0).all()
    assert (paid[values >= eta] == 0).all()
    np.testing.assert_array_equal(paid[values < eta], values[values < eta] - eta)

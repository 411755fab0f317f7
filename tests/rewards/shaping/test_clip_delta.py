import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.shaping.clip_delta import ClipDelta, clip_delta
from rewardium.rewards.shaping.clip_step import ClipStep
from rewardium.rewards.shaping.delta import Delta

scores = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40)


def test_the_papers_form():
    np.testing.assert_array_equal(clip_delta(np.array([0.25, 1.0, 0.0, 1.0]), 0.5), [-0.25, 0.5, -0.5, 0.0])


@given(scores, st.floats(0, 1))
def test_the_return_from_every_step_is_bounded_for_any_number_of_steps(values, eta):
    returns = np.cumsum(clip_delta(np.array(values), eta)[::-1])
    assert (returns <= 1e-9).all()
    assert (returns >= -eta - 1e-9).all()


@given(values=scores, eta=st.floats(0, 1, width=32))
def test_it_is_delta_of_clip_in_both_forms(rig, values, eta):
    for batches in (rig.rollout([[tuple(values)]]), rig.rollout([[value] for value in values])):
        np.testing.assert_allclose(
            rig.play(ClipDelta(rig.Column(), eta), batches),
            rig.play(Delta(ClipStep(rig.Column(), eta)), batches),
            atol=1e-5,
        )


@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_the_return_over_actions_is_bounded(rig, steps):
    table = [[0.25 if step % 2 else 0.75] for step in range(steps)]
    total = rig.play(ClipDelta(rig.Column(), 0.5), rig.rollout(table)).sum()
    assert -0.5 <= total <= 0.0
    assert rig.play(ClipStep(rig.Column(), 0.5), rig.rollout(table)).sum() == -0.25 * (steps // 2)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.combine.lexicographic import Lexicographic, lexicographic_preference, win_margin

value = st.sampled_from([0.0, 0.5, 1.0, 2.0])
group = st.lists(st.tuples(value, value, value), min_size=1, max_size=7)


def preferred(first, second, margins):
    """Compare two things as one would by hand."""
    for a, b, margin in zip(first, second, margins, strict=True):
        if abs(a - b) > margin:
            return 1 if a > b else -1
    return 0


@given(group, st.tuples(value, value, value))
def test_every_pair_is_compared_level_by_level(things, margins):
    table = lexicographic_preference(np.array(things).T, np.array(margins))
    assert table.tolist() == [[preferred(a, b, margins) for b in things] for a in things]


@given(group, st.tuples(value, value, value))
def test_the_margins_of_a_group_lie_within_one_and_sum_to_nothing(things, margins):
    paid = win_margin(lexicographic_preference(np.array(things).T, np.array(margins)))
    assert (np.abs(paid) <= 1).all()
    assert paid.sum() == pytest.approx(0.0)


@given(group)
def test_without_margins_the_best_beats_all_that_differ(things):
    paid = win_margin(lexicographic_preference(np.array(things).T, np.zeros(3)))
    best = [index for index, thing in enumerate(things) if thing == max(things)]
    assert all(paid[index] == paid.max() for index in best)


def test_groups_are_rows_of_equal_tasks(rig):
    node = Lexicographic((rig.Column(0), rig.Column(1)))
    steps = rig.rollout([[1.0, 1.0, 0.0, 5.0, 6.0, 7.0, 1.0]], [[1.0, 2.0, 9.0, 0.0, 0.0, 0.0, None]], tasks=[
        "a", "a", "a", "b", "b", "c", "a",
    ])  # fmt: skip
    # a row alone in its group, and one without a score, have none
    np.testing.assert_array_equal(rig.play(node, steps), [[0.0, 1.0, -1.0, -1.0, 1.0, np.nan, np.nan]])


def test_all_rows_of_a_step_can_be_one_group(rig):
    node = Lexicographic((rig.Column(0),), group="step")
    assert node.needs == {"action"}
    np.testing.assert_array_equal(rig.play(node, rig.rollout([[1.0, 2.0, 3.0]])), [[-1.0, 0.0, 1.0]])


def test_the_margin_of_lower_levels_follows_their_spread(rig):
    node = Lexicographic((rig.Column(0), rig.Column(1)), spread=1.0, group="step")
    # The second level has the values 0, 2, then 0, 2, 0, 10: deviation 1, then about 3.8.
    steps = rig.rollout([[1.0, 1.0], [1.0, 1.0], [1.0, 1.5]], [[0.0, 2.0], [0.0, 10.0], [3.0, 0.0]])
    np.testing.assert_array_equal(rig.play(node, steps), [[-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]])
    tied = rig.rollout([[1.0, 1.0], [1.0, 1.0]], [[0.0, 10.0], [0.0, 2.0]])
    np.testing.assert_array_equal(rig.play(node, tied), [[-1.0, 1.0], [0.0, 0.0]])


def test_the_spread_is_resumed(rig):
    node = Lexicographic((rig.Column(0), rig.Column(1)), spread=1.0, group="step")
    state = RewardState()
    rig.play(node, rig.rollout([[1.0, 1.0]], [[0.0, 10.0]]), state)
    resumed = RewardState.from_state_dict(state.state_dict())
    np.testing.assert_array_equal(rig.play(node, rig.rollout([[1.0, 1.0]], [[0.0, 2.0]]), resumed), [[0.0, 0.0]])


@pytest.mark.parametrize("bad", [{"margins": (1.0, 2.0)}, {"margins": (-1.0,)}, {"spread": -1.0}, {"group": "all"}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="lexicographic: "):
        Lexicographic((rig.Column(),), **bad)

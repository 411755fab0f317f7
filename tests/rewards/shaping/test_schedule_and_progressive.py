import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.shaping.progressive import Progressive, differentiated
from rewardium.rewards.shaping.schedule import Schedule, scheduled_weight

stages = st.lists(st.integers(0, 1000), min_size=1, max_size=5, unique=True).map(sorted)


def test_the_weight_changes_when_a_stage_begins_and_missing_scores_count_as_time(rig):
    node = Schedule(rig.Column(), at=(0, 4, 6), weights=(0.0, 1.0, 0.5))
    steps = rig.rollout([[8.0, 8.0], [None, 8.0], [8.0, 8.0], [8.0, None]])
    np.testing.assert_array_equal(rig.play(node, steps), [[0, 0], [np.nan, 0], [8, 8], [4, np.nan]])


def test_a_line_can_be_drawn_between_the_stages(rig):
    node = Schedule(rig.Column(), at=(1, 3), weights=(1.0, 0.0), kind="linear")
    np.testing.assert_allclose(rig.play(node, rig.rollout([[1.0]] * 5))[:, 0], [1.0, 1.0, 0.5, 0.0, 0.0])


@given(stages, st.integers(0, 2000), st.data())
def test_both_kinds_agree_where_a_stage_begins_and_stay_between_the_weights(at, seen, data):
    weights = data.draw(st.lists(st.floats(-5, 5), min_size=len(at), max_size=len(at)))
    for start, weight in zip(at, weights, strict=True):
        assert scheduled_weight(start, at, weights) == scheduled_weight(start, at, weights, "linear") == weight
    for kind in ("step", "linear"):
        assert min(weights) - 1e-9 <= scheduled_weight(seen, at, weights, kind) <= max(weights) + 1e-9


@pytest.mark.parametrize("build", [
    lambda column: Schedule(column, at=(0, 2), weights=(1.0, 2.0)),
    lambda column: Progressive(column, at=(0, 2), low=(0.0, 0.5), high=(1.0, 1.0)),
])  # fmt: skip
def test_the_stage_is_resumed(rig, build):
    node, state = build(rig.Column()), RewardState()
    first = rig.play(node, rig.rollout([[0.25], [0.25]]), state)
    resumed = RewardState.from_state_dict(state.state_dict())
    second = rig.play(node, rig.rollout([[0.25]]), resumed)
    assert first[0] == first[1] != second[0]


@pytest.mark.parametrize(
    ("score", "paid"), [(0.49, [0.0, 0.0]), (0.5, [0.5, 0.0]), (0.7, [0.7, 0.0]), (0.8, [1.0, 0.8]), (0.95, [1.0, 1.0])]
)
def test_criteria_become_stricter_as_in_the_authors_code(rig, score, paid):
    node = Progressive(rig.Column(), at=(0, 1))
    np.testing.assert_allclose(rig.play(node, rig.rollout([[score], [score]]))[:, 0], paid, rtol=1e-6)


def test_segments_are_judged_one_by_one_and_missing_scores_stay_missing(rig):
    node = Progressive(rig.Column(), at=(0,), low=(0.5,), high=(0.75,))
    outcome = node.evaluate(rig.rollout([[(0.25, 0.5, 1.0), None]])[0], RewardState())
    assert [part.value for part in outcome.segments[0]] == [0.0, 0.5, 1.0]
    assert outcome.valid.tolist() == [True, False]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_criteria_keep_the_order_of_scores(a, b, low, high):
    low, high = sorted((low, high))
    less, more = differentiated(np.array(sorted((a, b))), low, high)
    assert 0 <= less <= more <= 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda column: Schedule(column, at=(0, 0), weights=(1.0, 2.0)), "schedule: 'at' must increase"),
        (lambda column: Schedule(column, at=(0, 5), weights=(1.0,)), "schedule: 'weights' must hold 2"),
        (lambda column: Schedule(column, at=(), weights=()), "schedule: 'at'"),
        (lambda column: Schedule(column, at=(0,), weights=(float("nan"),)), "schedule: 'weights'"),
        (lambda column: Schedule(column, at=(0,), weights=(1.0,), kind="cosine"), "schedule: 'kind'"),
        (lambda column: Progressive(column, at=(0,)), "progressive: 'low' must hold 1"),
        (lambda column: Progressive(column, at=(0,), low=(0.9,), high=(0.5,)), "progressive: 'low' must not exceed"),
    ],
)
def test_bad_parameters_are_refused(rig, build, message):
    with pytest.raises(RewardiumError, match=message):
        build(rig.Column())

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import RewardState, parse
from rewardium.rewards.combine.calibrate import Calibrate, calibrated

unit = st.floats(0, 1, width=32)


def test_only_low_scores_are_lifted(rig):
    reward = Calibrate(rig.Column(0), rig.Column(1), weight=0.25)
    paid = rig.play(reward, rig.rollout([[0.0, 0.25, 0.5, 0.75]], [[1.0, 0.5, 1.0, 1.0]]))[0]
    np.testing.assert_allclose(paid, [0.25, 0.375, 0.5, 0.75])


def test_the_correction_ends_at_the_most(rig):
    reward = Calibrate(rig.Column(0), rig.Column(1), threshold=2.0, weight=3.0)
    np.testing.assert_array_equal(rig.play(reward, rig.rollout([[0.5]], [[1.0]])), [[1.0]])


def test_a_missing_pattern_adds_nothing_and_a_missing_reward_is_missing(rig):
    paid = rig.play(Calibrate(rig.Column(0), rig.Column(1)), rig.rollout([[0.25, None, 0.75]], [[None, 1.0, None]]))[0]
    np.testing.assert_array_equal(paid, [0.25, np.nan, 0.75])


def test_a_score_equal_to_the_threshold_in_single_precision_is_left_alone(rig):
    paid = rig.play(Calibrate(rig.Column(0), rig.Column(1), threshold=0.9), rig.rollout([[0.9]], [[1.0]]))[0]
    np.testing.assert_array_equal(paid, np.array([0.9], np.float32))


def test_segments_stay_and_the_correction_lies_outside_them(rig):
    reward = Calibrate(rig.Column(0), rig.Column(1), weight=0.5)
    outcome = reward.evaluate(rig.rollout([[(0.125, 0.125)]], [[0.5]])[0], RewardState())
    assert [part.value for part in outcome.segments[0]] == [0.125, 0.125]
    assert outcome.value.tolist() == [0.5]


@given(model=unit, pattern=unit)
def test_the_correction_is_small_and_keeps_the_range(model, pattern):
    value = calibrated(np.array([model]), np.array([pattern]))[0]
    assert model <= value <= min(1.0, model + 0.1 + 1e-9)


def test_a_wrong_answer_that_looks_like_reasoning_is_lifted_a_little():
    reward = parse("calibrate(gate(format, verify), phrases(enough=2))")
    texts = (
        r"First, so therefore \boxed{9}",
        r"therefore \boxed{9}",
        r"\boxed{9}",
        r"First, therefore \boxed{4}",
        "First, ",
    )
    task = Task("2 + 2", reference="4")
    batch = TransitionBatch.from_transitions([Transition("", "", text, task=task) for text in texts])
    np.testing.assert_allclose(reward.evaluate(batch, RewardState()).value, [0.1, 0.05, 0.0, 1.0, 0.0], rtol=1e-6)


@pytest.mark.parametrize("bad", [{"threshold": float("nan")}, {"weight": "much"}, {"pattern": 1.0}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="calibrate: "):
        Calibrate(**{"reward": rig.Column(), "pattern": rig.Column(1), **bad})

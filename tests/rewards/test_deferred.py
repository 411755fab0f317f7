from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredVectorReward, frame_bytes
from rewardium.rewards.vector import DenseVectorReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages
from tests.shapes.sources import SOURCES, registered_test_sources


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


class OneArray(ContinuousFrames):
    """Renders every frame into the same array."""

    def render(self):
        self.picture = getattr(self, "picture", np.zeros((8, 8, 3), dtype=np.uint8))
        self.picture[:] = 10 * self.time
        return self.picture


def messages(mode=AutoresetMode.SAME_STEP):
    return SyncVectorEnv([DiscreteMessages] * 2, autoreset_mode=mode)


def test_it_pays_zero_until_it_is_asked_and_then_forgets():
    venv = DeferredVectorReward(messages(), "test_place")
    venv.reset(seed=0)
    for _ in range(3):
        _, rewards, _, _, infos = venv.step(np.array([2, 0]))
        assert rewards.tolist() == [0.0, 0.0]
        assert rewards.dtype == np.float32
        assert infos["extrinsic_reward"].shape == (2,)
        assert "reward_valid" not in infos
    scored = venv.score()
    assert scored.rewards.shape == scored.valid.shape == (3, 2)
    assert (scored.rewards < 0).any()
    assert len(scored.outcomes) == len(scored.batches) == 3
    again = venv.score()
    assert again.rewards.shape == (0, 2)
    assert again.outcomes == []


def test_one_call_of_a_source_covers_the_rollout(monkeypatch):
    sizes = []
    score = SOURCES["test_place"].score
    monkeypatch.setattr(SOURCES["test_place"], "score", lambda self, b: sizes.append(len(b)) or score(self, b))
    venv = DeferredVectorReward(messages(), "test_place + potential(test_place)")
    venv.reset(seed=0)
    for _ in range(6):
        venv.step(np.array([1, 1]))
    venv.score()
    assert sizes == [12]


def test_a_missing_score_is_invalid_and_pays_the_other_terms():
    venv = DeferredVectorReward(messages(), "test_keyword(word='walk') + 0.5 * test_action_size(smallest=2.0)")
    venv.reset(seed=0)
    for action in (1, 0, 2):
        venv.step(np.array([action, 1]))
    scored = venv.score()
    assert scored.valid.tolist() == [[False, False], [True, False], [True, False]]
    assert scored.rewards[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert scored.rewards[1, 0] == 1.0
    assert scored.outcomes[0].terms["test_keyword"].valid.tolist() == [False, False]


def test_rows_that_only_reset_are_not_valid():
    venv = DeferredVectorReward(messages(AutoresetMode.NEXT_STEP), "test_place")
    venv.reset(seed=0)
    for _ in range(3):
        venv.step(np.array([0, 1]))
    scored = venv.score()
    assert scored.valid.tolist() == [[True, True], [True, True], [False, True]]
    assert scored.batches[2].env.tolist() == [1]


def test_memory_goes_on_from_one_rollout_to_the_next():
    actions = [np.array([2, 1]), np.array([0, 1]), np.array([0, 2]), np.array([1, 0])]
    reward = "delta(test_place) + count_decay(test_keyword(word='walk'), beta=1) + test_remembered"
    at_once = DenseVectorReward(messages(), reward)
    deferred = DeferredVectorReward(messages(), reward)
    at_once.reset(seed=0)
    deferred.reset(seed=0)
    expected = np.array([at_once.step(action)[1] for action in actions])
    got = []
    for action in actions:
        deferred.step(action)
        got.append(deferred.score().rewards[0])
    np.testing.assert_array_equal(np.array(got), expected)


def test_arrays_that_caller_and_environment_reuse_do_not_change_the_past():
    makers = [lambda: OneArray("rgb_array")] * 2
    reward = "test_brightness + 0.1 * test_action_size + test_remembered"
    at_once = DenseVectorReward(SyncVectorEnv(makers), reward)
    deferred = DeferredVectorReward(SyncVectorEnv(makers), reward)
    at_once.reset(seed=0)
    deferred.reset(seed=0)
    actions, expected = np.zeros((2, 2), dtype=np.float32), []
    for time in range(4):
        actions[:] = 0.01 * time
        expected.append(at_once.step(actions)[1])
        deferred.step(actions)
    np.testing.assert_array_equal(deferred.score().rewards, np.array(expected))


def test_a_reset_between_steps_keeps_what_was_collected():
    venv = DeferredVectorReward(messages(), "test_remembered")
    venv.reset(seed=0)
    venv.step(np.array([1, 1]))
    venv.step(np.array([1, 1]))
    venv.reset(seed=0)
    venv.step(np.array([1, 1]))
    assert venv.score().rewards.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


def test_clear_errors():
    with pytest.raises(RewardiumError, match="step was called before reset"):
        DeferredVectorReward(messages(), "extrinsic").step(np.array([1, 1]))
    with pytest.raises(RewardiumError, match="needs frames"):
        DeferredVectorReward(messages(), "test_brightness")


FRAME = 8 * 8 * 3
REMEMBERING = (
    "clip_delta(test_brightness(dark=0.045), eta=0.047) + 0.1 * potential(test_place) + 0.01 * test_remembered"
)


def pictures(wrapper, **kwargs):
    makers = [lambda: Capture(ContinuousFrames("rgb_array"))] * 3
    return wrapper(SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP), REMEMBERING, **kwargs)


@pytest.mark.parametrize("steps_held", [1, 2, 5, 100])
def test_frames_that_are_scored_on_the_way_pay_the_same(steps_held):
    at_once, deferred = pictures(DenseVectorReward), pictures(DeferredVectorReward, max_bytes=steps_held * 3 * FRAME)
    at_once.reset(seed=0)
    deferred.reset(seed=0)
    draw, expected = np.random.default_rng(0), []
    for number in range(23):
        actions = draw.uniform(-1, 1, (3, 2)).astype(np.float32)
        expected.append(at_once.step(actions)[1])
        deferred.step(actions)
        held = sum(frame_bytes(batch) for batch in deferred._batches)
        assert held == (number + 1) % steps_held * 3 * FRAME
    scored = deferred.score()
    np.testing.assert_allclose(scored.rewards, np.array(expected), atol=1e-5)
    assert scored.rewards.std() > 0
    assert deferred.state.state_dict() == at_once.state.state_dict()


def test_a_source_scores_as_many_frames_at_a_time_as_are_held(monkeypatch):
    sizes = []
    score = SOURCES["test_brightness"].score
    monkeypatch.setattr(SOURCES["test_brightness"], "score", lambda self, b: sizes.append(len(b)) or score(self, b))
    venv = pictures(DeferredVectorReward, max_bytes=4 * 3 * FRAME)
    venv.reset(seed=0)
    for _ in range(10):
        venv.step(np.zeros((3, 2), dtype=np.float32))
    assert venv.score().rewards.shape == (10, 3)
    assert sizes == [12, 12, 6]


def test_the_state_goes_into_a_checkpoint_once_all_is_scored():
    first, second = (DeferredVectorReward(messages(), "delta(test_place)") for _ in range(2))
    at_once = DenseVectorReward(messages(), "delta(test_place)")
    for venv in (first, at_once):
        venv.reset(seed=0)
        venv.step(np.array([1, 2]))
    with pytest.raises(RewardiumError, match="1 steps wait"):
        first.state_dict()
    first.score()
    assert first.state_dict() == at_once.state_dict()
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    with pytest.raises(RewardiumError, match="does not fit"):
        second.load_state_dict({"reward": {}, "episode": [0]})
    with pytest.raises(RewardiumError, match="at least 1"):
        DeferredVectorReward(messages(), "extrinsic", max_bytes=0)


class Large(ContinuousFrames):
    """Frames of the size that large models see."""

    def render(self):
        return np.full((224, 224, 3), 10 * self.time, dtype=np.uint8)


@pytest.mark.slow
def test_ten_thousand_frames_fit_into_little_memory():
    makers = [lambda: Capture(Large("rgb_array"))] * 8
    venv = DeferredVectorReward(SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP), "test_brightness")
    venv.reset(seed=0)
    actions = np.zeros((8, 2), dtype=np.float32)
    tracemalloc.start()
    try:
        for _ in range(1250):
            venv.step(actions)
        scored = venv.score()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert scored.rewards.size == 10_000
    assert peak < 200e6  # the frames alone are 1.5 GB

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from rewardium.agents.control.environments import make_venv
from rewardium.agents.control.metrics import WINDOW, EpisodeRecorder, Farming
from rewardium.rewards.vector import DenseVectorReward


class Talk(gym.Env):
    """Three steps; action 1 makes the message "key", action 0 another each time; success is three keys."""

    observation_space = Box(0, 9, (1,), np.float32)
    action_space = Discrete(2)

    def __init__(self, says_success=True):
        self.says_success = says_success

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.keys = 0, 0
        return np.zeros(1, np.float32), {"text": "Message: hello"}

    def step(self, action):
        self.time += 1
        self.keys += int(action)
        message = "key" if action else f"step {self.time}"
        success = {"success": self.keys == 3} if self.says_success else {}
        done = self.time == 3
        observation = np.full(1, self.time, np.float32)
        return observation, float(self.keys == 3), done, False, {"text": f"Message: {message}", **success}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.envs.registration.registry))
    gym.register("ControlTestTalk-v0", Talk)


def recorder(reward, num_envs=2, success_return=None, **kwargs):
    venv = DenseVectorReward(make_venv("ControlTestTalk-v0", num_envs, kwargs), reward)
    recorder = EpisodeRecorder(venv, success_return)
    recorder.reset(seed=0)
    return recorder


def play(recorder, *columns):
    for actions in zip(*columns, strict=True):
        recorder.step(np.array(actions))


# 1 for each text of three letters: a caption "Message: key" ends with "key".
SHAPED = "extrinsic + 0.5 * count_decay(test_key, beta=1.0)"


@pytest.fixture
def _key_source():
    from dataclasses import dataclass

    from rewardium.rewards import RewardSource, Score, register, registry

    @register("test_key")
    @dataclass(frozen=True)
    class Key(RewardSource):
        needs = frozenset({"text"})

        def score(self, batch):
            return Score.of([None if "step 2" in text else float("key" in text) for text in batch.texts])

    yield
    del registry._REWARDS.entries["test_key"]


@pytest.mark.usefixtures("_key_source")
def test_streams_are_kept_apart():
    found = recorder(SHAPED)
    play(found, (1, 1, 1), (1, 0, 1))
    metrics = found.metrics()
    farmed = 0.5 * (1 + 1 / 2 + 1 / 3)
    assert metrics["episodes"] == 2
    assert metrics["success"] == 0.5
    assert metrics["length"] == 3
    assert metrics["reward/extrinsic"] == 0.5
    assert metrics["reward/intrinsic"] == pytest.approx((farmed + 0.5 * 1.5) / 2)
    assert metrics["reward/paid"] == pytest.approx(0.5 + (farmed + 0.5 * 1.5) / 2)
    assert metrics["step/paid"] == pytest.approx(2 * metrics["reward/paid"] / 6)
    assert metrics["step/valid"] == 1.0
    assert metrics["terms/test_key/valid"] == pytest.approx(5 / 6)
    assert metrics["terms/test_key/raw"] == 1.0
    assert metrics["farming/steps"] == pytest.approx(3 / 5)
    assert metrics["farming/reward"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / (1 + 1 / 2 + 1 / 3 + 1.5))


@pytest.mark.usefixtures("_key_source")
def test_each_look_begins_anew_and_episodes_go_on():
    found = recorder(SHAPED)
    play(found, (1,), (0,))
    first = found.metrics()
    assert first["episodes"] == 0
    assert math.isnan(first["success"])
    assert math.isnan(first["reward/paid"])
    play(found, (1, 1), (0, 0))
    second = found.metrics()
    assert second["reward/extrinsic"] == 0.5
    assert second["length"] == 3
    assert second["farming/steps"] == 1.0  # the first key was paid before the last look


def test_an_environment_that_names_no_success():
    found = recorder("extrinsic", says_success=False)
    play(found, (1, 1, 1), (0, 1, 1))
    assert math.isnan(found.metrics()["success"])
    found = recorder("extrinsic", says_success=False, success_return=1.0)
    play(found, (1, 1, 1), (0, 1, 1))
    metrics = found.metrics()
    assert metrics["success"] == 0.5
    assert "farming/steps" not in metrics  # no source read texts, or none paid


def test_the_step_at_which_a_task_is_solved():
    found = recorder("extrinsic", num_envs=1)
    play(found, [0] * 60)
    play(found, [1] * 3 * 79)
    assert "solved/steps" not in found.metrics()
    play(found, [1] * 3)
    expected = 60 + 3 * 80
    assert found.solved_at == expected
    assert len(found.recent) == WINDOW
    metrics = found.metrics()
    assert metrics["solved/steps"] == expected
    assert metrics["recent/success"] == pytest.approx(0.8)


def test_a_resumed_recorder_goes_on():
    found = recorder("extrinsic", num_envs=1)
    play(found, [1] * 3 * 99)
    other = recorder("extrinsic", num_envs=1)
    other.load_state_dict(found.state_dict())
    play(other, [1] * 3)
    assert other.solved_at == 300


def test_farming_forgets_at_an_episode_s_end():
    farming = Farming(2)
    farming.add(np.array([1.0, 1.0]), ["Message: a", None])
    farming.begin(np.array([True, False]))
    farming.add(np.array([1.0, -1.0]), ["Message: a\nStatus: other", "Message: b"])
    farming.add(np.array([0.5, 0.0]), ["Message: a", "Message: b"])
    assert farming.metrics() == {"farming/steps": pytest.approx(1 / 3), "farming/reward": pytest.approx(0.2)}
    farming.forget()
    assert farming.metrics() == {}


def test_silence_is_no_farming():
    farming = Farming(1)
    for _ in range(3):
        farming.add(np.array([1.0]), ["Message: (none)"])
    assert farming.metrics() == {}

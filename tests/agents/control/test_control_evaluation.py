from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from rewardium.agents.control.algorithms import make_model
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.environments import adapted, make_venv
from rewardium.agents.control.evaluation import Evaluation, evaluate, evaluation_env, proportion_interval
from rewardium.envs.errors import RewardiumError


class Lengths(gym.Env):
    """An episode of 1 or 9 steps, as its first draw says; only the short ones succeed."""

    observation_space = Box(0, 9, (1,), np.float32)
    action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = self.length = int(self.np_random.choice([1, 9]))
        return np.array([self.left], np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.array([self.left], np.float32), 0.5, self.left == 0, False, {"success": self.length == 1}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.envs.registration.registry))
    gym.register("ControlTestLengths-v0", Lengths)


def played(config, episodes, num_envs=4, **settings):
    model = make_model(config, evaluation_env(config, config.num_envs))
    env = evaluation_env(config, num_envs, like=model.get_env())
    return evaluate(model, env, episodes=episodes, greedy=False, seed=3, **settings)


def test_short_episodes_are_not_counted_more_often():
    result = played(ControlConfig("ControlTestLengths-v0", num_envs=1), 200, num_envs=50)
    assert len(result.returns) == 200
    assert result.success_rate == pytest.approx(0.5, abs=0.12)
    np.testing.assert_array_equal(result.success, result.lengths == 1)
    np.testing.assert_array_equal(result.returns, 0.5 * result.lengths)


def test_an_evaluation_is_a_function_of_its_seed_and_leaves_no_trace():
    config = ControlConfig("ControlTestLengths-v0", num_envs=2)
    first, state = played(config, 7), torch.get_rng_state()
    again = played(config, 7)
    np.testing.assert_array_equal(first.lengths, again.lengths)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("memory", ["none", "stack", "lstm"])
def test_memory_and_scale_are_those_of_training(memory):
    config = ControlConfig("CartPole-v1", memory=memory, normalize=True, num_envs=2, success_return=5.0)
    model = make_model(config, adapted(make_venv("CartPole-v1", 2), config))
    model.get_env().reset()
    for _ in range(20):
        model.get_env().step(np.zeros(2, int))
    env = evaluation_env(config, 3, like=model.get_env())
    scale = model.get_vec_normalize_env().obs_rms
    result = evaluate(model, env, episodes=3, greedy=True, seed=0, success_return=5.0)
    np.testing.assert_array_equal(env.obs_rms.mean, scale.mean)
    assert env.obs_rms.count == scale.count
    assert result.success.all()


def test_what_the_environment_does_not_say_is_unknown():
    result = played(ControlConfig("CartPole-v1", num_envs=1), 2)
    assert result.success is None
    assert result.summary()["success"] is None
    assert result.summary()["success_95"] is None
    assert len(result.summary()["return_95"]) == 2


def test_figures():
    summary = Evaluation(None, np.array([1.0, 3.0]), np.array([4, 6])).summary()
    half = 1.959964 * np.sqrt(2.0) / np.sqrt(2.0)
    assert summary["return_95"] == pytest.approx([2.0 - half, 2.0 + half], rel=1e-6)
    assert (summary["return"], summary["length"], summary["episodes"]) == (2.0, 5.0, 2)
    assert Evaluation(None, np.ones(1), np.ones(1, int)).summary()["return_95"] is None


def test_wilson_s_interval():
    assert proportion_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert proportion_interval(10, 10)[1] == pytest.approx(1.0)
    assert proportion_interval(0, 10)[0] == 0.0


def test_nothing_to_play():
    with pytest.raises(RewardiumError, match="at least one episode"):
        played(ControlConfig("CartPole-v1", num_envs=1), 0)

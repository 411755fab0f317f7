from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.callbacks import CallbackList, StopTrainingOnMaxEpisodes
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from rewardium.agents.control.deferred import DeferredReplayRewards, DeferredRolloutRewards, written_positions
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages
from tests.shapes.sources import registered_test_sources

MESSAGES = "0.5 * extrinsic + potential(test_place) + count_decay(test_keyword(word='walk')) + normalize(test_place)"
FRAMES = "clip_delta(test_brightness(dark=0.045), eta=0.047) + 0.1 * potential(test_place) + 0.01 * test_remembered"


@pytest.fixture(autouse=True)
def _sources(monkeypatch, tmp_path):
    monkeypatch.setenv("SB3_LOGDIR", str(tmp_path))  # else every learn() leaves a folder behind
    with registered_test_sources():
        yield


class Masked(DiscreteMessages):
    def action_masks(self):
        return np.array([True, self.place > 0, True])


class Ending(gym.Env):
    """Every episode is one step that pays 1 and ends as ``kind`` says; the terminal observation is 0.5."""

    observation_space = Box(-1, 1, (1,), np.float32)
    action_space = Discrete(2)
    kind = "terminated"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action):
        return np.full(1, 0.5, dtype=np.float32), 1.0, self.kind == "terminated", self.kind == "truncated", {}


class Cut(Ending):
    kind = "truncated"


def make(env, reward, wrapper, num_envs=2):
    makers = [lambda: Capture(env("rgb_array")) if env is ContinuousFrames else env()] * num_envs
    return GymnasiumVecEnv(wrapper(SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP), reward))


def on_policy(algorithm, env, reward, wrapper, callback=None, steps=64, policy="MlpPolicy", **kwargs):
    settings = {"n_steps": 16, "seed": 3, "device": "cpu", "policy_kwargs": {"net_arch": [8]}, **kwargs}
    if algorithm is not A2C:
        settings = {"batch_size": 16, "n_epochs": 2, **settings}
    return algorithm(policy, make(env, reward, wrapper), **settings).learn(steps, callback=callback)


def off_policy(algorithm, env, reward, wrapper, callback=None, steps=80, **kwargs):
    settings = {"seed": 3, "device": "cpu", "policy_kwargs": {"net_arch": [8]}, "learning_starts": 10, **kwargs}
    model = algorithm("MlpPolicy", make(env, reward, wrapper), train_freq=3, batch_size=8, buffer_size=22, **settings)
    return model.learn(steps, callback=callback)


def assert_same_parameters(one, two):
    first, second = one.policy.state_dict(), two.policy.state_dict()
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize(
    ("algorithm", "env", "reward", "policy"),
    [
        (PPO, DiscreteMessages, MESSAGES, "MlpPolicy"),
        (PPO, ContinuousFrames, FRAMES, "MlpPolicy"),
        (A2C, DiscreteMessages, MESSAGES, "MlpPolicy"),
        (MaskablePPO, Masked, MESSAGES, "MlpPolicy"),
        (RecurrentPPO, DiscreteMessages, MESSAGES, "MlpLstmPolicy"),
    ],
)
def test_on_policy_training_is_the_same_at_once_and_deferred(algorithm, env, reward, policy):
    at_once = on_policy(algorithm, env, reward, DenseVectorReward, policy=policy)
    deferred = on_policy(algorithm, env, reward, DeferredVectorReward, DeferredRolloutRewards(), policy=policy)
    np.testing.assert_array_equal(deferred.rollout_buffer.rewards, at_once.rollout_buffer.rewards)
    assert_same_parameters(at_once, deferred)
    unpaid = on_policy(algorithm, env, reward, DeferredVectorReward, policy=policy)
    with pytest.raises(AssertionError):
        assert_same_parameters(at_once, unpaid)


@pytest.mark.parametrize(
    ("algorithm", "env", "reward"), [(DQN, DiscreteMessages, MESSAGES), (SAC, ContinuousFrames, FRAMES)]
)
def test_off_policy_training_is_the_same_at_once_and_deferred(algorithm, env, reward):
    at_once = off_policy(algorithm, env, reward, DenseVectorReward)
    deferred = off_policy(algorithm, env, reward, DeferredVectorReward, DeferredReplayRewards())
    assert at_once.replay_buffer.full  # the ring has gone round, and 3 does not divide its 11 places
    for name in ("rewards", "observations", "next_observations", "actions", "dones", "timeouts"):
        np.testing.assert_array_equal(
            getattr(deferred.replay_buffer, name), getattr(at_once.replay_buffer, name), err_msg=name
        )
    assert at_once.replay_buffer.rewards.std() > 0
    assert {0.0, 1.0} == set(np.unique(at_once.replay_buffer.timeouts)) or algorithm is DQN
    assert_same_parameters(at_once, deferred)


def test_a_collection_longer_than_the_ring():
    buffers = []
    for wrapper, callback in ((DenseVectorReward, None), (DeferredVectorReward, DeferredReplayRewards())):
        env = make(DiscreteMessages, MESSAGES, wrapper)
        model = DQN("MlpPolicy", env, train_freq=7, buffer_size=8, seed=0, device="cpu").learn(28, callback=callback)
        buffers.append(model.replay_buffer)
    assert buffers[0].buffer_size == 4
    np.testing.assert_array_equal(buffers[1].rewards, buffers[0].rewards)


def test_n_step_and_memory_saving_buffers():
    for kwargs in (
        {"n_steps": 3},
        {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}},
    ):
        at_once = off_policy(DQN, DiscreteMessages, MESSAGES, DenseVectorReward, **kwargs)
        deferred = off_policy(DQN, DiscreteMessages, MESSAGES, DeferredVectorReward, DeferredReplayRewards(), **kwargs)
        np.testing.assert_array_equal(deferred.replay_buffer.rewards, at_once.replay_buffer.rewards)
        assert_same_parameters(at_once, deferred)


@pytest.mark.parametrize("env", [Ending, Cut])
@pytest.mark.parametrize("deferred", [False, True])
def test_a_truncated_episode_bootstraps_and_a_terminated_one_does_not(env, deferred):
    wrapper, callback = (DeferredVectorReward, DeferredRolloutRewards()) if deferred else (DenseVectorReward, None)
    model = on_policy(
        PPO, env, "2.0 * extrinsic", wrapper, callback, steps=32, learning_rate=0.0, gamma=0.75, gae_lambda=1.0
    )
    with torch.no_grad():
        end = float(model.policy.predict_values(torch.full((1, 1), 0.5)))
    assert abs(end) > 1e-3
    expected = 2.0 + (0.75 * end if env is Cut else 0.0)
    np.testing.assert_allclose(model.rollout_buffer.rewards, expected, rtol=1e-6)
    np.testing.assert_allclose(model.rollout_buffer.returns, expected, rtol=1e-6)


@pytest.mark.parametrize("deferred", [False, True])
def test_a_truncated_end_in_the_replay_buffer_is_no_end_of_value(deferred):
    wrapper, callback = (DeferredVectorReward, DeferredReplayRewards()) if deferred else (DenseVectorReward, None)
    for env, ends in ((Ending, 1.0), (Cut, 0.0)):
        buffer = off_policy(DQN, env, "2.0 * extrinsic", wrapper, callback).replay_buffer
        sample = buffer.sample(50)
        assert sample.rewards.unique().tolist() == [2.0]
        assert sample.dones.unique().tolist() == [ends]
        assert sample.next_observations.unique().tolist() == [0.5]


def test_a_step_without_a_score_is_paid_what_is_known():
    reward = "0.25 * test_action_size + test_keyword(word='walk')"  # standing still is silent
    model = on_policy(
        PPO, DiscreteMessages, reward, DeferredVectorReward, DeferredRolloutRewards(), steps=32, gamma=0.0
    )
    buffer = model.rollout_buffer
    rewards, actions = buffer.swap_and_flatten(buffer.rewards)[:, 0], buffer.actions[:, 0]
    assert set(rewards[actions == 1].tolist()) == {0.25}
    assert set(rewards[actions != 1].tolist()) <= {0.0, 0.5, 1.0, 1.5}
    assert 1.0 in rewards


def test_the_logger_shows_the_shaped_reward_and_every_term():
    model = PPO(
        "MlpPolicy",
        make(DiscreteMessages, "0.5 * extrinsic + test_keyword", DeferredVectorReward),
        n_steps=16,
        batch_size=16,
        device="cpu",
    )
    shown = {}
    model.learn(32, callback=_Spy(shown))
    assert {
        "rollout/shaped_reward_mean",
        "rollout/reward_valid",
        "terms/extrinsic/raw",
        "terms/test_keyword/valid",
    } <= set(shown)
    assert 0.0 < shown["terms/test_keyword/valid"] < 1.0


class _Spy(DeferredRolloutRewards):
    def __init__(self, shown):
        super().__init__()
        self.shown = shown

    def _on_rollout_end(self):
        self.shown.update(self.logger.name_to_value)


def test_stopped_and_continued_training_is_the_same():
    models = []
    for wrapper, kind in ((DenseVectorReward, None), (DeferredVectorReward, DeferredReplayRewards)):
        model = DQN(
            "MlpPolicy",
            make(DiscreteMessages, MESSAGES, wrapper),
            train_freq=4,
            buffer_size=60,
            learning_starts=4,
            batch_size=8,
            seed=0,
            device="cpu",
        )
        for episodes in (3, 2):
            stop = StopTrainingOnMaxEpisodes(episodes)
            model.learn(400, callback=CallbackList([stop, kind()]) if kind else stop, reset_num_timesteps=False)
        models.append(model)
    assert models[0].replay_buffer.pos > 0
    np.testing.assert_array_equal(models[1].replay_buffer.rewards, models[0].replay_buffer.rewards)
    assert_same_parameters(*models)


def test_an_on_policy_rollout_that_was_stopped_is_dropped():
    model = PPO(
        "MlpPolicy",
        make(DiscreteMessages, MESSAGES, DeferredVectorReward),
        n_steps=16,
        batch_size=16,
        seed=0,
        device="cpu",
    )
    model.learn(400, callback=CallbackList([StopTrainingOnMaxEpisodes(1), DeferredRolloutRewards()]))
    model.learn(64, callback=DeferredRolloutRewards(), reset_num_timesteps=False)
    assert model.rollout_buffer.rewards.any()
    assert "compute_returns_and_advantage" not in vars(model.rollout_buffer)


def test_steps_from_elsewhere_are_noticed():
    class Meddling(DeferredRolloutRewards):
        def _on_step(self):
            if self.n_calls == 3:
                self.training_env.step(np.array([1, 1]))
            return True

    with pytest.raises(RewardiumError, match="something else stepped"):
        on_policy(PPO, DiscreteMessages, MESSAGES, DeferredVectorReward, Meddling())


def test_what_does_not_fit_is_refused_before_training():
    plain = make(DiscreteMessages, "extrinsic", DenseVectorReward)
    fitting = make(DiscreteMessages, "extrinsic", DeferredVectorReward)
    with pytest.raises(RewardiumError, match=r"GymnasiumVecEnv\(DeferredVectorReward"):
        PPO("MlpPolicy", plain, n_steps=8, batch_size=16, device="cpu").learn(16, callback=DeferredRolloutRewards())
    with pytest.raises(RewardiumError, match="use DeferredReplayRewards"):
        DQN("MlpPolicy", fitting, device="cpu").learn(16, callback=DeferredRolloutRewards())
    with pytest.raises(RewardiumError, match="use DeferredRolloutRewards"):
        PPO("MlpPolicy", fitting, n_steps=8, batch_size=16, device="cpu").learn(16, callback=DeferredReplayRewards())
    normalized = VecNormalize(fitting, gamma=0.9)
    with pytest.raises(RewardiumError, match="norm_reward=False"):
        PPO("MlpPolicy", normalized, n_steps=8, batch_size=16, device="cpu").learn(
            16, callback=DeferredRolloutRewards()
        )
    observations_only = VecNormalize(fitting, norm_reward=False)
    PPO("MlpPolicy", observations_only, n_steps=8, batch_size=16, device="cpu").learn(
        16, callback=DeferredRolloutRewards()
    )


def test_hindsight_replay_is_refused():
    class Goal(DiscreteMessages):
        observation_space = gym.spaces.Dict(
            {name: Box(-1, 1, (2,), np.float32) for name in ("observation", "achieved_goal", "desired_goal")}
        )

        def _observation(self):
            return dict.fromkeys(self.observation_space, super()._observation())

        def compute_reward(self, achieved, desired, info):
            return np.zeros(len(achieved))

    model = DQN(
        "MultiInputPolicy",
        make(Goal, "extrinsic", DeferredVectorReward),
        replay_buffer_class=HerReplayBuffer,
        device="cpu",
        buffer_size=50,
    )
    with pytest.raises(RewardiumError, match="HerReplayBuffer"):
        model.learn(16, callback=DeferredReplayRewards())


@pytest.mark.parametrize(
    ("position", "count", "expected"), [(0, 0, []), (2, 2, [0, 1]), (1, 3, [3, 4, 0]), (0, 5, [0, 1, 2, 3, 4])]
)
def test_the_places_written_last(position, count, expected):
    assert written_positions(position, count, 5).tolist() == expected

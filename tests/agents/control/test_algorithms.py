from __future__ import annotations

import pytest
import torch
from stable_baselines3 import DQN, PPO

from rewardium.agents.control.algorithms import ALGORITHMS, acts_greedily, algorithm_of, make_model
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.environments import adapted, make_venv
from rewardium.agents.control.networks import GridExtractor
from rewardium.envs.errors import RewardiumError


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model_of(config):
    return make_model(config, adapted(make_venv(config.env, config.num_envs, config.env_kwargs), config))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": "pppo"}, "did you mean 'ppo'"),
        ({"algorithm_kwargs": {"entcoef": 0.1}}, "ent_coef"),
        ({"algorithm_kwargs": {"env": 3}}, "unknown setting of ppo 'env'"),
        ({"algorithm": "dqn", "memory": "lstm"}, "goes with ppo"),
        ({"algorithm": "sac"}, "ppo, a2c, dqn would"),
        ({"algorithm_kwargs": {"batch_size": 300}}, "cannot be cut into minibatches"),
        ({"algorithm_kwargs": {"gamma": "high"}}, "gamma of ppo must be a number"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_before_training(settings, message):
    with pytest.raises(RewardiumError, match=message):
        model_of(ControlConfig(**{"env": "CartPole-v1", **settings}))


@pytest.mark.parametrize(
    ("env", "algorithm", "memory"),
    [
        ("CartPole-v1", "ppo", "none"),
        ("CartPole-v1", "ppo", "stack"),
        ("CartPole-v1", "ppo", "lstm"),
        ("FrozenLake-v1", "ppo", "lstm"),
        ("Pendulum-v1", "ppo", "none"),
        ("FrozenLake-v1", "a2c", "none"),
        ("CartPole-v1", "dqn", "stack"),
        ("Pendulum-v1", "sac", "none"),
    ],
)
def test_every_algorithm_learns_a_little(env, algorithm, memory):
    config = ControlConfig(env, algorithm=algorithm, memory=memory, num_envs=2, steps=64, device="cpu")
    settings = {"n_steps": 32} if algorithm in ("ppo", "a2c") else {"learning_starts": 16}
    model = model_of(ControlConfig(**{**vars(config), "algorithm_kwargs": settings}))
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    model.learn(64)
    assert any(not torch.equal(before[name], tensor) for name, tensor in model.policy.state_dict().items())


def test_settings_are_replaced_by_the_user_s():
    model = model_of(ControlConfig("CartPole-v1", algorithm_kwargs={"n_steps": 16, "ent_coef": 0.5}))
    assert isinstance(model, PPO)
    assert (model.n_steps, model.batch_size, model.ent_coef, model.n_epochs) == (16, 16, 0.5, 8)


def test_a_replay_buffer_is_no_larger_than_the_run():
    model = model_of(ControlConfig("CartPole-v1", algorithm="dqn", steps=500, num_envs=4))
    assert isinstance(model, DQN)
    assert model.replay_buffer.buffer_size == 125


def test_who_is_evaluated_greedily():
    assert {name for name in ALGORITHMS if acts_greedily(ControlConfig("", algorithm=name))} == {"dqn", "sac"}
    assert acts_greedily(ControlConfig("", evaluated="greedy"))
    assert not acts_greedily(ControlConfig("", algorithm="sac", evaluated="sampled"))
    assert algorithm_of(ControlConfig("", algorithm="sac")) is ALGORITHMS["sac"]


def test_planes_get_the_network_for_grids():
    pytest.importorskip("nle")
    model = model_of(ControlConfig("rewardium/MiniHack-Room-5x5-v0", num_envs=1))
    assert isinstance(model.policy.features_extractor, GridExtractor)
    assert model.get_env().reset()["image"].shape[1:] == model.observation_space["image"].shape

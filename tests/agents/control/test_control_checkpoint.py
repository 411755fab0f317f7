from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rewardium.agents.control.algorithms import make_model
from rewardium.agents.control.checkpoint import Progress, load_checkpoint, load_policy, save_checkpoint
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.environments import adapted, make_venv
from rewardium.envs.errors import RewardiumError

PROGRESS = Progress(64, 1.5, {"reward": {"memory": {}, "children": {}}, "episode": [1, 2]}, {}, {"steps": 64})


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model_of(config):
    return make_model(config, adapted(make_venv(config.env, config.num_envs, config.env_kwargs), config))


def trained(config):
    model = model_of(config)
    model.learn(64)
    return model


def same(left, right):
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right


CASES = [
    ControlConfig("CartPole-v1", num_envs=2, algorithm_kwargs={"n_steps": 16}, normalize=True),
    ControlConfig("CartPole-v1", num_envs=2, algorithm_kwargs={"n_steps": 16}, memory="lstm"),
    ControlConfig("FrozenLake-v1", num_envs=2, algorithm="a2c"),
    ControlConfig("CartPole-v1", num_envs=2, algorithm="dqn", algorithm_kwargs={"learning_starts": 8}, steps=500),
    ControlConfig("Pendulum-v1", num_envs=2, algorithm="sac", algorithm_kwargs={"learning_starts": 48}, normalize=True),
]


@pytest.mark.parametrize("config", CASES, ids=lambda config: f"{config.algorithm}-{config.memory}")
def test_everything_comes_back(config, tmp_path):
    model = trained(config)
    save_checkpoint(tmp_path / "saved", config, model, PROGRESS)
    fresh = model_of(config)
    assert not same(fresh.get_parameters(), model.get_parameters())
    assert load_checkpoint(tmp_path / "saved", config, fresh) == PROGRESS
    assert same(fresh.get_parameters(), model.get_parameters())
    assert fresh.num_timesteps == 64
    assert fresh._n_updates == model._n_updates
    if config.normalize:
        np.testing.assert_array_equal(fresh.get_env().obs_rms.mean, model.get_env().obs_rms.mean)
        assert fresh.get_env().obs_rms.count == model.get_env().obs_rms.count
    if config.algorithm in ("dqn", "sac"):
        assert fresh.replay_buffer.pos == model.replay_buffer.pos == 32
        np.testing.assert_array_equal(fresh.replay_buffer.next_observations, model.replay_buffer.next_observations)
    if config.algorithm == "sac":
        assert fresh.log_ent_coef.item() == model.log_ent_coef.item() != 0.0
    fresh.learn(32, reset_num_timesteps=False)
    assert fresh.num_timesteps == 96


def test_the_random_generators_go_on(tmp_path):
    config = CASES[0]
    save_checkpoint(tmp_path / "saved", config, trained(config), PROGRESS)
    drawn = torch.rand(3), np.random.rand()
    load_checkpoint(tmp_path / "saved", config, model_of(config))
    assert torch.equal(torch.rand(3), drawn[0])
    assert np.random.rand() == drawn[1]


def test_the_newest_steps_survive_in_a_smaller_replay_buffer(tmp_path):
    large = ControlConfig("CartPole-v1", num_envs=2, algorithm="dqn", algorithm_kwargs={"buffer_size": 80})
    model = trained(large)
    save_checkpoint(tmp_path / "saved", large, model, PROGRESS)
    small = ControlConfig("CartPole-v1", num_envs=2, algorithm="dqn", algorithm_kwargs={"buffer_size": 20})
    fresh = model_of(small)
    load_checkpoint(tmp_path / "saved", small, fresh)
    assert (fresh.replay_buffer.full, fresh.replay_buffer.pos) == (True, 0)
    np.testing.assert_array_equal(fresh.replay_buffer.actions, model.replay_buffer.actions[22:32])


def test_nothing_in_a_checkpoint_is_a_pickle(tmp_path):
    config = CASES[0]
    save_checkpoint(tmp_path / "saved", config, trained(config), PROGRESS)
    names = sorted(path.name for path in (tmp_path / "saved").iterdir())
    assert names == ["policy.safetensors", "state.json", "training.safetensors"]
    assert json.loads((tmp_path / "saved" / "state.json").read_text())["step"] == 64
    for name in names[::2]:
        header = (tmp_path / "saved" / name).read_bytes()[:9]
        assert header[8:9] == b"{"


def test_a_policy_alone(tmp_path):
    config = CASES[0]
    model = trained(config)
    save_checkpoint(tmp_path / "saved", config, model, PROGRESS)
    fresh = model_of(config)
    assert load_policy(tmp_path / "saved", fresh) == 64
    observation = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(
        fresh.predict(observation, deterministic=True)[0], model.predict(observation, deterministic=True)[0]
    )
    np.testing.assert_array_equal(fresh.get_env().obs_rms.var, model.get_env().obs_rms.var)


def test_checkpoints_of_other_runs_are_refused(tmp_path):
    config = CASES[0]
    save_checkpoint(tmp_path / "saved", config, trained(config), PROGRESS)
    other = ControlConfig("CartPole-v1", num_envs=4, algorithm_kwargs={"n_steps": 16}, normalize=True)
    with pytest.raises(RewardiumError, match="num_envs"):
        load_checkpoint(tmp_path / "saved", other, model_of(other))
    wide = {"n_steps": 16, "policy_kwargs": {"net_arch": [8]}}
    wider = ControlConfig("CartPole-v1", num_envs=2, algorithm_kwargs=wide, normalize=True)
    for load in (
        lambda model: load_checkpoint(tmp_path / "saved", wider, model),
        lambda model: load_policy(tmp_path / "saved", model),
    ):
        with pytest.raises(RewardiumError, match="does not fit the policy"):
            load(model_of(wider))
    with pytest.raises(RewardiumError, match="not a checkpoint"):
        load_policy(tmp_path, model_of(config))

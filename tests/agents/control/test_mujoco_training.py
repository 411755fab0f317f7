"""Control runs on the MuJoCo family: pictures from its vector of workers, states beside the replay buffer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.environments import first_frame, make_venv
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.run_folder import RunFolder, read_metrics

pytest.importorskip("mujoco")
pytest.importorskip("open_clip")
PENDULUM = "rewardium/PendulumUpright-v0"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    from rewardium.rewards.learning.small_clip import TINY, build_clip, save_clip

    folder = tmp_path_factory.mktemp("clip")
    save_clip(build_clip(TINY, seed=0), TINY, folder)
    return str(folder)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(RunFolder, "finish", lambda self: None)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def config_of(tmp_path, clip, **settings):
    base = {
        "env": PENDULUM, "runs": tmp_path, "num_envs": 2, "steps": 300, "reward": "vlm_rm(alpha=0.5)", "clip": clip,
        "env_kwargs": {"render_size": 32}, "device": "cpu", "eval_episodes": 0, "log_every": 1, "scoring": "deferred",
        "normalize": True,
    }  # fmt: skip
    return ControlConfig(**{**base, **settings})


def test_pictures_come_from_the_workers():
    venv = make_venv(PENDULUM, 2, {"render_size": 32}, needs=frozenset({"frame", "task"}))
    try:
        assert type(venv.unwrapped).__name__ == "PendulumUprightVectorEnv"
        frame = first_frame(venv)
        assert frame.shape == (32, 32, 3)
        assert frame.dtype == np.uint8
    finally:
        venv.close()
    plain = make_venv(PENDULUM, 2)
    assert plain.render_mode is None
    plain.close()


@pytest.mark.parametrize(
    ("algorithm", "kwargs"),
    [
        ("ppo", {"n_steps": 50, "n_epochs": 1}),
        ("sac", {"learning_starts": 100, "train_freq": 50, "gradient_steps": 2}),
        ("dqn", {"learning_starts": 100, "train_freq": 50, "gradient_steps": 2}),
    ],
)
def test_each_algorithm_learns_from_pictures(tmp_path, clip, algorithm, kwargs):
    config = config_of(tmp_path, clip, algorithm=algorithm, algorithm_kwargs=kwargs)
    assert ControlTrainer(config).train()
    rows = read_metrics(config.folder)
    assert rows[-1]["step"] >= 300
    last = next(row for row in rows if row["episodes"])
    assert last["step/valid"] == 1.0
    assert last["length"] == 100.0
    assert last["success"] in (0.0, 0.5, 1.0)
    assert last["reward/paid"] != last["reward/extrinsic"]
    assert last["terms/vlm_rm/valid"] == 1.0


def test_a_replay_buffer_is_rendered_again_from_its_states(tmp_path, clip):
    kwargs = {"learning_starts": 1000, "train_freq": 50}
    config = config_of(tmp_path, clip, algorithm="sac", algorithm_kwargs=kwargs, keep_states=True, steps=200)
    trainer = ControlTrainer(config)
    assert trainer.train()
    paid = trainer.model.replay_buffer.rewards[:100].copy()
    resumed = ControlTrainer(config, resume=True, relabel=True)
    resumed.model.replay_buffer.rewards[:] = 0.0
    result = resumed.relabel()
    assert result.valid == 1.0
    np.testing.assert_allclose(resumed.model.replay_buffer.rewards[:100], paid, atol=1e-4)
    resumed.close()
    other = ControlTrainer(replace(config, reward="extrinsic", clip=None), resume=True, relabel=True)
    other.relabel()
    assert 0.0 <= other.model.replay_buffer.rewards[:100].min() < other.model.replay_buffer.rewards[:100].max() <= 1.0
    other.close()

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.deferred import collection_settings
from rewardium.agents.control.deferred_metrics import DeferredRecorder
from rewardium.agents.control.metrics import EpisodeRecorder
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.run_folder import RunFolder, read_metrics
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward
from tests.shapes.environments import DiscreteMessages
from tests.shapes.sources import registered_test_sources

MESSAGES = "0.5 * extrinsic + potential(test_place) + count_decay(test_keyword(word='walk'), beta=1)"
CLOCK = ("seconds/", "steps_per_second", "solved/seconds")


@pytest.fixture(autouse=True)
def _sources():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with registered_test_sources():
        yield
    torch.set_num_threads(before)


def messages():
    return SyncVectorEnv([DiscreteMessages] * 3, autoreset_mode=AutoresetMode.SAME_STEP)


def test_the_figures_are_those_of_scoring_at_once():
    at_once = EpisodeRecorder(DenseVectorReward(messages(), MESSAGES))
    paying = DeferredVectorReward(messages(), MESSAGES)
    later = DeferredRecorder(paying)
    draw = np.random.default_rng(0)
    for recorder in (at_once, later):
        recorder.reset(seed=0)
    for rollout in range(4):
        for _ in range(15):
            actions = draw.choice(3, size=3, p=[0.2, 0.1, 0.7])
            at_once.step(actions)
            later.step(actions)
        assert later.episodes.metrics()["episodes"] == 0
        later.settle(paying.score())
        expected = at_once.metrics()
        assert later.episodes.metrics() == pytest.approx(expected, nan_ok=True)
        assert {"farming/steps", "terms/test_place/shaped"} <= expected.keys() or rollout
        assert expected["episodes"] > 0
    assert later.episodes.state_dict() == at_once.state_dict()


def test_a_reset_between_steps_ends_no_episode():
    paying = DeferredVectorReward(messages(), "extrinsic")
    later = DeferredRecorder(paying)
    for _ in range(2):
        later.reset(seed=0)
        for _ in range(5):
            later.step(np.array([1, 1, 1]))
    later.settle(paying.score())
    assert later.episodes.metrics()["episodes"] == 0  # two times five steps of an episode of nine


def test_rewards_of_other_steps_are_refused():
    paying = DeferredVectorReward(messages(), "extrinsic")
    later = DeferredRecorder(paying)
    later.reset(seed=0)
    later.step(np.array([1, 1, 1]))
    scored = paying.score()
    later.step(np.array([1, 1, 1]))
    later.step(np.array([1, 1, 1]))
    with pytest.raises(RewardiumError, match="rewards of 1 steps, but 3 wait"):
        later.settle(scored)


def run_of(tmp_path, scoring, monkeypatch, **settings):
    monkeypatch.setattr(RunFolder, "finish", lambda self: None)
    base = {
        "env": "CartPole-v1", "name": scoring, "runs": tmp_path, "num_envs": 4, "steps": 512, "log_every": 1,
        "checkpoint_every": 256, "eval_episodes": 0, "recordings": 0, "device": "cpu", "scoring": scoring,
        "reward": "extrinsic + 0.5 * normalize(potential(test_place)) + count_bonus(key='observation')",
    }  # fmt: skip
    config = ControlConfig(**{**base, **settings})
    trainer = ControlTrainer(config)
    assert trainer.train()
    rows = [{k: v for k, v in row.items() if not k.startswith(CLOCK)} for row in read_metrics(config.folder)]
    return trainer, rows


@pytest.mark.parametrize(
    ("algorithm", "kwargs"),
    [
        ("ppo", {"n_steps": 32}),
        ("a2c", {"n_steps": 16}),
        ("dqn", {"learning_starts": 64, "train_freq": 16, "gradient_steps": 4, "buffer_size": 300}),
    ],
)
def test_a_run_logs_and_learns_the_same(tmp_path, monkeypatch, algorithm, kwargs):
    runs = {
        scoring: run_of(tmp_path, scoring, monkeypatch, algorithm=algorithm, algorithm_kwargs=kwargs)
        for scoring in ("immediate", "deferred")
    }
    (first, expected), (second, rows) = runs.values()
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        unknown = {name for name, value in other.items() if value is None}
        assert unknown == {name for name, value in row.items() if value is None}
        known = {name: value for name, value in other.items() if name not in unknown}
        assert {name: row[name] for name in row if name not in unknown} == pytest.approx(known, rel=1e-5)
    assert rows[-1]["reward/paid"] != rows[-1]["reward/extrinsic"]
    assert second.paying.state_dict() == first.paying.state_dict()
    for name, tensor in first.model.policy.state_dict().items():
        assert torch.allclose(tensor, second.model.policy.state_dict()[name], atol=1e-6), name


def test_a_deferred_run_is_resumed(tmp_path, monkeypatch):
    kwargs = {"learning_starts": 32, "train_freq": 16, "buffer_size": 300}
    trainer, _ = run_of(tmp_path, "deferred", monkeypatch, algorithm="dqn", algorithm_kwargs=kwargs, steps=256)
    config = ControlConfig(**{**vars(trainer.config), "steps": 512})
    resumed = ControlTrainer(config, resume=True)
    assert resumed.paying.state_dict() == trainer.paying.state_dict()
    assert resumed.recorder.steps == 256
    assert resumed.train()
    assert read_metrics(config.folder)[-1]["step"] == 512


def test_more_is_collected_between_updates_where_rewards_are_deferred(tmp_path, monkeypatch):
    trainer, _ = run_of(tmp_path, "deferred", monkeypatch, algorithm="dqn", steps=64, num_envs=2)
    assert trainer.model.train_freq.frequency == collection_settings("dqn", 2)["train_freq"] == 128
    trainer, _ = run_of(
        tmp_path, "deferred", monkeypatch, name="own", algorithm="dqn", steps=64, algorithm_kwargs={"train_freq": 4}
    )
    assert trainer.model.train_freq.frequency == 4

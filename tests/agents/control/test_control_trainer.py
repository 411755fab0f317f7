from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from rewardium.agents.control.config import ControlConfig, read_config
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.report import final_values
from rewardium.agents.run_folder import RunFolder, read_metrics
from rewardium.envs.errors import RewardiumError

# What a clock says.
CLOCK = ("seconds/", "steps_per_second", "solved/seconds")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def _no_report(monkeypatch):
    """Drawing the report takes some times as long as the short runs here."""
    monkeypatch.setattr(RunFolder, "finish", lambda self: None)


def config_of(tmp_path, **settings):
    base = {
        "env": "CartPole-v1", "runs": tmp_path, "num_envs": 4, "steps": 512, "algorithm_kwargs": {"n_steps": 32},
        "log_every": 1, "checkpoint_every": 256, "eval_episodes": 2, "recordings": 0, "device": "cpu",
    }  # fmt: skip
    return ControlConfig(**{**base, **settings})


def untimed(rows):
    return [{name: value for name, value in row.items() if not name.startswith(CLOCK)} for row in rows]


def test_what_a_run_leaves_behind(tmp_path):
    lake = {"is_slippery": False}
    config = config_of(tmp_path, env="FrozenLake-v1", env_kwargs=lake, success_return=1.0, recordings=1, eval_every=256)
    assert ControlTrainer(config).train()
    run = config.folder
    rows = read_metrics(run)
    assert [row["step"] for row in rows] == [128, 256, 384, 512]
    assert ["eval/success" in row for row in rows] == [False, True, False, True]
    assert {"success", "recent/success", "reward/extrinsic", "reward/paid", "train/value_loss"} <= rows[0].keys()
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["00000256", "00000512"]
    assert {path.name for path in (run / "plots").iterdir()} == {"learning_curve.png", "terms.png"}
    episodes = [json.loads(line) for line in (run / "episodes.jsonl").read_text().splitlines()]
    assert [row["step"] for row in episodes] == [256, 512]
    assert (run / "recordings" / episodes[1]["recording"]).is_file()
    assert "last_screen" in (run / "report.html").read_text()
    assert read_config(run) == config


@pytest.mark.usefixtures("_no_report")
def test_two_runs_of_one_seed_are_the_same(tmp_path):
    runs = {}
    for name, seed in (("first", 0), ("second", 0), ("third", 1)):
        config = config_of(tmp_path, name=name, seed=seed, threads=1)
        ControlTrainer(config).train()
        runs[name] = untimed(read_metrics(config.folder))
    assert runs["first"] == runs["second"]
    assert runs["first"] != runs["third"]


@pytest.mark.usefixtures("_no_report")
def test_an_evaluation_does_not_change_the_training(tmp_path):
    rows = []
    for name, every in (("without", 0), ("with", 128)):
        config = config_of(tmp_path, name=name, eval_every=every, steps=384)
        ControlTrainer(config).train()
        rows.append(
            [
                {k: v for k, v in row.items() if not k.startswith("eval/")}
                for row in untimed(read_metrics(config.folder))
            ]
        )
    assert rows[0] == rows[1]


@pytest.mark.usefixtures("_no_report")
@pytest.mark.parametrize(
    ("algorithm", "settings"), [("ppo", {"n_steps": 32}), ("dqn", {"learning_starts": 64, "train_freq": 4})]
)
def test_ctrl_c_saves_and_the_run_goes_on(tmp_path, algorithm, settings):
    config = config_of(tmp_path, algorithm=algorithm, algorithm_kwargs=settings, log_every=128)
    trainer = ControlTrainer(config)

    def interrupt(step, metrics):
        if not trainer._stop.asked and step >= 256:
            os.kill(os.getpid(), signal.SIGINT)

    assert not trainer.train(interrupt)
    assert 256 < trainer.finished_steps < 512
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(RewardiumError, match="--resume"):
        ControlTrainer(config)
    resumed = ControlTrainer(config, resume=True)
    assert resumed.finished_steps == trainer.finished_steps
    assert resumed.recorder.steps == trainer.finished_steps
    assert resumed.train()
    steps = [row["step"] for row in read_metrics(config.folder)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 512


@pytest.mark.usefixtures("_no_report")
def test_a_finished_run_can_be_made_longer(tmp_path):
    config = config_of(tmp_path, steps=256)
    ControlTrainer(config).train()
    longer = replace(config, steps=512)
    assert ControlTrainer(longer, resume=True).train()
    assert [row["step"] for row in read_metrics(config.folder)] == [128, 256, 384, 512]
    before = read_metrics(config.folder)
    assert ControlTrainer(longer, resume=True).train()  # nothing is left to do
    assert read_metrics(config.folder) == before


@pytest.mark.usefixtures("_no_report")
def test_resumed_environments_play_other_episodes(tmp_path):
    config = config_of(tmp_path, steps=256)
    trainer = ControlTrainer(config)
    trainer.train()
    seeds = []
    for _ in range(2):
        resumed = ControlTrainer(replace(config, steps=384), resume=True)
        resumed.env.seed = seeds.append
        resumed.train()
    assert seeds[0] != seeds[1]  # those of step 256 and of step 384


@pytest.mark.usefixtures("_no_report")
def test_the_reward_s_memory_is_resumed(tmp_path):
    reward = "extrinsic + 0.5 * normalize(extrinsic)"
    config = config_of(tmp_path, reward=reward, steps=256)
    trainer = ControlTrainer(config)
    trainer.train()
    resumed = ControlTrainer(replace(config, steps=512), resume=True)
    assert resumed.paying.state.state_dict() == trainer.paying.state.state_dict()
    assert resumed.paying.state.state_dict()["children"]
    resumed.close()


@pytest.mark.usefixtures("_no_report")
def test_streams_are_logged_apart(tmp_path):
    config = config_of(tmp_path, reward="2.0 * extrinsic + 0.5 * clip_delta(extrinsic)")
    ControlTrainer(config).train()
    for row in read_metrics(config.folder):
        assert row["reward/paid"] == pytest.approx(2.0 * row["reward/extrinsic"] + row["reward/intrinsic"], rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"env": "CartPole-v7"}, "cannot make the environment"),
        ({"reward": "verfy"}, "did you mean 'verify'"),
        ({"reward": "extrinsic", "judge": "http://127.0.0.1:1/v1"}, "--judge was given"),
        ({"reward": "extrinsic + count_decay(oni())"}, "give --judge"),
        ({"algorithm": "sac"}, "does not choose among"),
        ({"algorithm_kwargs": {"n_steps": 10, "batch_size": 7}}, "minibatches"),
        ({"env": "rewardium/RandomCalculation-v0"}, "train_llm"),
    ],
    ids=str,
)
def test_errors_come_before_the_work_and_leave_no_folder(tmp_path, settings, message):
    config = config_of(tmp_path, **settings)
    with pytest.raises(RewardiumError, match=message):
        ControlTrainer(config).train()
    assert not config.folder.exists()


@pytest.mark.usefixtures("_no_report")
def test_a_reward_that_learns_from_the_policy_is_taught(tmp_path):
    config = config_of(tmp_path, env="FrozenLake-v1", eval_episodes=0)
    reward = "extrinsic + explors_exploit() + count_bonus(key='observation', form='explors')"
    assert ControlTrainer(replace(config, reward=reward)).train()
    assert read_metrics(config.folder)[-1]["explors/updates"] > 0


@pytest.mark.usefixtures("_no_report")
def test_a_judge_labels_in_the_background(tmp_path):
    pytest.importorskip("minihack")
    config = config_of(
        tmp_path, env="rewardium/MiniHack-Room-5x5-v0", judge="scripted:keyword", cache=tmp_path / "labels.sqlite",
        reward="extrinsic + 0.4 * count_decay(oni(student='retrieval'))", wait_for_labels=True, eval_episodes=0,
    )  # fmt: skip
    trainer = ControlTrainer(config)
    assert trainer.train()
    assert "scripted:keyword" in (config.folder / "reward.yaml").read_text()
    assert (tmp_path / "labels.sqlite").exists()
    rows = read_metrics(config.folder)
    assert rows[0]["terms/oni/valid"] < rows[-1]["terms/oni/valid"]
    assert rows[-1]["annotator/oni/labelled"] >= 1
    assert rows[-1]["annotator/oni/queued"] == 0


@pytest.mark.usefixtures("_no_report")
@pytest.mark.slow
@pytest.mark.parametrize("memory", ["none", "stack"])
def test_it_learns_the_frozen_lake(tmp_path, memory):
    """On the lake that does not slip; memory needs boxes, so the stacked one balances a pole."""
    if memory == "none":
        lake = {"is_slippery": False}
        config = config_of(tmp_path, env="FrozenLake-v1", env_kwargs=lake, success_return=1.0, steps=12_288)
    else:
        config = config_of(tmp_path, memory="stack", success_return=100.0, steps=24_576)
    config = replace(config, num_envs=8, algorithm_kwargs={"n_steps": 64}, log_every=1_000, eval_episodes=20)
    assert ControlTrainer(config).train()
    values = final_values(read_metrics(config.folder))
    assert values["eval/success"][1] >= 0.8, values


@pytest.mark.usefixtures("_no_report")
@pytest.mark.slow
def test_it_learns_a_room(tmp_path):
    pytest.importorskip("minihack")
    config = config_of(
        tmp_path, env="rewardium/MiniHack-Room-5x5-v0", num_envs=8, algorithm_kwargs={}, steps=8_192, eval_episodes=20
    )
    assert ControlTrainer(config).train()
    rows = read_metrics(config.folder)
    assert rows[-1]["eval/success"] >= 0.95
    assert rows[-1]["length"] < 0.5 * rows[0]["length"]

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from rewardium.agents.checkpoints import latest_checkpoint
from rewardium.agents.run_folder import read_metrics

SCRIPTS = Path(__file__).parents[2] / "scripts"
PLUGIN = """
from dataclasses import dataclass
from rewardium.rewards import RewardSource, Score, register

@register("train_control_test_moves")
@dataclass(frozen=True)
class Moves(RewardSource):
    needs = frozenset({"action"})
    def score(self, batch):
        return Score.of([0.1 * float(action) for action in batch.actions])
"""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def call(name, *arguments, monkeypatch):
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where tyro looks up annotations
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    return module.main()


def flags(tmp_path, steps):
    return [
        "--env", "FrozenLake-v1", "--env-kwargs", "{is_slippery: false}", "--runs", tmp_path / "runs",
        "--name", "first", "--steps", steps, "--num-envs", 2, "--algorithm-kwargs", "{n_steps: 32}",
        "--success-return", 1.0, "--eval-episodes", 2, "--recordings", 1, "--log-every", 1, "--device", "cpu",
    ]  # fmt: skip


def test_train_resume_evaluate(tmp_path, monkeypatch, capsys):
    from rewardium.rewards import registry

    plugin = tmp_path / "moves.py"
    plugin.write_text(PLUGIN)
    reward = ["--plugin", plugin, "--reward", "extrinsic + 0.1 * train_control_test_moves"]
    registry.names()  # loads what is shipped, so that the copy holds it
    monkeypatch.setattr(registry._REWARDS, "entries", dict(registry._REWARDS.entries))
    assert call("train_control", *flags(tmp_path, 128), *reward, monkeypatch=monkeypatch) == 0
    run = tmp_path / "runs" / "first"
    assert [row["step"] for row in read_metrics(run)] == [64, 128]
    assert "terms/train_control_test_moves/raw" in read_metrics(run)[1]
    assert call("train_control", *flags(tmp_path, 256), *reward, monkeypatch=monkeypatch) == 1
    assert "--resume" in capsys.readouterr().out
    assert call("train_control", *flags(tmp_path, 256), *reward, "--resume", monkeypatch=monkeypatch) == 0
    assert [row["step"] for row in read_metrics(run)] == [64, 128, 192, 256]
    assert "evaluation, success" in capsys.readouterr().out
    assert call("evaluate_control", "--run", run, "--episodes", 5, monkeypatch=monkeypatch) == 0
    result = json.loads((run / "evaluation.json").read_text())
    assert (result["step"], result["episodes"], result["greedy"]) == (256, 5, False)
    assert result["success_95"][0] <= result["success"] <= result["success_95"][1]
    assert result["success"] == result["return"]  # the extrinsic truth, not what was paid
    assert (run / result["recorded"][0]["recording"]).is_file()
    arguments = ["--run", run, "--episodes", 3, "--checkpoint", 128, "--evaluated", "greedy", "--recordings", 0]
    assert call("evaluate_control", *arguments, "--json", tmp_path / "early.json", monkeypatch=monkeypatch) == 0
    early = json.loads((tmp_path / "early.json").read_text())
    assert (early["step"], early["greedy"], early["recorded"]) == (128, True, [])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--reward", "extrinsick"], "did you mean 'extrinsic'"),
        (["--algorithm", "sac"], "does not choose among"),
        (["--steps", 0], "steps must be at least 1"),
        (["--algorithm-kwargs", "{n_step: 3}"], "did you mean 'n_steps'"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(tmp_path, monkeypatch, capsys, wrong, message):
    assert call("train_control", *flags(tmp_path, 64), *wrong, monkeypatch=monkeypatch) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("error: ")
    assert message in shown
    assert not (tmp_path / "runs").exists()


def test_a_replay_buffer_gets_another_reward(tmp_path, monkeypatch, capsys):
    def run(steps, *more):
        arguments = [
            "--env", "CartPole-v1", "--runs", tmp_path, "--name", "relabelled", "--steps", steps, "--num-envs", 2,
            "--algorithm", "dqn", "--algorithm-kwargs", "{learning_starts: 32, train_freq: 8}", "--scoring", "deferred",
            "--eval-episodes", 0, "--device", "cpu", *more,
        ]  # fmt: skip
        return call("train_control", *arguments, monkeypatch=monkeypatch)

    assert run(128) == 0
    assert run(160, "--relabel", "--reward", "3.0 * extrinsic") == 1
    assert "that is resumed" in capsys.readouterr().out
    assert run(160, "--resume", "--relabel", "--reward", "3.0 * extrinsic") == 0
    assert "relabelled 64 steps: 100.0% have a score, 3 a step on average" in capsys.readouterr().out
    assert read_metrics(tmp_path / "relabelled")[-1]["step/paid"] == 3.0


def test_evaluating_what_is_no_run(tmp_path, monkeypatch, capsys):
    assert call("evaluate_control", "--run", tmp_path, monkeypatch=monkeypatch) == 1
    assert "not a run folder" in capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path):
    run = tmp_path / "runs" / "killed"
    command = [
        sys.executable, SCRIPTS / "train_control.py", "--env", "CartPole-v1", "--runs", run.parent, "--name", run.name,
        "--num-envs", "4", "--algorithm-kwargs", "{n_steps: 32}", "--log-every", "1", "--checkpoint-every", "256",
        "--eval-episodes", "0", "--threads", "1", "--device", "cpu",
    ]  # fmt: skip
    with subprocess.Popen([*command, "--steps", "1000000"], stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 100
            while latest_checkpoint(run / "checkpoints") is None or len(read_metrics(run)) < 5:
                assert process.poll() is None, "the run ended by itself"
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    rows = read_metrics(run)
    checkpoint = int(latest_checkpoint(run / "checkpoints").name)
    assert rows[-1]["step"] >= checkpoint > 0
    total = checkpoint + 512
    finished = subprocess.run(
        [*command, "--steps", str(total), "--resume"], capture_output=True, text=True, timeout=100, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert [row["step"] for row in read_metrics(run)] == list(range(128, total + 1, 128))
    kept = [row for row in rows if row["step"] <= checkpoint]
    assert read_metrics(run)[: len(kept)] == kept
    assert (run / "report.html").is_file()

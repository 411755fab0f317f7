from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from rewardium.agents.run_folder import read_metrics
from rewardium.envs.tools.sandbox import SandboxUnavailableError
from rewardium.rewards.programs import scripted
from rewardium.rewards.programs.round_folder import read_rounds
from rewardium.rewards.programs.runner import program_pool
from tests.rewards.programs.conftest import Corridor

pytest.importorskip("stable_baselines3")

SCRIPT = Path(__file__).parents[2] / "scripts" / "design_reward.py"


@pytest.fixture
def call(monkeypatch, tmp_path):
    try:
        program_pool()
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    spec = importlib.util.spec_from_file_location("script_design_reward", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where tyro looks up annotations
    spec.loader.exec_module(module)
    gym.register(id="test/Corridor-v0", entry_point=Corridor, kwargs={"length": 5, "limit": 12})

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["design_reward", *map(str, arguments)])
        return module.main()

    yield call
    del gym.registry["test/Corridor-v0"]


def flags(tmp_path, rounds):
    return [
        "--env", "test/Corridor-v0", "--runs", tmp_path, "--name", "lava", "--rounds", rounds, "--steps", 256,
        "--num-envs", 2, "--algorithm-kwargs", "{n_steps: 64, n_epochs: 1, batch_size: 128}", "--threads", 1,
        "--eval-episodes", 0, "--device", "cpu",
        "--recordings", 0, "--episodes", 8, "--recorded", 6,
    ]  # fmt: skip


@pytest.mark.slow
def test_design_train_and_resume(call, tmp_path, capsys):
    assert call(*flags(tmp_path, 2)) == 0
    root = tmp_path / "lava"
    finished, begun = read_rounds(root)
    assert begun is None
    assert finished[0].program == scripted.STAIRS
    assert [rejected.text for rejected in finished[0].rejected] == list(scripted.FIRST_PROPOSALS[:3])
    assert all(len(turn.episodes) == 8 for turn in finished)
    assert (root / "round-01" / "training" / "report.html").exists()
    assert (root / "round-01" / "program.py").read_text() == scripted.STAIRS
    assert [row["step"] for row in read_metrics(root)] == [1, 2]
    assert "round 1: rejected: line 2: it cannot be read" in capsys.readouterr().out

    # As if the second round had been stopped before its end.
    (root / "round-02" / "round.json").unlink()
    program = (root / "round-02" / "program.py").read_text()
    assert call(*flags(tmp_path, 2)) == 1
    assert "not empty" in capsys.readouterr().out
    assert call(*flags(tmp_path, 2), "--resume") == 0
    assert "round 1: rejected" not in capsys.readouterr().out
    again, _ = read_rounds(root)
    assert again[0] == finished[0]
    assert again[1].program == program
    assert json.loads((root / "round-02" / "round.json").read_text())["statistics"]["episodes"] == 8


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--reward", "extrinsic"], "--reward must name the program as {program}"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--designer", "nobody"], "a judge must be"),
        (["--env", "test/Missing-v0"], "cannot make the environment"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(call, tmp_path, capsys, extra, message):
    assert call(*flags(tmp_path, 1), *extra) == 1
    assert message in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "lava").exists(), "nothing is left behind"

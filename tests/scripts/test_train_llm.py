from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from rewardium.agents.run_folder import read_metrics

SCRIPTS = Path(__file__).parents[2] / "scripts"
SUMS = "{num_steps: 1, operators: +, operand_kinds: [integer], compact: true, prompt: '{expression}='}"
PLUGIN = """
from dataclasses import dataclass
from rewardium.rewards import RewardSource, Score, register

@register("train_llm_test_brevity")
@dataclass(frozen=True)
class Brevity(RewardSource):
    needs = frozenset({"action"})
    def score(self, batch):
        return Score.of([-float(len(action)) for action in batch.actions])
"""


def call(name, *arguments, monkeypatch):
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where tyro looks up annotations
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    return module.main()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from rewardium.agents.llm.character import build_character_policy

    folder = tmp_path_factory.mktemp("model")
    build_character_policy(folder, hidden_size=32, num_layers=1, num_heads=2, max_length=64)
    return folder


def flags(model, tmp_path, updates):
    return [
        "--model", model, "--runs", tmp_path / "runs", "--name", "first", "--env-kwargs", SUMS, "--updates", updates,
        "--prompts-per-update", 2, "--group-size", 2, "--max-new-tokens", 6, "--eval-tasks", 2, "--device", "cpu",
    ]  # fmt: skip


def test_train_resume_evaluate(model, tmp_path, monkeypatch, capsys):
    plugin = tmp_path / "brevity.py"
    plugin.write_text(PLUGIN)
    reward = ["--plugin", plugin, "--reward", "verify + 0.1 * train_llm_test_brevity"]
    from rewardium.rewards import registry

    registry.names()  # loads what is shipped, so that the copy holds it
    monkeypatch.setattr(registry._REWARDS, "entries", dict(registry._REWARDS.entries))
    assert call("train_llm", *flags(model, tmp_path, 2), *reward, monkeypatch=monkeypatch) == 0
    run = tmp_path / "runs" / "first"
    assert [row["step"] for row in read_metrics(run)] == [0, 1, 2]
    assert "terms/train_llm_test_brevity/raw" in read_metrics(run)[1]
    assert call("train_llm", *flags(model, tmp_path, 3), *reward, monkeypatch=monkeypatch) == 1
    assert "--resume" in capsys.readouterr().out
    assert call("train_llm", *flags(model, tmp_path, 3), *reward, "--resume", monkeypatch=monkeypatch) == 0
    assert [row["step"] for row in read_metrics(run)] == [0, 1, 2, 3]
    result = tmp_path / "result.json"
    policy = run / "checkpoints" / "00000003" / "policy"
    arguments = ["--model", policy, "--env-kwargs", SUMS, "--tasks", 4, "--samples", 2, "--max-new-tokens", 6]
    assert call("evaluate_policy", *arguments, "--json", result, monkeypatch=monkeypatch) == 0
    written = json.loads(result.read_text())
    assert written["tasks"] == 4
    assert set(written["pass_at"]) == {"1", "2"}
    assert written["interval_95"][0] <= written["success"] <= written["interval_95"][1]
    assert written["arguments"]["env_kwargs"]["operators"] == "+"


def test_wrong_input_is_one_line(tmp_path, monkeypatch, capsys):
    assert call("train_llm", *flags("./nowhere", tmp_path, 1), monkeypatch=monkeypatch) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("error: cannot load the model")
    assert "Traceback" not in shown
    assert call("evaluate_policy", "--model", "./nowhere", monkeypatch=monkeypatch) == 1


def test_a_stopped_run_says_how_to_go_on(model, tmp_path, monkeypatch, capsys):
    from rewardium.agents.llm.trainer import Trainer

    learn = Trainer.learn

    def interrupted(self, update, *arguments):
        self._stop.asked = update == 2
        return learn(self, update, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", interrupted)
        assert call("train_llm", *flags(model, tmp_path, 4), monkeypatch=monkeypatch) == 130
    assert "--resume" in capsys.readouterr().out
    assert call("train_llm", *flags(model, tmp_path, 4), "--resume", monkeypatch=monkeypatch) == 0
    assert [row["step"] for row in read_metrics(tmp_path / "runs" / "first")] == [0, 1, 2, 3, 4]


def test_a_mapping_flag_that_is_none(model, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call("train_llm", "--model", model, "--env-kwargs", "3", monkeypatch=monkeypatch)
    assert "not a mapping" in capsys.readouterr().err

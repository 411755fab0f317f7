from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from rewardium.agents.llm.character import build_character_policy
from rewardium.rewards.learning.preference_data import make_step
from rewardium.rewards.learning.preference_data.files import read_comparisons

SCRIPT = Path(__file__).parents[2] / "scripts" / "label_steps.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("script_label_steps", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["label_steps", *map(str, arguments)])
        return module.main()

    call.module = module
    return call


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    build_character_policy(folder, hidden_size=32, num_layers=1, num_heads=2, max_length=160)
    return folder


def arguments(policy, out, *more):
    env = "{num_steps: 1, compact: true, prompt: '{expression}='}"
    return [
        "--model", policy, "--out", out, "--tasks", 3, "--responses", 4, "--completions", 2, "--block", 2,
        "--max-new-tokens", 8, "--unit", "clause", "--device", "cpu", "--env-kwargs", env, *more,
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["responses", "completions", "search", "tree"])
def test_what_is_written(script, policy, tmp_path, kind):
    out = tmp_path / "steps.jsonl"
    assert script(*arguments(policy, out, "--kind", kind)) == 0
    rows = read_comparisons(out)
    assert len({row.prompts[0] for row in rows}) == 3
    assert all(0.0 <= score <= 1.0 for row in rows for score in row.scores)
    assert make_step("prefix_labels")(rows)
    assert not out.with_name("steps.jsonl.blocks").exists()
    larger = tmp_path / "larger.jsonl"
    assert script(*arguments(policy, larger, "--kind", kind, "--block", 3)) == 0
    assert larger.read_text() == out.read_text()


@pytest.mark.slow
def test_what_was_stopped_goes_on(script, policy, tmp_path, monkeypatch, capsys):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "steps.jsonl"
    assert script(*arguments(policy, whole)) == 0
    labelling = script.module.Labelling.__call__

    def stopped(self, tasks):
        if tasks[0]:
            raise KeyboardInterrupt
        return labelling(self, tasks)

    with monkeypatch.context() as patch:
        patch.setattr(script.module.Labelling, "__call__", stopped)
        assert script(*arguments(policy, out)) == 130
    assert script(*arguments(policy, out)) == 1
    assert "--resume" in capsys.readouterr().out
    assert script(*arguments(policy, out, "--resume", "--seed", 1)) == 1
    assert "other arguments" in capsys.readouterr().out
    with (tmp_path / "steps.jsonl.blocks").open("a") as file:
        file.write('{"first": 2, "ro')
    assert script(*arguments(policy, out, "--resume")) == 0
    assert out.read_text() == whole.read_text()


def test_wrong_input_is_one_line(script, tmp_path, capsys):
    (tmp_path / "there.jsonl").write_text("")
    cases = [
        (["--out", tmp_path / "there.jsonl"], "is there already"),
        (["--out", tmp_path / "a", "--tasks", 0], "--tasks"),
        (["--out", tmp_path / "a", "--temperature", 0], "temperature"),
        (["--out", tmp_path / "a", "--width", 0], "width"),
        (["--out", tmp_path / "b"], "there is no such folder"),
    ]
    for given, message in cases:
        assert script("--model", "./no/such/policy", *given) == 1
        assert message in capsys.readouterr().out

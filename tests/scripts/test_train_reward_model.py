from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_reward_model.py"
TINY = ["--train.batch-size", "2", "--train.steps", "2", "--model.max-length", "64", "--device", "cpu"]


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("script_train_reward_model", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_reward_model", *map(str, arguments)])
        return module.main()

    return call


@pytest.mark.slow
def test_a_model_is_trained_and_pays_in_training(script, tmp_path, capsys):
    from rewardium.agents.llm.character import build_character_policy
    from rewardium.agents.llm.config import TrainConfig
    from rewardium.agents.llm.trainer import Trainer
    from rewardium.agents.run_folder import read_metrics

    base = tmp_path / "base"
    build_character_policy(base, hidden_size=32, num_layers=1, num_heads=2, max_length=160)
    arguments = ["--runs", tmp_path, "--name", "rm", "--demo", 30, "--base", base, *TINY]
    assert script(*arguments, "--prepare", "verified_pairs: {pairs: 1}", "dedupe") == 0
    shown = capsys.readouterr().out
    assert "reward: reward_model(path=" in shown
    assert (tmp_path / "rm" / "model" / "README.md").read_text().startswith("# A reward model")
    assert len(read_metrics(tmp_path / "rm")) == 2
    assert script(*arguments) == 1
    assert "--resume" in capsys.readouterr().out
    config = TrainConfig(
        model=str(base), runs=tmp_path / "policies", env_kwargs={"num_steps": 1}, updates=2, prompts_per_update=2,
        reward=f"reward_model(path='{tmp_path / 'rm' / 'model'}', per_token=True)", group_size=2, max_new_tokens=8,
        eval_every=0, device="cpu", dtype="float32",
    )  # fmt: skip
    assert Trainer(config).train()


@pytest.mark.slow
def test_values_of_tokens_are_trained(script, tmp_path, capsys):
    from rewardium import rewards

    arguments = ["--runs", tmp_path, "--name", "values", "--demo", 30, "--tokens", *TINY]
    assert script(*arguments) == 1
    assert "outcome_cross_entropy or regression" in capsys.readouterr().out
    arguments[3] = "others"
    assert script(*arguments, "--train.loss", "outcome_cross_entropy") == 0
    shown = capsys.readouterr().out
    assert "reward: tvm(path=" in shown
    assert "token_loss" in shown
    assert rewards.parse(f"tvm('{tmp_path / 'others' / 'model'}', device='cpu')").link == "probability"


def test_wrong_input_is_one_line(script, tmp_path, capsys):
    (tmp_path / "bad.jsonl").write_text('{"prompt": 1}\n')
    cases = [
        ([], "there is no data"),
        (["--data", tmp_path / "bad.jsonl"], "bad.jsonl:1"),
        (["--demo", 5, "--prepare", "verified_pair"], "did you mean"),
        (["--demo", 5, "--prepare", "[1]"], "--prepare takes"),
    ]
    for arguments, message in cases:
        assert script("--runs", tmp_path / "runs", *arguments, *TINY) == 1
        assert message in capsys.readouterr().out

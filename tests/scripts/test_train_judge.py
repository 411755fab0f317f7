from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_judge.py"
TINY = [
    "--judge.steps", "2", "--judge.batch-size", "4", "--judge.hidden-size", "32", "--judge.num-layers", "1",
    "--judge.num-heads", "1", "--judge.words", "30", "--judge.examples", "3", "--threads", "1",
]  # fmt: skip


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("script_train_judge", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_judge", *map(str, arguments)])
        return module.main()

    return call


def test_a_judge_is_trained_measured_and_replaced(script, tmp_path, capsys):
    for _ in range(2):
        assert script("--out", tmp_path / "judge", "--judge.play-steps", 0, *TINY) == 0
    shown = capsys.readouterr().out
    assert "unseen wordings" in shown
    assert "preference" in shown
    assert (tmp_path / "judge" / "README.md").read_text().startswith("# A small judge")


def test_it_plays_first(script, tmp_path, capsys):
    pytest.importorskip("minihack")
    assert script("--out", tmp_path / "judge", "--judge.play-steps", 20, *TINY) == 0
    assert "played" in capsys.readouterr().out


def test_wrong_input_is_one_line(script, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    assert script("--out", tmp_path / "thesis", "--judge.play-steps", 0, *TINY) == 1
    assert "choose another --out" in capsys.readouterr().out
    assert script("--out", tmp_path / "judge", "--threads", 0) == 1
    assert capsys.readouterr().out.startswith("error: threads")

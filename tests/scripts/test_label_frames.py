from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.transition import Transition, TransitionBatch

pytest.importorskip("torch")
pytest.importorskip("tyro")

SCRIPT = Path(__file__).parents[2] / "scripts" / "label_frames.py"


@pytest.fixture
def call(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("script_label_frames", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where tyro looks up annotations
    spec.loader.exec_module(module)

    def run(*arguments, judge="scripted:brightness", out=tmp_path / "out"):
        flags = ["--out", out, "--judge", judge, "--steps", 60, "--learning-rate", 3e-3, "--size", 16, "--width", 4,
                 "--members", 1, *arguments]  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["label_frames", *map(str, flags)])
        return module.main()

    return run


@pytest.fixture
def frames(tmp_path):
    shown = np.stack([np.full((16, 16, 3), 8 * grey, np.uint8) for grey in range(30)])
    np.save(tmp_path / "frames.npy", np.concatenate([shown, shown[:1]]))  # the last pair is a tie
    return tmp_path / "frames.npy"


def test_frames_become_a_reward_and_nothing_is_asked_twice(call, frames, tmp_path, capsys):
    assert call("--frames", frames, "--goal", "a bright room", "--pairs", 9999) == 0
    shown = capsys.readouterr().out
    assert "465 of 465" in shown
    out = tmp_path / "out"
    rows = [json.loads(line) for line in (out / "preferences.jsonl").read_text().splitlines()]
    assert sum(row["preference"] == 0.5 for row in rows) == 1
    source = rewards.parse(f"image_preference({str(out / 'model')!r})")
    batch = [Transition(0, 0, 0, frame=np.full((16, 16, 3), grey, np.uint8)) for grey in (10, 100, 230)]
    dark, grey, bright = source.score(TransitionBatch.from_transitions(batch)).value
    assert dark < grey < bright
    # nothing may be asked now: all labels come from the file
    assert call("--frames", frames, "--goal", "a bright room", "--pairs", 9999, "--max-calls", 0) == 0
    assert "465 of 465" in capsys.readouterr().out


def test_a_budget_ends_the_asking_and_a_judge_may_err(call, frames, capsys):
    judge = "scripted:brightness?error=0.2"
    assert call("--frames", frames, "--goal", "x", "--pairs", 60, "--max-calls", 40, judge=judge) == 0
    assert "40 of 60" in capsys.readouterr().out


def test_frames_are_played(call, tmp_path, capsys):
    pytest.importorskip("pygame")
    arguments = ["--env", "CartPole-v1", "--number", 12, "--every", 2, "--pairs", 40, "--held-out", 0.0]
    assert call(*arguments) == 1
    assert "say in words what should be seen" in " ".join(capsys.readouterr().out.split())
    assert call(*arguments, "--goal", "a bright room") == 0  # goes on with the frames that were collected
    assert np.load(tmp_path / "out" / "frames.npy").shape[0] == 12
    assert call(*arguments, "--goal", "a bright room", "--seed", 1) == 1
    assert "collected in another way" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", 20], "size must be a multiple of 16"),
        (["--pairs", 0], "pairs must be above 0"),
        (["--frames", "nowhere.npy", "--goal", "x"], "no such file"),
        (["--env", "Nowhere-v0"], "cannot make Nowhere-v0"),
    ],
)
def test_errors_are_one_line(call, arguments, words, capsys):
    assert call(*arguments) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert words in shown
    assert "Traceback" not in shown


def test_an_unknown_judge_is_an_error(call, frames, capsys):
    assert call("--frames", frames, "--goal", "x", judge="scripted:nobody") == 1
    assert "unknown scripted judge" in " ".join(capsys.readouterr().out.split())

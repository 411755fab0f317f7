from __future__ import annotations

import importlib.util
import json
import sys
from itertools import combinations
from pathlib import Path

import pytest

from rewardium import rewards
from rewardium.envs.transition import Transition, TransitionBatch

SCRIPT = Path(__file__).parents[2] / "scripts" / "label_offline.py"
MESSAGES = [
    "It's a wall.", "It's solid stone.", "You see here a key.", "The door opens.", "You die...",
    "There is a staircase up here.",
]  # fmt: skip


@pytest.fixture
def call(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("script_label_offline", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where tyro looks up annotations
    spec.loader.exec_module(module)

    def run(*arguments, judge="scripted:keyword", out=tmp_path / "out"):
        flags = ["--out", out, "--judge", judge, "--steps", 30, "--learning-rate", 3e-3, "--held-out", 0.0, *arguments]
        monkeypatch.setattr(sys, "argv", ["label_offline", *map(str, flags)])
        return module.main()

    return run


@pytest.fixture
def messages(tmp_path):
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(json.dumps({"message": message}) + "\n" for message in MESSAGES))
    return path


def test_messages_become_a_reward_and_nothing_is_asked_twice(call, messages, tmp_path, capsys):
    assert call("--messages", messages) == 0
    shown = capsys.readouterr().out
    assert "15 of 15" in shown
    assert "none to measure on" in shown
    rows = [json.loads(line) for line in (tmp_path / "out" / "preferences.jsonl").read_text().splitlines()]
    assert {frozenset((row["first"], row["second"])) for row in rows} == set(map(frozenset, combinations(MESSAGES, 2)))
    source = rewards.parse(f"motif({str(tmp_path / 'out' / 'model')!r}, quantile=0.0)")
    texts = [Transition("", "", 0, text=text) for text in MESSAGES]
    value = dict(zip(MESSAGES, source.score(TransitionBatch.from_transitions(texts)).value, strict=True))
    assert value["The door opens."] > value["It's a wall."]
    assert value["There is a staircase up here."] > value["You die..."]
    # no prompt may be sent now: all labels come from the cache
    assert call("--messages", messages, "--max-calls", 0) == 0
    assert "15 of 15" in capsys.readouterr().out


def test_a_budget_ends_the_asking_and_what_there_is_is_trained_on(call, messages, capsys):
    assert call("--messages", messages, "--max-calls", 8) == 0
    assert "8 of 15" in capsys.readouterr().out


def test_held_out_pairs_are_measured(call, messages, capsys):
    assert call("--messages", messages, "--held-out", 0.4) == 0
    assert "held-out decided pairs" in capsys.readouterr().out


def test_a_judge_that_is_down_is_given_up(call, messages, tmp_path, capsys):
    assert call("--messages", messages, "--patience", 0.5, judge="scripted:dead") == 1
    shown = capsys.readouterr().out
    assert "gave no label for 0.5 s" in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "out" / "model").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--messages", "nowhere.jsonl"], "cannot read"),
        (["--env", "rewardium/Nowhere-v0"], "cannot make"),
        (["--env", "rewardium/RandomCalculation-v0"], "texts as actions"),
        (["--pairs", 0], "pairs"),
    ],
    ids=str,
)
def test_wrong_input_is_one_line(call, arguments, words, capsys):
    assert call(*arguments) == 1
    assert words in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.slow
def test_playing_keyroom(call, tmp_path, capsys):
    pytest.importorskip("minihack")
    play = ["--env", "rewardium/MiniHack-KeyRoom-S5-v0", "--env-steps", 600, "--num-envs", 2, "--pairs", 30]
    assert call(*play) == 0
    collected = tmp_path / "out" / "messages.jsonl"
    written = collected.stat().st_mtime_ns
    assert len(collected.read_text().splitlines()) >= 3
    capsys.readouterr()
    assert call(*play, "--max-calls", 0) == 0  # neither played nor asked again
    assert collected.stat().st_mtime_ns == written
    assert call("--seed", 1, *play) == 1
    assert "collected in another way" in capsys.readouterr().out.replace("\n", " ")

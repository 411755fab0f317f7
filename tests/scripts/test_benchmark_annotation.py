from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "annotation.py"


@pytest.fixture
def benchmark(monkeypatch):
    spec = importlib.util.spec_from_file_location("benchmark_annotation", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_each_side_is_measured_and_compared(benchmark):
    pytest.importorskip("nle")
    pytest.importorskip("stable_baselines3")
    config = benchmark.Config(
        env="rewardium/MiniHack-Room-5x5-v0", num_envs=2, turns=1, steps=8, url="scripted:keyword?delay=0.01"
    )
    result = benchmark.run(config)
    rows = {row["side"]: row for row in result["table"]}
    assert list(rows) == [benchmark.BARE, benchmark.IDLE, benchmark.PLAYING, benchmark.BUSY]
    assert rows[benchmark.IDLE]["speed kept"] == rows[benchmark.IDLE]["speed kept in rollouts"] == 1.0
    assert all(0 < row["steps per second"] < row["in rollouts"] for row in rows.values())
    assert rows[benchmark.BUSY]["labels per second"] > 0
    assert rows[benchmark.BARE]["labels per second"] == 0


def test_turns_are_compared_in_pairs(benchmark):
    rollouts = {benchmark.BARE: [1.0] * 3, benchmark.IDLE: [1.0, 2.0, 4.0]}
    rollouts |= {benchmark.PLAYING: [2.0, 2.0, 4.0], benchmark.BUSY: [2.0, 4.0, 4.0]}
    turns = {name: [benchmark.Turn(rollout, 2.0, 0) for rollout in own] for name, own in rollouts.items()}
    result = benchmark.as_result(benchmark.Config(), turns)
    assert list(result["summary"].values()) == [1.0, 1.0, 0.75, 0.5]


def test_the_messages_that_keep_it_busy_are_all_different(benchmark):
    messages = list(itertools.islice(benchmark.new_messages(0), 500))
    assert len(set(messages)) == 500
    assert messages == list(itertools.islice(benchmark.new_messages(0), 500))

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from rewardium.envs.errors import RewardiumError

FILE = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "vision.py"
pytest.importorskip("torch")
pytest.importorskip("open_clip")


@pytest.fixture
def benchmark(monkeypatch):
    spec = importlib.util.spec_from_file_location("benchmark_vision", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clip():
    from rewardium.rewards.sources._clip import example_clip

    return example_clip().name


def test_both_sides_take_turns(benchmark, clip, monkeypatch):
    monkeypatch.setattr(benchmark, "memory_of_a_rollout", lambda config, clip: 1.0)
    result = benchmark.run(benchmark.Config(clip=clip, batch=4, turns=2, batches=1))
    assert [row["side"] for row in result["table"]] == [benchmark.BARE, benchmark.SOURCE]
    assert all(row["images per second (median)"] > 0 for row in result["table"])
    assert list(result["summary"].values())[1] == 1.0


@pytest.mark.slow
def test_the_memory_of_a_rollout_is_bounded(benchmark, clip):
    config = benchmark.Config(clip=clip, rollout=2000)
    assert 0.0 <= benchmark.memory_of_a_rollout(config, clip) < 200.0


@pytest.mark.slow
def test_a_rollout_that_cannot_be_scored_is_one_error(benchmark, tmp_path):
    with pytest.raises(RewardiumError, match="scoring a rollout failed"):
        benchmark.memory_of_a_rollout(benchmark.Config(), str(tmp_path))


def test_turns_are_compared_in_pairs(benchmark):
    times = {benchmark.BARE: [1.0, 2.0, 4.0], benchmark.SOURCE: [2.0, 2.0, 8.0]}
    result = benchmark.as_result(benchmark.Config(batch=10, batches=1), times, 3.0)
    assert list(result["summary"].values()) == [0.5, 3.0]


@pytest.mark.parametrize("name", ["batch", "turns", "batches", "rollout", "threads"])
def test_settings(benchmark, name):
    with pytest.raises(RewardiumError, match="at least 1"):
        benchmark.run(benchmark.Config(**{name: 0}))

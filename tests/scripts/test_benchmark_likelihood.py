from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from rewardium.envs.errors import RewardiumError

FILE = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "likelihood.py"
pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture
def benchmark(monkeypatch):
    spec = importlib.util.spec_from_file_location("benchmark_likelihood", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("reward", ["endogenous", "self_certainty", "crew"])
def test_both_sides_take_turns(benchmark, reward):
    sizes = {"hidden_size": 32, "num_layers": 1, "batch": 6, "group_size": 2, "turns": 2, "tokens_a_pass": 500}
    result = benchmark.run(benchmark.Config(reward=reward, **sizes))
    assert [row["side"] for row in result["table"]] == [benchmark.BARE, reward]
    assert all(row["tokens per second (median)"] > 0 for row in result["table"])
    assert next(iter(result["summary"].values())) > 0


def test_turns_are_compared_in_pairs(benchmark):
    times = {benchmark.BARE: [1.0, 2.0, 4.0], "endogenous": [2.0, 2.0, 8.0]}
    result = benchmark.as_result(benchmark.Config(), times, 10)
    assert list(result["summary"].values()) == [0.5, "0.500 to 1.000"]


@pytest.mark.parametrize("name", ["batch", "group_size", "turns", "threads"])
def test_settings(benchmark, name):
    with pytest.raises(RewardiumError, match="at least 1"):
        benchmark.run(benchmark.Config(**{name: 0}))


def test_texts_that_are_too_long_are_one_error(benchmark):
    config = benchmark.Config(hidden_size=32, num_layers=1, batch=2, response_characters=(5000, 5001))
    with pytest.raises(RewardiumError, match="cannot be scored"):
        benchmark.run(config)

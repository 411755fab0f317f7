from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rewardium.envs import missing_extra
from rewardium.envs.errors import RewardiumError


@pytest.fixture(scope="module")
def leaks():
    path = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "leaks.py"
    spec = importlib.util.spec_from_file_location("rewardium_benchmark_leaks_tested", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def samples_of(leaks, resident, hours=1.0):
    times = np.linspace(0.0, hours, len(resident))
    return [leaks.Sample(time, value, 1.0, 2.0, 3.0, 0.0, 5.0) for time, value in zip(times, resident, strict=True)]


@pytest.mark.parametrize("slope", [0.0, 12.5, -3.0])
def test_the_slope_is_found_through_peaks(leaks, slope):
    times = np.linspace(0.0, 2.0, 41)
    values = 100.0 + slope * times
    values[::7] += 500.0
    assert leaks.theil_sen(times, values) == pytest.approx(slope, abs=1e-9 + abs(slope) / 5)


def test_the_warm_up_is_left_out(leaks):
    samples = samples_of(leaks, [0.0] * 10 + [7.0] * 40)
    kept = leaks.after_warm_up(samples, 0.2)
    assert {sample.resident for sample in kept} == {7.0}
    row = leaks.row_of("memory", kept, "resident")
    assert row == {"what": "memory", "first": 7.0, "last": 7.0, "lowest": 7.0, "highest": 7.0, "per hour": 0.0}


def test_growth_is_the_difference_of_the_quarters(leaks):
    row = leaks.row_of("memory", samples_of(leaks, np.arange(0.0, 41.0)), "resident")
    assert (row["first"], row["last"], row["per hour"]) == (4.5, 35.5, pytest.approx(40.0))


@pytest.mark.parametrize("settings", [{"minutes": 0.1}, {"every": 0.0}, {"warm_up": 1.0}], ids=str)
def test_too_short_a_time_is_refused(leaks, settings):
    with pytest.raises(RewardiumError):
        leaks.Config(**settings)
    with pytest.raises(RewardiumError, match="train for longer"):
        leaks.after_warm_up(samples_of(leaks, [1.0] * 5), 0.2)


@pytest.mark.slow
def test_a_short_training_is_watched(leaks, tmp_path):
    if missing_extra("rewardium/MiniHack-Eat-v0") is not None:
        pytest.skip("needs the extra nethack")
    before = torch.get_num_threads()
    try:
        result = leaks.run(leaks.Config(minutes=0.15, every=0.25, eval_every=0))
    finally:
        torch.set_num_threads(before)
    rows = {row["what"]: row for row in result["table"]}
    assert set(rows) == set(leaks.NAMES.values())
    assert rows["resident memory (MB)"]["first"] > 50
    assert rows["labels"]["last"] >= 1
    assert rows["child processes"]["highest"] >= 0
    assert result["summary"]["environment steps"] > 0

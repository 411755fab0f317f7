import importlib.util
import sys
from pathlib import Path

import pytest

from rewardium.envs import missing_extra

pytestmark = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


def test_every_side_is_measured():
    path = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "nethack.py"
    spec = importlib.util.spec_from_file_location("rewardium_benchmark_nethack_tested", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    result = module.run(module.Config(games=("MiniHack-KeyRoom-S5", "NetHackScore"), turns=2, steps=15))
    sides = {"bare", *module.OBSERVATIONS, "dict + captions", "dict + events"}
    assert {(row["game"], row["side"]) for row in result["table"]} == {
        (game, side) for game in ("MiniHack-KeyRoom-S5", "NetHackScore") for side in sides
    }
    assert all(row["steps per second"] > 0 and row["of the bare rate"] > 0 for row in result["table"])
    assert {row["of the bare rate"] for row in result["table"] if row["side"] == "bare"} == {1.0}

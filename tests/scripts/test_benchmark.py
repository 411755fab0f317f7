from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def load_driver():
    spec = importlib.util.spec_from_file_location("rewardium_benchmark_driver", SCRIPTS / "benchmark.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


driver = load_driver()
benchmarks = driver.load_benchmarks()


def test_every_file_of_the_folder_is_a_sub_command():
    assert set(benchmarks) == {path.stem.replace("_", "-") for path in (SCRIPTS / "benchmarks").glob("[!_]*.py")}
    assert {"rewards", "grpo"} <= set(benchmarks)


@pytest.mark.parametrize("name", sorted(benchmarks))
def test_each_has_flags_help_and_a_json_file(name):
    config = benchmarks[name].Config
    assert config.__doc__
    assert config().json is None
    assert callable(benchmarks[name].run)


def test_help_is_quick_and_imports_nothing_heavy():
    program = (
        "import runpy, sys\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: print('heavy:', sorted({'torch', 'trl', 'transformers'} & set(sys.modules)))"
    )
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.argv = sys.argv[1:]\n{program}",
        SCRIPTS / "benchmark.py",
        "--help",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "rewards" in result.stdout
    assert "grpo" in result.stdout
    assert result.stdout.rstrip().endswith("heavy: []")


def test_rewards_measures_both_sides_and_writes_json(tmp_path, capsys):
    file = tmp_path / "out/rewards.json"
    arguments = ["rewards", "--num-envs", "8", "--turns", "4", "--steps", "1", "--json", str(file)]
    assert driver.main(arguments) == 0
    assert "overhead in percent" in capsys.readouterr().out
    result = json.loads(file.read_text())
    times = [row["ms per step (median)"] for row in result["table"]]
    assert all(time > 0 for time in times)
    assert result["summary"]["ratio"] == pytest.approx(times[1] / times[0])
    assert result["config"]["num_envs"] == 8
    assert result["environment"]["versions"]["gymnasium"]


def test_the_answers_of_the_rewards_benchmark_are_right_wrong_and_malformed():
    side = benchmarks["rewards"].make(benchmarks["rewards"].Config(num_envs=200), "verify + format", seed=0)
    actions = [benchmarks["rewards"].answer(task.reference, side.rng) for task in side.tasks]
    _, _, _, _, infos = side.venv.step(actions)
    terms = infos["reward_terms"]
    assert 0.3 < terms["verify"]["raw"].mean() < 0.5
    assert 0.5 < terms["format"]["raw"].mean() < 0.95
    assert len(set(actions)) > 190


def test_bad_input_is_one_line(capsys):
    assert driver.main(["rewards", "--reward", "digit_mach"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: unknown reward 'digit_mach'; did you mean 'digit_match'?")


def test_a_table_shows_text_left_and_numbers_short():
    console = Console(record=True, width=100)
    driver.show({"title": "t", "table": [{"side": "a", "seconds": 0.123456}], "summary": {"ratio": 2.0}}, console)
    text = console.export_text()
    assert "0.1235" in text
    assert "ratio: 2" in text


def grpo_turn(seconds, moved=0.1):
    turn = benchmarks["grpo"].Turn(list(seconds), prompts=["1+1="], moved=moved)
    for _ in seconds:
        turn.add(100, [0.0, 1.0, 0.0, 0.0], group_size=2)
    return turn


def test_grpo_compares_medians_and_says_when_a_side_did_not_train():
    grpo = benchmarks["grpo"]
    turns = {"rewardium": [grpo_turn([1.0, 1.0]), grpo_turn([9.0])], "TRL": [grpo_turn([2.0, 4.0, 2.0])]}
    result = grpo.compared(grpo.Config(), turns)
    assert result["summary"]["ratio of seconds (rewardium / TRL)"] == 0.5
    assert result["summary"]["both trained"] == result["summary"]["same prompts"] == "yes"
    assert result["table"][1]["tokens per second"] == pytest.approx(300 / 8)
    assert result["table"][1]["reward (mean)"] == 0.25
    assert result["table"][1]["groups that differ"] == 0.5
    turns["TRL"][0].moved, turns["TRL"][0].prompts = 0.0, ["2+2="]
    summary = grpo.compared(grpo.Config(), turns)["summary"]
    assert "TRL" in summary["both trained"]
    assert summary["same prompts"] == "no"


@pytest.mark.slow
def test_grpo_times_both_trainers(tmp_path):
    pytest.importorskip("trl")
    grpo = benchmarks["grpo"]
    config = grpo.Config(
        pretrain_steps=2,
        repeats=1,
        steps=2,
        num_prompts=2,
        group_size=4,
        max_new_tokens=8,
        threads=1,
        learning_rate=1e-3,
    )
    result = grpo.run(config)
    assert [row["trainer"] for row in result["table"]] == ["rewardium", "TRL"]
    for row in result["table"]:
        assert row["seconds per step (median)"] > 0
        assert 8 <= row["tokens per step"] <= 64
    assert result["summary"]["same prompts"] == "yes"
    json.dumps(driver.plain(result))

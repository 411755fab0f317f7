"""The quickstart: what it tells the user, and (slow) the whole way at a tiny size."""

from __future__ import annotations

import dataclasses
import json
import queue
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console

from rewardium import rewards
from rewardium.agents.llm.pretraining import PretrainingConfig
from rewardium.envs.errors import RewardiumError

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "quickstart.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("quickstart_script", SCRIPT)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=160, file=open("/dev/null", "w"))


def write_metrics(folder: Path, curve: list[tuple[int, float]]) -> None:
    folder.mkdir(parents=True)
    rows = [{"step": step, "success": value - 0.1, "eval/success": value} for step, value in curve]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_both_rewards_exist_and_only_the_dense_one_is_dense(script) -> None:
    assert str(rewards.parse(script.SPARSE.reward)) == "verify"
    assert rewards.parse(script.DENSE.reward) == 0.5 * rewards.make("verify") + 0.5 * rewards.make("digit_match")


def test_a_policy_is_kept_per_setting(script) -> None:
    config = PretrainingConfig()
    keys = {
        script.policy_key(dataclasses.replace(config, **change))
        for change in ({}, {"seed": 1}, {"steps": 301}, {"carelessness": 0.5}, {"env_arguments": {"num_steps": 2}})
    }
    assert len(keys) == 5
    assert script.policy_key(config) == script.policy_key(PretrainingConfig())


def test_a_result_is_read_from_the_run(script, tmp_path) -> None:
    config = script.Config(out=tmp_path)
    write_metrics(tmp_path / "seed3-sparse", [(0, 0.3), (5, 0.5), (10, 0.92), (15, 0.89)])
    result = script.result_of(config, script.SPARSE, 3, 12.0)
    assert (result.before, result.after, result.updates_to_target, result.seed) == (0.3, 0.89, 10, 3)


def test_a_target_never_reached_is_none_not_zero(script, tmp_path) -> None:
    write_metrics(tmp_path / "seed0-dense", [(0, 0.3), (5, 0.5)])
    assert script.result_of(script.Config(out=tmp_path), script.DENSE, 0, 1.0).updates_to_target is None


def results(script, tmp_path, sparse: list[tuple[float, float]], dense: tuple[float, float] = (0.3, 0.95)):
    found = []
    for seed, pair in enumerate(sparse):
        for variant, (before, after) in ((script.SPARSE, pair), (script.DENSE, dense)):
            write_metrics(tmp_path / f"seed{seed}-{variant.name}", [(0, before), (5, after)])
            found.append(script.result_of(script.Config(out=tmp_path), variant, seed, 10.0))
    return found


@pytest.mark.parametrize(
    ("before", "after", "status"), [(0.3, 0.93, 0), (0.4, 0.9, 0), (0.3, 0.89, 1), (0.41, 0.99, 1)]
)
def test_the_exit_status_says_whether_the_sparse_run_got_there(
    script, console, tmp_path, before, after, status
) -> None:
    found = results(script, tmp_path, [(before, after)])
    assert script.report(script.Config(out=tmp_path), found, 100.0, console) == status
    text = console.export_text()
    assert ("error: seed 0, sparse" in text) == bool(status)
    assert f"{before:.1%}" in text
    assert f"{after:.1%}" in text
    assert (tmp_path / "learning_curve.png").stat().st_size > 1000


def test_a_dense_run_that_fails_is_shown_and_does_not_fail_the_quickstart(script, console, tmp_path) -> None:
    found = results(script, tmp_path, [(0.3, 0.95)], dense=(0.3, 0.2))
    assert script.report(script.Config(out=tmp_path), found, 100.0, console) == 0
    text = console.export_text()
    assert "20.0%" in text
    assert "not reached" in text


def test_several_seeds_show_mean_and_spread_and_each_must_get_there(script, console, tmp_path) -> None:
    found = results(script, tmp_path, [(0.2, 0.91), (0.3, 0.95), (0.4, 0.7)])
    assert script.report(script.Config(out=tmp_path), found, 100.0, console) == 1
    text = console.export_text()
    assert "30.0% ± 10.0%" in text
    assert "2 of 3 reached it" in text
    assert "error: seed 2, sparse" in text
    assert "error: seed 0" not in text


def test_a_process_that_dies_silently_is_a_failure(script) -> None:
    class Silent:
        def get(self, timeout: float) -> None:
            raise queue.Empty

    processes = {"sparse": SimpleNamespace(exitcode=0), "dense": SimpleNamespace(exitcode=-9)}
    assert script.receive(Silent(), processes, {"sparse": 1.0}) == (
        "dense",
        "failed",
        "its process ended with exit status -9",
    )


@pytest.mark.parametrize(
    "change",
    [{"seeds": ()}, {"seeds": (1, 1)}, {"seeds": (-1,)}, {"updates": 0}, {"eval_tasks": 0}, {"learning_rate": 0.0}],
)
def test_a_config_out_of_range_is_refused_before_any_work(script, change) -> None:
    with pytest.raises(RewardiumError):
        script.check(dataclasses.replace(script.Config(), **change))


def test_a_file_in_the_way_is_refused(script, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardiumError, match="is a file"):
        script.check(script.Config(out=tmp_path / "file"))


def test_what_is_no_earlier_run_is_neither_removed_nor_written_over(script, tmp_path) -> None:
    (tmp_path / "seed0-sparse").mkdir()
    (tmp_path / "seed0-sparse" / "thesis.txt").write_text("not a run")
    with pytest.raises(RewardiumError, match="seed0-sparse holds something"):
        script.check(script.Config(out=tmp_path))


def test_a_run_that_fails_says_why_in_one_line(script, tmp_path) -> None:
    messages: queue.Queue[tuple[str, str, str]] = queue.Queue()
    script.train(script.Config(out=tmp_path), tmp_path / "no-policy", 0, script.SPARSE, messages)
    name, kind, text = messages.get_nowait()
    assert (name, kind) == ("sparse", "failed")
    assert "no such folder" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_the_whole_way_at_a_tiny_size(tmp_path) -> None:
    sizes = {"steps": 3, "batch-size": 4, "problems": 32, "hidden-size": 32, "num-layers": 1, "num-heads": 2}
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path), "--updates", "6", "--eval-tasks", "16"]
    command += ["--prompts-per-update", "4", "--start", "1", "--target", "0"]
    command += [part for name, size in sizes.items() for part in (f"--pretraining.{name}", str(size))]

    first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "sparse" in first.stdout
    assert "dense" in first.stdout
    for name in ("seed0-sparse", "seed0-dense"):
        assert {"config.yaml", "reward.yaml", "metrics.jsonl", "report.html"} <= {
            file.name for file in (tmp_path / name).iterdir()
        }
    assert (tmp_path / "learning_curve.png").is_file()
    (policy,) = (tmp_path / "policy").iterdir()
    written = (policy / "model.safetensors").stat().st_mtime_ns

    missed = subprocess.run([*command, "--target", "1.1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert missed.returncode == 1
    assert "error: seed 0, sparse" in missed.stdout
    assert (policy / "model.safetensors").stat().st_mtime_ns == written, "the policy is kept, not built again"

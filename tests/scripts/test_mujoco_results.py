"""The comparison on MuJoCo: what it reads from runs and says of figures, and (slow) the whole way at a tiny size."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from rich.console import Console

from rewardium import rewards
from rewardium.envs.errors import RewardiumError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"


@pytest.fixture(scope="module")
def script():
    pytest.importorskip("stable_baselines3")
    spec = spec_from_file_location("mujoco_results_script", SCRIPTS / "mujoco_results.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def experiment(script):
    return sys.modules["_mujoco_experiment"]


@pytest.fixture(scope="module")
def runs(script):
    return sys.modules["_mujoco_runs"]


@pytest.fixture(scope="module")
def pages(script):
    return sys.modules["_mujoco_page"]


@pytest.fixture
def config(script, tmp_path):
    return script.Config(out=tmp_path / "runs", page=tmp_path / "page.md", picture=tmp_path / "picture.png")


def run_of(runs, experiment, config, task, setting, seed, success, steps=None):
    return runs.Run(
        task, setting, seed, experiment.TASKS[task].steps if steps is None else steps,
        experiment.recipe(config, task, setting), False, success, 100, 0.5, success, 100.0, 50.0, 0.1,
    )  # fmt: skip


def test_every_reward_can_be_built(experiment):
    for setting in experiment.SETTINGS:
        for task in experiment.TASKS:
            assert rewards.parse(setting.expression(task))


def test_commands_are_read_by_the_scripts_they_name(runs, experiment, config):
    import tyro

    from rewardium.agents.control.config import ControlConfig

    for setting in experiment.SETTINGS:
        command = runs.run_command(config, experiment.Job("PendulumUpright", setting.name, 2))
        read = tyro.cli(ControlConfig, args=command[1:])
        assert (read.env, read.seed, read.scoring) == ("rewardium/PendulumUpright-v0", 2, "deferred")
        assert read.folder == config.out / "PendulumUpright" / f"{setting.name}-seed2"
        assert (read.clip is None) == (setting.clip is None)
        assert read.env_kwargs == {"render_size": 64}


def test_the_share_of_the_true_reward_s_success(pages, runs, experiment, config):
    found = {
        "true": [run_of(runs, experiment, config, "PendulumUpright", "true", seed, 1.0) for seed in range(2)],
        "vlm": [
            run_of(runs, experiment, config, "PendulumUpright", "vlm", seed, s) for seed, s in ((0, 0.9), (1, 0.7))
        ],
    }
    assert pages.share_of_true(found, "vlm") == pytest.approx(0.8)
    said = " ".join(pages.findings({"PendulumUpright": found}))
    assert "80% of it, 80% reached" in said
    assert "worst seed has 70.0%" in said
    assert "1 of 1 tasks" in said
    found["vlm"][1] = replace(found["vlm"][1], success=0.6)
    assert "80% missed" in " ".join(pages.findings({"PendulumUpright": found}))
    found["true"] = [replace(run, success=0.0) for run in found["true"]]
    assert pages.share_of_true(found, "vlm") is None
    assert "0 of 1 tasks" in " ".join(pages.findings({"PendulumUpright": found}))


def test_only_comparable_runs_are_shown(pages, runs, experiment, config):
    same = [run_of(runs, experiment, config, "ReacherPlace", "true", seed, 0.5) for seed in (1, 0)]
    short = run_of(runs, experiment, config, "ReacherPlace", "vlm", 0, 0.5, steps=10)
    changed = replace(same[0], setting="vlm", recipe="another")
    tasks, left_out = pages.gather(config, [*same, short, changed])
    assert [run.seed for run in tasks["ReacherPlace"]["true"]] == [0, 1]
    assert list(tasks) == ["ReacherPlace"]
    assert list(tasks["ReacherPlace"]) == ["true"]
    assert len(left_out) == 2


def test_figures_of_a_run(runs, experiment, config):
    rows = [
        {"step": step, "step/paid": paid, "recent/success": 0.4, "seconds/total": step / 10}
        for step, paid in ((100, 0.1), (950, 0.5), (1000, 0.7))
    ]
    evaluation = {"success": 0.25, "episodes": 4, "return": 60.0, "length": 100.0}
    run = runs.figures_of(config, experiment.Job("PendulumUpright", "true", 0), rows, evaluation, False)
    assert (run.success, run.graded, run.paid, run.steps_per_second) == (0.25, 0.6, pytest.approx(0.6), 10.0)


def test_a_finished_run_is_not_done_again_and_another_is_refused(runs, experiment, config):
    job = experiment.Job("PendulumUpright", "true", 0)
    file = runs.run_folder(config, job) / runs.FIGURES
    file.parent.mkdir(parents=True)
    assert not runs.is_finished(config, job)
    run = run_of(runs, experiment, config, *job, 0.5)
    file.write_text(json.dumps(asdict(run)))
    assert runs.is_finished(config, job)
    assert not runs.is_finished(replace(config, steps=run.steps + 1), job)
    with pytest.raises(RewardiumError, match="--steps"):
        runs.is_finished(replace(config, steps=5), job)
    with pytest.raises(RewardiumError, match="was trained with"):
        runs.is_finished(replace(config, algorithm_kwargs={"gamma": 0.5}), job)
    file.write_text("{}")
    with pytest.raises(RewardiumError, match="holds no figures"):
        runs.is_finished(config, job)


def test_the_recipe_changes_with_the_model_s_weights(experiment, config, tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    weights = folder / experiment.WEIGHTS
    found = set()
    for content in (b"one", b"two"):
        weights.write_bytes(content)
        found.add(experiment.recipe(replace(config, clip=str(folder)), "PendulumUpright", "vlm"))
    assert len(found) == 2
    assert "clip" not in experiment.recipe(config, "PendulumUpright", "true")


def test_runs_of_one_folder_are_made_in_one_way(script, config):
    script.keep_protocol(config.out, {"clip": "a", "num_envs": 8})
    script.keep_protocol(config.out, {"clip": "a", "num_envs": 8})
    with pytest.raises(RewardiumError, match="num_envs was 8 and is 4"):
        script.keep_protocol(config.out, {"clip": "a", "num_envs": 4})


def test_one_failure_keeps_no_other_from_running(script):
    done = []

    def run(job):
        if job == 1:
            raise RewardiumError("no")
        done.append(job)

    assert script.run_all([0, 1, 2], run, 2, Console(file=io.StringIO())) == ["1: no"]
    assert sorted(done) == [0, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": ("PendulumUprite",)}, "did you mean 'PendulumUpright'"),
        ({"settings": ("vlmm",)}, "did you mean 'vlm'"),
        ({"seeds": ()}, "seeds must be given"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"scoring": "later"}, "immediate or deferred"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense(script, settings, message):
    with pytest.raises(RewardiumError, match=message):
        script.check(script.Config(**settings))


def test_nothing_to_write_about(script, config):
    with pytest.raises(RewardiumError, match="no runs of this experiment"):
        script.as_it_was_run(config)
    with pytest.raises(RewardiumError, match="no finished run"):
        script.write_page(config)


@pytest.mark.slow
def test_the_whole_way(tmp_path):
    pytest.importorskip("mujoco")
    pytest.importorskip("open_clip")
    from rewardium.rewards.learning.small_clip import TINY, build_clip, save_clip

    clip = tmp_path / "tiny"
    save_clip(build_clip(TINY, seed=0), TINY, clip)
    command = [
        sys.executable, str(SCRIPTS / "mujoco_results.py"), "--tasks", "PendulumUpright", "--settings", "true", "vlm",
        "--seeds", "0", "--steps", "400", "--num-envs", "2", "--eval-episodes", "2", "--clip", str(clip),
        "--render-size", "32", "--algorithm-kwargs", "{n_steps: 50, batch_size: 50}", "--out", str(tmp_path / "runs"),
        "--page", str(tmp_path / "page.md"), "--picture", str(tmp_path / "picture.png"),
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=300)
    text = (tmp_path / "page.md").read_text()
    assert "### PendulumUpright" in text
    assert "| vlm | 1 |" in text
    assert (tmp_path / "picture.png").is_file()
    figures = [json.loads(file.read_text()) for file in (tmp_path / "runs").glob("*/*/figures.json")]
    assert {run["setting"] for run in figures} == {"true", "vlm"}
    assert all(run["steps"] == 400 for run in figures)

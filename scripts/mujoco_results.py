"""Compare a vision-language model's reward with the true one on MuJoCo tasks, with several seeds, and write a page.

    python scripts/mujoco_results.py --list
    python scripts/mujoco_results.py
    python scripts/mujoco_results.py --tasks PendulumUpright --settings true vlm --seeds 0 --jobs 2
    python scripts/mujoco_results.py --clip ViT-B-32/laion2b_s34b_b79k --render-size 224 --out runs/m --page m.md

Each policy is trained by scripts/train_control.py and measured by scripts/evaluate_control.py. What is finished is not
done again, and a run that was stopped goes on. The page is written from all finished runs below --out, also those of
other commands. scripts/train_clip.py makes the small model that --clip names by default.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import tyro
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its parts

from _mujoco_experiment import PROTOCOL, SETTINGS, Config, Job, check, jobs_of
from _mujoco_page import draw, gather, page
from _mujoco_runs import Run, finished_runs, is_finished, obtain_run, obtain_untrained
from _runs import keep_protocol, read_protocol, run_all

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.vision_encoder import load_vision_encoder


def main() -> int:
    """Read the command line, run what is missing, write the page, and return the exit status."""
    config = tyro.cli(Config, description=__doc__)
    console = Console()
    try:
        return work(check(config), console)
    except RewardiumError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on")
        return 130


def work(config: Config, console: Console) -> int:
    """Do what the flags ask for."""
    if config.list:
        show_plan(config, console)
        return 0
    failures: list[str] = []
    if config.page_only:
        config = as_it_was_run(config)
    else:
        prepare(config)
        failures = run_all(missing_jobs(config), lambda job: obtain_run(config, job), config.jobs, console)
    write_page(config)
    console.print(f"wrote {config.page} and {config.picture}", markup=False, soft_wrap=True)
    return 1 if failures else 0


def prepare(config: Config) -> None:
    """See that there is what the runs need, before the first of them begins."""
    chosen = {setting.clip for setting in SETTINGS if setting.name in config.settings}
    if "trained" in chosen:
        load_vision_encoder(config.clip, "cpu")
    if "untrained" in chosen:
        obtain_untrained(config)
    keep_protocol(config.out, {name: getattr(config, name) for name in PROTOCOL})


def as_it_was_run(config: Config) -> Config:
    """Return the config with what the runs below its folder share.

    Raises:
        RewardiumError: When there are none.
    """
    there = read_protocol(config.out)
    if there is None:
        raise RewardiumError(f"{config.out} holds no runs of this experiment")
    return replace(config, **{name: there[name] for name in PROTOCOL})


def missing_jobs(config: Config) -> list[Job]:
    """Return the runs that are not finished."""
    return [job for job in jobs_of(config) if not is_finished(config, job)]


def write_page(config: Config) -> None:
    """Write the results page and its picture out of all finished runs.

    Raises:
        RewardiumError: When there are none.
    """
    tasks, left_out = gather(config, finished_runs(config.out))
    if not tasks:
        raise RewardiumError(f"{config.out} holds no finished run to write about")
    draw(tasks, config.out, config.picture)
    config.page.parent.mkdir(parents=True, exist_ok=True)
    config.page.write_text(page(config, tasks, left_out), encoding="utf-8")


def show_plan(config: Config, console: Console) -> None:
    """Print what would be run, and how long it may take."""
    jobs, done = missing_jobs(config), list(finished_runs(config.out))
    table = Table(title=f"{len(jobs)} of {len(list(jobs_of(config)))} runs are to be done")
    for column in ("task", "setting", "seeds", "steps each", "seconds each"):
        table.add_column(column, justify="left" if column in ("task", "setting", "seeds") else "right")
    known, unknown = 0.0, 0
    for task, setting in dict.fromkeys((job.task, job.setting) for job in jobs):
        seeds = [job.seed for job in jobs if job[:2] == (task, setting)]
        seconds = estimate(done, task, setting, config.steps_of(task))
        known, unknown = known + (seconds or 0.0) * len(seeds), unknown + (len(seeds) if seconds is None else 0)
        shown = "unknown" if seconds is None else f"{seconds:,.0f}"
        table.add_row(task, setting, " ".join(map(str, seeds)), f"{config.steps_of(task):,}", shown)
    console.print(table)
    if jobs:
        rest = f", and {unknown} runs about which nothing is known" if unknown else ""
        said = (
            f"about {known / 3600:.1f} hours of training, {known / 3600 / config.jobs:.1f} with {config.jobs} at a time"
        )
        console.print(said + rest, markup=False, soft_wrap=True)


def estimate(done: Sequence[Run], task: str, setting: str, steps: int) -> float | None:
    """Return how many seconds a run may take: at the median speed of runs of its task and setting, else of its setting.

    Returns:
        Seconds; None where no such run has finished.
    """
    timed = [run for run in done if run.steps_per_second and run.setting == setting]
    near = [run for run in timed if run.task == task] or timed
    return steps / median(float(run.steps_per_second or 0.0) for run in near) if near else None


if __name__ == "__main__":
    sys.exit(main())

"""Compare ways to reward a control policy on NetHack tasks, with several seeds, and write the results page.

    python scripts/nethack_results.py --list
    python scripts/nethack_results.py
    python scripts/nethack_results.py --tasks KeyRoom-S5 --settings sparse count-message --seeds 0 1 2 --jobs 2
    python scripts/nethack_results.py --judge http://127.0.0.1:8000/v1 --out runs/m --page m.md --picture m.png

Each policy is trained by scripts/train_control.py and measured by scripts/evaluate_control.py; the reward model of
motif is made once a task by scripts/label_offline.py. What is finished is not done again, and a run that was stopped
goes on. The page is written from all finished runs below --out, also those of other commands. The default judge is a
rule about words and no language model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from _command import run_command_line
from rich.console import Console

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its parts

from _nethack_experiment import PROTOCOL, Config, check, protocol
from _nethack_page import Gathered, gather, page
from _nethack_picture import draw
from _nethack_runs import Run, finished_runs, is_finished, motif_folder, obtain_motif, obtain_run
from _runs import keep_protocol, run_all, with_protocol
from _training_runs import Job, plan_of, seconds_like

from rewardium.envs.errors import RewardiumError


def main() -> int:
    """Read the command line, run what is missing, write the page, and return the exit status."""
    return run_command_line(Config, work, __doc__, stopped="stopped; the same command goes on")


def work(config: Config, console: Console) -> int:
    """Do what the flags ask for."""
    config = check(config)
    if config.list:
        show_plan(config, console)
        return 0
    if config.page_only:
        config = as_it_was_run(config)
        failures: list[str] = []
    else:
        keep_protocol(config.out, protocol(config))
        failures = make_all(config, console)
    for failure in failures:
        console.print(f"failed: {failure}", style="red", markup=False, soft_wrap=True)
    write_page(config)
    console.print(f"wrote {config.page} and {config.picture}", markup=False, soft_wrap=True)
    return 1 if failures else 0


def as_it_was_run(config: Config) -> Config:
    """Return the config with what the runs below its folder share.

    Raises:
        RewardiumError: When there are none.
    """
    return with_protocol(config, PROTOCOL)


def jobs_of(config: Config) -> Iterator[Job]:
    """Yield the runs of a config; the first seed of all settings first, so that there is soon something to compare."""
    for task in config.tasks:
        for seed in config.seeds:
            for setting in config.settings:
                yield Job(task, setting, seed)


def missing_jobs(config: Config) -> list[Job]:
    """Return the runs that are not finished."""
    return [job for job in jobs_of(config) if not is_finished(config, job)]


def make_all(config: Config, console: Console) -> list[str]:
    """Make reward models and train policies, some at a time.

    Args:
        config: What to run.
        console: Where to tell.

    Returns:
        What failed, in words; the other runs are not kept from running.
    """
    jobs = missing_jobs(config)
    models: dict[str, Future[bool]] = {
        task: Future() for task in config.tasks if any(job[:2] == (task, "motif") for job in jobs)
    }

    def make(what: str | Job) -> None:
        if isinstance(what, str):
            make_model(what)
        elif what.setting != "motif" or models[what.task].result():  # a model that failed is told already
            obtain_run(config, what)

    def make_model(task: str) -> None:
        there = False
        try:
            obtain_motif(config, task)
            there = True
        finally:
            models[task].set_result(there)

    # In this order every reward model has begun before a run waits for one.
    everything: list[str | Job] = [*models, *jobs]
    return run_all(everything, make, config.jobs, console, name=name_of, title="models and runs", survived=Exception)


def name_of(what: str | Job) -> str:
    """Name a run, or a task's reward model."""
    return f"{what} motif's model" if isinstance(what, str) else f"{what.task} {what.setting} seed {what.seed}"


def write_page(config: Config) -> None:
    """Write the results page and its picture out of all finished runs.

    Raises:
        RewardiumError: When there are none.
    """
    gathered: Gathered = gather(finished_runs(config.out))
    if not gathered.tasks:
        raise RewardiumError(f"{config.out} holds no finished run to write about")
    draw(gathered.tasks, config.out, config.picture)
    config.page.parent.mkdir(parents=True, exist_ok=True)
    config.page.write_text(page(config, gathered), encoding="utf-8")


def show_plan(config: Config, console: Console) -> None:
    """Print what would be run, and how long it may take."""
    jobs, done = missing_jobs(config), list(finished_runs(config.out))
    plan = plan_of(jobs, len(list(jobs_of(config))), config.steps_of, partial(estimate, done))
    console.print(plan.table)
    models = sorted({job.task for job in jobs if job.setting == "motif"})
    models = [task for task in models if not (motif_folder(config, task) / "done.json").is_file()]
    if models:
        console.print(f"before them motif's models of {', '.join(models)}", markup=False)
    if jobs:
        console.print(total(plan.seconds, plan.unknown, config.jobs), markup=False, soft_wrap=True)


def estimate(done: Sequence[Run], task: str, setting: str, steps: int) -> float | None:
    """Return how long a run may take, by the nearest finished runs.

    Args:
        done: Finished runs.
        task: The task.
        setting: The setting.
        steps: Environment steps.

    Returns:
        Seconds of training, at the median speed of runs of this task and setting, else of the setting, else of the
        task, else of all; None where no run has finished.
    """
    return seconds_like(
        steps,
        [run for run in done if (run.task, run.setting) == (task, setting)],
        [run for run in done if run.setting == setting],
        [run for run in done if run.task == task],
        done,
    )


def total(seconds: float, unknown: int, jobs: int) -> str:
    """Say how long all of it may take."""
    if not seconds:
        return "no run has finished yet by which to tell how long this takes"
    more = f", and {unknown} runs about which nothing is known" if unknown else ""
    hours = seconds / 3600
    return (
        f"about {hours:.1f} hours of training, {hours / jobs:.1f} with {jobs} runs at a time that are as fast as the "
        f"finished ones{more}; evaluations come on top"
    )


if __name__ == "__main__":
    sys.exit(main())

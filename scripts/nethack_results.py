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
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from statistics import median

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its parts

from _nethack_experiment import PROTOCOL, Config, check
from _nethack_page import Gathered, gather, page
from _nethack_picture import draw
from _nethack_runs import (
    Job,
    Run,
    finished_runs,
    is_finished,
    keep_protocol,
    motif_folder,
    obtain_motif,
    obtain_run,
    read_protocol,
)

from rewardium.envs.errors import RewardiumError


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
    if config.page_only:
        config = as_it_was_run(config)
        failures: list[str] = []
    else:
        keep_protocol(config)
        failures = run_all(config, console)
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
    there = read_protocol(config.out)
    if there is None:
        raise RewardiumError(f"{config.out} holds no runs of this experiment")
    return replace(config, **{name: there[name] for name in PROTOCOL})


def jobs_of(config: Config) -> Iterator[Job]:
    """Yield the runs of a config; the first seed of all settings first, so that there is soon something to compare."""
    for task in config.tasks:
        for seed in config.seeds:
            for setting in config.settings:
                yield Job(task, setting, seed)


def missing_jobs(config: Config) -> list[Job]:
    """Return the runs that are not finished."""
    return [job for job in jobs_of(config) if not is_finished(config, job)]


def run_all(config: Config, console: Console) -> list[str]:
    """Make reward models and train policies, some at a time.

    Args:
        config: What to run.
        console: Where to tell.

    Returns:
        What failed, in words; the other runs are not kept from running.
    """
    jobs = missing_jobs(config)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failures: list[str] = []
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(config.jobs) as threads:
        # In this order every reward model has begun before a run waits for one.
        models = {
            task: threads.submit(obtain_motif, config, task)
            for task in config.tasks
            if any(job[:2] == (task, "motif") for job in jobs)
        }

        def run(job: Job) -> None:
            if job.setting == "motif" and models[job.task].exception() is not None:
                return  # told already
            obtain_run(config, job)

        everything: dict[Future[None], str] = {model: f"{task} motif's model" for task, model in models.items()}
        everything |= {threads.submit(run, job): f"{job.task} {job.setting} seed {job.seed}" for job in jobs}
        bar = progress.add_task("models and runs", total=len(everything))
        try:
            for future in as_completed(everything):
                error = future.exception()
                if error is not None:
                    failures.append(f"{everything[future]}: {error}")
                    progress.console.print(f"failed: {everything[future]}", style="red", markup=False)
                progress.advance(bar)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)  # what is at work ends; nothing new begins
            raise
    return failures


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
    jobs = missing_jobs(config)
    done = list(finished_runs(config.out))
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
    models = sorted({job.task for job in jobs if job.setting == "motif"})
    models = [task for task in models if not (motif_folder(config, task) / "done.json").is_file()]
    if models:
        console.print(f"before them motif's models of {', '.join(models)}", markup=False)
    if jobs:
        console.print(total(known, unknown, config.jobs), markup=False, soft_wrap=True)


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
    timed = [run for run in done if run.steps_per_second]
    for near in (
        [run for run in timed if (run.task, run.setting) == (task, setting)],
        [run for run in timed if run.setting == setting],
        [run for run in timed if run.task == task],
        timed,
    ):
        if near:
            return steps / median(float(run.steps_per_second or 0.0) for run in near)
    return None


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

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
from functools import partial
from pathlib import Path

from _command import run_command_line
from rich.console import Console

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its parts

from _mujoco_experiment import PROTOCOL, SETTINGS, Config, check, jobs_of
from _mujoco_page import draw, gather, page
from _mujoco_runs import Run, finished_runs, is_finished, obtain_run, obtain_untrained
from _runs import keep_protocol, run_all, with_protocol
from _training_runs import Job, plan_of, seconds_like

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.vision_encoder import load_vision_encoder


def main() -> int:
    """Read the command line, run what is missing, write the page, and return the exit status."""
    return run_command_line(Config, work, __doc__, stopped="stopped; the same command goes on")


def work(config: Config, console: Console) -> int:
    """Do what the flags ask for."""
    config = check(config)
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
    return with_protocol(config, PROTOCOL)


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
    plan = plan_of(jobs, len(list(jobs_of(config))), config.steps_of, partial(estimate, done))
    console.print(plan.table)
    if jobs:
        rest = f", and {plan.unknown} runs about which nothing is known" if plan.unknown else ""
        hours = plan.seconds / 3600
        said = f"about {hours:.1f} hours of training, {hours / config.jobs:.1f} with {config.jobs} at a time"
        console.print(said + rest, markup=False, soft_wrap=True)


def estimate(done: Sequence[Run], task: str, setting: str, steps: int) -> float | None:
    """Return how many seconds a run may take: at the median speed of runs of its task and setting, else of its setting.

    Returns:
        Seconds; None where no such run has finished.
    """
    alike = [run for run in done if run.setting == setting]
    return seconds_like(steps, [run for run in alike if run.task == task], alike)


if __name__ == "__main__":
    sys.exit(main())

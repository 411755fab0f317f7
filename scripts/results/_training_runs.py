"""What experiments on control policies share: a run's folder, its evaluation, and the figures that it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Protocol, TypeVar

from _runs import write_json
from rich.table import Table

from rewardium.agents.run_folder import read_metrics
from rewardium.envs.errors import RewardiumError, unknown_name_message

FIGURES = "figures.json"


class Job(NamedTuple):
    """One run: a task, a setting and a seed."""

    task: str
    setting: str
    seed: int


class Asked(Protocol):
    """Which runs a config asks for."""

    @property
    def tasks(self) -> Sequence[str]:
        """Short names of tasks."""

    @property
    def settings(self) -> Sequence[str]:
        """Names of settings."""

    @property
    def seeds(self) -> Sequence[int]:
        """Seeds of training."""


def check_asked(config: Asked, *, tasks: Sequence[str], settings: Sequence[str], counts: Sequence[str]) -> None:
    """Refuse runs that cannot be made.

    Args:
        config: The experiment.
        tasks: Those that there are.
        settings: Those that there are.
        counts: The fields of the config that are None or at least 1.

    Raises:
        RewardiumError: When a task or setting is unknown, or a number is out of its range.
    """
    for kind, names, known in (("task", config.tasks, tasks), ("setting", config.settings, settings)):
        for name in names:
            if name not in known:
                raise RewardiumError(f"{unknown_name_message(kind, name, known)}; known are {', '.join(known)}")
        if not names or len(set(names)) != len(names):
            raise RewardiumError(f"at least one {kind} is needed, and each once, got {names}")
    if not config.seeds or len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
        raise RewardiumError(f"seeds must be given, different and at least 0, got {config.seeds}")
    for name in counts:
        if getattr(config, name) is not None and getattr(config, name) < 1:
            raise RewardiumError(f"{name} must be at least 1, got {getattr(config, name)}")


class FinishedRun(Protocol):
    """What a finished run came to: a frozen dataclass, to which each experiment adds what it measures."""

    @property
    def task(self) -> str:
        """The task."""

    @property
    def setting(self) -> str:
        """How it was rewarded."""

    @property
    def seed(self) -> int:
        """The seed of training."""

    @property
    def steps(self) -> int:
        """Environment steps that were asked for."""

    @property
    def recipe(self) -> str:
        """What tells whether two runs were trained in the same way."""

    @property
    def steps_per_second(self) -> float | None:
        """Over the whole training."""


Run = TypeVar("Run")
Figures = Callable[[Sequence[Mapping[str, Any]], Mapping[str, Any], bool], Any]
"""Sums up a run, from its lines of metrics, its evaluation, and whether it was stopped on the way."""


def folder_of(out: Path, task: str, setting: str, seed: int) -> Path:
    """Return the folder of a run below the folder of all."""
    return out / task / f"{setting}-seed{seed}"


def evaluation_command(folder: Path, *, episodes: int, seed: int, num_envs: int) -> list[str]:
    """Return the command that measures the policy of a run."""
    return [
        "scripts/evaluate_control.py", "--run", str(folder), "--episodes", str(episodes),
        "--seed", str(seed), "--num-envs", str(num_envs), "--recordings", "0",
    ]  # fmt: skip


def train_and_measure(
    folder: Path,
    log: Path,
    commands: tuple[Sequence[str], Sequence[str]],
    execute: Callable[[Sequence[str], Path], object],
    figures_of: Figures,
) -> None:
    """Train and measure a policy, and write its figures; a run that was stopped goes on.

    Args:
        folder: The folder of the run.
        log: The logs' common name, without an ending.
        commands: What trains, and what measures.
        execute: Runs a command, with its output in a file.
        figures_of: Sums up the run, as a dataclass.

    Raises:
        RewardiumError: When a command fails.
    """
    training, evaluation = commands
    there, before = folder.exists(), read_metrics(folder)
    execute([*training, *(["--resume"] if there else [])], log.with_name(f"{log.name}.txt"))
    execute(evaluation, log.with_name(f"{log.name}-evaluation.txt"))
    rows = read_metrics(folder)
    resumed = bool(before) and before[-1]["step"] < rows[-1]["step"]
    measured = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    write_json(folder / FIGURES, asdict(figures_of(rows, measured, resumed)))


def is_run(run: FinishedRun | None, folder: Path, recipe: str, steps: int) -> bool:
    """Say whether a finished run is the one that is wanted; one of fewer steps is one to go on with.

    Raises:
        RewardiumError: When its folder holds a run that was trained in another way, or a longer one.
    """
    if run is None:
        return False
    if run.recipe != recipe:
        raise RewardiumError(
            f"{folder} was trained with {run.recipe}, not {recipe}; choose another --out, or remove it"
        )
    if run.steps > steps:
        raise RewardiumError(f"{folder} has {run.steps} steps; give --steps {run.steps}, another --out, or remove it")
    return run.steps == steps


def read_run(kind: type[Run], file: Path) -> Run | None:
    """Read the figures of a finished run; None where there are none.

    Raises:
        RewardiumError: When the file is something else.
    """
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return kind(**{item.name: values[item.name] for item in fields(kind)})  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError) as error:
        raise RewardiumError(f"{file} holds no figures of a run: {error!r}; remove it to measure again") from error


def finished_runs(kind: type[Run], out: Path) -> Iterator[Run]:
    """Yield every finished run below a folder, whatever command made it."""
    for file in sorted(out.glob(f"*/*/{FIGURES}")):
        run = read_run(kind, file)
        if run is not None:
            yield run


class Plan(NamedTuple):
    """What would be run.

    Args:
        table: A line for each task and setting.
        seconds: How long those runs may take, one after the other, about which something is known.
        unknown: How many runs there are about which nothing is known.
    """

    table: Table
    seconds: float
    unknown: int


def plan_of(
    jobs: Sequence[Job],
    of_all: int,
    steps_of: Callable[[str], int],
    seconds_of: Callable[[str, str, int], float | None],
) -> Plan:
    """Lay out what would be run.

    Args:
        jobs: The runs that are to be done.
        of_all: How many runs there are with the finished ones.
        steps_of: The steps of a run, by task.
        seconds_of: How long a run may take, by task, setting and steps; None where nothing is known.

    Returns:
        The plan.
    """
    table = Table(title=f"{len(jobs)} of {of_all} runs are to be done")
    for column in ("task", "setting", "seeds", "steps each", "seconds each"):
        table.add_column(column, justify="left" if column in ("task", "setting", "seeds") else "right")
    known, unknown = 0.0, 0
    for task, setting in dict.fromkeys((job.task, job.setting) for job in jobs):
        seeds = [job.seed for job in jobs if job[:2] == (task, setting)]
        seconds = seconds_of(task, setting, steps_of(task))
        known, unknown = known + (seconds or 0.0) * len(seeds), unknown + (len(seeds) if seconds is None else 0)
        shown = "unknown" if seconds is None else f"{seconds:,.0f}"
        table.add_row(task, setting, " ".join(map(str, seeds)), f"{steps_of(task):,}", shown)
    return Plan(table, known, unknown)


def seconds_like(steps: int, *nearest: Sequence[FinishedRun]) -> float | None:
    """Return how many seconds a run may take.

    Args:
        steps: Its steps.
        nearest: Finished runs that are like it, the nearest first; the first that are any count.

    Returns:
        Seconds, at their median speed; None where there are no runs at all.
    """
    for runs in nearest:
        speeds = [run.steps_per_second for run in runs if run.steps_per_second]
        if speeds:
            return steps / median(speeds)
    return None

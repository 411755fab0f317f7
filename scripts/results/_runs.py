"""What experiments of several runs share: their commands, what they write down, and how figures are written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Protocol, TypeVar

from _progress import progress_bars
from rich.console import Console

from rewardium.agents.run_folder import plain
from rewardium.envs.errors import RewardiumError

SCRIPTS = Path(__file__).resolve().parents[1]
_TAIL = 1_500
_QUOTED = re.compile(r"""[^"$`\\!]*'[^"$`\\!]*""")  # what double quotes leave as it is

Job = TypeVar("Job")


class HasFolder(Protocol):
    """A config of an experiment, whose runs are below one folder."""

    @property
    def out(self) -> Path:
        """The folder of all runs."""


Experiment = TypeVar("Experiment", bound=HasFolder)


def shown(command: Sequence[str]) -> str:
    """Write a command as a user would type it.

    Example:
        >>> print(shown(["train.py", "--reward", "motif('a b')", "--env-kwargs", "{a: b}"]))
        python train.py --reward "motif('a b')" --env-kwargs '{a: b}'
    """
    return " ".join(f'"{word}"' if _QUOTED.fullmatch(word) else shlex.quote(word) for word in ("python", *command))


def execute(
    command: Sequence[str],
    log: Path,
    *,
    really: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> float:
    """Run a script with one thread, and return its seconds.

    Args:
        command: The script and its flags, as they are shown at the beginning of the log.
        log: Where its output goes.
        really: What is run in place of what is shown, where that holds no path of this machine; by default the same.
        environment: Variables that the script gets beside those of this process.

    Returns:
        Seconds on the clock.

    Raises:
        RewardiumError: When it fails; its output is in the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    script, *flags = command if really is None else really
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **(environment or {})}
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as output:
        output.write(f"{shown(command)}\n")
        output.flush()
        done = subprocess.run(
            [sys.executable, str(SCRIPTS / Path(script).name), *flags],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=variables,
        )  # fmt: skip
    if done.returncode != 0:
        said = " ".join(log.read_text(encoding="utf-8", errors="replace").split("\n", 1)[1].split())
        raise RewardiumError(f"{Path(script).name} failed with status {done.returncode}, see {log}: {said[-_TAIL:]}")
    return time.perf_counter() - start


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write a file that is there as a whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)


def read_protocol(out: Path) -> dict[str, Any] | None:
    """Return what the runs below a folder share; None where there are none yet."""
    file = out / "experiment.json"
    if not file.is_file():
        return None
    there: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return there


def keep_protocol(out: Path, shared: Mapping[str, Any]) -> None:
    """Write what all runs below a folder share, or see that it is still the same.

    Raises:
        RewardiumError: When runs there were made in another way.
    """
    there, now = read_protocol(out), json.loads(json.dumps(plain(shared)))
    if there is None:
        write_json(out / "experiment.json", now)
        return
    other = [f"{name} was {there.get(name)!r} and is {now[name]!r}" for name in now if there.get(name) != now[name]]
    if other:
        raise RewardiumError(f"the runs in {out} were made in another way: {'; '.join(other)}. Choose another --out")


def with_protocol(config: Experiment, names: Sequence[str]) -> Experiment:
    """Return a config with what the runs below its folder share.

    Args:
        config: A dataclass with the folder as ``out``.
        names: The fields that they share.

    Returns:
        The config.

    Raises:
        RewardiumError: When there are no runs.
    """
    there = read_protocol(config.out)
    if there is None:
        raise RewardiumError(f"{config.out} holds no runs of this experiment")
    changes: dict[str, Any] = {name: there[name] for name in names}
    return replace(config, **changes)  # type: ignore[type-var]


def run_all(
    jobs: Sequence[Job],
    run: Callable[[Job], None],
    at_a_time: int,
    console: Console,
    *,
    name: Callable[[Job], str] = str,
    title: str = "runs",
    survived: type[Exception] = RewardiumError,
) -> list[str]:
    """Do jobs, some at a time, with a progress bar.

    Args:
        jobs: What to do, in this order.
        run: Does one.
        at_a_time: How many.
        console: Where to tell.
        name: How a job is called.
        title: What stands before the bar.
        survived: Errors that are the failure of one job, and keep no other from running.

    Returns:
        What failed, in words.
    """
    failures: list[str] = []
    bars = progress_bars(console, elapsed=True, status=None)
    with bars as progress, ThreadPoolExecutor(at_a_time) as threads:
        bar = progress.add_task(title, total=len(jobs))
        waiting: dict[Future[None], Job] = {threads.submit(run, job): job for job in jobs}
        try:
            for future in as_completed(waiting):
                error = future.exception()
                if error is not None and not isinstance(error, survived):
                    raise error
                if error is not None:
                    failures.append(f"{name(waiting[future])}: {error}")
                    progress.console.print(f"failed: {failures[-1]}", style="red", markup=False)
                progress.advance(bar)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)  # what is at work ends; nothing new begins
            raise
    return failures


def spread(values: Sequence[float | None], form: str = "{:.1%}") -> str:
    """Write mean and standard deviation (n - 1) of what there is, and of how many where some have none.

    Example:
        >>> spread([0.5, 0.7]), spread([1.0]), spread([1200.0, None], "{:,.0f}"), spread([None])
        ('60.0% ± 14.1%', '100.0%', '1,200 (1 of 2)', '-')
    """
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    of_all = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    return form.format(mean(known)) + (f" ± {form.format(stdev(known))}" if len(known) > 1 else "") + of_all


def bullets(points: Sequence[str]) -> str:
    """Write a list."""
    return "\n".join(
        textwrap.fill(f"- {point}", 120, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
        for point in points
    )


def paragraph(text: str) -> str:
    """Break a paragraph's lines."""
    return textwrap.fill(text, 120, break_on_hyphens=False, break_long_words=False)

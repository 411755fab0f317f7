"""Whether a training run with a judge in the background keeps more and more memory, files, threads or processes."""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError

MEGABYTE = 2**20
_FEWEST_SAMPLES = 8


@dataclass
class Config:
    """Train for some minutes in this process, look at it every few seconds, and say what grew."""

    minutes: float = 30.0
    """How long to train."""
    every: float = 10.0
    """Seconds between two looks at the process."""
    env: str = "rewardium/MiniHack-Quest-Easy-v0"
    """Id of the environment; one that says much gives the judge's memory something to grow with."""
    reward: str = "extrinsic + 0.4 * count_decay(oni(student='retrieval'))"
    """The reward expression."""
    judge: str = "scripted:keyword?error=0.1"
    """The judge of its sources."""
    num_envs: int = 8
    """Environments."""
    eval_every: int = 10_000
    """Environment steps between evaluations, which make and close environments of their own; 0 for none."""
    checkpoint_every: int = 10_000
    """Environment steps between checkpoints."""
    warm_up: float = 0.2
    """The share of the time that is left out at the beginning: imports, first buffers, the first of everything."""
    seed: int = 0
    """Seed of the run."""
    json: Path | None = None
    """Also write what was measured to this file."""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            RewardiumError: Naming the field.
        """
        if not (self.every > 0 and 0 <= self.warm_up < 1):
            raise RewardiumError(f"every must be above 0 and warm_up in [0, 1), got {self.every} and {self.warm_up}")
        if not 60 * self.minutes * (1 - self.warm_up) >= _FEWEST_SAMPLES * self.every:
            raise RewardiumError(f"{self.minutes} minutes are too few for {_FEWEST_SAMPLES} looks after the warm-up")


@dataclass(frozen=True)
class Sample:
    """One look at the process.

    Args:
        hours: Since the training began.
        resident: Memory in RAM, in MB.
        blocks: Blocks of memory that Python's own allocator holds, in thousands.
        files: Open file descriptors.
        threads: Threads.
        children: Child processes, and theirs.
        labels: Labels that the annotators of the reward hold.
    """

    hours: float
    resident: float
    blocks: float
    files: float
    threads: float
    children: float
    labels: float


NAMES = {
    "resident": "resident memory (MB)",
    "blocks": "Python's blocks (thousands)",
    "files": "file descriptors",
    "threads": "threads",
    "children": "child processes",
    "labels": "labels",
}


def run(config: Config) -> dict[str, Any]:
    """Train, look, and compare the beginning with the end."""
    with tempfile.TemporaryDirectory() as folder:
        samples, steps = watch(config, Path(folder))
        resident = resident_memory()
        trimmed = resident - trim(resident_memory)
    kept = after_warm_up(samples, config.warm_up)
    rows = [row_of(NAMES[item.name], kept, item.name) for item in fields(Sample) if item.name in NAMES]
    return {
        "title": f"{config.minutes:g} minutes of training: {config.env}, {config.reward}",
        "table": rows,
        "summary": {
            "growth of resident memory (MB per hour)": rows[0]["per hour"],
            "environment steps": steps,
            "looks after the warm-up": len(kept),
            "free memory that glibc held at the end (MB)": trimmed,
        },
        "notes": [
            "per hour: the median of the slopes between all pairs of looks (Theil-Sen), after the warm-up.",
            "first, last: medians over the first and the last quarter of the looks after the warm-up.",
            "glibc keeps freed memory in its arenas: malloc_trim gives it back, so that it is no leak.",
            "Each label is kept: a dict of the labels is what the student reads.",
        ],
    }


def watch(config: Config, folder: Path) -> tuple[list[Sample], int]:
    """Train for the time of the config; return what was seen, and the number of environment steps."""
    from rewardium.agents.control.attachments import statistics
    from rewardium.agents.control.config import ControlConfig
    from rewardium.agents.control.trainer import ControlTrainer

    settings = ControlConfig(
        config.env,
        runs=folder,
        reward=config.reward,
        judge=config.judge,
        cache=folder / "labels.sqlite",
        steps=1_000_000_000,
        num_envs=config.num_envs,
        eval_every=config.eval_every,
        eval_episodes=config.num_envs,
        recordings=1,
        checkpoint_every=config.checkpoint_every,
        device="cpu",
        threads=1,
        seed=config.seed,
    )
    trainer = ControlTrainer(settings)

    def labels() -> float:
        said = statistics(trainer.reward)
        return sum(value for name, value in said.items() if name.endswith(("/labelled", "/recalled")))

    with Watcher(config.every, labels) as watcher:

        def stop_in_time(step: int, metrics: dict[str, float]) -> None:
            if watcher.seconds >= 60 * config.minutes and watcher.looks:
                watcher.looks = False
                signal.raise_signal(signal.SIGINT)  # as a user would: after the update, with a checkpoint

        trainer.train(stop_in_time)
    return watcher.samples, trainer.finished_steps


class Watcher:
    """A thread that looks at this process every few seconds.

    Args:
        every: Seconds between two looks.
        labels: Counts the labels.
    """

    def __init__(self, every: float, labels: Callable[[], float]) -> None:
        self.samples: list[Sample] = []
        self.looks = True
        self._every, self._labels = every, labels
        self._process = this_process()
        self._begin = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, name="leaks", daemon=True)

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._begin

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _look_again_and_again(self) -> None:
        while not self._end.wait(self._every):
            if self.looks:
                self.samples.append(self._look())

    def _look(self) -> Sample:
        process = self._process
        return Sample(
            hours=self.seconds / 3600,
            resident=process.memory_info().rss / MEGABYTE,
            blocks=sys.getallocatedblocks() / 1000,
            files=process.num_fds(),
            threads=process.num_threads(),
            children=len(process.children(recursive=True)),
            labels=self._labels(),
        )


def this_process() -> Any:
    """Return what psutil knows of this process.

    Raises:
        MissingExtraError: When psutil is not installed.
    """
    try:
        import psutil
    except ImportError as error:
        raise MissingExtraError("psutil", "llm") from error
    return psutil.Process()


def resident_memory() -> float:
    """Return how many MB of this process are in RAM."""
    return float(this_process().memory_info().rss / MEGABYTE)


def trim(measure: Callable[[], float]) -> float:
    """Collect garbage, let glibc give back what is free, where it is glibc, and measure."""
    gc.collect()
    trimming = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trimming is not None:
        trimming(0)
    return measure()


def after_warm_up(samples: Sequence[Sample], share: float) -> list[Sample]:
    """Leave out the looks in the first share of the time.

    Raises:
        RewardiumError: When too few are left.
    """
    end = max((sample.hours for sample in samples), default=0.0)
    kept = [sample for sample in samples if sample.hours >= share * end]
    if len(kept) < _FEWEST_SAMPLES:
        raise RewardiumError(f"{len(kept)} looks after the warm-up are too few: train for longer, or look more often")
    return kept


def row_of(name: str, samples: Sequence[Sample], field: str) -> dict[str, Any]:
    """Compare the first with the last quarter of some looks."""
    values = np.array([getattr(sample, field) for sample in samples], dtype=np.float64)
    quarter = max(len(values) // 4, 1)
    return {
        "what": name,
        "first": float(np.median(values[:quarter])),
        "last": float(np.median(values[-quarter:])),
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "per hour": theil_sen(np.array([sample.hours for sample in samples]), values),
    }


def theil_sen(times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return the median of the slopes between all pairs of points; single steps and peaks move it little.

    Args:
        times: float64 [N], all different, N at least 2.
        values: float64 [N].

    Returns:
        The slope, in units of value for each of time.

    Example:
        >>> theil_sen(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 2.0, 100.0, 6.0]))
        2.0
    """
    earlier, later = np.triu_indices(len(times), k=1)
    return float(np.median((values[later] - values[earlier]) / (times[later] - times[earlier])))

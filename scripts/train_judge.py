"""Teach a small judge the messages of NetHack from nothing, for everything that needs a judge and no real model.

    python scripts/train_judge.py
    python scripts/serve_judge.py --model runs/judges/game --port 8000

The folder is an ordinary transformers model: serve it, or give it to --judge as transformers:runs/judges/game.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from _command import run_command_line
from _progress import progress_bars
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rewardium.agents.llm.game_judge import SETTINGS, Accuracy, Games, JudgeConfig, play_games, train_judge
from rewardium.agents.llm.game_judge_play import HELD_OUT_TASKS, TASKS
from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True)
class Config:
    """Teach a small judge the messages of NetHack."""

    out: Path = Path("runs/judges/game")
    """The judge's folder; a judge that is there already is replaced."""

    judge: JudgeConfig = field(default_factory=JudgeConfig)
    """How it is taught."""

    threads: int = 1
    """Threads of the mathematics. More save little on so small a model, and much is lost where the cores are shared;
    another number rounds differently, so that the weights differ in their last bits."""


def main() -> int:
    """Read the command line, teach and measure the judge, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> None:
    """Play, teach, write, and say how good the judge is."""
    if config.threads < 1:
        raise RewardiumError(f"threads must be at least 1, got {config.threads}")
    if config.out.is_dir() and any(config.out.iterdir()) and not (config.out / SETTINGS).is_file():
        raise RewardiumError(f"{config.out} holds something that is no judge of this script; choose another --out")
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(config.threads)
    start = time.perf_counter()
    with progress_bars(console, elapsed=True) as progress:
        games = played(config.judge, progress)
        results = taught(config, games, progress)
    console.print(f"wrote {config.out} in {time.perf_counter() - start:.0f} s", markup=False, soft_wrap=True)
    console.print(as_table(results))
    console.print("This says how well the judge repeats its tables, not how well it judges; see docs/game_judge.md.")


def played(config: JudgeConfig, progress: Progress) -> Games:
    """Play with a progress bar."""
    bar = progress.add_task("playing", total=config.play_steps * (len(TASKS) + len(HELD_OUT_TASKS)), status="")
    games = play_games(config, on_step=lambda: progress.advance(bar))
    progress.update(bar, status=f"{len(games.training)} captions")
    return games


def taught(config: Config, games: Games, progress: Progress) -> list[Accuracy]:
    """Teach and measure with a progress bar."""
    bar = progress.add_task("teaching", total=config.judge.steps, status="")

    def show(step: int, loss: float) -> None:
        progress.update(bar, completed=step, status=f"loss {loss:.3f}")

    return train_judge(config.out, config.judge, games, on_step=show)


def as_table(results: list[Accuracy]) -> Table:
    """Show the share of right answers for each kind of held-out example and question."""
    shown = Table(title="right answers on held-out examples")
    for column in ("held out", "question", "right", "unread", "examples"):
        shown.add_column(column, justify="left" if column in ("held out", "question") else "right")
    for result in results:
        shares = f"{result.right:.1%}", f"{result.unread:.1%}"
        shown.add_row(result.kind, result.question, *shares, str(result.examples))
    return shown


if __name__ == "__main__":
    sys.exit(main())

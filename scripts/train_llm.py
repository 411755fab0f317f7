"""Train a language-model policy on a text environment.

    python scripts/train_llm.py --model my/policy --reward "verify + 0.1 * format" --name first

Ctrl-C saves; the same command with --resume goes on. On several GPUs: accelerate launch scripts/train_llm.py ...
(on several CPU processes: torchrun --nproc-per-node 2 scripts/train_llm.py --device cpu ...).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from _command import run_command_line
from _progress import progress_bars
from rich.console import Console

from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.trainer import Metrics, Trainer
from rewardium.rewards import load_plugin


@dataclass(frozen=True)
class Arguments:
    """Train a language-model policy on a text environment, with any reward that can be written down."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")]
    """What the run is."""
    plugin: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """A Python file with rewards of your own; may be given several times."""
    resume: bool = False
    """Go on from the run's last checkpoint."""


def main() -> int:
    """Read the command line, train, and return the exit status."""
    return run_command_line(Arguments, run, __doc__, warnings=True)


def run(arguments: Arguments, console: Console) -> int:
    """Train with a progress bar."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    for path in arguments.plugin:
        load_plugin(path)
    config = arguments.train
    trainer = Trainer(config, resume=arguments.resume)
    with progress_bars(console, disable=trainer.run is None) as progress:
        bar = progress.add_task(config.name, total=config.updates, completed=trainer.finished_updates, status="")

        def show(update: int, metrics: Metrics) -> None:
            status = f"success {metrics['success']:.3f}  reward {metrics['reward/mean']:.3f}"
            if "eval/success" in metrics:
                progress.console.print(f"update {update}: held-out success {metrics['eval/success']:.3f}", markup=False)
            progress.update(bar, completed=update, status=status)

        complete = trainer.train(show)
    if trainer.run is None:
        return 0
    if not complete:
        console.print(f"stopped after update {trainer.finished_updates}; the same command with --resume goes on")
        return 130
    console.print(f"finished: {config.folder / 'report.html'}", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

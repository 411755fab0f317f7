"""Measure how often a trained control policy solves its task, and record episodes to look at.

    python scripts/evaluate_control.py --run runs/sparse --episodes 100

Only the environment's own reward and truth count, whatever reward the policy was trained on. The result goes to
evaluation.json in the run folder, the recordings below evaluation/: terminal replays (asciinema play FILE) where the
environment renders text, videos where it renders pictures.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from _command import run_command_line
from rich.console import Console
from rich.table import Table

from rewardium.agents.checkpoints import latest_checkpoint
from rewardium.agents.control.algorithms import acts_greedily
from rewardium.agents.control.config import ControlConfig, Evaluated, read_config
from rewardium.agents.control.evaluation import evaluate, load_model
from rewardium.agents.control.recording import record
from rewardium.agents.run_folder import plain
from rewardium.envs.errors import RewardiumError
from rewardium.rewards import load_plugin


@dataclass(frozen=True)
class Arguments:
    """Measure how often a trained control policy solves its task."""

    run: Path
    """The run folder."""
    episodes: int = 100
    """Number of episodes."""
    checkpoint: int | None = None
    """The step of the checkpoint; by default the last one."""
    evaluated: Evaluated = "auto"
    """How the policy acts; by default as in the run's own evaluations."""
    recordings: int = 2
    """Number of episodes that are recorded."""
    record: Literal["auto", "ansi", "rgb_array"] = "auto"
    """What is recorded; by default text where the environment renders it."""
    num_envs: int = 8
    """Environments, stepped side by side."""
    seed: int = 1_000
    """Seed of environments and draws."""
    plugin: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """A Python file with environments of your own; may be given several times."""
    json: Path | None = None
    """Where the result goes, where it is not evaluation.json in the run folder."""


def main() -> int:
    """Read the command line, evaluate, and return the exit status."""
    return run_command_line(Arguments, run, __doc__)


def run(arguments: Arguments, console: Console) -> None:
    """Measure, and show and write what came out."""
    for path in arguments.plugin:
        load_plugin(path)
    result = measured(arguments, console)
    show(result, console)
    file = arguments.json or arguments.run / "evaluation.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(plain(result), indent=2) + "\n", encoding="utf-8")
    console.print(f"written: {file}", markup=False, soft_wrap=True)


def measured(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Load the policy, play, and record."""
    config = settings(arguments)
    root = arguments.run / "checkpoints"
    chosen = latest_checkpoint(root) if arguments.checkpoint is None else root / f"{arguments.checkpoint:08d}"
    if chosen is None:
        raise RewardiumError(f"{arguments.run} has no checkpoint to evaluate")
    model, step = load_model(config, chosen)
    greedy, env = acts_greedily(config), model.get_env()
    if env is None:
        raise RewardiumError(f"{chosen} gave a model without an environment")
    try:
        with console.status(f"{arguments.episodes} episodes of {config.env}"):
            outcome = evaluate(
                model,
                env,
                episodes=arguments.episodes,
                greedy=greedy,
                seed=arguments.seed,
                success_return=config.success_return,
            )
            folder = arguments.run / "evaluation"
            recorded: list[dict[str, Any]] = []
            if arguments.recordings:
                recorded = record(
                    config, model, folder, episodes=arguments.recordings, greedy=greedy, seed=arguments.seed
                )
    finally:
        env.close()
    return {
        "env": config.env,
        "step": step,
        "greedy": greedy,
        **outcome.summary(),
        "seed": arguments.seed,
        "recorded": recorded,
    }


def settings(arguments: Arguments) -> ControlConfig:
    """Return the run's config, with what the evaluation changes."""
    config = read_config(arguments.run)
    if arguments.episodes < 1 or arguments.recordings < 0:
        raise RewardiumError("episodes must be at least 1, and recordings must not be negative")
    evaluated = config.evaluated if arguments.evaluated == "auto" else arguments.evaluated
    kwargs = dict(config.env_kwargs)
    if arguments.record != "auto":
        kwargs["render_mode"] = arguments.record
    return replace(config, evaluated=evaluated, env_kwargs=kwargs, num_envs=min(arguments.num_envs, arguments.episodes))


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as a table."""
    table = Table(title=f"{result['env']}: {result['episodes']} episodes after {result['step']} steps")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for name in ("success", "return"):
        if result[name] is not None:
            bounds = result[f"{name}_95"]
            interval = "" if bounds is None else f"  ({bounds[0]:.3f} to {bounds[1]:.3f})"
            table.add_row(f"{name} (95% interval)", f"{result[name]:.3f}{interval}")
    table.add_row("length", f"{result['length']:.1f}")
    console.print(table)
    for row in result["recorded"]:
        if "recording" in row:
            console.print(f"recorded: {row['recording']} (return {row['return']:.3g})", markup=False)


if __name__ == "__main__":
    sys.exit(main())

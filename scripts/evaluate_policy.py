"""Measure how often a language-model policy solves the tasks of a text environment.

python scripts/evaluate_policy.py --model runs/first/checkpoints/00000200/policy --tasks 500 --json result.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from _command import run_command_line
from rich.console import Console
from rich.table import Table

from rewardium.agents.flags import YamlMapping
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.evaluation import Evaluation, evaluate
from rewardium.agents.llm.policy import DtypeName, load_policy
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.agents.run_folder import plain


@dataclass(frozen=True)
class Arguments:
    """Measure how often a language-model policy solves the tasks of a text environment."""

    model: str
    """Folder or hub name of the policy; a run's is checkpoints/<update>/policy."""
    env: str = "rewardium/RandomCalculation-v0"
    """Id of the text environment."""
    env_kwargs: YamlMapping = field(default_factory=dict)
    """Its arguments, as a YAML mapping; unless it says else, split is test."""
    system: str | None = None
    """System message, for models with a chat template."""
    tasks: int = 256
    """Number of tasks."""
    samples: int = 1
    """Answers to each task; with more than one, pass@k is reported for k up to it."""
    temperature: float | None = None
    """Temperature of sampling; by default 0 (greedy) for one sample and 1 for several."""
    top_p: float = 1.0
    """Nucleus sampling."""
    top_k: int = 0
    """Sample from this many tokens only; 0 is all."""
    max_new_tokens: int = 256
    """Largest number of tokens of one answer."""
    batch_size: int = 1024
    """Environments at a time."""
    seed: int = 0
    """Seed of tasks and answers."""
    dtype: DtypeName = "auto"
    """Dtype of the forward pass."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """A GPU where there is one, or the CPU."""
    show: int = 2
    """How many episodes to print."""
    json: Path | None = None
    """Also write the result to this file."""


def main() -> int:
    """Read the command line, evaluate, and return the exit status."""
    return run_command_line(Arguments, run, __doc__)


def run(arguments: Arguments, console: Console) -> None:
    """Measure, and show and write what came out."""
    evaluation = measured(arguments, console)
    summary = evaluation.summary()
    show(summary, evaluation, arguments, console)
    if arguments.json is not None:
        result = {**summary, "arguments": plain(arguments), "episodes": plain(evaluation.episodes)}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measured(arguments: Arguments, console: Console) -> Evaluation:
    """Load the policy and play."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = arguments.device if arguments.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    temperature = float(arguments.samples > 1) if arguments.temperature is None else arguments.temperature
    settings = SamplingSettings(temperature, arguments.top_p, arguments.top_k, arguments.max_new_tokens)
    policy = load_policy(arguments.model, dtype=arguments.dtype, device=device, trainable=False)
    with console.status(f"{arguments.tasks} tasks, {arguments.samples} answers each"):
        return evaluate(
            TransformersSampler(policy),
            Chat(policy.tokenizer, system=arguments.system),
            arguments.env,
            {"split": "test", **arguments.env_kwargs},
            settings,
            tasks=arguments.tasks,
            samples=arguments.samples,
            seed=arguments.seed,
            context_length=policy.context_length,
            batch_size=arguments.batch_size,
            episodes_kept=arguments.show,
        )


def show(summary: dict[str, Any], evaluation: Evaluation, arguments: Arguments, console: Console) -> None:
    """Print the figures as a table, and a few episodes."""
    table = Table(title=f"{arguments.env}: {summary['tasks']} tasks, {summary['samples']} answers each")
    table.add_column("measure")
    table.add_column("value", justify="right")
    low, high = summary["interval_95"]
    table.add_row("success", f"{summary['success']:.3f}")
    table.add_row("95% interval (one answer a task)", f"{low:.3f} to {high:.3f}")
    for k, value in summary["pass_at"].items():
        table.add_row(f"pass@{k}", f"{value:.3f}")
    table.add_row("reward of the environment", f"{summary['reward']:.3f}")
    table.add_row("tokens an episode", f"{summary['length']:.1f}")
    console.print(table)
    for episode in evaluation.episodes:
        verdict = "right" if episode["success"] else f"wrong ({episode['reason']})"
        console.print(f"{episode['prompt']}\n{episode['response']}\n-> {verdict}\n", markup=False)


if __name__ == "__main__":
    sys.exit(main())

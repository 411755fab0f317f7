"""Teach a small policy two-digit sums from nothing, to partial skill, for the runs that need no real model.

    python scripts/pretrain_policy.py
    python scripts/pretrain_policy.py --out runs/policies/careful --pretraining.carelessness 0.2

The folder is an ordinary transformers model: give it to any script that takes --model.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from _command import run_command_line
from _pretraining import teach
from rich.console import Console

from rewardium.agents.llm.pretraining import PretrainingConfig, pretrain_policy
from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True)
class Config:
    """Teach a small policy two-digit sums, to partial skill."""

    out: Path = Path("runs/policies/sums")
    """The policy's folder; a policy that is there already is replaced."""

    pretraining: PretrainingConfig = field(default_factory=PretrainingConfig)
    """How it is taught."""

    threads: int = 1
    """Threads of the mathematics. More save little on so small a model, and much is lost where the cores are shared;
    another number rounds differently, so that the weights differ in their last bits."""

    eval_tasks: int = 1000
    """Number of held-out problems that the policy is judged on."""


def main() -> int:
    """Read the command line, teach and judge the policy, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> None:
    """Teach the policy, write it, and say how good it is."""
    if config.threads < 1 or config.eval_tasks < 1:
        raise RewardiumError(f"threads and eval_tasks must be at least 1, got {config.threads} and {config.eval_tasks}")
    written = teach(pretrain_policy, config.out, config.pretraining, threads=config.threads, console=console)
    greedy, sampled = held_out_success(config)
    console.print(written, markup=False, soft_wrap=True)
    console.print(f"held-out success of {config.eval_tasks} problems: greedy {greedy:.3f}, sampled {sampled:.3f}")


def held_out_success(config: Config) -> tuple[float, float]:
    """Return the share of held-out problems that the policy solves, with greedy and with sampled answers."""
    from rewardium.agents.llm.chat import Chat
    from rewardium.agents.llm.evaluation import evaluate
    from rewardium.agents.llm.policy import load_policy
    from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler

    policy = load_policy(config.out, trainable=False)
    sampler, chat = TransformersSampler(policy), Chat(policy.tokenizer)
    greedy, sampled = (
        evaluate(
            sampler,
            chat,
            config.pretraining.env,
            {**config.pretraining.env_arguments, "split": "test"},
            SamplingSettings(temperature=temperature, max_new_tokens=24),
            tasks=config.eval_tasks,
            context_length=policy.context_length,
        ).success_rate
        for temperature in (0.0, 1.0)
    )
    return greedy, sampled


if __name__ == "__main__":
    sys.exit(main())

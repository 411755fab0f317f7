r"""Teach a small policy to use tools from nothing, to partial skill, for the runs that need no real model.

    python scripts/pretrain_tool_policy.py
    python scripts/pretrain_tool_policy.py --out runs/policies/careful --pretraining.carelessness 0.2
    python scripts/pretrain_tool_policy.py --out runs/policies/contacts --pretraining.env rewardium/ToolUse-v0 \
        --pretraining.env-arguments '{templates: [missing_tool], max_turns: 2, prompt_style: compact}'

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

from rewardium.agents.llm.demonstrations import DemonstrationConfig, pretrain_tool_policy
from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True)
class Config:
    """Teach a small policy to use tools, to partial skill."""

    out: Path = Path("runs/policies/tools")
    """The policy's folder; a policy that is there already is replaced."""

    pretraining: DemonstrationConfig = field(default_factory=DemonstrationConfig)
    """How it is taught."""

    threads: int = 1
    """Threads of the mathematics. More save little on so small a model, and much is lost where the cores are shared;
    another number rounds differently, so that the weights differ in their last bits."""

    eval_tasks: int = 500
    """Number of held-out tasks that the policy is judged on."""

    max_new_tokens: int = 48
    """Largest number of tokens of a response when it is judged; programs need more than calculations."""


def main() -> int:
    """Read the command line, teach and judge the policy, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> None:
    """Teach the policy, write it, and say how good it is."""
    if min(config.threads, config.eval_tasks, config.max_new_tokens) < 1:
        raise RewardiumError(
            f"threads, eval_tasks and max_new_tokens must be at least 1, got {config.threads}, {config.eval_tasks} and "
            f"{config.max_new_tokens}"
        )
    written = teach(pretrain_tool_policy, config.out, config.pretraining, threads=config.threads, console=console)
    console.print(written, markup=False, soft_wrap=True)
    judge(config, console)


def judge(config: Config, console: Console) -> None:
    """Say what the policy makes of held-out tasks, with greedy and with sampled responses."""
    from rewardium.agents.llm.tool_kinds import evaluate_kinds, join

    for name, temperature in (("greedy", 0.0), ("sampled", 1.0)):
        kinds = evaluate_kinds(
            config.out,
            config.pretraining.env,
            {**config.pretraining.env_arguments, "split": "test"},
            temperature=temperature,
            max_new_tokens=config.max_new_tokens,
            tasks=config.eval_tasks,
        )
        figures = join(list(kinds.values()))
        valid, cost = figures.valid_call_rate, figures.calls_per_success
        lines = [
            f"{config.eval_tasks} held-out tasks, {name}: success {figures.success:.3f}, "
            f"valid calls {'none' if valid is None else f'{valid:.3f}'}, "
            f"calls a success {'none' if cost is None else f'{cost:.2f}'}"
        ]
        if len(kinds) > 1:
            lines += [f"    {kind}: success {each.success:.3f} of {each.episodes}" for kind, each in kinds.items()]
        console.print("\n".join(lines), markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

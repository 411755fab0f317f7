"""Label the steps of a policy's responses by how they end: the data of process reward models.

    python scripts/label_steps.py --model my/policy --out steps.jsonl --kind completions --completions 8
    python scripts/train_reward_model.py --data steps.jsonl --train.loss outcome_cross_entropy

    python scripts/label_steps.py --model my/policy --out tree.jsonl --kind search --responses 64
    python scripts/train_reward_model.py --data tree.jsonl --prepare "step_pairs: {margin: 0.5}"
    python scripts/train_reward_model.py --data tree.jsonl --tokens --train.loss outcome_cross_entropy

Tasks are done in blocks, and a block that is done is kept: the same command with --resume goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from _command import run_command_line
from _progress import progress_bars
from rich.console import Console

from rewardium.agents.flags import YamlMapping
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.completions import EpisodeCheck, PolicyCompletions
from rewardium.agents.llm.evaluation import derived_seeds
from rewardium.agents.llm.policy import DtypeName, Policy, load_policy
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.agents.run_folder import plain
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.files import as_row, from_row, write_comparisons
from rewardium.rewards.learning.preference_data.labelled import Labelled, as_comparisons
from rewardium.rewards.learning.step_completion import Written, checked, completion_labels, seed_of
from rewardium.rewards.learning.step_search import StepSearch
from rewardium.rewards.text_units import TextUnit

Kind = Literal["responses", "completions", "search", "tree"]
STOPPED = "stopped; what is done is kept, and the same command with --resume goes on"


@dataclass(frozen=True)
class Arguments:
    """Label the steps of a policy's responses by how they end."""

    model: str
    """Folder or hub name of the policy."""
    out: Path
    """The file of comparisons that is written, for train_reward_model.py."""
    kind: Kind = "completions"
    """"responses": whole responses, for prefix_labels, hierarchical_steps or --tokens; "completions": each step of them
    labelled by completions from there; "search": the responses of a tree search by values, for step_pairs; "tree":
    those of an evenly branched tree."""
    env: str = "rewardium/RandomCalculation-v0"
    """Id of a text environment whose episodes are one response long."""
    env_kwargs: YamlMapping = field(default_factory=dict)
    """Its arguments, as a YAML mapping."""
    system: str | None = None
    """System message, for models with a chat template."""
    tasks: int = 256
    """Number of tasks."""
    responses: int = 8
    """Responses to each task, and simulations of "search" and "tree"."""
    completions: int = 8
    """Completions from each step."""
    width: int = 4
    """How often a node of a tree is left."""
    depth: int = 3
    """Steps above which an even tree branches."""
    exploration: float = 1.4142
    """Weight of what was tried little, of "search"."""
    unit: TextUnit = "step"
    """What a step is."""
    separator: str = "\n"
    """What ends a step."""
    temperature: float = 1.0
    """Temperature of sampling."""
    top_p: float = 1.0
    """Nucleus sampling."""
    max_new_tokens: int = 256
    """Largest number of tokens of one response."""
    block: int = 64
    """Tasks that are done together."""
    seed: int = 0
    """Seed of tasks and draws."""
    dtype: DtypeName = "auto"
    """Dtype of the forward pass."""
    device: str = ""
    """Where the policy computes; by default the GPU where there is one."""
    resume: bool = False
    """Go on with what is done."""


def main() -> int:
    """Read the command line, label, and return the exit status."""
    return run_command_line(Arguments, run, __doc__, stopped=STOPPED)


def run(arguments: Arguments, console: Console) -> None:
    """Label block after block, and write the file."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    check_arguments(arguments)
    blocks = Blocks(arguments.out, plain({**vars(arguments), "resume": False}), resume=arguments.resume)
    label = Labelling(arguments)
    firsts = range(0, arguments.tasks, arguments.block)
    with progress_bars(console, status=None) as progress:
        bar = progress.add_task("tasks", total=arguments.tasks)
        for first in firsts:
            last = min(first + arguments.block, arguments.tasks)
            if first not in blocks.done:
                blocks.add(first, label(range(first, last)))
            progress.update(bar, completed=last)
    rows = [row for first in firsts for row in blocks.done[first]]
    if not rows:
        raise RewardiumError("no response could be judged, so that there is nothing to write")
    write_comparisons(arguments.out, rows)
    blocks.remove()
    console.print(f"{sum(len(row.responses) for row in rows)} labels of {arguments.tasks} tasks: {arguments.out}")


def check_arguments(arguments: Arguments) -> None:
    """Refuse numbers that make no sense, before a model is loaded."""
    for name in ("tasks", "responses", "completions", "block"):
        if getattr(arguments, name) < 1:
            raise RewardiumError(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    if arguments.temperature <= 0.0:
        raise RewardiumError(f"completions that are all the same say nothing: temperature is {arguments.temperature}")
    search_of(arguments)


def loaded(arguments: Arguments) -> Policy:
    """Load the policy."""
    import torch

    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return load_policy(arguments.model, dtype=arguments.dtype, device=device, trainable=False)


def search_of(arguments: Arguments) -> StepSearch:
    """Return how a tree grows."""
    return StepSearch(
        "even" if arguments.kind == "tree" else "values", arguments.responses, arguments.width, arguments.depth,
        arguments.exploration, arguments.unit, arguments.separator, arguments.seed,
    )  # fmt: skip


class Labelling:
    """A policy, the tasks, and what is drawn for them.

    Args:
        arguments: What was asked for.
    """

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        policy = loaded(arguments)
        seeds = derived_seeds(arguments.tasks, arguments.seed, 0).tolist()
        self.check = EpisodeCheck(arguments.env, arguments.env_kwargs, seeds)
        self.prompts = self.check.prompts()
        settings = SamplingSettings(arguments.temperature, arguments.top_p, 0, arguments.max_new_tokens)
        chat = Chat(policy.tokenizer, system=arguments.system)
        sampler = TransformersSampler(policy)
        self.complete = PolicyCompletions(sampler, chat, self.prompts, settings, policy.context_length)

    def __call__(self, tasks: Sequence[int]) -> list[Comparison]:
        """Return the comparisons of some tasks; they do not depend on which others are done with them."""
        arguments = self.arguments
        if arguments.kind in ("search", "tree"):
            grown = search_of(arguments).grow(tasks, self.complete, self.check)
            rows = [[Labelled("".join(steps), outcome) for steps, outcome in chains] for chains in grown]
            return [
                row for task, own in zip(tasks, rows, strict=True) for row in as_comparisons(self.prompts[task], own)
            ]
        written = self.sampled(tasks)
        if arguments.kind == "responses":
            return self.whole(written)
        return completion_labels(
            self.prompts, written, self.complete, self.check, completions=arguments.completions, unit=arguments.unit,
            separator=arguments.separator, seed=arguments.seed,
        )  # fmt: skip

    def sampled(self, tasks: Sequence[int]) -> list[Written]:
        """Draw responses to some tasks."""
        empty = [Written(task, "") for task in tasks for _ in range(self.arguments.responses)]
        numbers = [number for _ in tasks for number in range(self.arguments.responses)]
        seeds = [seed_of(self.arguments.seed, start, number) for start, number in zip(empty, numbers, strict=True)]
        return [Written(start.task, text) for start, text in zip(empty, self.complete(empty, seeds), strict=True)]

    def whole(self, written: Sequence[Written]) -> list[Comparison]:
        """Return the responses to each task with their outcomes."""
        rows: dict[int, list[Labelled]] = {}
        for response, outcome in zip(written, checked(written, self.check), strict=True):
            if outcome is not None:
                rows.setdefault(response.task, []).append(Labelled(response.text, outcome))
        return [row for task, own in rows.items() for row in as_comparisons(self.prompts[task], own)]


class Blocks:
    """The blocks that are done, kept in a file beside the one that is written.

    Args:
        out: The file that is written.
        description: How it is made; another one cannot go on.
        resume: Whether to go on.

    Raises:
        RewardiumError: When there are blocks and they are not to be gone on with, or belong to another description.
    """

    def __init__(self, out: Path, description: dict[str, Any], *, resume: bool) -> None:
        self.path = out.with_name(f"{out.name}.blocks")
        self.done: dict[int, list[Comparison]] = {}
        if out.exists():
            raise RewardiumError(f"{out} is there already; choose another --out")
        if not self.path.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(description) + "\n", encoding="utf-8")
        elif not resume:
            raise RewardiumError(f"{self.path} holds what was done before: go on with --resume, or remove it")
        else:
            self._read(description)

    def _read(self, description: dict[str, Any]) -> None:
        lines = self.path.read_text(encoding="utf-8").split("\n")
        if lines[0] != json.dumps(description):
            raise RewardiumError(f"{self.path} was made with other arguments: give those, or remove it")
        try:
            for line in lines[1:-1]:
                block = json.loads(line)
                self.done[int(block["first"])] = [from_row(row) for row in block["rows"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RewardiumError(f"{self.path} is damaged, remove it: {error!r}") from None
        self.path.write_text(
            "".join(f"{line}\n" for line in lines[:-1]), encoding="utf-8"
        )  # without an unfinished line

    def add(self, first: int, rows: list[Comparison]) -> None:
        """Keep the comparisons of a block, by its first task."""
        self.done[first] = rows
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"first": first, "rows": [as_row(row) for row in rows]}) + "\n")

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())

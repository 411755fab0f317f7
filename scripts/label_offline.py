"""Make a reward model of messages from a judge's preferences, before any training: what the reward motif(...) reads.

    python scripts/label_offline.py --env rewardium/MiniHack-KeyRoom-S5-v0 --judge http://127.0.0.1:8000/v1 --out keys
    python scripts/label_offline.py --messages messages.jsonl --judge "scripted:keyword?error=0.1" --out keys

It collects messages by playing at random (or reads them), draws pairs, asks the judge which message is better, writes
the preferences, and trains. Labels are kept as they come: the same command goes on where it was stopped. Then:

    python scripts/train_control.py --reward "extrinsic + 0.1 * count_decay(motif('keys/model'))" ...
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro
from _command import run_command_line
from _labelling import (
    STOPPED,
    described,
    require_above_0,
    require_same_collection,
    share,
    training_bar,
    write_description,
)
from _progress import progress_bars
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rewardium.agents.flags import YamlMapping
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.questions import PREFERENCE
from rewardium.rewards.learning.bradley_terry import Preference
from rewardium.rewards.learning.collection import collect_messages, read_messages, write_messages
from rewardium.rewards.learning.pair_drawing import Pair, draw_pairs
from rewardium.rewards.learning.preference_pairs import write_pairs
from rewardium.rewards.learning.preferences import (
    PreferenceReport,
    load_preference_model,
    train_preference_model,
)

_PAIRS_AT_ONCE = 1_024
_SECONDS_A_LOOK = 0.2
_SHOWN = 5


@dataclass(frozen=True)
class Collection:
    """Where the messages come from."""

    env: str = "rewardium/MiniHack-KeyRoom-S5-v0"
    """The environment that is played at random; one whose actions are numbers."""

    env_kwargs: YamlMapping = field(default_factory=dict)
    """Arguments of the environment, as YAML."""

    messages: Path | None = None
    """Do not play, but read the messages of this file: JSON lines, each a text or an object with "message"."""

    env_steps: int = 20_000
    """Steps to play."""

    num_envs: int = 8
    """Environments that play side by side."""


@dataclass(frozen=True)
class Arguments:
    """Make a reward model of messages from a judge's preferences, before any training."""

    out: Path
    """The folder of the result: messages.jsonl, preferences.jsonl, labels.sqlite and model/."""

    judge: str
    """Who is asked: http://HOST:PORT/v1, transformers:FOLDER_OR_NAME, or a rule such as scripted:keyword."""

    collection: tyro.conf.OmitArgPrefixes[Collection] = field(default_factory=Collection)
    """Where the messages come from."""

    cache: Path | None = None
    """The file in which labels are kept; by default labels.sqlite in the folder."""

    pairs: int = 2_000
    """Pairs to compare; where there are fewer of them, all."""

    max_calls: int | None = None
    """The most prompts that the judge may be sent; what it has labelled by then is trained on."""

    patience: float = 300.0
    """Seconds without a new label after which a judge is given up."""

    steps: int = 1_000
    """Gradient steps."""

    learning_rate: float = 1e-4
    """Of Adam."""

    batch_size: int = 256
    """Pairs a gradient step."""

    held_out: float = 0.2
    """The share of pairs that only measure."""

    seed: int = 0
    """Fixes episodes, actions, pairs, weights and batches."""

    device: str = "cpu"
    """Where the model is trained."""


def main() -> int:
    """Read the command line, do the work, and return the exit status."""
    return run_command_line(Arguments, run, __doc__, stopped=STOPPED, warnings=True)


def run(arguments: Arguments, console: Console) -> PreferenceReport:
    """Collect, label, train, and tell what came of it.

    Args:
        arguments: What to do.
        console: Where to tell.

    Returns:
        How well the model agrees with the judge.

    Raises:
        RewardiumError: When an argument is wrong, there are too few messages, or the judge does not answer.
    """
    require_above_0(arguments, "pairs", "patience")
    with progress_bars(console) as progress:
        counts = messages_of(arguments, progress)
        if len(counts) < 2:
            raise RewardiumError(
                f"{len(counts)} different messages make no pair: play more steps, or another environment"
            )
        pairs = draw_pairs(list(counts), arguments.pairs, arguments.seed)
        preferences = label(arguments, pairs, progress)
        write_pairs(arguments.out / "preferences.jsonl", preferences)
        report = train(arguments, preferences, progress)
    console.print(table_of(report, len(pairs)))
    console.print(extremes(arguments.out / "model", list(counts)), markup=False, soft_wrap=True)
    console.print(f"the reward: count_decay(motif('{arguments.out / 'model'}'))", markup=False, soft_wrap=True)
    return report


def messages_of(arguments: Arguments, progress: Progress) -> dict[str, int]:
    """Read the messages, those of an earlier run of the same collection, or collect them."""
    settings = arguments.collection
    if settings.messages is not None:
        return read_messages(settings.messages)
    file, origin = arguments.out / "messages.jsonl", arguments.out / "collection.json"
    description = described(settings, arguments.seed, read="messages")
    if file.is_file():
        require_same_collection(origin, description, "messages")
        return read_messages(file)
    bar = progress.add_task("playing", total=settings.env_steps, status="")

    def show(done: int, kinds: int) -> None:
        progress.update(bar, completed=done, status=f"{kinds} different messages")

    counts = collect_messages(
        settings.env,
        env_kwargs=settings.env_kwargs,
        steps=settings.env_steps,
        num_envs=settings.num_envs,
        seed=arguments.seed,
        progress=show,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_description(origin, description)
    write_messages(file, counts)
    return counts


def label(arguments: Arguments, pairs: list[Pair], progress: Progress) -> list[Preference]:
    """Have the judge compare the pairs, and return those that it could compare, in their order."""
    cache = arguments.cache or arguments.out / "labels.sqlite"
    cache.parent.mkdir(parents=True, exist_ok=True)
    bar = progress.add_task("asking the judge", total=len(pairs), status="")
    annotator = Annotator(PREFERENCE, arguments.judge, cache=cache, budget=Budget(calls=arguments.max_calls))
    try:
        known: dict[Pair, float] = {}
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            part = pairs[start : start + _PAIRS_AT_ONCE]
            wait_for(annotator, part, arguments.patience, lambda number, start=start: progress.update(
                bar, completed=start + number, status=f"{annotator.statistics.unknown} without an answer"
            ))  # fmt: skip
            labels = annotator.labels(part)
            known.update((pair, value) for pair, value in zip(part, labels, strict=True) if value is not None)
        return [Preference(*pair, known[pair]) for pair in pairs if pair in known]
    finally:
        annotator.close()


def wait_for(annotator: Annotator, pairs: list[Pair], patience: float, show: Any) -> None:
    """Wait until the judge has answered, its budget is used up, or it has been silent for too long."""
    annotator.ask(pairs)
    before, since = -1, time.monotonic()
    while True:
        done = annotator.wait(_SECONDS_A_LOOK)
        statistics = annotator.statistics
        answered = annotator.version + statistics.unknown
        show(sum(value is not None for value in map(annotator.known().get, pairs)))
        if done or statistics.budget_left.exhausted:
            return
        if answered != before:
            before, since = answered, time.monotonic()
        if time.monotonic() - since > patience:
            raise RewardiumError(
                f"the judge gave no label for {patience:g} s ({statistics.last_error or 'it said nothing'}); labels so "
                "far are kept, and the same command goes on"
            )


def train(arguments: Arguments, preferences: list[Preference], progress: Progress) -> PreferenceReport:
    """Train the model with a progress bar."""
    return train_preference_model(
        preferences,
        arguments.out / "model",
        steps=arguments.steps,
        learning_rate=arguments.learning_rate,
        batch_size=arguments.batch_size,
        held_out=arguments.held_out,
        seed=arguments.seed,
        device=arguments.device,
        progress=training_bar(progress, arguments.steps),
    )


def table_of(report: PreferenceReport, asked: int) -> Table:
    """Show the report."""
    table = Table(show_header=False, title="preferences")
    table.add_row("messages", str(report.messages))
    table.add_row("pairs labelled, of those asked", f"{report.pairs} of {asked}")
    table.add_row("ties among them", str(report.ties))
    table.add_row("accuracy on decided training pairs", share(report.trained_accuracy))
    table.add_row(f"accuracy on {report.held_out_pairs} held-out decided pairs", share(report.held_out_accuracy))
    return table


def extremes(model: Path, messages: list[str]) -> str:
    """Show the messages that the model finds best and worst."""
    rewards = load_preference_model(model).rewards(messages, 0.0)
    ranked = sorted(zip(rewards, messages, strict=True), reverse=True)
    rows = ranked if len(ranked) <= 2 * _SHOWN else [*ranked[:_SHOWN], *ranked[-_SHOWN:]]
    return "\n".join(f"{reward:+7.2f}  {message[:100]}" for reward, message in rows)


if __name__ == "__main__":
    sys.exit(main())

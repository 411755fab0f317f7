"""Train a reward model on texts: any head, any loss, on comparisons from files, from a run, or made here.

    python scripts/train_reward_model.py --demo 2000
    python scripts/train_reward_model.py --data pairs.jsonl --base my/model --train.learning-rate 1e-5
    python scripts/train_reward_model.py --run runs/first --prepare "verified_pairs: {pairs: 4}" "dedupe"
    python scripts/train_llm.py --model my/policy --reward "reward_model(path='runs/reward_models/first/model')"

A line of data is {"prompt": ..., "responses": [...], "scores": [...]}, or with two responses "preference" in place of
the scores (1.0 where the first is better), or {"prompt": ..., "chosen": ..., "rejected": ...}.

Values of single tokens (``--tokens``) are learnt from several responses to each prompt, which
scripts/label_steps.py draws, and paid by the reward tvm(path='...').

Ctrl-C saves; the same command with --resume goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from _command import run_command_line
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rewardium.agents.interrupts import StopRequest
from rewardium.agents.llm.pretraining import (
    SUMS_ARGUMENTS,
    SUMS_ENV,
    careful_digits,
    careless_digits,
    draw_problems,
    write_response,
)
from rewardium.agents.run_folder import RunFolder
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses import loss_names
from rewardium.rewards.learning.preference_data import make_step, step_names
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.files import read_comparisons, read_episodes
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings
from rewardium.rewards.learning.reward_trainer import RewardTrainer, TrainingConfig, label_counts
from rewardium.rewards.learning.small_text_base import build_byte_base
from rewardium.rewards.learning.value_trainer import TokenValueTrainer


@dataclass(frozen=True)
class Config:
    """Train a reward model on texts."""

    name: str = "first"
    """Of the run."""

    runs: Path = Path("runs/reward_models")
    """Where runs are; the model is in the folder RUNS/NAME/model."""

    data: tuple[Path, ...] = ()
    """Files of comparisons, one JSON object a line."""

    run: Path | None = None
    """A run folder, whose episodes are grouped by their prompts; a success scores 1."""

    demo: int = 0
    """Sums to make data of, each with its right answer and that of a pupil who forgets the carries."""

    prepare: tuple[str, ...] = ()
    """What is done to the comparisons, in order: names of builders and curators, with settings as in
    "verified_pairs: {pairs: 4}"."""

    base: str = "bytes"
    """The language model below the head: a folder, a name on the hub, or "bytes" for a small new one over bytes."""

    start: Path | None = None
    """Go on from this reward model (its base and head) instead of a new head on a base."""

    model: RewardModelSettings = field(default_factory=RewardModelSettings)
    """Head and length."""

    train: TrainingConfig = field(default_factory=TrainingConfig)
    """How it is trained."""

    tokens: bool = False
    """Learn at every token what the response up to there is worth: the mean score of the responses to its prompt that
    begin so. It needs scores, the head "last", and the loss "outcome_cross_entropy" or "regression"."""

    device: str = ""
    """Where it is trained; by default the GPU where there is one."""

    resume: bool = False
    """Go on from the run's checkpoint."""

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.runs / self.name


def main() -> int:
    """Read the command line, train, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> int:
    """Prepare the data, train, measure, and write the model with its card."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    comparisons = prepared(gathered(config), config.prepare)
    counts = ", ".join(f"{number} {what}" for what, number in label_counts(comparisons).items())
    console.print(f"data: {counts}")
    folder = RunFolder(config.folder, config, resume=config.resume)
    kind = TokenValueTrainer if config.tokens else RewardTrainer
    trainer = kind(new_model(config), comparisons, config.train)
    checkpoints = config.folder / "checkpoint"
    if config.resume and trainer.load_checkpoint(checkpoints):
        console.print(f"going on after step {trainer.finished_steps}")
    folder.truncate(trainer.finished_steps)
    request = StopRequest()
    with request.listening(), progress_bar(console) as progress:
        bar = progress.add_task("training", total=config.train.steps, completed=trainer.finished_steps, status="")

        def show(step: int, metrics: dict[str, float | None]) -> None:
            folder.log(step, metrics)
            progress.update(bar, completed=step, status=f"loss {metrics['loss']:.3f}")

        measured = trainer.train(show, checkpoints=checkpoints, stop=lambda: request.asked)
    folder.close()
    if trainer.finished_steps < config.train.steps:
        console.print(f"stopped after step {trainer.finished_steps}; the same command with --resume goes on")
        return 130
    trainer.model.notes = {"data": dict(label_counts(comparisons)), "held_out": measured, "loss": config.train.loss}
    trainer.model.save(config.folder / "model", card(config, comparisons, measured))
    for what, number in measured.items():
        if number is not None:
            console.print(f"held out, {what}: {number:.3f}", markup=False)
    reward = "tvm" if config.tokens else "reward_model"
    console.print(f"reward: {reward}(path='{config.folder / 'model'}')", markup=False, soft_wrap=True)
    return 0


def progress_bar(console: Console) -> Progress:
    """Return the bar of the steps."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"), console=console,
    )  # fmt: skip


def gathered(config: Config) -> list[Comparison]:
    """Return the comparisons of all files, of the run and of the demonstration."""
    found = [row for path in config.data for row in read_comparisons(path)]
    found += read_episodes(config.run) if config.run is not None else []
    found += demo_comparisons(config.demo, config.train.seed) if config.demo > 0 else []
    if not found:
        raise RewardiumError("there is no data: give --data FILE, --run FOLDER or --demo 2000")
    return found


def demo_comparisons(problems: int, seed: int) -> list[Comparison]:
    """Return sums with a careful and a careless answer, where these differ.

    Args:
        problems: Sums drawn; one that comes again counts once.
        seed: Of the draws.
    """
    found = {}
    for problem in draw_problems(SUMS_ENV, SUMS_ARGUMENTS, problems, seed):
        right, wrong = careful_digits(problem.goal), careless_digits(problem.goal)
        if right != wrong:
            responses = [write_response(right), write_response(wrong)]
            found[problem.prompt] = Comparison.of(problem.prompt, responses, scores=[1.0, 0.0])
    return list(found.values())


def prepared(comparisons: Sequence[Comparison], steps: Sequence[str]) -> list[Comparison]:
    """Apply builders and curators, each written as a name or as ``name: {setting: value}``."""
    built = [(text, make_step(*read_step(text))) for text in steps]
    rows = list(comparisons)
    for text, step in built:
        rows = step(rows)
        if not rows:
            raise RewardiumError(f"nothing is left after --prepare {text!r}")
    return rows


def read_step(text: str) -> tuple[str, dict[str, Any]]:
    """Read the name and the settings of a builder or curator."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RewardiumError(f"cannot read --prepare {text!r}: {error}") from None
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict) and len(value) == 1:
        ((name, settings),) = value.items()
        if isinstance(name, str) and isinstance(settings or {}, dict):
            return name, settings or {}
    raise RewardiumError(
        f"--prepare takes a name or 'name: {{setting: value}}', got {text!r}; names are {step_names()}"
    )


def new_model(config: Config) -> RewardModel:
    """Build what is trained."""
    if config.train.loss not in loss_names():
        raise RewardiumError(f"there is no loss {config.train.loss!r}; losses are {', '.join(loss_names())}")
    if config.start is not None:
        return RewardModel.load(config.start, device=config.device)
    base = config.base
    if base == "bytes":
        base = str(config.folder / "base")
        build_byte_base(base, seed=config.train.seed, max_length=config.model.max_length)
    return RewardModel.from_base(base, config.model, seed=config.train.seed, device=config.device)


def card(config: Config, comparisons: Sequence[Comparison], measured: dict[str, float | None]) -> str:
    """Write what the model was trained on, and how good it is."""
    sources = [path.name for path in config.data]
    sources += [f"the episodes of {config.run.name}"] if config.run is not None else []
    sources += [f"{config.demo} sums, answered right and without carries"] if config.demo > 0 else []
    counts = "\n".join(f"- {what}: {number}" for what, number in label_counts(comparisons).items())
    results = "\n".join(f"- {what}: {number:.4f}" for what, number in measured.items() if number is not None)
    return f"""# A reward model over texts

- **Data:** {", ".join(sources)}
- **Prepared by:** {"; ".join(config.prepare) or "nothing"}
- **Base:** {Path(config.base).name}; **head:** {config.model.head.kind}; **loss:** {config.train.loss}
- **Steps:** {config.train.steps} of {config.train.batch_size} comparisons; seed {config.train.seed}

{counts}

On the {config.train.held_out:.0%} of prompts that were held out:

{results}

It repeats the preferences of its data, with their faults. A policy that is trained on it finds what it overrates:
measure the policy by the truth, not by this model.
"""


if __name__ == "__main__":
    sys.exit(main())

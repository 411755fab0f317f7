"""Train the flow of the reward rlfr: what a language model's states look like in good responses.

    python scripts/train_flow.py --base my/policy --run runs/first --out runs/flows/first
    python scripts/train_flow.py --base my/policy --data solved.jsonl --settings.blocks 6 --training.learning-rate 1e-4
    python scripts/train_llm.py --model my/policy --reward "verify + top_segments(rlfr(path='runs/flows/first'))"

Good responses are those of a score above --above: of a run's episodes the successes, of comparisons (see
scripts/train_reward_model.py) those with such a score, or the preferred one of two.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _command import run_command_line
from _progress import progress_bars
from rich.console import Console

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.flow_model import FlowSettings
from rewardium.rewards.learning.flow_training import FlowTraining, fit_flow
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.files import read_comparisons, read_episodes


@dataclass(frozen=True)
class Config:
    """Train the flow of the reward rlfr."""

    base: str
    """The language model whose states are learnt: a folder, or a name on the hub."""

    out: Path = Path("runs/flows/first")
    """The folder of the flow."""

    data: tuple[Path, ...] = ()
    """Files of comparisons, one JSON object a line."""

    run: Path | None = None
    """A run folder, whose successful episodes are good."""

    above: float = 0.5
    """Responses of a score above this are good."""

    settings: FlowSettings = field(default_factory=FlowSettings)
    """What the flow reads and how large it is."""

    training: FlowTraining = field(default_factory=FlowTraining)
    """How it is trained."""

    device: str | None = None
    """Where it is trained; by default the GPU where there is one."""

    dtype: str | None = None
    """Dtype of the language model."""


def main() -> int:
    """Read the command line, train, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> int:
    """Gather the good responses, train on them, and write the flow."""
    rows = [row for path in config.data for row in read_comparisons(path)]
    rows += read_episodes(config.run) if config.run is not None else []
    good = list(dict.fromkeys(good_responses(rows, config.above)))
    if not good:
        raise RewardiumError(f"there is no response of a score above {config.above}: give --data FILE or --run FOLDER")
    console.print(f"data: {len(good)} good responses")
    prompts, responses = ([pair[side] for pair in good] for side in (0, 1))
    with progress_bars(console) as progress:
        bar = progress.add_task("training", total=config.training.steps, status="")
        flow = fit_flow(
            config.base, prompts, responses, config.settings, config.training, device=config.device,
            dtype=config.dtype,
            progress=lambda step, loss: progress.update(bar, completed=step, status=f"loss {loss:.3f}"),
        )  # fmt: skip
    flow.save(config.out)
    console.print(f"reward: top_segments(rlfr(path='{config.out}'))", markup=False, soft_wrap=True)
    return 0


def good_responses(rows: list[Comparison], above: float) -> Iterator[tuple[str, str]]:
    """Yield prompt and response of what is good in each comparison."""
    for row in rows:
        scores = row.scores if row.scores is not None else row.wins()[[0, 1], [1, 0]].tolist()
        for place in np.flatnonzero(np.array(scores) > above).tolist():
            yield row.prompts[place], row.responses[place]


if __name__ == "__main__":
    sys.exit(main())

"""Train a small CLIP on rendered bodies from nothing, for rewards that need a vision-language model and have none.

    python scripts/train_clip.py
    python scripts/train_control.py --env rewardium/PendulumUpright-v0 --reward vlm_rm --clip runs/clip/small

The folder is an ordinary model of open_clip, with a card that says what it was trained on and how good it is.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from _command import run_command_line
from _progress import progress_bars
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.clip_examples import Examples, draw_examples
from rewardium.rewards.learning.clip_measures import ALPHAS, Measures, card, measure_clip
from rewardium.rewards.learning.small_clip import SIZES, ClipConfig, ClipShape, build_clip, save_clip, teach_clip
from rewardium.rewards.models.vision_encoder import load_vision_encoder

CHEAP = ("PendulumUpright", "CartPoleUpright", "MountainCarTop", "ReacherPlace", "HopperUpright", "HalfCheetahOnBack")
HUMANOID = (
    "HumanoidKneel", "HumanoidSplits", "HumanoidLotus", "HumanoidStand", "HumanoidArmsRaised", "HumanoidHandsOnHips",
    "HumanoidArmsCrossed", "HumanoidOneLeg",
)  # fmt: skip
CARD, SETTINGS = "README.md", "clip.yaml"


@dataclass(frozen=True)
class Config:
    """Train a small CLIP on rendered bodies."""

    out: Path | None = None
    """The model's folder, by default runs/clip/SIZE; a model of this script that is there already is replaced."""

    tasks: tuple[str, ...] = tuple(f"rewardium/{name}-v0" for name in (*CHEAP, *HUMANOID))
    """The environments whose bodies and sentences it learns."""

    states: int = 2000
    """States of each task: half drawn at random, half those that random or held actions lead to."""

    held_out: float = 0.15
    """The share of states that it does not learn from, but is measured on."""

    clip: ClipConfig = field(default_factory=ClipConfig)
    """How it is built and trained."""

    threads: int = 1
    """Threads of the mathematics. Another number rounds differently, so that the weights differ."""

    @property
    def folder(self) -> Path:
        """Where the model goes."""
        return Path("runs/clip") / self.clip.size if self.out is None else self.out


def main() -> int:
    """Read the command line, train and measure the model, and return the exit status."""
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> list[Measures]:
    """Render, train, write, and say how good the model is."""
    check(config)
    import torch

    torch.set_num_threads(config.threads)
    start, cpu = time.perf_counter(), time.process_time()
    with progress_bars(console, elapsed=True) as progress:
        divided = [task.split(config.held_out, config.clip.seed) for task in rendered(config, progress)]
        learned, held_out = [parts[0] for parts in divided], [parts[1] for parts in divided]
        model, shape = trained(config, learned, progress)
    save_clip(model, shape, config.folder)
    measures = measure_clip(load_vision_encoder(str(config.folder), "cpu"), held_out)
    write_card(config, model, sum(map(len, learned)), measures)
    seconds = f"{time.perf_counter() - start:.0f} s ({time.process_time() - cpu:.0f} s of CPU)"
    console.print(f"wrote {config.folder} in {seconds}", markup=False, soft_wrap=True)
    console.print(as_table(measures))
    console.print("The sentences it learned were made from the true measure: this shows the machinery, see its card.")
    return measures


def check(config: Config) -> None:
    """Refuse settings that cannot work before anything is rendered.

    Raises:
        RewardiumError: Saying which.
    """
    if config.threads < 1 or config.states < 2 or not config.tasks:
        raise RewardiumError(f"threads must be at least 1, states 2, and there must be tasks; got {config}")
    if not 0.0 < config.held_out < 1.0:
        raise RewardiumError(f"held_out must lie between 0 and 1, got {config.held_out}")
    folder = config.folder
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / SETTINGS).is_file()):
        raise RewardiumError(f"{folder} holds something that is no model of this script; choose another --out")


def rendered(config: Config, progress: Progress) -> list[Examples]:
    """Render all tasks with a progress bar."""
    bar = progress.add_task("rendering", total=config.states * len(config.tasks), status="")
    examples = []
    for number, task in enumerate(config.tasks):
        progress.update(bar, status=task)
        seed = 1000 * config.clip.seed + number
        size = SIZES[config.clip.size].image_size
        examples.append(draw_examples(task, config.states, size, seed, on_frame=lambda: progress.advance(bar)))
    progress.update(bar, status="")
    return examples


def trained(config: Config, examples: list[Examples], progress: Progress) -> tuple[Any, ClipShape]:
    """Train with a progress bar."""
    bar = progress.add_task("training", total=config.clip.steps, status="")
    shape = SIZES[config.clip.size]
    model = build_clip(shape, config.clip.seed)

    def show(step: int, loss: float) -> None:
        progress.update(bar, completed=step, status=f"loss {loss:.3f}")

    teach_clip(model, shape, examples, config.clip, on_step=show)
    return model, shape


def write_card(config: Config, model: Any, learned: int, measures: list[Measures]) -> None:
    """Write the settings and the card beside the model."""
    image = sum(parameter.numel() for parameter in model.visual.parameters())
    text = sum(parameter.numel() for parameter in model.parameters()) - image
    settings = {
        "tasks": list(config.tasks), "states": config.states, "held_out": config.held_out,
        "threads": config.threads, "clip": dataclasses.asdict(config.clip),
    }  # fmt: skip
    written = yaml.safe_dump(settings, sort_keys=False)
    (config.folder / SETTINGS).write_text(written, encoding="utf-8")
    size = SIZES[config.clip.size].image_size
    (config.folder / CARD).write_text(card((image, text), size, learned, measures, written), encoding="utf-8")


def as_table(measures: list[Measures]) -> Table:
    """Show how the model does on each task."""
    shown = Table(title="on states that were held out", caption="rho: rank correlation of the reward with the truth")
    correlations = [f"rho, alpha {alpha:g}" for alpha in ALPHAS]
    for column in ("task", "retrieval", "by chance", *correlations):
        shown.add_column(column, justify="left" if column == "task" else "right", no_wrap=True)
    for row in measures:
        values = [f"{value:.3f}" for value in row.correlation]
        name = row.task.removeprefix("rewardium/").removesuffix("-v0")
        shown.add_row(name, f"{row.retrieval:.1%}", f"{row.chance:.1%}", *values)
    return shown


if __name__ == "__main__":
    sys.exit(main())

"""Make a reward model of frames from a vision-language model's preferences: what image_preference(...) reads.

    python scripts/label_frames.py --env rewardium/PendulumUpright-v0 --judge http://127.0.0.1:8000/v1 --out upright
    python scripts/label_frames.py --frames swing.mp4 --goal "a pole upright" --judge "scripted:brightness" --out
    upright

It collects frames by playing at random (or reads them), draws pairs, asks the judge in which frame the goal is reached
better, writes the preferences, and trains. Labels are kept as they come: the same command goes on where it was stopped.
Then:

    python scripts/train_control.py --reward "image_preference('upright/model')" ...
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
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
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rewardium.agents.flags import YamlMapping
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.frame_cnn import FrameCnnSettings
from rewardium.rewards.learning.frame_collection import collect_frames
from rewardium.rewards.learning.frame_labels import (
    FrameLabelFile,
    IndexPair,
    LabelCounts,
    frames_digest,
    label_frame_pairs,
)
from rewardium.rewards.learning.frame_model import FramePreference
from rewardium.rewards.learning.frame_preferences import (
    FramePreferenceReport,
    train_frame_preferences,
)
from rewardium.rewards.learning.pair_drawing import draw_pairs
from rewardium.rewards.learning.preference_pairs import write_pairs
from rewardium.rewards.models.frame_files import read_frames
from rewardium.rewards.models.frame_judge import make_frame_judge
from rewardium.rewards.models.frame_questions import FIRST_SECOND_NEITHER


@dataclass(frozen=True)
class Collection:
    """Where the frames come from."""

    env: str = "rewardium/PendulumUpright-v0"
    """The environment that is played at random."""

    env_kwargs: YamlMapping = field(default_factory=dict)
    """Arguments of the environment, as YAML."""

    frames: Path | None = None
    """Do not play, but read the frames of this file or folder: .npy, .npz, .mp4, .gif, or pictures."""

    number: int = 500
    """Frames."""

    every: int = 5
    """Steps between two frames."""


@dataclass(frozen=True)
class Network:
    """The reward model."""

    size: int = 64
    """Height and width to which frames are brought; a multiple of 16."""

    width: int = 16
    """Channels of the first convolution."""

    members: int = 3
    """Networks whose mean is the reward."""


@dataclass(frozen=True)
class Arguments:
    """Make a reward model of frames from a vision-language model's preferences."""

    out: Path
    """The folder of the result: frames.npy, labels.jsonl, preferences.jsonl and model/."""

    judge: str
    """Who is asked: http://HOST:PORT/v1, transformers:FOLDER_OR_NAME, or scripted:brightness, scripted:clip?clip=..."""

    goal: str = ""
    """What should be seen, in words; by default the goal of the environment's task."""

    collection: tyro.conf.OmitArgPrefixes[Collection] = field(default_factory=Collection)
    """Where the frames come from."""

    network: tyro.conf.OmitArgPrefixes[Network] = field(default_factory=Network)
    """The reward model."""

    pairs: int = 1_000
    """Pairs to compare; where there are fewer of them, all."""

    max_calls: int | None = None
    """The most questions that the judge may be sent; what it has labelled by then is trained on."""

    patience: float = 300.0
    """Seconds after which a judge that fails is given up."""

    at_once: int = 16
    """Questions in one call of the judge."""

    steps: int = 500
    """Gradient steps."""

    learning_rate: float = 3e-4
    """Of Adam."""

    batch_size: int = 64
    """Pairs a gradient step and network."""

    held_out: float = 0.2
    """The share of pairs that only measure."""

    seed: int = 0
    """Fixes episodes, actions, pairs, weights and batches."""

    device: str = "cpu"
    """Where the model is trained."""


def main() -> int:
    """Read the command line, do the work, and return the exit status."""
    return run_command_line(Arguments, run, __doc__, stopped=STOPPED, warnings=True)


def run(arguments: Arguments, console: Console) -> FramePreferenceReport:
    """Collect, label, train, and tell what came of it.

    Args:
        arguments: What to do.
        console: Where to tell.

    Returns:
        How well the model agrees with the judge.

    Raises:
        RewardiumError: When an argument is wrong, there are too few frames, or the judge does not answer.
    """
    require_above_0(arguments, "pairs", "patience", "at_once")
    settings = FrameCnnSettings(**asdict(arguments.network))  # a wrong size is said before the judge is asked
    judge = make_frame_judge(arguments.judge)
    judge.check_words(FIRST_SECOND_NEITHER)
    with progress_bars(console) as progress:
        frames, goal = frames_of(arguments, progress)
        if len(frames) < 2:
            raise RewardiumError(f"{len(frames)} frames make no pair")
        pairs = drawn_pairs(len(frames), arguments.pairs, arguments.seed)
        bar = progress.add_task("asking the judge", total=len(pairs), status="")

        def show(counts: LabelCounts) -> None:
            progress.update(bar, completed=counts.done, status=f"{counts.unknown} without an answer")

        try:
            labels = FrameLabelFile(arguments.out / "labels.jsonl", judge.name, goal, frames_digest(frames))
            preferences = label_frame_pairs(
                judge, goal, frames, pairs, labels, at_once=arguments.at_once, max_calls=arguments.max_calls,
                patience=arguments.patience, progress=show,
            )  # fmt: skip
        finally:
            judge.close()
        write_pairs(arguments.out / "preferences.jsonl", preferences)
        report = train(arguments, settings, frames, preferences, progress)
    console.print(table_of(report, preferences, len(pairs)))
    console.print(f"the reward: image_preference('{arguments.out / 'model'}')", markup=False, soft_wrap=True)
    return report


def frames_of(arguments: Arguments, progress: Progress) -> tuple[NDArray[np.uint8], str]:
    """Read the frames, those of an earlier run of the same collection, or collect them; with the goal in words."""
    settings = arguments.collection
    if settings.frames is not None:
        return read_frames(settings.frames, most=settings.number), require_goal(arguments.goal)
    file, origin = arguments.out / "frames.npy", arguments.out / "collection.json"
    description = described(settings, arguments.seed, read="frames")
    if not file.is_file():
        bar = progress.add_task("playing", total=settings.number, status="")
        goal = collect_frames(
            settings.env,
            file,
            env_kwargs=settings.env_kwargs,
            frames=settings.number,
            every=settings.every,
            seed=arguments.seed,
            progress=lambda done: progress.update(bar, completed=done),
        )
        write_description(origin, {**description, "goal": goal})
    said = require_same_collection(origin, description, "frames", beside="goal")
    frames: NDArray[np.uint8] = np.load(file, mmap_mode="r", allow_pickle=False)
    return frames, require_goal(arguments.goal or said)


def require_goal(goal: str) -> str:
    """Refuse to ask about nothing."""
    if not goal.strip():
        raise RewardiumError("the environment names no goal: say in words what should be seen, --goal '...'")
    return goal.strip()


def drawn_pairs(frames: int, number: int, seed: int) -> list[IndexPair]:
    """Draw distinct pairs of frames, each in an order drawn by chance."""
    return [
        (int(first), int(second)) for first, second in draw_pairs([str(row) for row in range(frames)], number, seed)
    ]


def train(
    arguments: Arguments,
    settings: FrameCnnSettings,
    frames: NDArray[np.uint8],
    preferences: list[FramePreference],
    progress: Progress,
) -> FramePreferenceReport:
    """Train the model on the decided pairs, with a progress bar."""
    return train_frame_preferences(
        frames,
        [pair for pair in preferences if pair.preference != 0.5],
        arguments.out / "model",
        steps=arguments.steps,
        learning_rate=arguments.learning_rate,
        batch_size=arguments.batch_size,
        held_out=arguments.held_out,
        seed=arguments.seed,
        device=arguments.device,
        settings=settings,
        progress=training_bar(progress, arguments.steps),
    )


def table_of(report: FramePreferenceReport, preferences: list[FramePreference], asked: int) -> Table:
    """Show the report."""
    table = Table(show_header=False, title="preferences")
    table.add_row("frames", str(report.frames))
    table.add_row("pairs labelled, of those asked", f"{len(preferences)} of {asked}")
    table.add_row("ties among them, not trained on", str(len(preferences) - report.pairs))
    table.add_row("accuracy on training pairs", share(report.trained_accuracy))
    table.add_row(f"accuracy on {report.held_out_pairs} held-out pairs", share(report.held_out_accuracy))
    return table


if __name__ == "__main__":
    sys.exit(main())

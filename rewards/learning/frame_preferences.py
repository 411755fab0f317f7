"""Preferences between frames, and the reward over frames that is trained on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.frame_cnn import FrameCnnSettings, small_frames
from rewardium.rewards.learning.frame_model import FrameModel, FramePreference, FrameTrainer
from rewardium.rewards.learning.model_folder import SETTINGS_FILE, version_of
from rewardium.rewards.learning.preference_pairs import (
    accuracy,
    check_training,
    read_pairs,
    require_decided,
    sides_of,
    split_pairs,
    train_in_parts,
)

_STEPS_A_REPORT = 10
_LONGEST_LINE = 10_000


@dataclass(frozen=True)
class FramePreferenceReport:
    """What came of training on preferences between frames.

    Args:
        pairs: Pairs in all.
        frames: Distinct frames among them.
        loss: Mean loss over the last steps.
        trained_accuracy: Share of the training pairs whose better frame got the larger reward; None where all are ties.
        held_out_pairs: Pairs that were held out and decided.
        held_out_accuracy: The same of them; None where there are none.
    """

    pairs: int
    frames: int
    loss: float
    trained_accuracy: float | None
    held_out_pairs: int
    held_out_accuracy: float | None


@dataclass(frozen=True)
class FramePreferenceModel:
    """A reward over frames, and how its numbers are spread.

    Args:
        model: The network.
        mean: Of its numbers over the frames that it was trained on.
        deviation: Their standard deviation.
    """

    model: FrameModel
    mean: float
    deviation: float

    def rewards(self, frames: Sequence[NDArray[np.uint8]], normalized: bool = True) -> NDArray[np.float64]:
        """Return the reward of each frame, float64 [B]: ``(f - mean) / deviation``, or ``f`` itself in (-1, 1)."""
        scores = self.model.scores(frames)
        if not normalized:
            return scores
        return (scores - self.mean) / self.deviation if self.deviation > 0.0 else np.zeros(len(scores))


def train_frame_preferences(
    frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    preferences: Sequence[FramePreference],
    folder: str | Path,
    *,
    steps: int = 500,
    learning_rate: float = 3e-4,
    batch_size: int = 64,
    held_out: float = 0.2,
    seed: int = 0,
    device: str = "cpu",
    settings: FrameCnnSettings | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> FramePreferenceReport:
    """Train a Bradley-Terry reward over frames, and write it to a folder that ``image_preference`` reads.

    The loss is the cross-entropy of ``P(first wins) = sigmoid(r(first) - r(second))``, as in RL-VLM-F (2024). Equal
    arguments give equal models on one machine.

    Args:
        frames: N frames, uint8 [H, W, 3]; they are kept at the network's size while it is trained.
        preferences: Labelled pairs of their indices, at least two, not all ties.
        folder: Where the model goes.
        steps: Gradient steps.
        learning_rate: Of Adam.
        batch_size: Pairs a step and member.
        held_out: The share of pairs on which nothing is trained, in [0, 1). Their frames may be in other pairs.
        seed: Of weights, batches and the split.
        device: Where it is trained.
        settings: The size of the network.
        progress: Called with the number of steps done and the mean loss of the last ones.

    Returns:
        How well it agrees with the preferences.

    Raises:
        RewardiumError: When there is too little to learn from, or a number is out of its range.

    Example:
        >>> frames = [np.full((16, 16, 3), 40 * grey, np.uint8) for grey in range(6)]
        >>> pairs = [FramePreference(a, b, float(a > b)) for a in range(6) for b in range(6) if a != b]
        >>> size = FrameCnnSettings(size=16, width=4, members=1)
        >>> report = train_frame_preferences(
        ...     frames, pairs, "bright", steps=60, learning_rate=3e-3, held_out=0.0, settings=size
        ... )
        >>> report.trained_accuracy
        1.0
    """
    check_training(steps, learning_rate, batch_size, held_out)
    _check_indices(preferences, len(frames))
    trained, kept_back = split_pairs(preferences, held_out, seed)
    require_decided(trained, len(preferences))
    model = FrameModel(settings, seed, device)
    small = small_frames(frames, model.settings.size)
    trainer = FrameTrainer(model, learning_rate=learning_rate, batch_size=batch_size, seed=seed)
    loss = train_in_parts(lambda now: trainer.rank(small, trained, now), steps, _STEPS_A_REPORT, progress)

    def scores_of(rows: list[int]) -> NDArray[np.float64]:
        return model.scores_of_small(small[rows])

    scores = scores_of(sides_of(trained))
    report = FramePreferenceReport(
        pairs=len(preferences),
        frames=len(sides_of(preferences)),
        loss=loss,
        trained_accuracy=accuracy(scores_of, trained),
        held_out_pairs=sum(pair.preference != 0.5 for pair in kept_back),
        held_out_accuracy=accuracy(scores_of, kept_back),
    )
    scale = {"mean": float(scores.mean()), "deviation": float(scores.std())}
    training = {"steps": steps, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed}
    model.save(folder, {"scale": scale, "training": training, "report": report.__dict__})
    return report


def load_frame_preferences(folder: str | Path) -> FramePreferenceModel:
    """Read what ``train_frame_preferences`` wrote; a process reads a folder once, until its files change.

    Args:
        folder: Where it is; ``~`` is the home.

    Returns:
        The model; it is shared, and must not be changed.

    Raises:
        RewardiumError: When there is none, or it is damaged.
    """
    path = Path(folder).expanduser().resolve()
    return _load(path, version_of(path))


def read_frame_preferences(path: str | Path) -> list[FramePreference]:
    """Read what ``write_pairs`` wrote of frames.

    Raises:
        RewardiumError: When it cannot be read, with the number of the line that is no preference.

    Example:
        >>> from rewardium.rewards.learning.preference_pairs import write_pairs
        >>> write_pairs("pairs.jsonl", [FramePreference(0, 7, 1.0)])
        >>> read_frame_preferences("pairs.jsonl")
        [FramePreference(first=0, second=7, preference=1.0)]
    """
    return read_pairs(path, FramePreference, lambda side: type(side) is int and side >= 0, "indices", _LONGEST_LINE)


def _check_indices(preferences: Sequence[FramePreference], frames: int) -> None:
    for pair in preferences:
        if not 0 <= min(pair[:2]) <= max(pair[:2]) < frames:
            raise RewardiumError(f"training on preferences: {pair} names a frame that is not among the {frames}")


@lru_cache(maxsize=8)
def _load(folder: Path, version: tuple[tuple[int, int] | None, ...]) -> FramePreferenceModel:
    model, written = FrameModel.load(folder)
    try:
        mean, deviation = float(written["scale"]["mean"]), float(written["scale"]["deviation"])
    except (KeyError, TypeError, ValueError) as error:
        raise RewardiumError(f"{folder / SETTINGS_FILE} has no scale of rewards: {error!r}") from error
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation >= 0.0):
        raise RewardiumError(f"{folder / SETTINGS_FILE}: the scale needs finite numbers")
    return FramePreferenceModel(model, mean, deviation)

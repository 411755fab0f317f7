"""Preferences between frames, and the reward over frames that is trained on them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import pair_accuracy
from rewardium.rewards.learning.frame_cnn import FrameCnnSettings, small_frames
from rewardium.rewards.learning.frame_model import (
    SETTINGS_FILE,
    WEIGHTS_FILE,
    FrameModel,
    FramePreference,
    FrameTrainer,
    SmallFrames,
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
    _check_training(len(frames), preferences, steps, learning_rate, batch_size, held_out)
    trained, kept_back = split_frame_pairs(preferences, held_out, seed)
    if not any(pair.preference != 0.5 for pair in trained):
        raise RewardiumError(
            f"no preferences to learn from: {len(preferences)} pairs, of which {len(trained)} are trained on, and no "
            "decided one among these"
        )
    model = FrameModel(settings, seed, device)
    small = small_frames(frames, model.settings.size)
    trainer = FrameTrainer(model, learning_rate=learning_rate, batch_size=batch_size, seed=seed)
    loss, done = float("nan"), 0
    while done < steps:
        now = min(_STEPS_A_REPORT, steps - done)
        loss, done = trainer.rank(small, trained, now), done + now
        if progress is not None:
            progress(done, loss)
    seen = sorted({side for pair in trained for side in pair[:2]})
    scores = model.scores_of_small(small[seen])
    report = FramePreferenceReport(
        pairs=len(preferences),
        frames=len({side for pair in preferences for side in pair[:2]}),
        loss=loss,
        trained_accuracy=_accuracy(model, small, trained),
        held_out_pairs=sum(pair.preference != 0.5 for pair in kept_back),
        held_out_accuracy=_accuracy(model, small, kept_back),
    )
    scale = {"mean": float(scores.mean()), "deviation": float(scores.std())}
    training = {"steps": steps, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed}
    model.save(folder, {"scale": scale, "training": training, "report": report.__dict__})
    return report


def split_frame_pairs(
    preferences: Sequence[FramePreference], held_out: float, seed: int = 0
) -> tuple[list[FramePreference], list[FramePreference]]:
    """Split pairs into those to train on and those held out; a pair and its reverse are on one side.

    Args:
        preferences: The pairs.
        held_out: The share to hold out, on average.
        seed: Another seed, another split.

    Returns:
        The pairs to train on and those held out, in their order.

    Example:
        >>> pairs = [FramePreference(number, 100, 1.0) for number in range(100)]
        >>> trained, kept_back = split_frame_pairs(pairs, 0.2)
        >>> len(trained) + len(kept_back), 5 < len(kept_back) < 40
        (100, True)
    """
    sides: tuple[list[FramePreference], list[FramePreference]] = ([], [])
    for pair in preferences:
        low, high = sorted(pair[:2])
        sides[int(np.random.default_rng((seed, low, high)).random() < held_out)].append(pair)
    return sides


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
    return _load(path, tuple(_version(path / name) for name in (SETTINGS_FILE, WEIGHTS_FILE)))


def write_frame_preferences(path: str | Path, preferences: Sequence[FramePreference]) -> None:
    """Write preferences as JSON lines: ``{"first": 0, "second": 7, "preference": 1.0}``.

    Args:
        path: The file; it is there as a whole or not at all.
        preferences: The pairs.

    Raises:
        RewardiumError: When it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("".join(json.dumps(pair._asdict()) + "\n" for pair in preferences), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise RewardiumError(f"cannot write {path}: {error.strerror}") from error


def read_frame_preferences(path: str | Path) -> list[FramePreference]:
    """Read what ``write_frame_preferences`` wrote.

    Raises:
        RewardiumError: When it cannot be read, with the number of the line that is no preference.

    Example:
        >>> write_frame_preferences("pairs.jsonl", [FramePreference(0, 7, 1.0)])
        >>> read_frame_preferences("pairs.jsonl")
        [FramePreference(first=0, second=7, preference=1.0)]
    """
    pairs = []
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
                if line.strip():
                    pairs.append(_preference(line, f"{path}:{number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"cannot read {path}: {error}") from error
    return pairs


def _preference(line: str, place: str) -> FramePreference:
    try:
        row = json.loads(line)
        first, second, preference = row["first"], row["second"], row["preference"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise RewardiumError(f"{place} needs first, second and preference: {error!r}") from None
    right = type(preference) in (int, float) and 0.0 <= preference <= 1.0
    if type(first) is not int or type(second) is not int or min(first, second) < 0 or not right:
        raise RewardiumError(f"{place}: first and second must be indices, and preference a number in [0, 1]")
    return FramePreference(first, second, float(preference))


def _accuracy(model: FrameModel, small: SmallFrames, pairs: Sequence[FramePreference]) -> float | None:
    if not pairs:
        return None
    seen = sorted({side for pair in pairs for side in pair[:2]})
    score = dict(zip(seen, model.scores_of_small(small[seen]), strict=True))
    first = np.array([score[pair.first] for pair in pairs])
    second = np.array([score[pair.second] for pair in pairs])
    return pair_accuracy(first, second, np.array([pair.preference for pair in pairs]))


def _check_training(
    frames: int,
    preferences: Sequence[FramePreference],
    steps: int,
    learning_rate: float,
    batch_size: int,
    held_out: float,
) -> None:
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        if value < 1:
            raise RewardiumError(f"training on preferences: {name} must be at least 1, got {value}")
    if not (learning_rate > 0.0 and math.isfinite(learning_rate)):
        raise RewardiumError(f"training on preferences: learning_rate must be above 0, got {learning_rate}")
    if not 0.0 <= held_out < 1.0:
        raise RewardiumError(f"training on preferences: held_out must be in [0, 1), got {held_out}")
    for pair in preferences:
        if not 0 <= min(pair[:2]) <= max(pair[:2]) < frames:
            raise RewardiumError(f"training on preferences: {pair} names a frame that is not among the {frames}")


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


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

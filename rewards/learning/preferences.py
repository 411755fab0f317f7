"""Preference data sets, and the reward model that is trained on one."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import Preference, RewardScale, pair_accuracy, scale_of_pairs
from rewardium.rewards.learning.char_cnn import CharCnnSettings
from rewardium.rewards.learning.message_model import SETTINGS_FILE, WEIGHTS_FILE, MessageModel, MessageTrainer
from rewardium.rewards.learning.messages import MAX_CHARACTERS, clean_message

_LONGEST_LINE = 64 * MAX_CHARACTERS
_STEPS_A_REPORT = 20


@dataclass(frozen=True)
class PreferenceReport:
    """What came of training on preferences.

    Args:
        pairs: Pairs in all.
        ties: Ties among them.
        messages: Distinct messages among them.
        loss: Mean loss over the last steps.
        trained_accuracy: Share of the decided training pairs whose better message got the larger reward; None where
            all are ties.
        held_out_pairs: Pairs that were held out and decided.
        held_out_accuracy: The same of them; None where there are none.
    """

    pairs: int
    ties: int
    messages: int
    loss: float
    trained_accuracy: float | None
    held_out_pairs: int
    held_out_accuracy: float | None


@dataclass(frozen=True)
class PreferenceModel:
    """A reward over messages, and how its numbers are spread.

    Args:
        model: The network.
        scale: The spread over the pairs it was trained on.
    """

    model: MessageModel
    scale: RewardScale

    def rewards(self, messages: Sequence[str], quantile: float) -> list[float]:
        """Return the normalised reward of each message, 0 below a quantile; length B."""
        return [float(reward) for reward in self.scale.rewards(self.model.scores(messages), quantile)]


def train_preference_model(
    preferences: Sequence[Preference],
    folder: str | Path,
    *,
    steps: int = 1_000,
    learning_rate: float = 1e-4,
    batch_size: int = 256,
    held_out: float = 0.2,
    seed: int = 0,
    device: str = "cpu",
    settings: CharCnnSettings | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> PreferenceReport:
    """Train a Bradley-Terry reward over messages on preferences, and write it to a folder that ``motif`` reads.

    The loss is the cross-entropy of ``P(first wins) = sigmoid(r(first) - r(second))``, in which a tie counts half as a
    win of each side. Learning rate and share held out are those of Motif's public code (certainty: high), which trains
    five epochs on hundreds of thousands of pairs; the number of steps is ours. Equal arguments give equal models.

    Args:
        preferences: Labelled pairs, at least two, not all ties.
        folder: Where the model goes.
        steps: Gradient steps.
        learning_rate: Of Adam.
        batch_size: Pairs a step.
        held_out: The share of pairs on which nothing is trained, in [0, 1). A pair and its reverse are never on both
            sides; its messages may be.
        seed: Of weights, batches and the split.
        device: Where it is trained.
        settings: The size of the network.
        progress: Called with the number of steps done and the mean loss of the last ones.

    Returns:
        How well it agrees with the preferences.

    Raises:
        RewardiumError: When there is too little to learn from, or a number is out of its range.

    Example:
        >>> order = ["It's a wall.", "You see here a key.", "You unlock the door."]
        >>> pairs = [Preference(a, b, float(i > j)) for i, a in enumerate(order) for j, b in enumerate(order) if i != j]
        >>> report = train_preference_model(pairs, "preferences", steps=40, learning_rate=1e-3, held_out=0.0)
        >>> report.trained_accuracy, report.messages
        (1.0, 3)
    """
    _check_training(steps, learning_rate, batch_size, held_out)
    trained, kept_back = split_pairs(preferences, held_out, seed)
    if not any(pair.preference != 0.5 for pair in trained):
        raise RewardiumError(
            f"no preferences to learn from: {len(preferences)} pairs, of which {len(trained)} are trained on, and no "
            "decided one among these"
        )
    model = MessageModel(settings, seed, device)
    trainer = MessageTrainer(model, learning_rate=learning_rate, batch_size=batch_size, seed=seed)
    loss, done = float("nan"), 0
    while done < steps:
        now = min(_STEPS_A_REPORT, steps - done)
        loss, done = trainer.rank(trained, now), done + now
        if progress is not None:
            progress(done, loss)
    messages = sorted({side for pair in trained for side in pair[:2]})
    scale = scale_of_pairs(messages, model.scores(messages), trained)
    report = PreferenceReport(
        pairs=len(preferences),
        ties=sum(pair.preference == 0.5 for pair in preferences),
        messages=len({side for pair in preferences for side in pair[:2]}),
        loss=loss,
        trained_accuracy=_accuracy(model, trained),
        held_out_pairs=sum(pair.preference != 0.5 for pair in kept_back),
        held_out_accuracy=_accuracy(model, kept_back),
    )
    training = {"steps": steps, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed}
    model.save(folder, {"scale": scale._asdict(), "training": training, "report": report.__dict__})
    return report


def split_pairs(
    preferences: Sequence[Preference], held_out: float, seed: int = 0
) -> tuple[list[Preference], list[Preference]]:
    """Split pairs into those to train on and those held out.

    The side of a pair depends on its two messages alone: neither on their order nor on the other pairs, so that more
    labels never move a pair.

    Args:
        preferences: The pairs.
        held_out: The share to hold out, on average.
        seed: Another seed, another split.

    Returns:
        The pairs to train on and those held out, in their order.

    Example:
        >>> pairs = [Preference(str(number), "x", 1.0) for number in range(100)]
        >>> trained, kept_back = split_pairs(pairs, 0.2)
        >>> len(trained) + len(kept_back), 5 < len(kept_back) < 40
        (100, True)
    """

    def is_held_out(pair: Preference) -> bool:
        text = json.dumps([seed, *sorted(pair[:2])])
        digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < held_out * 2**64

    sides: tuple[list[Preference], list[Preference]] = ([], [])
    for pair in preferences:
        sides[is_held_out(pair)].append(pair)
    return sides


def _accuracy(model: MessageModel, pairs: Sequence[Preference]) -> float | None:
    messages = sorted({side for pair in pairs for side in pair[:2]})
    score = dict(zip(messages, model.scores(messages), strict=True))
    first = np.array([score[pair.first] for pair in pairs])
    second = np.array([score[pair.second] for pair in pairs])
    return pair_accuracy(first, second, np.array([pair.preference for pair in pairs]))


def _check_training(steps: int, learning_rate: float, batch_size: int, held_out: float) -> None:
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        if value < 1:
            raise RewardiumError(f"training on preferences: {name} must be at least 1, got {value}")
    if not (learning_rate > 0.0 and math.isfinite(learning_rate)):
        raise RewardiumError(f"training on preferences: learning_rate must be above 0, got {learning_rate}")
    if not 0.0 <= held_out < 1.0:
        raise RewardiumError(f"training on preferences: held_out must be in [0, 1), got {held_out}")


def load_preference_model(folder: str | Path) -> PreferenceModel:
    """Read what ``train_preference_model`` wrote; a process reads a folder once, until its files change.

    Args:
        folder: Where it is.

    Returns:
        The model; it is shared, and must not be changed.

    Raises:
        RewardiumError: When there is none, or it is damaged.
    """
    path = Path(folder).expanduser().resolve()
    return _load(path, tuple(_version(path / name) for name in (SETTINGS_FILE, WEIGHTS_FILE)))


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


@lru_cache(maxsize=8)
def _load(folder: Path, version: tuple[tuple[int, int] | None, ...]) -> PreferenceModel:
    model, written = MessageModel.load(folder)
    return PreferenceModel(model, _scale_of(written.get("scale"), folder))


def _scale_of(written: Any, folder: Path) -> RewardScale:
    try:
        scale = RewardScale(
            float(written["mean"]), float(written["deviation"]), tuple(float(value) for value in written["quantiles"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RewardiumError(f"{folder / SETTINGS_FILE} has no scale of rewards: {error!r}") from error
    numbers = np.array([scale.mean, scale.deviation, *scale.quantiles])
    if len(scale.quantiles) != 101 or not np.isfinite(numbers).all() or np.any(np.diff(scale.quantiles) < 0):
        raise RewardiumError(f"{folder / SETTINGS_FILE}: the scale needs finite numbers and 101 rising quantiles")
    return scale


def write_preferences(path: str | Path, preferences: Sequence[Preference]) -> None:
    """Write preferences as JSON lines: ``{"first": ..., "second": ..., "preference": 1.0}``.

    Args:
        path: The file; it is there as a whole or not at all.
        preferences: The pairs.

    Raises:
        RewardiumError: When it cannot be written.
    """
    path = Path(path)
    text = "".join(json.dumps(pair._asdict(), ensure_ascii=False) + "\n" for pair in preferences)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.encode("utf-8"))
        part.replace(path)
    except OSError as error:
        raise RewardiumError(f"cannot write {path}: {error.strerror}") from error


def read_preferences(path: str | Path) -> list[Preference]:
    """Read what ``write_preferences`` wrote, or the same made elsewhere; other fields are passed over.

    Args:
        path: The file.

    Returns:
        The pairs, with cleaned messages.

    Raises:
        RewardiumError: When it cannot be read, with the number of the line that is no preference.

    Example:
        >>> write_preferences("some.jsonl", [Preference("a key", "a wall", 1.0)])
        >>> read_preferences("some.jsonl")
        [Preference(first='a key', second='a wall', preference=1.0)]
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


def _preference(line: str, place: str) -> Preference:
    try:
        row = json.loads(line)
        first, second, preference = row["first"], row["second"], row["preference"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise RewardiumError(f"{place} needs first, second and preference: {error!r}") from None
    right = isinstance(preference, (int, float)) and not isinstance(preference, bool) and 0.0 <= preference <= 1.0
    if not isinstance(first, str) or not isinstance(second, str) or not right:
        raise RewardiumError(f"{place}: first and second must be texts, and preference a number in [0, 1]")
    return Preference(clean_message(first), clean_message(second), float(preference))

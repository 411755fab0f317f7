"""Preference data sets, and the reward model that is trained on one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import Preference, RewardScale, scale_of_pairs
from rewardium.rewards.learning.char_cnn import CharCnnSettings
from rewardium.rewards.learning.message_model import MessageModel, MessageTrainer
from rewardium.rewards.learning.messages import MAX_CHARACTERS, clean_message
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
    check_training(steps, learning_rate, batch_size, held_out)
    trained, kept_back = split_pairs(preferences, held_out, seed)
    require_decided(trained, len(preferences))
    model = MessageModel(settings, seed, device)
    trainer = MessageTrainer(model, learning_rate=learning_rate, batch_size=batch_size, seed=seed)
    loss = train_in_parts(lambda now: trainer.rank(trained, now), steps, _STEPS_A_REPORT, progress)
    messages = sides_of(trained)
    scale = scale_of_pairs(messages, model.scores(messages), trained)
    report = PreferenceReport(
        pairs=len(preferences),
        ties=sum(pair.preference == 0.5 for pair in preferences),
        messages=len(sides_of(preferences)),
        loss=loss,
        trained_accuracy=accuracy(model.scores, trained),
        held_out_pairs=sum(pair.preference != 0.5 for pair in kept_back),
        held_out_accuracy=accuracy(model.scores, kept_back),
    )
    training = {"steps": steps, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed}
    model.save(folder, {"scale": scale._asdict(), "training": training, "report": report.__dict__})
    return report


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
    return _load(path, version_of(path))


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


def read_preferences(path: str | Path) -> list[Preference]:
    """Read what ``write_pairs`` wrote of messages, or the same made elsewhere; other fields are passed over.

    Args:
        path: The file.

    Returns:
        The pairs, with cleaned messages.

    Raises:
        RewardiumError: When it cannot be read, with the number of the line that is no preference.

    Example:
        >>> from rewardium.rewards.learning.preference_pairs import write_pairs
        >>> write_pairs("some.jsonl", [Preference("a key", "a wall", 1.0)])
        >>> read_preferences("some.jsonl")
        [Preference(first='a key', second='a wall', preference=1.0)]
    """
    pairs = read_pairs(path, Preference, lambda side: isinstance(side, str), "texts", _LONGEST_LINE)
    return [Preference(clean_message(pair.first), clean_message(pair.second), pair.preference) for pair in pairs]

"""Motif: a reward over messages that was learned from a judge's preferences before the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.bradley_terry import Preference
from rewardium.rewards.learning.preferences import PreferenceModel, load_preference_model, train_preference_model
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._messages import score_messages


@register("motif")
@dataclass(frozen=True)
class Motif(RewardSource):
    """The learned reward of a step's message, normalised, and 0 below a quantile.

    With the reward model ``f`` over messages, its mean ``mu`` and deviation ``sigma`` over the labelled pairs, and its
    quantile ``eps`` over the distinct messages: ``r = 1[f(m) >= eps] * (f(m) - mu) / sigma``. From "Motif: Intrinsic
    Motivation from Artificial Intelligence Feedback" (2023), whose model learns from preferences of a language model
    between pairs of messages, ties included. The paper then divides by a count with exponent 3, which is
    ``0.1 * count_decay(motif(...))``. Quantile 0.5, the weight 0.1 and the way to normalise are those of the public
    code; certainty: high. Where the quantile lies below the mean, a message between the two is paid a little below 0.

    ``scripts/label_offline.py`` collects messages, asks a judge and trains the model. A step without a message
    scores 0.

    Score: value float32 [B]; invalid where a step has no text.

    Args:
        model: The folder of the model; ``~`` is the home.
        quantile: In [0, 1]; of the messages that the model was trained on.

    Raises:
        RewardiumError: When there is no model in the folder, or the quantile is out of its range.
        MissingExtraError: When torch or safetensors is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> order = ["It's a wall.", "You see here a key.", "You unlock the door."]
        >>> pairs = [Preference(a, b, float(i > j)) for i, a in enumerate(order) for j, b in enumerate(order) if i != j]
        >>> _ = train_preference_model(pairs, "my_model", steps=40, learning_rate=1e-3, held_out=0.0)
        >>> rows = [Transition("", "", 0, text=text) for text in [*order, "Message: (none)"]]
        >>> wall, key, door, nothing = Motif("my_model").score(TransitionBatch.from_transitions(rows)).value
        >>> bool(wall == 0.0 and door > max(key, 0.0) and nothing == 0.0)
        True
    """

    model: str
    quantile: float = 0.5
    _loaded: PreferenceModel = field(init=False, repr=False, compare=False)

    needs = frozenset({"text"})

    def __post_init__(self) -> None:
        if not isinstance(self.model, (str, Path)) or not str(self.model):
            raise RewardiumError(f"motif: 'model' must be the folder of a preference model, got {self.model!r}")
        object.__setattr__(self, "model", str(self.model))
        require_number(self, "quantile", at_least=0.0, at_most=1.0)
        object.__setattr__(self, "_loaded", load_preference_model(self.model))

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "quantile": self.quantile}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_loaded", load_preference_model(self.model))

    @classmethod
    def example(cls) -> Motif:
        """Return a small one, on a model trained for it in a temporary folder."""
        return cls(_example_folder().name)

    def score(self, batch: TransitionBatch) -> Score:
        """Score the message of each step."""
        return score_messages(batch, lambda messages: self._loaded.rewards(messages, self.quantile), "")


@cache
def _example_folder() -> TemporaryDirectory[str]:
    """Train once a process; the folder goes when the process ends."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-motif-")
    pairs = [
        Preference("You see here a key.", "You wait.", 1.0),
        Preference("It's a wall.", "You see here a key.", 0.0),
    ]
    train_preference_model(pairs, folder.name, steps=20, learning_rate=1e-3, held_out=0.0)
    return folder

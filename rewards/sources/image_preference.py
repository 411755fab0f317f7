"""RL-VLM-F: a reward over frames that was learned from a vision-language model's preferences."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.frame_cnn import FrameCnnSettings
from rewardium.rewards.learning.frame_model import FramePreference
from rewardium.rewards.learning.frame_preferences import (
    FramePreferenceModel,
    load_frame_preferences,
    train_frame_preferences,
)
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import rows_with_frames


@register("image_preference")
@dataclass(frozen=True)
class ImagePreference(Rebuilt, RewardSource):
    """The learned reward of a frame.

    From "RL-VLM-F: Reinforcement Learning from Vision Language Foundation Model Feedback" (2024): a vision-language
    model is shown pairs of frames and the goal in words and says which is nearer to the goal; a network over frames
    learns ``P(first wins) = sigmoid(r(first) - r(second))`` from its answers, pairs without a difference left out.
    Certainty: high for this rule; recalled for the three networks whose mean is taken and for the range (-1, 1) of
    their numbers. The paper asks for the differences first and then for a label; here there is one question. It
    collects pairs while the policy learns; ``scripts/label_frames.py`` labels frames before the run, and may be called
    again with the frames of a policy.

    Score: value float32 [B]: ``(f - mean) / deviation`` over the frames that were trained on, or ``f`` itself in
    (-1, 1); invalid where a row has no frame.

    Args:
        model: The folder of the model; ``~`` is the home.
        normalized: Whether the numbers are brought to mean 0 and deviation 1.

    Raises:
        RewardiumError: When there is no model in the folder.
        MissingExtraError: When torch or safetensors is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> source = ImagePreference.example()  # prefers the brighter of two frames
        >>> rows = [Transition(0, 0, 0, frame=np.full((16, 16, 3), grey, np.uint8)) for grey in (20, 120, 220)]
        >>> dark, grey, bright = source.score(TransitionBatch.from_transitions(rows)).value
        >>> bool(dark < grey < bright)
        True
    """

    model: str
    normalized: bool = True
    _loaded: FramePreferenceModel = field(init=False, repr=False, compare=False)

    needs = frozenset({"frame"})

    def __post_init__(self) -> None:
        if not isinstance(self.model, (str, Path)) or not str(self.model):
            raise RewardiumError(f"image_preference: 'model' must be the folder of a model, got {self.model!r}")
        object.__setattr__(self, "model", str(self.model))
        object.__setattr__(self, "_loaded", load_frame_preferences(self.model))

    @classmethod
    def example(cls) -> ImagePreference:
        """Return a small one, on a model trained for it in a temporary folder."""
        return cls(_example_folder().name)

    def score(self, batch: TransitionBatch) -> Score:
        """Score the frames of B transitions."""
        rows = rows_with_frames(batch)
        values: list[float | None] = [None] * len(batch)
        rewards = self._loaded.rewards([batch.frames[row] for row in rows], self.normalized)
        for row, reward in zip(rows, rewards.tolist(), strict=True):
            values[row] = reward
        return Score.of(values, reasons=["the row has no frame" if value is None else None for value in values])


@cache
def _example_folder() -> TemporaryDirectory[str]:
    """Train once a process; the folder goes when the process ends."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-frames-")
    frames = [np.full((16, 16, 3), 20 + 40 * grey, dtype=np.uint8) for grey in range(6)]
    pairs = [FramePreference(a, b, float(a > b)) for a in range(6) for b in range(6) if a != b]
    settings = FrameCnnSettings(size=16, width=4, members=2)
    train_frame_preferences(frames, pairs, folder.name, steps=80, learning_rate=3e-3, held_out=0.0, settings=settings)
    return folder

"""How far along a task a frame is, by the steps that were found in a few demonstrations."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.demonstration_steps import Squash, StepModel, learn_steps, step_rewards, weighted_steps
from rewardium.rewards.models.frame_files import read_frames
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import ClipSource, encoded_frames, example_clip, rows_with_frames
from rewardium.rewards.sources._columns import require_positive_int

_MOST_DEMONSTRATIONS = 100
_MOST_STEPS = 20


@register("perceptual_steps", papers=("A18",))
@dataclass(frozen=True)
class PerceptualSteps(ClipSource):
    """How well a frame fits the later steps of a task, as a few demonstrations show them.

    From "Unsupervised Perceptual Rewards for Imitation Learning" (2016). All of it is recalled, not re-read, so that
    every constant is a parameter; ``alpha`` 5 and 32 features are recalled with fair certainty:

    1. Each demonstration is cut into ``steps`` segments whose features vary least within them. The paper cuts
       recursively; here the best cuts are found by dynamic programming.
    2. For each step the ``features`` features are kept that tell it best from the rest:
       ``z_j = alpha * |mu+_j - mu-_j| - (sigma+_j + sigma-_j)``.
    3. A frame fits step i by ``q_i = (1/M) * sum_j (x_j - mu_ij)^2 / sigma_ij^2``, squashed to [0, 1]:
       ``exp(-q_i / 2)``, or ``1 - q_i / (largest q_i in the demonstrations)``. Which of them is ours.
    4. ``r = sum_{i=2..N} 2^(i-1) R_i / (2^N - 2)``. The division is ours, and gives [0, 1].

    The features are the image vectors of a vision-language model (the paper's are of a layer of an image classifier).
    No words are needed, and no actions: a few videos of the task in the very scene are enough.

    Score: value float32 [B] in [0, 1]; invalid where a row has no frame.

    Args:
        clip: A folder, or architecture and weights of ``open_clip``; ``""`` leaves it to the flag ``--clip``.
        demonstrations: Files or folders of frames, one a demonstration (see ``read_frames``).
        steps: Segments N of each demonstration, from 2 to 20.
        features: Features M that are kept for a step.
        alpha: How much a gap of the means counts against the spreads.
        floor: The least deviation, as a share of a feature's deviation over all frames; ours.
        squash: ``"exponential"`` is sharp; ``"linear"`` still tells far frames from farther ones.

    Raises:
        RewardiumError: When a parameter is out of range, a demonstration cannot be read or is too short, or there is no
            such encoder.
        MissingExtraError: When ``open_clip`` is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> source = PerceptualSteps.example()  # a dark frame becomes bright, then blue
        >>> shown = read_frames(source.demonstrations[0])
        >>> batch = TransitionBatch.from_transitions([Transition(0, 0, 0, frame=shown[index]) for index in (0, 5, 9)])
        >>> dark, bright, blue = source.score(batch).value
        >>> bool(dark < bright < blue)
        True
    """

    demonstrations: tuple[str, ...] = ()
    steps: int = 3
    features: int = 32
    alpha: float = 5.0
    floor: float = 0.05
    squash: Squash = "exponential"
    _model: StepModel | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = self.demonstrations
        paths = (given,) if isinstance(given, (str, Path)) else given
        if not isinstance(paths, (list, tuple)) or not 1 <= len(paths) <= _MOST_DEMONSTRATIONS:
            raise RewardiumError(
                f"perceptual_steps: 'demonstrations' must be 1 to {_MOST_DEMONSTRATIONS} paths, got {given!r}"
            )
        object.__setattr__(self, "demonstrations", tuple(str(path) for path in paths))
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or not 2 <= self.steps <= _MOST_STEPS:
            raise RewardiumError(f"perceptual_steps: 'steps' must be 2 to {_MOST_STEPS}, got {self.steps!r}")
        require_positive_int("perceptual_steps: 'features'", self.features)
        require_number(self, "alpha", at_least=0.0)
        require_number(self, "floor", above=0.0)
        require_choice(self, "squash", get_args(Squash))
        super().__post_init__()
        shown = [read_frames(path) for path in self.demonstrations]
        object.__setattr__(self, "_model", None if self._encoder is None else self._learned(shown))

    needs = frozenset({"frame"})

    @classmethod
    def example(cls) -> PerceptualSteps:
        """Return a small one, on an encoder with random weights and a demonstration in a temporary folder."""
        return cls(example_clip().name, (str(Path(_example_folder().name) / "demonstration.npy"),))

    def score(self, batch: TransitionBatch) -> Score:
        """Score the frames of B transitions."""
        rows = rows_with_frames(batch)
        vectors = encoded_frames(self.encoder, batch, rows).astype(np.float64)
        values: list[float | None] = [None] * len(batch)
        if self._model is not None and rows:
            fits = weighted_steps(step_rewards(vectors, self._model, self.squash))
            for row, value in zip(rows, fits.tolist(), strict=True):
                values[row] = value
        return Score.of(values, reasons=["the row has no frame" if value is None else None for value in values])

    def _learned(self, shown: list[NDArray[np.uint8]]) -> StepModel:
        vectors = [self.encoder.encode_images(frames).astype(np.float64) for frames in shown]
        return learn_steps(vectors, self.steps, kept=self.features, alpha=self.alpha, floor=self.floor)


@cache
def _example_folder() -> TemporaryDirectory[str]:
    """Write a demonstration once a process; the folder goes when the process ends."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-demonstration-")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 20, (10, 32, 32, 3), dtype=np.uint8)
    frames[3:7] += 200
    frames[7:, :, :, 2] += 120
    np.save(Path(folder.name) / "demonstration.npy", frames)
    return folder

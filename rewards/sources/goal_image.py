"""How alike a frame and a picture of the goal are, to the image tower of a vision-language model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.frames import LONGEST_SIDE
from rewardium.rewards.registry import register
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import ClipSource, encoded_frames, example_clip, mean_direction, rows_with_frames

_MAX_IMAGES = 100


@register("goal_image")
@dataclass(frozen=True)
class GoalImage(ClipSource):
    """The cosine similarity of a frame's vector with that of a picture of the goal.

    ::

        r = cos(E(frame), E(goal image))

    It needs no sentence, but a picture of the goal in the very scene, e.g. a frame that was saved. Of several pictures
    the mean vector is taken, scaled to length 1 again. The pictures go through the encoder once, when the source is
    built, and all frames of a batch in one call. The image term of "Subject-driven Text-to-Image Generation via
    Preference-based Reinforcement Learning" (2024) has this form, with a model of its own; ``harmonic`` joins it with
    ``vlm_rm`` as that paper does. Certainty: high for the form.

    Score: value float32 [B] in [-1, 1]; invalid where the frame is missing.

    Args:
        clip: A folder, or architecture and weights of ``open_clip``; ``""`` leaves it to the flag ``--clip``.
        image: Path of one or several pictures (PNG, JPEG and what else Pillow reads).

    Raises:
        RewardiumError: When a picture cannot be read, or there is no such encoder.
        MissingExtraError: When ``open_clip`` is not installed.

    Example:
        >>> from PIL import Image
        >>> from rewardium.envs.transition import Transition
        >>> goal = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        >>> Image.fromarray(goal).save("goal.png")
        >>> source = GoalImage(example_clip().name, "goal.png")
        >>> score = source.score(TransitionBatch.from_transitions([Transition(0, 0, 0, frame=goal)]))
        >>> round(float(score.value[0]), 4)
        1.0
    """

    image: tuple[str, ...] = ()
    _goal: NDArray[np.float32] = field(init=False, repr=False, compare=False)

    needs = frozenset({"frame"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", _paths(self.image))
        super().__post_init__()
        pictures = [read_picture(path) for path in self.image]
        # Without an encoder there is nothing yet, and nothing can be scored.
        goal = np.zeros(0, dtype=np.float32) if self._encoder is None else self._encoded(pictures)
        object.__setattr__(self, "_goal", goal)

    @classmethod
    def example(cls) -> GoalImage:
        """Return a small one, on an encoder with random weights."""
        from PIL import Image

        folder = example_clip().name
        picture = Path(folder) / "goal.png"
        Image.fromarray(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)).save(picture)
        return cls(folder, (str(picture),))

    def score(self, batch: TransitionBatch) -> Score:
        """Score the frames of B transitions."""
        rows = rows_with_frames(batch)
        similarities = encoded_frames(self.encoder, batch, rows) @ self._goal
        values: list[float | None] = [None] * len(batch)
        reasons: list[str | None] = ["the row has no frame"] * len(batch)
        for row, similarity in zip(rows, similarities.tolist(), strict=True):
            values[row], reasons[row] = similarity, None
        return Score.of(values, reasons=reasons)

    def _encoded(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        # One by one, because pictures may differ in size; frames of one batch never do.
        return mean_direction(np.concatenate([self.encoder.encode_images([picture]) for picture in pictures]))


def _paths(given: object) -> tuple[str, ...]:
    values = (given,) if isinstance(given, (str, Path)) else given
    if not isinstance(values, (list, tuple)) or not values or not all(isinstance(path, (str, Path)) for path in values):
        raise RewardiumError(f"goal_image: 'image' must be the path of a picture, or several, got {given!r}")
    paths = tuple(str(path) for path in values)
    if len(paths) > _MAX_IMAGES or not all(paths):
        raise RewardiumError(f"goal_image: 'image' must be 1 to {_MAX_IMAGES} paths, got {given!r}")
    return paths


def read_picture(path: str) -> NDArray[np.uint8]:
    """Read a picture as a frame.

    Args:
        path: The file; ``~`` is the home.

    Returns:
        uint8 [height, width, 3]; a transparent picture stands on black.

    Raises:
        RewardiumError: When there is no such file, it is no picture, or a side is too long.
        MissingExtraError: When Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("PIL", "vision") from error
    try:
        with Image.open(Path(path).expanduser()) as picture:
            if max(picture.size) > LONGEST_SIDE:  # known before the picture is unpacked
                raise RewardiumError(
                    f"the picture {path!r} is {picture.size} pixels large, at most {LONGEST_SIDE} a side"
                )
            return np.asarray(picture.convert("RGB"), dtype=np.uint8).copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RewardiumError(f"cannot read the goal's picture {path!r}: {error}") from error

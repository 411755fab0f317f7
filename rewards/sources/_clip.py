"""What sources with a vision encoder share; the leading underscore says that this file is no source."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.models.vision_encoder import VisionEncoder, load_vision_encoder
from rewardium.rewards.reward import RewardSource


@dataclass(frozen=True)
class ClipSource(Rebuilt, RewardSource):
    """A source that looks at frames through a vision encoder, which is loaded when the source is built.

    Args:
        clip: What ``load_vision_encoder`` takes; ``""`` leaves it to the flag ``--clip``.

    Raises:
        RewardiumError: When there is no such encoder.
        MissingExtraError: When ``open_clip`` is not installed.
    """

    clip: str = ""
    _encoder: VisionEncoder | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.clip, (str, Path)):
            raise RewardiumError(f"{self.registered_name}: 'clip' must be a model's name or folder, got {self.clip!r}")
        object.__setattr__(self, "clip", str(self.clip))
        object.__setattr__(self, "_encoder", load_vision_encoder(self.clip) if self.clip else None)

    @property
    def encoder(self) -> VisionEncoder:
        """The encoder.

        Raises:
            RewardiumError: When none is named.
        """
        if self._encoder is None:
            raise RewardiumError(
                f"{self.registered_name} has no vision encoder: give the script --clip, or write "
                f"{self.registered_name}(clip='runs/clip/small'), which scripts/train_clip.py makes, "
                f"or {self.registered_name}(clip='ViT-bigG-14/laion2b_s39b_b160k')"
            )
        return self._encoder

    def check_frames(self, shape: tuple[int, ...], dtype: Any) -> None:
        """Refuse frames that the encoder cannot read, before a long run renders many of them.

        Args:
            shape: Of one frame, ``(height, width, 3)``.
            dtype: Of the frame; must be uint8.

        Raises:
            RewardiumError: Saying what is wrong and what would be right.
        """
        self.encoder.check_frames(shape, dtype)


def rows_with_frames(batch: TransitionBatch) -> list[int]:
    """Return the rows that have a frame."""
    return [] if batch.frames is None else [row for row, frame in enumerate(batch.frames) if frame is not None]


def encoded_frames(encoder: VisionEncoder, batch: TransitionBatch, rows: list[int]) -> NDArray[np.float32]:
    """Encode the frames of some rows in one call.

    Args:
        encoder: The encoder.
        batch: B transitions.
        rows: Rows that have a frame.

    Returns:
        float32 [len(rows), D].
    """
    return encoder.encode_images([batch.frames[row] for row in rows])


def mean_direction(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of K vectors of length 1, again of length 1.

    Args:
        vectors: float32 [K, D], K at least 1.

    Returns:
        float32 [D].

    Raises:
        RewardiumError: When the vectors cancel out.

    Example:
        >>> mean_direction(np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)).round(3).tolist()
        [0.7070000171661377, 0.7070000171661377]
    """
    mean = vectors.astype(np.float64).mean(axis=0)
    length = np.linalg.norm(mean)
    if length < 1e-6:
        raise RewardiumError("the sentences or images contradict each other: the mean of their vectors is zero")
    return np.asarray(mean / length, dtype=np.float32)


@cache
def example_clip() -> TemporaryDirectory[str]:
    """Build a tiny encoder with random weights once a process; its folder goes when the process ends."""
    from rewardium.rewards.learning.small_clip import TINY, build_clip, save_clip

    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-clip-")
    save_clip(build_clip(TINY, seed=0), TINY, folder.name)
    return folder

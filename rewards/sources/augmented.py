"""A source that is shown another view of each frame: shifted, brighter or darker, and noisy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import no_score


def augmented_frame(
    frame: NDArray[np.uint8], seed: int, shift: float = 0.04, brightness: float = 0.1, noise: float = 0.02
) -> NDArray[np.uint8]:
    """Return another view of a frame, the same for the same frame and seed.

    Args:
        frame: uint8 [H, W, 3].
        seed: Another seed, another view.
        shift: The largest shift, as a share of height and width; the border is repeated.
        brightness: The largest change of brightness, as a share of white.
        noise: Standard deviation of the pixels' noise, as a share of white.

    Returns:
        uint8 [H, W, 3].

    Example:
        >>> frame = np.full((8, 8, 3), 100, np.uint8)
        >>> view = augmented_frame(frame, seed=1)
        >>> view.shape, bool((view == augmented_frame(frame, seed=1)).all()), bool((view == frame).all())
        ((8, 8, 3), True, False)
        >>> bool((augmented_frame(frame, 1, shift=0, brightness=0, noise=0) == frame).all())
        True
    """
    height, width = frame.shape[:2]
    # The draw follows from the pixels, not from a counter: a frame gets one score, beside whatever it comes.
    rng = np.random.default_rng((seed, crc32(frame.tobytes())))
    rows, columns = (round(side * shift * rng.uniform(-1.0, 1.0)) for side in (height, width))
    row = np.clip(np.arange(height) + rows, 0, height - 1)
    column = np.clip(np.arange(width) + columns, 0, width - 1)
    change = 255.0 * brightness * rng.uniform(-1.0, 1.0)
    seen = frame[row][:, column].astype(np.float32) + np.float32(change)
    if noise > 0.0:
        seen += np.float32(255.0 * noise) * rng.standard_normal(seen.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(seen), 0, 255), dtype=np.uint8)


@register("augmented")
@dataclass(frozen=True)
class Augmented(RewardSource):
    """Let a source score another view of each frame; the view follows from the frame's pixels and the seed.

    For ``uncertainty``, which compares what a model says of two views: ``uncertainty(vlm_rm, augmented(vlm_rm))``. The
    model sees every frame once more. The kinds and sizes of the changes are ours: small enough to leave what happened
    as it was.

    Score: that of the source; invalid where a row has no frame.

    Args:
        source: What scores the changed frames.
        seed: Another seed, another view.
        shift: The largest shift, as a share of height and width, in [0, 1].
        brightness: The largest change of brightness, as a share of white, in [0, 1].
        noise: Standard deviation of the pixels' noise, as a share of white, in [0, 1].

    Raises:
        RewardiumError: When a parameter is out of range, or ``source`` is no source.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("uncertainty(graded, augmented(graded, shift=0.02))"))
        uncertainty(reward=graded, other=augmented(source=graded, shift=0.02))
    """

    source: RewardSource
    seed: int = 0
    shift: float = 0.04
    brightness: float = 0.1
    noise: float = 0.02

    def __post_init__(self) -> None:
        if not isinstance(self.source, RewardSource):
            raise RewardiumError(f"augmented: 'source' must be a source, got {self.source!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise RewardiumError(f"augmented: 'seed' must be a whole number of at least 0, got {self.seed!r}")
        for name in ("shift", "brightness", "noise"):
            require_number(self, name, at_least=0.0, at_most=1.0)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the source needs, and the frame."""
        return self.source.needs | {"frame"}

    def score(self, batch: TransitionBatch) -> Score:
        """Change the frames of B rows and score them."""
        if batch.frames is None:
            return no_score(batch, "the row has no frame")
        seen = [None if frame is None else self._view(np.asarray(frame)) for frame in batch.frames]
        scored = self.source.score(replace(batch, frames=seen))
        known = np.array([frame is not None for frame in seen], dtype=np.bool_)
        return Score.of(
            scored.value, valid=scored.valid & known, segments=scored.segments, reasons=scored.reasons, cost=scored.cost
        )

    def _view(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if frame.dtype != np.uint8 or frame.ndim != 3:
            raise RewardiumError(f"augmented: frames must be uint8 [H, W, 3], got {frame.dtype} {frame.shape}")
        return augmented_frame(frame, self.seed, self.shift, self.brightness, self.noise)

"""Frames of an environment as the input of an image encoder: resized, cropped and scaled on tensors, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    import torch

LONGEST_SIDE = 4096
"""Larger frames are a mistake: each costs as much memory as a thousand of those that an encoder sees."""
MOST_ENLARGED = 4
"""A frame whose short side is this many times shorter than the encoder's image shows next to nothing."""
MOST_STRETCHED = 2.0
"""Of a frame this much longer than it is wide, encoders that look at the middle square do not see a half."""


@dataclass(frozen=True)
class FrameTransform:
    """What stands between a frame and an encoder: the evaluation transform of ``open_clip``, without PIL.

    Args:
        size: Height and width of the encoder's image.
        mean: Of the encoder's training data, red, green and blue, in [0, 1].
        deviation: Likewise; above 0.
        interpolation: ``"bicubic"`` or ``"bilinear"``; both smooth where they shrink.
        resize_mode: ``"shortest"`` crops the middle square, ``"longest"`` fills up to a square, ``"squash"`` stretches.
        fill: Grey in [0, 255] of what ``"longest"`` fills up.

    Raises:
        RewardiumError: When a value is out of range.

    Example:
        >>> import torch
        >>> transform = FrameTransform(size=2, mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5))
        >>> images = transform(torch.full((1, 4, 8, 3), 255, dtype=torch.uint8))
        >>> tuple(images.shape), images.unique().tolist()
        ((1, 3, 2, 2), [1.0])
    """

    size: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or not 1 <= self.size <= LONGEST_SIDE:
            raise RewardiumError(
                f"an encoder's images must be squares of 1 to {LONGEST_SIDE} pixels, got {self.size!r}"
            )
        if len(self.mean) != 3 or len(self.deviation) != 3 or min(self.deviation) <= 0:
            raise RewardiumError(
                f"an encoder needs 3 means and 3 deviations above 0, got {self.mean}, {self.deviation}"
            )
        if self.interpolation not in ("bicubic", "bilinear"):
            raise RewardiumError(f"'interpolation' must be 'bicubic' or 'bilinear', got {self.interpolation!r}")
        if self.resize_mode not in ("shortest", "longest", "squash"):
            raise RewardiumError(f"'resize_mode' must be 'shortest', 'longest' or 'squash', got {self.resize_mode!r}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FrameTransform:
        """Read the ``preprocess_cfg`` of an ``open_clip`` model.

        Raises:
            RewardiumError: When something is missing, out of range, or the images are no squares.
        """
        size = config.get("size")
        sides = {size} if isinstance(size, int) else set(size or ())
        if len(sides) != 1:
            raise RewardiumError(f"an encoder's images must be squares, got the size {size!r}")
        try:
            mean, deviation = (tuple(float(value) for value in config[name]) for name in ("mean", "std"))
        except (KeyError, TypeError, ValueError) as error:
            raise RewardiumError(f"an encoder needs 'mean' and 'std' of three numbers each, got {config!r}") from error
        given = config.get("interpolation") or "bicubic"
        # open_clip's word for training; it evaluates such models with bicubic interpolation.
        interpolation = "bicubic" if given == "random" else given
        fill = int(config.get("fill_color") or 0)
        return cls(sides.pop(), mean, deviation, interpolation, config.get("resize_mode") or "shortest", fill)

    def check(self, shape: tuple[int, ...], dtype: Any) -> None:
        """Refuse frames that are none, or of which the encoder would see next to nothing.

        Args:
            shape: Of one frame, ``(height, width, 3)``, or of several, ``(B, height, width, 3)``.
            dtype: Of the frames; must be uint8.

        Raises:
            RewardiumError: Saying what is wrong and what would be right.

        Example:
            >>> FrameTransform(224, (0.5,) * 3, (0.5,) * 3).check((64, 64), "float32")
            Traceback (most recent call last):
            ...
            rewardium.envs.errors.RewardiumError: frames must be uint8 [height, width, 3], got float32 (64, 64)
        """
        shape = tuple(shape)
        if len(shape) not in (3, 4) or shape[-1] != 3 or np.dtype(dtype) != np.uint8:
            raise RewardiumError(f"frames must be uint8 [height, width, 3], got {np.dtype(dtype)} {shape}")
        short, long = sorted(shape[-3:-1])
        if short * MOST_ENLARGED < self.size:
            raise RewardiumError(
                f"frames of {shape[-3]} x {shape[-2]} pixels are too small for an encoder of {self.size}: "
                f"render at least {-(-self.size // MOST_ENLARGED)}, best {self.size}"
            )
        if long > LONGEST_SIDE:
            raise RewardiumError(f"frames of {shape[-3]} x {shape[-2]} pixels are too large, at most {LONGEST_SIDE}")
        if self.resize_mode == "shortest" and long > MOST_STRETCHED * short:
            raise RewardiumError(
                f"frames of {shape[-3]} x {shape[-2]} pixels are too long: the encoder sees the square in the middle, "
                "less than a half; render squares"
            )

    def __call__(self, frames: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Turn B frames into B images.

        Args:
            frames: uint8 [B, height, width, 3], on the device where the encoder is.
            dtype: Of the result; float32 by default.

        Returns:
            [B, 3, size, size], with mean 0 and deviation 1 over the encoder's training data.
        """
        import torch

        images = self._resized(frames.permute(0, 3, 1, 2))
        # One multiplication and one addition a number: (x / 255 - mean) / deviation.
        mean, deviation = (images.new_tensor(values, dtype=torch.float32) for values in (self.mean, self.deviation))
        scale, shift = 1.0 / (255.0 * deviation), -mean / deviation
        scaled = images.to(torch.float32).mul_(scale.view(1, 3, 1, 1)).add_(shift.view(1, 3, 1, 1))
        return scaled if dtype is None else scaled.to(dtype)

    def _resized(self, images: torch.Tensor) -> torch.Tensor:
        """Resize and crop [B, 3, height, width]; the values stay whole numbers in [0, 255], as in an image file."""
        height, width = images.shape[-2:]
        target = self._target(height, width)
        if target != (height, width):
            images = _interpolated(images, target, self.interpolation)
        if self.resize_mode == "longest":
            images = _filled(images, self.size, self.fill)
        top, left = (round((side - self.size) / 2) for side in images.shape[-2:])
        return images[..., top : top + self.size, left : left + self.size]

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if self.resize_mode == "squash":
            return self.size, self.size
        side = min(height, width) if self.resize_mode == "shortest" else max(height, width)
        if self.resize_mode == "longest":
            return max(1, round(height * self.size / side)), max(1, round(width * self.size / side))
        return int(self.size * height / side), int(self.size * width / side)


def _interpolated(images: torch.Tensor, target: tuple[int, int], mode: str) -> torch.Tensor:
    import torch
    from torch.nn.functional import interpolate

    if images.device.type == "cpu":
        return interpolate(images, size=target, mode=mode, antialias=True)  # as PIL does, in whole numbers
    resized = interpolate(images.to(torch.float32), size=target, mode=mode, antialias=True)
    return resized.round_().clamp_(0.0, 255.0)


def _filled(images: torch.Tensor, size: int, value: int) -> torch.Tensor:
    from torch.nn.functional import pad

    height, width = images.shape[-2:]
    top, left = (size - height) // 2, (size - width) // 2
    return pad(images, (left, size - width - left, top, size - height - top), value=value)

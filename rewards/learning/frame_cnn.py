"""A small convolutional network over frames: one number a frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError

if TYPE_CHECKING:
    from torch import Tensor, nn

_LARGEST = 1_024


@dataclass(frozen=True)
class FrameCnnSettings:
    """The size of the network.

    The paper's is a convolutional network over rendered frames, three of which vote; its sizes are recalled so vaguely
    that those here are ours.

    Args:
        size: Height and width to which frames are brought; a multiple of 16.
        width: Channels of the first of four convolutions; each next one has twice as many, at most 8 times.
        members: Networks that are trained from different weights and averaged.

    Raises:
        RewardiumError: When a size is out of range.
    """

    size: int = 64
    width: int = 16
    members: int = 3

    def __post_init__(self) -> None:
        for name, largest in (("size", _LARGEST), ("width", 256), ("members", 16)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
                raise RewardiumError(f"frame CNN: {name} must be a whole number from 1 to {largest}, got {value!r}")
        if self.size % 16:
            raise RewardiumError(f"frame CNN: size must be a multiple of 16, got {self.size}")


def small_frames(frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Bring frames to one small size by averaging, a few at a time.

    Args:
        frames: B frames, uint8 [H, W, 3], of any sizes.
        size: Height and width of the result.

    Returns:
        uint8 [B, 3, size, size].

    Raises:
        RewardiumError: When something is no such frame.

    Example:
        >>> small_frames([np.full((64, 48, 3), 7, np.uint8)], 16)[0, :, 3, 5].tolist()
        [7, 7, 7]
    """
    import torch
    from torch.nn.functional import interpolate

    small = np.empty((len(frames), 3, size, size), dtype=np.uint8)
    for row, frame in enumerate(frames):
        array = np.ascontiguousarray(frame)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise RewardiumError(
                f"frames must be uint8 of the shape (height, width, 3), got {array.dtype} {array.shape}"
            )
        # A copy, because torch refuses to look at memory that may only be read.
        image = torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float()
        resized = interpolate(image, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
        small[row] = resized[0].round().clamp(0, 255).byte().numpy()
    return small


def build_frame_cnn(settings: FrameCnnSettings, seed: int = 0) -> nn.ModuleList:
    """Build the members with weights drawn from a generator of their own; torch's global ones are not touched.

    Args:
        settings: Their size.
        seed: Of the weights; each member has others.

    Returns:
        The members, for ``frame_cnn``.

    Raises:
        MissingExtraError: When torch is not installed.
    """
    try:
        import torch
        from torch import nn
    except ImportError as error:
        raise MissingExtraError("torch", "control") from error
    generator = torch.Generator().manual_seed(seed)
    members = nn.ModuleList([_member(settings) for _ in range(settings.members)]).to_empty(device="cpu")
    with torch.no_grad():
        for weights in members.parameters():
            if weights.ndim == 1:
                weights.zero_()
            else:
                weights.normal_(std=math.sqrt(2.0 / weights[0].numel()), generator=generator)
    return members


def _member(settings: FrameCnnSettings) -> nn.Sequential:
    from torch import nn

    widths = [3, *(settings.width * factor for factor in (1, 2, 4, 8))]
    layers: list[nn.Module] = []
    for channels, wider in pairwise(widths):
        # On the meta device a layer draws no initial weights.
        layers += [nn.Conv2d(channels, wider, 3, stride=2, padding=1, device="meta"), nn.ReLU()]
    places = (settings.size // 16) ** 2
    layers += [nn.Flatten(), nn.Linear(widths[-1] * places, 1, device="meta"), nn.Tanh()]
    return nn.Sequential(*layers)


def frame_cnn(members: Iterable[nn.Module], images: Tensor) -> Tensor:
    """Compute one number a frame and member.

    Args:
        members: What ``build_frame_cnn`` returned, or some of them.
        images: uint8 [B, 3, size, size].

    Returns:
        float32 [B, members] in (-1, 1).

    Example:
        >>> import torch
        >>> members = build_frame_cnn(FrameCnnSettings(size=16, width=4, members=2))
        >>> tuple(frame_cnn(members, torch.zeros((5, 3, 16, 16), dtype=torch.uint8)).shape)
        (5, 2)
    """
    import torch

    scaled = images.float() / 127.5 - 1.0
    outputs: Any = [member(scaled)[:, 0] for member in members]
    result: Tensor = torch.stack(outputs, dim=1)
    return result

"""What a policy sees with: small networks for the planes and features of grid worlds such as NetHack's maps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from rewardium.envs.errors import RewardiumError

# Stable-Baselines3's network for images takes none that is smaller.
SMALLEST_IMAGE = 36
EMBEDDING = 16
"""Numbers that a square of a grid is turned into."""


def is_planes(space: spaces.Space[object]) -> bool:
    """Say whether observations are planes over a grid, [K, H, W], rather than pictures.

    Args:
        space: The space of one observation.

    Returns:
        True for a Box of three dimensions and whole numbers whose grid is smaller than a picture.

    Example:
        >>> is_planes(spaces.Box(0, 1, (12, 9, 9), np.uint8)), is_planes(spaces.Box(0, 255, (3, 84, 84), np.uint8))
        (True, False)
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 3 or not np.issubdtype(space.dtype, np.integer):
        return False
    return min(space.shape[1:]) < SMALLEST_IMAGE


def has_planes(space: spaces.Space[object]) -> bool:
    """Say whether observations are planes, or a mapping that holds some."""
    return any(is_planes(item) for item in (space.values() if isinstance(space, spaces.Dict) else (space,)))


class GridExtractor(BaseFeaturesExtractor):
    """Planes through an embedding and two convolutions, vectors through a layer, and all of it through one more.

    Planes [K, H, W] are divided by the largest value that their space allows, so that planes of zeros and ones stay as
    they are. The first layer looks at each square alone and turns its K planes into a few numbers, as an embedding of
    what stands there; that and the two strides keep a grid of 9 x 9 with 35 planes at a quarter of a million
    multiplications, a fifth of what convolutions over all planes take.

    Args:
        observation_space: Planes, or a mapping of planes, vectors and what Stable-Baselines3 makes vectors of.
        features_dim: Width of the result.
        channels: Channels of each convolution.
        vector_width: Width of the layer for all vectors together.

    Raises:
        RewardiumError: When there are no planes among the observations.

    Example:
        >>> planes, features = spaces.Box(0, 1, (12, 9, 9), np.uint8), spaces.Box(-1, 1, (20,), np.float32)
        >>> extractor = GridExtractor(spaces.Dict({"features": features, "image": planes}))
        >>> extractor({"image": torch.zeros(5, 12, 9, 9), "features": torch.zeros(5, 20)}).shape
        torch.Size([5, 128])
    """

    def __init__(
        self,
        observation_space: spaces.Space[object],
        features_dim: int = 128,
        channels: int = 32,
        vector_width: int = 64,
    ) -> None:
        super().__init__(observation_space, features_dim)
        named = observation_space.spaces if isinstance(observation_space, spaces.Dict) else {"": observation_space}
        self._planes = [name for name, space in named.items() if is_planes(space)]
        if not self._planes:
            raise RewardiumError(f"GridExtractor needs planes (whole numbers [K, H, W]), got {observation_space}")
        self._vectors = [name for name in named if name not in self._planes]
        self._scales = {name: 1.0 / max(float(np.max(_box(named, name).high)), 1.0) for name in self._planes}
        self.convolutions = nn.ModuleDict(
            {f"of_{name}": _convolutions(_box(named, name), channels) for name in self._planes}
        )
        width = sum(channels * _grid(_box(named, name)) for name in self._planes)
        self.vectors: nn.Module | None = None
        if self._vectors:
            length = sum(spaces.flatdim(named[name]) for name in self._vectors)
            self.vectors = nn.Sequential(nn.Linear(length, vector_width), nn.ReLU())
            width += vector_width
        self.joined = nn.Sequential(nn.Linear(width, features_dim), nn.ReLU())

    def forward(self, observations: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Return features float32 [B, features_dim] of observations as floats: [B, K, H, W], or a mapping of them."""
        named = {"": observations} if isinstance(observations, Tensor) else observations
        parts = [self.convolutions[f"of_{name}"](named[name].float() * self._scales[name]) for name in self._planes]
        if self.vectors is not None:
            vector = torch.cat([named[name].flatten(1).float() for name in self._vectors], dim=1)
            parts.append(self.vectors(vector))
        joined: Tensor = self.joined(torch.cat(parts, dim=1))
        return joined


def _box(named: Mapping[str, spaces.Space[object]], name: str) -> spaces.Box:
    space = named[name]
    if not isinstance(space, spaces.Box):
        raise RewardiumError(f"{name!r} is no Box: {space}")
    return space


def _convolutions(space: spaces.Box, channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(space.shape[0], EMBEDDING, kernel_size=1),
        nn.ReLU(),
        nn.Conv2d(EMBEDDING, channels, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
    )


def _grid(space: spaces.Box) -> int:
    """Return the size of the grid after two convolutions of stride 2."""
    return math.prod(-(-side // 4) for side in space.shape[1:])

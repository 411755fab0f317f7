from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from rewardium.agents.control.networks import GridExtractor, has_planes, is_planes
from rewardium.envs.errors import RewardiumError

PLANES = Box(0, 255, (17, 9, 9), np.uint8)
FEATURES = Box(-1.0, 1.0, (12,), np.float32)


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (PLANES, True),
        (Box(0, 1, (20, 21, 79), np.uint8), True),
        (Box(0, 255, (3, 84, 84), np.uint8), False),
        (Box(0.0, 1.0, (3, 9, 9), np.float32), False),
        (FEATURES, False),
        (Discrete(4), False),
    ],
    ids=str,
)
def test_what_planes_are(space, expected):
    assert is_planes(space) is expected
    assert has_planes(Dict({"a": space, "b": FEATURES})) is expected


@pytest.mark.parametrize("grid", [(9, 9), (5, 7), (21, 79), (1, 1)], ids=str)
def test_shapes(grid):
    planes = Box(0, 255, (17, *grid), np.uint8)
    assert GridExtractor(planes)(torch.zeros(3, *planes.shape)).shape == (3, 128)
    both = GridExtractor(Dict({"image": planes, "features": FEATURES}), features_dim=32)
    assert isinstance(both, BaseFeaturesExtractor)
    assert both.features_dim == 32
    assert both({"image": torch.zeros(3, *planes.shape), "features": torch.zeros(3, 12)}).shape == (3, 32)


def test_planes_reach_the_network_as_zeros_and_ones():
    torch.manual_seed(0)
    bits = torch.randint(0, 2, (4, 17, 9, 9)).float()
    ones = GridExtractor(Box(0, 1, (17, 9, 9), np.uint8))
    bytes_ = GridExtractor(PLANES)
    bytes_.load_state_dict(ones.state_dict())
    torch.testing.assert_close(ones(bits), bytes_(255 * bits))
    assert not torch.allclose(ones(bits), ones(torch.zeros_like(bits)))


def test_every_part_is_seen():
    torch.manual_seed(0)
    extractor = GridExtractor(Dict({"a": PLANES, "b": FEATURES, "c": Box(0.0, 1.0, (2, 2), np.float32)}))
    base = {"a": torch.zeros(1, *PLANES.shape), "b": torch.zeros(1, 12), "c": torch.zeros(1, 2, 2)}
    for key, value in base.items():
        assert not torch.allclose(extractor({**base, key: value + 1.0}), extractor(base))


def test_without_planes_it_says_so():
    with pytest.raises(RewardiumError, match="needs planes"):
        GridExtractor(FEATURES)

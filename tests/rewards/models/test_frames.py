from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.frames import FrameTransform

torch = pytest.importorskip("torch")
MEAN, DEVIATION = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


def frames(height, width, count=2):
    noise = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    noise[:, : height // 2] = noise[:, :1, :1]  # a plain half, as pictures have
    return noise


def test_frames_of_the_right_size_are_only_scaled():
    given_frames = frames(8, 8)
    images = FrameTransform(8, MEAN, DEVIATION)(torch.from_numpy(given_frames))
    expected = (given_frames / 255.0 - np.array(MEAN)) / np.array(DEVIATION)
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, atol=1e-5)
    assert images.dtype == torch.float32


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("shape", [(64, 64), (48, 80), (80, 49), (20, 20), (32, 33)], ids=str)
def test_it_is_the_transform_of_open_clip(resize_mode, interpolation, shape):
    transform = pytest.importorskip("open_clip.transform")
    from PIL import Image

    config = {"size": 32, "mean": MEAN, "std": DEVIATION, "interpolation": interpolation, "resize_mode": resize_mode}
    reference = transform.image_transform_v2(transform.PreprocessCfg(**config), is_train=False)
    given_frames = frames(*shape)
    images = FrameTransform.from_config(config)(torch.from_numpy(given_frames))
    expected = torch.stack([reference(Image.fromarray(frame)) for frame in given_frames])
    assert images.shape == expected.shape
    # Both round after each of their two passes, which makes a few steps of 255 in noise, and none on the whole.
    steps = (images - expected).abs() * 255 * min(DEVIATION)
    assert steps.max() <= 4
    assert steps.mean() < 0.3


@settings(deadline=None, max_examples=30)
@given(
    st.integers(4, 40),
    st.integers(4, 40),
    st.integers(4, 40),
    st.sampled_from(["shortest", "longest", "squash"]),
)
def test_the_images_are_squares_of_the_right_size_and_a_frame_looks_alike_in_any_batch(height, width, size, mode):
    transform = FrameTransform(size, MEAN, DEVIATION, resize_mode=mode)
    given_frames = frames(height, width, count=3)
    images = transform(torch.from_numpy(given_frames))
    assert images.shape == (3, 3, size, size)
    assert torch.equal(images[1:2], transform(torch.from_numpy(given_frames[1:2])))


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((64, 64, 3), np.float32, r"uint8 \[height, width, 3\], got float32"),
        ((64, 64), np.uint8, r"got uint8 \(64, 64\)"),
        ((64, 64, 4), np.uint8, r"got uint8 \(64, 64, 4\)"),
        ((3, 64, 64), np.uint8, r"got uint8 \(3, 64, 64\)"),
        ((15, 15, 3), np.uint8, "too small for an encoder of 64: render at least 16, best 64"),
        ((5000, 5000, 3), np.uint8, "too large, at most 4096"),
        ((64, 200, 3), np.uint8, "too long"),
        ((2, 64, 200, 3), np.uint8, "too long"),
    ],
    ids=str,
)
def test_frames_that_an_encoder_cannot_read(shape, dtype, message):
    with pytest.raises(RewardiumError, match=message):
        FrameTransform(64, MEAN, DEVIATION).check(shape, dtype)


@pytest.mark.parametrize("shape", [(64, 64, 3), (480, 640, 3), (8, 16, 16, 3), (224, 224, 3)], ids=str)
def test_frames_that_it_can_read(shape):
    FrameTransform(64, MEAN, DEVIATION).check(shape, np.uint8)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": (64, 32), "mean": MEAN, "std": DEVIATION}, "squares"),
        ({"mean": MEAN, "std": DEVIATION}, "squares"),
        ({"size": 0, "mean": MEAN, "std": DEVIATION}, "squares"),
        ({"size": 64, "mean": MEAN[:2], "std": DEVIATION}, "3 means"),
        ({"size": 64, "mean": MEAN, "std": (0.0, 1.0, 1.0)}, "above 0"),
        ({"size": 64, "mean": MEAN}, "'mean' and 'std'"),
        ({"size": 64, "mean": MEAN, "std": DEVIATION, "interpolation": "nearest"}, "'interpolation'"),
        ({"size": 64, "mean": MEAN, "std": DEVIATION, "resize_mode": "tile"}, "'resize_mode'"),
    ],
    ids=str,
)
def test_wrong_configurations(config, message):
    with pytest.raises(RewardiumError, match=message):
        FrameTransform.from_config(config)

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.png import png_of, png_url

PIL_Image = pytest.importorskip("PIL.Image")


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 99), level=st.integers(0, 9))
def test_what_is_written_is_read_back_bit_for_bit(height, width, seed, level):
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with PIL_Image.open(io.BytesIO(png_of(frame, level))) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), frame)


def test_views_are_written_as_they_look():
    frame = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)[::-1, ::2]
    encoded = base64.b64decode(png_url(frame).split(",")[1])
    with PIL_Image.open(io.BytesIO(encoded)) as image:
        np.testing.assert_array_equal(np.asarray(image), frame)


@pytest.mark.parametrize("frame", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2, 3), np.uint8)])
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(RewardiumError, match="uint8"):
        png_of(frame)

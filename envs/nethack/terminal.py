"""The game's terminal as a picture."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.nethack.packages import load

# The sixteen colours of a terminal; black, which would not be seen, is NetHack's dark blue-grey.
_PALETTE = (
    (88, 88, 120), (205, 49, 49), (13, 188, 121), (181, 137, 0), (70, 110, 220), (188, 63, 188), (17, 168, 205),
    (204, 204, 204), (120, 120, 120), (255, 130, 70), (35, 240, 140), (245, 245, 67), (100, 160, 255), (230, 120, 230),
    (70, 230, 255), (255, 255, 255),
)  # fmt: skip


@cache
def glyph_bitmaps() -> NDArray[np.uint8]:
    """Draw every character once, in Pillow's built-in bitmap font.

    Returns:
        uint8 [256, 11, 6] in [0, 255]; what lies outside of the font is empty.

    Raises:
        MissingExtraError: When Pillow is not installed.
    """
    font = load("PIL.ImageFont").load_default_imagefont()
    images: Any = load("PIL.Image")
    drawing: Any = load("PIL.ImageDraw")
    left, top, right, bottom = font.getbbox("W")
    bitmaps = np.zeros((256, bottom - top, right - left), np.uint8)
    for code in range(33, 256):
        image = images.new("L", (right - left, bottom - top))
        drawing.Draw(image).text((0, 0), chr(code), fill=255, font=font)
        bitmaps[code] = np.asarray(image)
    bitmaps.setflags(write=False)
    return bitmaps


@cache
def _palette() -> NDArray[np.uint8]:
    return np.array(_PALETTE, np.uint8)


def draw_terminal(
    chars: NDArray[Any], colors: NDArray[Any], cursor: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Draw a terminal.

    Args:
        chars: uint8 [rows, columns].
        colors: int8 [rows, columns], of which the four lowest bits count.
        cursor: Row and column of the cursor, which is underlined; or None.

    Returns:
        uint8 [11 * rows, 6 * columns, 3]: for NetHack's terminal of 24 rows and 80 columns [264, 480, 3].

    Example:
        >>> draw_terminal(np.full((24, 80), 64, np.uint8), np.zeros((24, 80), np.int8)).shape
        (264, 480, 3)
    """
    bitmaps = glyph_bitmaps()[chars]
    if cursor is not None and cursor[0] < chars.shape[0] and cursor[1] < chars.shape[1]:
        bitmaps[cursor[0], cursor[1], -1] = 255
    rows, columns, height, width = bitmaps.shape
    inked = bitmaps.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    colours = _palette()[colors & 15].repeat(height, axis=0).repeat(width, axis=1)
    return np.where(inked[..., None] > 127, colours, np.uint8(0))

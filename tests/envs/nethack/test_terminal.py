import numpy as np
import pytest

from rewardium.envs.nethack.terminal import draw_terminal, glyph_bitmaps

pytest.importorskip("PIL", reason="needs the extra nethack")


def test_characters_differ_and_blanks_are_empty():
    bitmaps = glyph_bitmaps()
    assert bitmaps.shape == (256, 11, 6)
    assert not bitmaps[32].any()
    assert not bitmaps[0].any()
    assert len({bitmaps[code].tobytes() for code in range(33, 127)}) == 94
    assert glyph_bitmaps() is bitmaps


def test_colours_and_cursor():
    chars, colors = np.full((2, 3), 32, np.uint8), np.zeros((2, 3), np.int8)
    assert not draw_terminal(chars, colors).any()
    chars[0, 1], colors[0, 1] = ord("@"), 15
    picture = draw_terminal(chars, colors, (1, 2))
    assert picture.shape == (22, 18, 3)
    assert picture.dtype == np.uint8
    assert picture[:11, 6:12].max() == 255
    assert not picture[:11, :6].any()
    assert picture[21, 12:].any()
    assert not picture[21, :12].any()
    red = draw_terminal(chars, np.full((2, 3), 1, np.int8))
    assert red[..., 0].max() > red[..., 2].max()
    draw_terminal(chars, colors, (9, 200))  # a cursor off the screen is not drawn

"""Frames as PNG files, which every server that reads pictures understands."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_of(frame: NDArray[np.uint8], level: int = 1) -> bytes:
    """Encode one frame, without loss.

    Written here, so that asking a server needs no imaging package.

    Args:
        frame: uint8 [H, W, 3].
        level: Of the compression, from 0 to 9; rendered frames are flat, and level 1 is fast.

    Returns:
        The file's bytes.

    Raises:
        RewardiumError: When it is no such frame.

    Example:
        >>> png_of(np.zeros((2, 3, 3), np.uint8))[1:4]
        b'PNG'
    """
    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise RewardiumError(f"a frame must be uint8 [H, W, 3], got {frame.dtype} {frame.shape}")
    height, width, _ = frame.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = frame.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def png_url(frame: NDArray[np.uint8]) -> str:
    """Return a frame as a ``data:`` address, as chat requests take pictures.

    Example:
        >>> png_url(np.zeros((2, 3, 3), np.uint8))[:22]
        'data:image/png;base64,'
    """
    return "data:image/png;base64," + base64.b64encode(png_of(frame)).decode("ascii")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

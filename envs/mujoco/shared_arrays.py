"""Arrays in memory that several processes share, and that goes away with them."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Layout = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of each array, by name."""

_ALIGNMENT = 64


def open_memory(size: int) -> int:
    """Return a descriptor of memory without a name: it is freed when no process holds it, however they end.

    Args:
        size: Bytes.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("rewardium")
    else:  # a file that is deleted as soon as it is open, where the system has no memory without a name
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def layout_size(layout: Layout) -> int:
    """Return the bytes that arrays need together.

    Example:
        >>> layout_size({"rewards": ((8,), "float64"), "terminated": ((8,), "bool")})
        128
    """
    return sum(_padded(*entry) for entry in layout.values())


def _padded(shape: tuple[int, ...], dtype: str) -> int:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def map_arrays(descriptor: int, layout: Layout) -> dict[str, NDArray[Any]]:
    """Return arrays over shared memory; all that map the same memory see the same numbers.

    Args:
        descriptor: Of memory of at least ``layout_size`` bytes; it may be closed afterwards.
        layout: Shapes and dtypes.

    Example:
        >>> layout = {"rewards": ((2,), "float64")}
        >>> descriptor = open_memory(layout_size(layout))
        >>> one, other = map_arrays(descriptor, layout), map_arrays(descriptor, layout)
        >>> os.close(descriptor)
        >>> one["rewards"][1] = 7
        >>> other["rewards"].tolist()
        [0.0, 7.0]
    """
    memory = mmap.mmap(descriptor, max(layout_size(layout), 1))
    arrays, offset = {}, 0
    for name, (shape, dtype) in layout.items():
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(memory, dtype=dtype, count=count, offset=offset).reshape(shape)
        offset += _padded(shape, dtype)
    return arrays

"""Counts of many keys in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DEPTH = 4
_SMALLEST, _LARGEST = 2**10, 2**16


def count_visit(memory: dict[str, Any], key: str, capacity: int) -> int:
    """Count a visit, and return how many came before it.

    The first ``capacity`` keys are counted exactly. Every later key is counted in a count-min sketch (Cormode and
    Muthukrishnan, 2005) with conservative update (Estan and Varghese, 2002): four hashed rows of counters, of which
    the smallest is the answer. That answer is never too low, so that nothing old looks new again; it is too high once
    many more keys have come than a row has counters, and what is new then earns less than it should.

    Args:
        memory: A dict of plain values and arrays; changed in place.
        key: 32 hexadecimal digits.
        capacity: The number of keys that are counted exactly, at least 1.

    Returns:
        The number of earlier visits, at least 0.

    Example:
        >>> table = {}
        >>> [count_visit(table, key * 32, capacity=1) for key in "aabbab"]
        [0, 1, 0, 1, 2, 2]
        >>> table["counts"] == {"a" * 32: 3}, table["sketch"].shape
        (True, (4, 1024))
    """
    counts: dict[str, int] = memory.setdefault("counts", {})
    before = counts.get(key)
    if before is None and len(counts) >= capacity:
        return _count_in_sketch(_sketch(memory, capacity), key)
    counts[key] = (before or 0) + 1
    return before or 0


def _sketch(memory: dict[str, Any], capacity: int) -> NDArray[np.int64]:
    if "sketch" not in memory:
        width = min(max(1 << (capacity - 1).bit_length(), _SMALLEST), _LARGEST)
        memory["sketch"] = np.zeros((_DEPTH, width), dtype=np.int64)
    sketch: NDArray[np.int64] = memory["sketch"]
    return sketch


def _count_in_sketch(sketch: NDArray[np.int64], key: str) -> int:
    rows = np.arange(_DEPTH)
    columns = [int(key[8 * row : 8 * row + 8], 16) % sketch.shape[1] for row in rows.tolist()]
    before = int(sketch[rows, columns].min())
    sketch[rows, columns] = np.maximum(sketch[rows, columns], before + 1)
    return before

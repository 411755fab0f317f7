"""The sign bounds: however large a program's numbers are, a step pays one of nine amounts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPARSE_WEIGHT = 1.0
"""What the sign of ``sparse`` is worth."""

DENSE_WEIGHT = 0.1
"""What the sign of ``dense`` is worth."""


def sign_bounded(sparse: Any, dense: Any) -> NDArray[np.float64]:
    """Return ``1.0 * sign(sparse) + 0.1 * sign(dense)``.

    From "Auto MC-Reward" (2023), with the paper's two constants; certainty: high. Only the signs of what a program says
    are used, so that code which nobody has read cannot drown the task: the dense part is at most 0.1 a step.

    Args:
        sparse: Finite numbers of any size, [B].
        dense: Finite numbers of any size, [B].

    Returns:
        float64 [B], each one of 0, ±0.1, ±0.9, ±1 and ±1.1.

    Example:
        >>> sign_bounded([0.0, 3.0, -1e300], [1e300, -2.0, 0.0]).tolist()
        [0.1, 0.9, -1.0]
    """
    value: NDArray[np.float64] = SPARSE_WEIGHT * np.sign(np.asarray(sparse, np.float64)) + DENSE_WEIGHT * np.sign(
        np.asarray(dense, np.float64)
    )
    return value

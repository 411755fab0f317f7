"""Running mean and deviation of every number of an observation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.rewards.learning.rnd_inputs import Inputs


def take_in(memory: dict[str, Any], inputs: Inputs) -> None:
    """Take observations into the running statistics, in place.

    The pairwise update of Chan, Golub and LeVeque (1979), number by number.

    Args:
        memory: Empty at first; plain values and float64 arrays.
        inputs: Columns of B rows.

    Example:
        >>> memory = {}
        >>> take_in(memory, {"vector": np.array([[1.0, 5.0], [3.0, 5.0]])})
        >>> memory["mean"]["vector"].tolist(), (memory["squares"]["vector"] / memory["number"]).tolist()
        ([2.0, 5.0], [1.0, 0.0])
    """
    before = int(memory.get("number", 0))
    for name, column in inputs.items():
        values = column.astype(np.float64)
        mean = memory.setdefault("mean", {}).setdefault(name, np.zeros(values.shape[1:]))
        squares = memory.setdefault("squares", {}).setdefault(name, np.zeros(values.shape[1:]))
        number = before + len(values)
        own = values.mean(axis=0)
        gap = own - mean
        squares += np.square(values - own).sum(axis=0) + gap * gap * (before * len(values) / number)
        mean += gap * (len(values) / number)
        memory["number"] = number


def whiten(memory: dict[str, Any], inputs: Inputs, clip: float = 5.0, epsilon: float = 1e-8) -> Inputs:
    """Subtract the running mean, divide by the running deviation, and clip.

    A number that never changed becomes 0, and ``clip`` the first time it does.

    Args:
        memory: Statistics of ``take_in``.
        inputs: Columns of B rows.
        clip: The largest absolute value.
        epsilon: Added to the variance.

    Returns:
        float32 columns in [-clip, clip].

    Example:
        >>> memory = {}
        >>> take_in(memory, {"vector": np.array([[0.0], [4.0]])})
        >>> whiten(memory, {"vector": np.array([[4.0], [99.0]])})["vector"].tolist()
        [[1.0], [5.0]]
    """
    whitened: Inputs = {}
    for name, column in inputs.items():
        deviation = np.sqrt(memory["squares"][name] / memory["number"] + epsilon)
        values: NDArray[np.float64] = (column - memory["mean"][name]) / deviation
        whitened[name] = np.clip(values, -clip, clip).astype(np.float32)
    return whitened

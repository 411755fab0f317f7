"""The global random generators, which Stable-Baselines3 draws from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def derived_seed(*key: int) -> int:
    """Return a seed that is a function of some numbers, spread over [0, 2**31).

    Seeds that follow each other are far apart: Stable-Baselines3 seeds environment i with ``seed + i``, so that runs
    with the seeds 0 and 1 would otherwise share all environments but one.

    Args:
        *key: Numbers of at least 0.

    Returns:
        The seed.

    Example:
        >>> derived_seed(0, 1) == derived_seed(0, 1), derived_seed(0, 1) == derived_seed(1, 1)
        (True, False)
    """
    return int(np.random.SeedSequence(key).generate_state(1)[0] >> 1)


def random_state() -> dict[str, Any]:
    """Return the states of Python's, numpy's and torch's global generators, as plain values, arrays and tensors."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: Mapping[str, Any]) -> None:
    """Go on from what ``random_state`` returned."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators for a while, and put them back: an evaluation must not change the training.

    Args:
        seed: In [0, 2**32).

    Example:
        >>> state = torch.get_rng_state()
        >>> with own_randomness(1):
        ...     _ = torch.rand(3)
        >>> bool((torch.get_rng_state() == state).all())
        True
    """
    before = random_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_state(before)

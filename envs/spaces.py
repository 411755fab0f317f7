"""The space of free text: all of Unicode, bounded in length."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from gymnasium.spaces import Text

# Sampling needs a finite alphabet: printable ASCII, and a few characters that catch code which assumes ASCII.
SAMPLE_CHARSET = string.ascii_letters + string.digits + string.punctuation + " \n" + "äß½√π≤中文🙂"


class Utf8Text(Text):
    """Strings over all of Unicode with at most ``max_length`` characters.

    Gymnasium's ``Text`` lists its alphabet character by character, which for the 1.1 million code points of Unicode
    costs seconds and hundreds of megabytes. Here membership only checks that the value encodes as UTF-8 (a lone
    surrogate does not) and its length; samples are drawn from a small alphabet with some characters beyond ASCII.

    Args:
        max_length: The largest number of characters, inclusive.
        min_length: The smallest number of characters, inclusive.
        seed: Seed of the generator behind ``sample``.

    Example:
        >>> space = Utf8Text(16, seed=0)
        >>> "√2 ≈ 1.41" in space, "x" * 17 in space, 3 in space
        (True, False, False)
        >>> space.sample() in space
        True
    """

    def __init__(self, max_length: int, *, min_length: int = 0, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(max_length, min_length=min_length, charset=SAMPLE_CHARSET, seed=seed)

    def contains(self, x: Any) -> bool:
        """Return whether ``x`` is a string of allowed length that encodes as UTF-8."""
        if not isinstance(x, str) or not self.min_length <= len(x) <= self.max_length:
            return False
        try:
            x.encode("utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def __repr__(self) -> str:
        return f"Utf8Text({self.max_length}, min_length={self.min_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Utf8Text) and (self.min_length, self.max_length) == (
            other.min_length,
            other.max_length,
        )

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.min_length, self.max_length))

"""Observations of any kind as what a small network reads: image planes and a vector of numbers."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_INPUT = 2**18
"""An observation of more numbers than this is refused: a network over it would not be small."""

_WORDS = re.compile(r"\w{1,40}|[^\w\s]")
_LONGEST_TEXT = 20_000
_COLOUR_CHANNELS = 4


@dataclass(frozen=True)
class RowInput:
    """One observation.

    Args:
        planes: None, or [K, H, W] of the observation's own dtype.
        vector: float32 [D]; D may be 0.
    """

    planes: NDArray[Any] | None
    vector: NDArray[np.float32]

    @property
    def shape(self) -> list[list[int]]:
        """The shapes of the two parts, as plain lists; rows of one shape can be stacked."""
        return [[] if self.planes is None else list(self.planes.shape), list(self.vector.shape)]


Inputs = dict[str, NDArray[Any]]
"""B observations: ``planes`` [B, K, H, W] where there are any, and ``vector`` float32 [B, D] where D > 0."""


def row_input(observation: Any, words: int = 512) -> RowInput | None:
    """Turn one observation into planes and numbers.

    Arrays of three dimensions of one height and width become planes, one over the other, channels first (an image of
    at most four channels may have them last). Every other number goes into the vector, and a text as a bag of words.

    Args:
        observation: An array, a number, a text, or a mapping or sequence of them; mappings are read in the order of
            their keys.
        words: The size of a text's bag.

    Returns:
        The input, or None for what holds no number or text, or a number that is not finite.

    Example:
        >>> found = row_input({"image": np.zeros((3, 9, 9), np.uint8), "features": np.ones(5)})
        >>> found.planes.shape, found.vector.shape
        ((3, 9, 9), (5,))
        >>> row_input(None) is None
        True
    """
    parts = list(_parts(observation, words))
    if not parts or sum(part.size for part in parts) > LARGEST_INPUT or not all(map(_usable, parts)):
        return None
    images = [_channels_first(part) for part in parts if part.ndim == 3]
    planes = [image for image in images if image.shape[1:] == images[0].shape[1:]]
    others = [image for image in images if image.shape[1:] != images[0].shape[1:]]
    numbers = [part for part in parts if part.ndim != 3] + others
    with np.errstate(over="ignore"):
        vector = [part.reshape(-1).astype(np.float32) for part in numbers]
    joined = np.concatenate(vector) if vector else np.zeros(0, dtype=np.float32)
    if not np.isfinite(joined).all():  # finite in double precision only
        return None
    return RowInput(np.concatenate(planes) if planes else None, joined)


def stack_inputs(rows: Sequence[RowInput]) -> Inputs:
    """Stack observations of one shape.

    Args:
        rows: At least one observation.

    Returns:
        The columns of B observations.
    """
    inputs: Inputs = {}
    if rows[0].planes is not None:
        inputs["planes"] = np.stack([row.planes for row in rows if row.planes is not None])
    if rows[0].vector.size:
        inputs["vector"] = np.stack([row.vector for row in rows])
    return inputs


def bag_of_words(text: str, size: int = 512) -> NDArray[np.float32]:
    """Return how often the words of a text, and pairs of neighbours, fall into each of ``size`` hashed places.

    Args:
        text: Any text; what comes after the first 20,000 characters is not read.
        size: The number of places.

    Returns:
        float32 [size], ``log(1 + count)``.

    Example:
        >>> bag = bag_of_words("You see a key. You see a key.", size=64)
        >>> bag.shape, bool((bag == bag_of_words("a key you see", size=64)).all())
        ((64,), False)
    """
    words = _WORDS.findall(text[:_LONGEST_TEXT].lower())
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    places = [zlib.crc32(word.encode("utf-8", "surrogatepass")) % size for word in (*words, *pairs)]
    counts = np.bincount(np.array(places, dtype=np.int64), minlength=size)
    return np.log1p(counts).astype(np.float32)


def _parts(value: Any, words: int) -> Iterator[NDArray[Any]]:
    if isinstance(value, str):
        yield bag_of_words(value, words)
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _parts(value[key], words)
    elif isinstance(value, (bool, int, float, np.generic)) or _is_numeric(value):
        yield np.asarray(value)
    elif isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == np.object_):
        for item in value:
            yield from _parts(item, words)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "buif"


def _usable(part: NDArray[Any]) -> bool:
    return part.dtype.kind in "buif" and (part.dtype.kind != "f" or bool(np.isfinite(part).all()))


def _channels_first(image: NDArray[Any]) -> NDArray[Any]:
    channels_last = image.shape[2] <= _COLOUR_CHANNELS < image.shape[0]
    return np.ascontiguousarray(np.moveaxis(image, 2, 0)) if channels_last else image

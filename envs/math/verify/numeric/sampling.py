"""The points at which two functions are compared.

They follow from a seed, so that they are the same in every process, and the seed from the functions, so that no answer
can be made for the points. Doubles hold every coordinate exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

MAX_POINTS = 48
"""Points that are tried."""

_SPREAD = ((0.5, 2.0), (1.0, 4.0), (0.125, 1.0), (2.0, 10.0))
_FALLBACKS = (
    (0.0, 1.0),
    (-1.0, 1.0),
    (1.0, 3.0),
    (10.0, 100.0),
    (0.0, 0.125),
    (-3.0, -1.0),
    (100.0, 1000.0),
    (0.0, 3.0),
)
_SPREAD_POINTS = 24
_INTEGERS = ((1, 8), (1, 30), (1, 30), (0, 3), (1, 100))


def sample_points(
    names: Iterable[str],
    integers: frozenset[str],
    complex_names: frozenset[str],
    seed: bytes,
    rounded: frozenset[str] = frozenset(),
) -> Iterator[dict[str, int | float | complex]]:
    """Yield points, the more ordinary ones first.

    Half of the first points are positive; the others run through all combinations of signs, because roots and absolute
    values of products of variables differ by their signs. Later points lie in ranges where inverse functions and nested
    logarithms are defined.

    Args:
        names: The variables; without any there is one point.
        integers: Those that are integers, not negative.
        complex_names: Those that are complex.
        seed: What the points follow from.
        rounded: Those that are whole numbers at every third point.

    Yields:
        At most ``MAX_POINTS`` points.

    Example:
        >>> point = next(sample_points(["x", "n"], frozenset("n"), frozenset(), b"seed"))
        >>> type(point["x"]), type(point["n"])
        (<class 'float'>, <class 'int'>)
    """
    ordered = sorted(names)
    if not ordered:
        yield {}
        return
    draws = _draws(seed)
    signs, stride = next(draws), next(draws) | 1  # an odd stride reaches all combinations of signs
    for at in range(MAX_POINTS):
        if at < _SPREAD_POINTS and at % 2 == 0:
            signs += stride
        pattern = signs if at < _SPREAD_POINTS and at % 2 == 0 else 0
        point: dict[str, int | float | complex] = {}
        for name in ordered:
            if name in integers:
                low, high = _INTEGERS[min(at // 6, len(_INTEGERS) - 1)]
                point[name] = low + next(draws) % (high - low + 1)
            elif name in complex_names:
                point[name] = complex(_real(at, pattern, draws), _real(at, next(draws), draws))
            else:
                whole = name in rounded and at % 3 == 2
                value = _real(at, pattern, draws)
                point[name] = float(round(value)) if whole else value
                pattern >>= 1
        yield point


def _real(at: int, pattern: int, draws: Iterator[int]) -> float:
    """Draw a real coordinate of a point; the last bit of the pattern is its sign."""
    drawn = next(draws)
    if at < _SPREAD_POINTS:
        low, high = _SPREAD[drawn >> 24 & 3]
    else:
        low, high = _FALLBACKS[(at - _SPREAD_POINTS) % len(_FALLBACKS)]
    # 20 random bits, and never an end of the range: all of it is exact.
    value = low + (high - low) * ((drawn & 0xFFFFF) * 2 + 1) / 0x200000
    return -value if pattern & 1 else value


def _draws(seed: bytes) -> Iterator[int]:
    """Yield random numbers of 32 bits."""
    counter = 0
    while True:
        block = blake2b(seed, digest_size=64, salt=counter.to_bytes(16, "big")).digest()
        for at in range(0, 64, 4):
            yield int.from_bytes(block[at : at + 4], "big")
        counter += 1

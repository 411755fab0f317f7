"""Numbers that are known exactly, or to lie between two bounds: the arithmetic of the calculator.

A rational number is its own bounds. The irrational ones, pi, e and most roots, lie between two fractions that are about
1e-100 apart, and every operation keeps its result between bounds, so that the digits on which both agree are right.
Sizes are checked before anything is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from rewardium.envs.tools.decimals import SIGNIFICANT_DIGITS, as_decimal
from rewardium.envs.tools.tool import ToolError

MAX_BITS = 14_000
"""Bits of a numerator or denominator; some 4200 digits."""

MAX_ROOT = 50
"""Largest denominator of an exponent."""

PRECISION = 400
"""Bits to which bounds are kept, where they differ."""

_PI = "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679"
_E = "2.7182818284590452353602874713526624977572470936999595749669676277240766303535475945713821785251664274"


class Number(NamedTuple):
    """A number between two bounds.

    Args:
        low: The lower bound.
        high: The upper bound; the same where the number is known exactly.
    """

    low: Fraction
    high: Fraction

    @property
    def is_exact(self) -> bool:
        """Whether the number is known exactly."""
        return self.low == self.high


def exact(value: Fraction | int) -> Number:
    """Return a number that is known exactly, after a look at its size.

    Raises:
        ToolError: When it has more than ``MAX_BITS``.
    """
    value = Fraction(value)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise ToolError(f"a number grows beyond {MAX_BITS} bits (some {MAX_BITS * 3 // 10} digits)")
    return Number(value, value)


def _between(low: Fraction, high: Fraction) -> Number:
    """Return a number between bounds, which are made simpler where they differ."""
    if low == high:
        return exact(low)
    for bound in (low, high):
        if abs(bound.numerator).bit_length() - bound.denominator.bit_length() > MAX_BITS:
            raise ToolError(f"a number grows beyond {MAX_BITS} bits (some {MAX_BITS * 3 // 10} digits)")
    return Number(_simpler(low, math.floor), _simpler(high, math.ceil))


def _simpler(bound: Fraction, direction: Callable[[Fraction], int]) -> Fraction:
    """Round to ``PRECISION`` significant bits in one direction."""
    if not bound:
        return bound
    shift = PRECISION - abs(bound.numerator).bit_length() + bound.denominator.bit_length()
    if shift > MAX_BITS:  # so near to zero that its size does not matter
        return Fraction(direction(bound * 2**MAX_BITS), 2**MAX_BITS)
    scale = Fraction(2) ** shift
    return Fraction(direction(bound * scale)) / scale


def _constant(digits: str) -> Number:
    low = Fraction(digits)
    return Number(low, low + Fraction(1, 10 ** len(digits.partition(".")[2])))


CONSTANTS = {"pi": _constant(_PI), "e": _constant(_E)}
"""The constants, to 100 decimals."""


def add(a: Number, b: Number) -> Number:
    """Return a + b."""
    return _between(a.low + b.low, a.high + b.high)


def negative(a: Number) -> Number:
    """Return -a."""
    return Number(-a.high, -a.low)


def multiply(a: Number, b: Number) -> Number:
    """Return a * b."""
    if a.is_exact and b.is_exact:
        return exact(a.low * b.low)
    products = [x * y for x in a for y in b]
    return _between(min(products), max(products))


def divide(a: Number, b: Number) -> Number:
    """Return a / b.

    Raises:
        ToolError: When b is zero, or cannot be told from it.
    """
    if b.low <= 0 <= b.high:
        raise ToolError("division by zero" if b.is_exact else "the divisor cannot be told from zero")
    return multiply(a, Number(1 / b.high, 1 / b.low))


def power(base: Number, exponent: Number) -> Number:
    """Return base ** exponent, for an exponent that is a rational number.

    Raises:
        ToolError: When the exponent is no rational number or the result is too large or no real number.
    """
    if not exponent.is_exact:
        raise ToolError("an exponent must be a rational number; pi, e and roots have none of their powers here")
    if exponent.low.denominator > MAX_ROOT:
        raise ToolError(f"the denominator of an exponent is at most {MAX_ROOT}")
    count, degree = exponent.low.numerator, exponent.low.denominator
    if degree > 1:
        return root(_integer_power(base, count), degree)
    return _integer_power(base, count)


def _integer_power(base: Number, count: int) -> Number:
    if count < 0:
        return divide(exact(1), _integer_power(base, -count))
    bits = max(_bits(bound, base.is_exact) for bound in base)
    if bits * count > MAX_BITS and base not in (exact(0), exact(1), exact(-1)):
        raise ToolError(f"the power would have more than {MAX_BITS} bits (some {MAX_BITS * 3 // 10} digits)")
    if base.is_exact:
        return exact(base.low ** (count if abs(base.low) not in (0, 1) else min(count, 2 + count % 2)))
    result = exact(1)
    for digit in bin(count)[2:]:
        result = multiply(result, result)
        result = multiply(result, base) if digit == "1" else result
    return result


def _bits(value: Fraction, is_exact: bool) -> int:
    """Return the bits that a power multiplies; of a bound only its size counts, its precision stays what it is."""
    top, bottom = abs(value.numerator).bit_length(), value.denominator.bit_length()
    return max(top, bottom) if is_exact else abs(top - bottom) + 1


def root(number: Number, degree: int) -> Number:
    """Return the root of a number that is not negative: exactly where it is rational.

    Raises:
        ToolError: When the number is negative, or may be.

    Example:
        >>> root(exact(Fraction(8, 27)), 3).low
        Fraction(2, 3)
        >>> as_decimal(root(exact(2), 2).low)
        '1.4142135623730950488'
    """
    if number.low < 0:
        raise ToolError("a root of a negative number is no real number")
    if number.is_exact:
        top, bottom = _floor_root(number.low.numerator, degree), _floor_root(number.low.denominator, degree)
        if top**degree == number.low.numerator and bottom**degree == number.low.denominator:
            return exact(Fraction(top, bottom))
    return _between(_root_bound(number.low, degree, 0), _root_bound(number.high, degree, 1))


def _root_bound(value: Fraction, degree: int, up: int) -> Fraction:
    """Return a bound of a root: from below, or from above where ``up`` is 1."""
    if not value:
        return Fraction(0)
    shift = PRECISION + max(value.denominator.bit_length() - value.numerator.bit_length(), 0) // degree
    scaled = (value.numerator << (degree * shift)) // value.denominator
    return Fraction(_floor_root(scaled, degree) + up, 1 << shift)


def _floor_root(value: int, degree: int) -> int:
    """Return the largest integer whose power is at most a value that is not negative, with Newton's method."""
    if degree == 2 or not value:
        return math.isqrt(value)
    guess = 1 << -(-value.bit_length() // degree)  # not below the root
    while True:
        better = ((degree - 1) * guess + value // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess
        guess = better


def absolute(a: Number) -> Number:
    """Return the absolute value."""
    if a.low >= 0:
        return a
    return negative(a) if a.high <= 0 else Number(Fraction(0), max(-a.low, a.high))


def smallest(numbers: list[Number]) -> Number:
    """Return the smallest of some numbers."""
    return Number(min(item.low for item in numbers), min(item.high for item in numbers))


def largest(numbers: list[Number]) -> Number:
    """Return the largest of some numbers."""
    return Number(max(item.low for item in numbers), max(item.high for item in numbers))


def stepped(a: Number, step: Callable[[Fraction], Fraction | int]) -> Number:
    """Apply floor, ceil or the like.

    Raises:
        ToolError: When the two bounds lead to different results.
    """
    low, high = Fraction(step(a.low)), Fraction(step(a.high))
    if low != high:
        raise ToolError("the number is too near to a step to be rounded with 100 digits of pi, e and roots")
    return exact(low)


def known_digits(number: Number) -> int:
    """Return how many significant digits of a number are known, at most 20.

    Raises:
        ToolError: When not even the first one is.

    Example:
        >>> known_digits(Number(Fraction("3.14159"), Fraction("3.14161")))
        5
    """
    for digits in range(SIGNIFICANT_DIGITS, 0, -1):
        if number.is_exact or as_decimal(number.low, digits) == as_decimal(number.high, digits):
            return digits
    raise ToolError("the result cannot be told from zero with 100 digits of pi, e and roots")

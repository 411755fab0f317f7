"""Arithmetic with balls: a number and how far it may be off.

A ball is a pair ``(middle, radius)`` of a number and the binary logarithm of a bound on its error, minus infinity where
it is exact. Every operation adds what its operands' errors become and what it rounds itself, so that two balls that do
not meet are a proof that the values differ, in double precision as in a thousand digits. Exact integers stay Python's,
whose powers and factorials are exact.

The bounds on how an error grows are derivatives at the middle, doubled, which holds while the error is small against
the distance to the next singularity; where it is not, ``ImpreciseError`` asks for more digits.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, log2
from typing import Any, Protocol, TypeAlias

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.folding import UndefinedError

Ball: TypeAlias = tuple[Any, float]

EXACT = -inf
"""The radius of an exact number."""

MAX_SIZE = 332_200.0
"""Binary logarithm of the largest number that is calculated with: 10^100000."""

FUNCTION_SLACK = 3.0
"""An elementary function may be eight times as far off as a rounded result."""


class NotRealError(UndefinedError):
    """A value is not real, where only real ones count."""


class VanishingError(UndefinedError):
    """A value must not be zero, and is zero as far as the digits say."""


class ImpreciseError(RewardiumError):
    """The digits do not suffice to say what a value is."""


class Numbers(Protocol):
    """The numbers that are the middles of balls: floats, or those of a precision of one's choice.

    ``decides_ties`` says whether a value that cannot be told from zero, from a real number or from an integer is one.
    """

    bits: int
    decides_ties: bool
    complex_type: Any

    def size(self, value: Any) -> float:
        """Return a bound on ``log2(abs(value))``, at most 1.5 too high; minus infinity for 0."""

    def log2(self, value: Any) -> float:
        """Return ``log2(abs(value))`` of a number that is not 0, to some digits."""

    def floor(self, value: Any) -> int:
        """Round a real number down."""

    def real(self, value: Any) -> Any:
        """Return an integer, a float or a fraction as a real number, rounded."""

    def make_complex(self, real: Any, imaginary: Any) -> Any:
        """Return a complex number."""

    def function(self, name: str, value: Any) -> Any:
        """Return exp, ln, sin, cos, arcsin, arccos, arctan, gamma or sqrt of a number."""

    def root(self, value: Any, index: int) -> Any:
        """Return the root of a positive number."""

    def constant(self, name: str) -> Any:
        """Return pi or e."""


def total(first: float, second: float) -> float:
    """Add two numbers that are given by their binary logarithms.

    Example:
        >>> total(3.0, 3.0), total(5.0, EXACT)
        (4.0, 5.0)
    """
    if first < second:
        first, second = second, first
    gap = second - first
    return first + log2(1.0 + 2.0**gap) if gap > -60.0 else first


class BallArithmetic:
    """The operations of programs on balls.

    Args:
        numbers: What the middles are.
        with_complex: Whether values may be complex; where they may not, ``NotRealError`` says that one would be.
        with_principal_roots: Whether fractional powers of negative numbers are the complex principal values. Where
            neither side of a comparison speaks of complex numbers, (-8)^(1/3) may as well be -2, and has no value.
    """

    def __init__(self, numbers: Numbers, with_complex: bool = False, with_principal_roots: bool = True) -> None:
        self.numbers = numbers
        self.with_complex = with_complex
        self.with_principal_roots = with_principal_roots
        self.unit = 1.0 - numbers.bits
        self.size = numbers.size
        self.complex_type = numbers.complex_type

    # Rounding.

    def rounded(self, middle: Any, radius: float, slack: float = 0.0) -> Ball:
        """Make a ball of a result, with the error of rounding it."""
        size = self.size(middle)
        rounding = size + self.unit + slack
        radius = total(radius, rounding if rounding > -1070.0 or self.numbers.decides_ties else -1070.0)
        if not radius < MAX_SIZE or not size < MAX_SIZE:  # also where it is not a number
            self._too_large(size)
        return middle, radius

    def _too_large(self, size: float) -> None:
        if self.numbers.decides_ties and size >= MAX_SIZE:
            raise TooLargeError("a number is beyond 10^100000")
        raise ImpreciseError("a number is beyond the range of the arithmetic")

    def integer(self, value: int) -> Ball:
        """Make a ball of an integer: exact, unless it has more bits than the numbers."""
        if value.bit_length() <= self.numbers.bits:
            return value, EXACT
        if value.bit_length() > MAX_SIZE:
            raise TooLargeError("a number is beyond 10^100000")
        return self.rounded(self.numbers.real(value), EXACT)

    def number(self, value: int | Fraction) -> Ball:
        """Make a ball of a rational number."""
        if type(value) is int:
            return self.integer(value)
        return self.rounded(self.numbers.real(value), EXACT)

    def constant(self, name: str) -> Ball:
        """Make a ball of pi or e."""
        return self.rounded(self.numbers.constant(name), EXACT)

    def imaginary(self) -> Ball:
        """Make a ball of the imaginary unit."""
        if not self.with_complex:
            raise NotRealError("the imaginary unit is not real")
        return self.numbers.make_complex(0, 1), EXACT

    # Arithmetic.

    def add(self, *balls: Ball) -> Ball:
        """Add n balls."""
        middle, radius = balls[0]
        for other, other_radius in balls[1:]:
            middle = middle + other
            if type(middle) is int:
                middle, radius = self.integer(middle)
            else:
                middle, radius = self.rounded(middle, total(radius, other_radius))
        return middle, radius

    def negate(self, ball: Ball) -> Ball:
        """Turn the sign."""
        return -ball[0], ball[1]

    def multiply(self, *balls: Ball) -> Ball:
        """Multiply n balls."""
        product = balls[0]
        for other in balls[1:]:
            product = self.times(product, other)
        return product

    def times(self, first: Ball, second: Ball) -> Ball:
        """Multiply two balls."""
        a, a_radius = first
        b, b_radius = second
        middle = a * b
        if type(middle) is int:
            return self.integer(middle)
        radius = EXACT
        if a_radius != EXACT:
            radius = a_radius + total(self.size(b), b_radius)
        if b_radius != EXACT:
            radius = total(radius, b_radius + self.size(a))
        return self.rounded(middle, radius)

    def divide(self, first: Ball, second: Ball) -> Ball:
        """Divide; the divisor must be away from 0."""
        a, a_radius = first
        b, b_radius = second
        low = self.away_from_zero(second)
        if type(a) is int and type(b) is int:
            if a % b == 0:
                return a // b, EXACT
            return self.rounded(self.numbers.real(Fraction(a, b)), EXACT)
        middle = a / b if type(b) is not int else a / self.numbers.real(b)
        radius = total(a_radius - low, self.size(middle) + b_radius - low + 1.0)
        return self.rounded(middle, radius)

    def away_from_zero(self, ball: Ball, what: str = "a division by zero") -> float:
        """Return a lower bound on the binary logarithm of a value.

        Raises:
            UndefinedError: When it is zero.
            VanishingError: When it is zero as far as the digits say.
            ImpreciseError: When more digits might say that it is not.
        """
        middle, radius = ball
        size = self.size(middle)
        if middle and size - 1.5 >= radius + 2.0:
            return size - 1.5
        if radius == EXACT:
            raise UndefinedError(what)
        if size <= radius:
            self.settle(middle, radius, what)
            raise VanishingError(what)
        raise ImpreciseError(what)

    def integer_power(self, exponent: int, ball: Ball) -> Ball:
        """Raise to an integer power; 0^0 is 1."""
        middle, radius = ball
        if exponent == 0:
            return 1, EXACT
        if exponent < 0:
            return self.divide((1, EXACT), self.integer_power(-exponent, ball))
        if type(middle) is int:
            if -2 < middle < 2:
                return (middle if exponent % 2 else abs(middle)), EXACT
            if exponent <= 2 * self.numbers.bits // middle.bit_length():
                return self.integer(middle**exponent)
            middle = self.numbers.real(middle)
        if radius != EXACT and self.size(middle) - 1.5 < radius + exponent.bit_length() + 3.0:
            if exponent > MAX_SIZE:
                raise ImpreciseError("a base is not known well enough for its exponent")
            return self.rounded(self._power_of(middle, exponent), exponent * (total(self.size(middle), radius) + 0.5))
        value = self._power_of(middle, exponent)
        grown = exponent.bit_length() + FUNCTION_SLACK
        return self.rounded(value, self.size(value) + radius - self.size(middle) + grown if middle else EXACT, grown)

    def _power_of(self, middle: Any, exponent: int) -> Any:
        if middle and exponent * abs(self.numbers.log2(middle)) > MAX_SIZE:
            raise TooLargeError("a power is beyond 10^100000, or its inverse is")
        return self._positive_power(middle, exponent)

    def _positive_power(self, middle: Any, exponent: int) -> Any:
        if exponent <= 64:
            return middle**exponent
        # In halves, so that the powers of floats are products too, and overflow is noticed as such.
        half = self._positive_power(middle, exponent // 2)
        return half * half * middle if exponent % 2 else half * half

    # What the digits say of a value.

    def settle(self, middle: Any, radius: float, question: str) -> None:
        """Let what is so as far as the digits say be so, if they are long numbers and many of their digits are right.

        Raises:
            ImpreciseError: When they are not.
        """
        if radius == EXACT:
            return
        if not self.numbers.decides_ties or radius > max(0.0, self.size(middle)) - 0.4 * self.numbers.bits:
            raise ImpreciseError(question)

    def chopped(self, ball: Ball) -> Ball:
        """Return a real ball where the imaginary part is zero as far as the digits say."""
        middle, radius = ball
        if not isinstance(middle, self.complex_type) or self.size(middle.imag) > radius:
            return ball
        self.settle(middle, radius, "a number may be real or not")
        return middle.real, radius

    def off_the_cut(self, ball: Ball) -> Ball:
        """Return a ball that is real, or away from the negative real axis, where roots and logarithms jump."""
        middle, radius = ball
        if not isinstance(middle, self.complex_type) or (middle.real > 0 and self.size(middle.real) > radius + 1.0):
            return ball
        return self.chopped(ball)

    def clipped(self, ball: Ball) -> Ball:
        """Return zero for a negative number that is zero as far as the digits say."""
        middle, radius = ball
        if isinstance(middle, self.complex_type) or middle >= 0 or self.size(middle) > radius:
            return ball
        self.settle(middle, radius, "a number may be negative or not")
        return 0 * middle, radius + 1.0

    def real_only(self, ball: Ball) -> Ball:
        """Return a real ball.

        Raises:
            NotRealError: When it is complex.
        """
        ball = self.chopped(ball)
        if isinstance(ball[0], self.complex_type):
            raise NotRealError("complex numbers have no order")
        return ball

    def readable(self, ball: Ball) -> Any:
        """Return the middle of a ball whose integer part the digits hold."""
        middle, radius = ball
        if radius > -2.0 or self.size(middle) > self.numbers.bits - 4:
            raise ImpreciseError("a number is not known to one place before the point")
        return middle

    def nearest_integer(self, ball: Ball) -> int | None:
        """Return the integer that a real ball holds, None where it holds none.

        Doubles do not say that a value is an integer, unless it is exact; long numbers do where it is close enough.
        """
        middle, radius = ball
        if type(middle) is int:
            return middle
        nearest = self.numbers.floor(self.readable(ball) + 0.5)
        if self.size(middle - nearest) > radius:
            return None
        self.settle(middle, radius, "a number may be an integer or not")
        return nearest

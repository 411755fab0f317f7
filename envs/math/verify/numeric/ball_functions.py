"""The functions of programs on balls: roots, logarithms, angles, rounding, functions of integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from math import inf, log2
from typing import Any

from rewardium.envs.math.verify.limits import MAX_EXACT_BITS, MAX_FACTORIAL, TooLargeError
from rewardium.envs.math.verify.numeric.balls import (
    EXACT,
    FUNCTION_SLACK,
    MAX_SIZE,
    Ball,
    BallArithmetic,
    ImpreciseError,
    NotRealError,
    total,
)
from rewardium.envs.math.verify.numeric.folding import UndefinedError

MAX_ANGLE_SIZE = 100.0
"""Binary logarithm of the largest argument of a sine: 10^30."""

MAX_GAMMA_BITS = 500
"""Bits to which the gamma function is calculated."""

MAX_SHORT_FACTORIAL = 300
"""Largest argument of a factorial that is calculated in integers wherever it occurs."""

_MAX_INDEX_BITS = 60


# Powers and roots.


def rational_power(arithmetic: BallArithmetic, exponent: Fraction, ball: Ball) -> Ball:
    """Raise to a power that is a fraction; of a negative number that is not real."""
    base = arithmetic.clipped(arithmetic.off_the_cut(ball))
    middle = base[0]
    if not isinstance(middle, arithmetic.complex_type):
        if middle >= 0:
            return arithmetic.integer_power(exponent.numerator, _positive_root(arithmetic, base, exponent.denominator))
        if not arithmetic.with_complex:
            raise NotRealError("a fractional power of a negative number is not real")
        if exponent.denominator % 2 and not arithmetic.with_principal_roots:
            raise UndefinedError("a fractional power of a negative number has a real and a complex reading")
    return exp(arithmetic, arithmetic.multiply(arithmetic.number(exponent), ln(arithmetic, base)))


def root(arithmetic: BallArithmetic, index: int, ball: Ball) -> Ball:
    """Take a root; an odd one of a negative number is negative."""
    base = arithmetic.clipped(arithmetic.off_the_cut(ball))
    middle, radius = base
    if isinstance(middle, arithmetic.complex_type):
        return _complex_root(arithmetic, base, index)
    if middle >= 0:
        return _positive_root(arithmetic, base, index)
    positive = -middle, radius
    if index % 2:
        return arithmetic.negate(_positive_root(arithmetic, positive, index))
    if not arithmetic.with_complex:
        raise NotRealError("an even root of a negative number is not real")
    if index == 2:
        middle, radius = _positive_root(arithmetic, positive, 2)
        return arithmetic.numbers.make_complex(0, middle), radius
    return _complex_root(arithmetic, base, index)


def _complex_root(arithmetic: BallArithmetic, ball: Ball, index: int) -> Ball:
    middle, radius = ball
    if index != 2 or not isinstance(middle, arithmetic.complex_type):
        return exp(arithmetic, arithmetic.divide(ln(arithmetic, ball), (index, EXACT)))
    value = arithmetic.numbers.function("sqrt", middle)
    low = arithmetic.away_from_zero(ball, "a complex root of zero")
    return arithmetic.rounded(value, arithmetic.size(value) + radius - low, FUNCTION_SLACK)


def _positive_root(arithmetic: BallArithmetic, ball: Ball, index: int) -> Ball:
    middle, radius = ball
    if index.bit_length() > _MAX_INDEX_BITS:
        raise TooLargeError(f"the index of a root is beyond 2^{_MAX_INDEX_BITS}")
    if type(middle) is int:
        if middle < 2:
            return ball
        middle = arithmetic.numbers.real(middle)
    if not middle and radius == EXACT:
        return ball
    size = arithmetic.size(middle)
    if radius != EXACT and size - 1.5 < radius + 2.0:
        # Zero is in reach: the root is anything up to the root of the largest value.
        return 0 * middle, (total(size, radius)) / index
    value = arithmetic.numbers.root(middle, index)
    slack = FUNCTION_SLACK + log2(2.0 + abs(size) / index)
    return arithmetic.rounded(value, arithmetic.size(value) + radius - size + 2.5 - log2(index), slack)


def power(arithmetic: BallArithmetic, base: Ball, exponent: Ball) -> Ball:
    """Raise to a power that is calculated."""
    base = arithmetic.off_the_cut(base)
    if type(exponent[0]) is int:
        return arithmetic.integer_power(exponent[0], base)
    middle, radius = base
    if not isinstance(middle, arithmetic.complex_type):
        if middle == 0 and radius == EXACT:
            return _power_of_zero(arithmetic, exponent)
        if middle < 0:
            return _power_of_negative(arithmetic, base, exponent)
    return exp(arithmetic, arithmetic.multiply(exponent, ln(arithmetic, base)))


def _power_of_zero(arithmetic: BallArithmetic, exponent: Ball) -> Ball:
    arithmetic.away_from_zero(exponent, "zero to a power that may be zero")
    if isinstance(exponent[0], arithmetic.complex_type) or exponent[0] < 0:
        raise UndefinedError("zero to a negative power")
    return 0, EXACT


def _power_of_negative(arithmetic: BallArithmetic, base: Ball, exponent: Ball) -> Ball:
    whole = None if isinstance(exponent[0], arithmetic.complex_type) else arithmetic.nearest_integer(exponent)
    if whole is not None:
        return arithmetic.integer_power(whole, base)
    if not arithmetic.with_complex:
        raise NotRealError("a fractional power of a negative number is not real")
    return exp(arithmetic, arithmetic.multiply(exponent, ln(arithmetic, base)))


# Exponential functions and angles.


def exp(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate e to the power of a ball."""
    middle, radius = ball
    real = middle.real
    if arithmetic.size(real) > 18.0 and abs(real) > MAX_SIZE * math.log(2):
        raise TooLargeError("a power is beyond 10^100000")
    if arithmetic.size(middle) > MAX_ANGLE_SIZE:
        raise TooLargeError("an angle is beyond 10^30")
    if radius > -1.0:
        raise ImpreciseError("an exponent is not known")
    value = arithmetic.numbers.function("exp", middle)
    return arithmetic.rounded(value, arithmetic.size(value) + radius + 1.0, FUNCTION_SLACK)


def ln(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the natural logarithm, the principal one of complex numbers."""
    ball = arithmetic.off_the_cut(ball)
    middle, radius = ball
    low = arithmetic.away_from_zero(ball, "the logarithm of zero")
    if isinstance(middle, arithmetic.complex_type) or middle > 0:
        return arithmetic.rounded(arithmetic.numbers.function("ln", middle), radius - low + 1.0, FUNCTION_SLACK)
    if not arithmetic.with_complex:
        raise NotRealError("the logarithm of a negative number is not real")
    numbers = arithmetic.numbers
    value = numbers.make_complex(numbers.function("ln", -middle), numbers.constant("pi"))
    return arithmetic.rounded(value, radius - low + 1.0, FUNCTION_SLACK)


def sin(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the sine of an angle."""
    return _wave(arithmetic, "sin", ball)


def cos(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the cosine of an angle."""
    return _wave(arithmetic, "cos", ball)


def _wave(arithmetic: BallArithmetic, name: str, ball: Ball) -> Ball:
    middle, radius = ball
    if arithmetic.size(middle) > MAX_ANGLE_SIZE:
        raise TooLargeError("an angle is beyond 10^30")
    if radius > -1.0:
        raise ImpreciseError("an angle is not known")
    growth = 0.0
    if isinstance(middle, arithmetic.complex_type):
        if arithmetic.size(middle.imag) > 18.0:
            raise TooLargeError("an angle is too far from the real numbers")
        growth = 1.4427 * float(abs(middle.imag)) + 1.0
    return arithmetic.rounded(arithmetic.numbers.function(name, middle), radius + growth, FUNCTION_SLACK)


def arcsin(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the inverse sine."""
    return _inverse_wave(arithmetic, "arcsin", ball)


def arccos(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the inverse cosine."""
    return _inverse_wave(arithmetic, "arccos", ball)


def _inverse_wave(arithmetic: BallArithmetic, name: str, ball: Ball) -> Ball:
    middle, radius = arithmetic.chopped(ball)
    if not isinstance(middle, arithmetic.complex_type) and abs(middle) > 1:
        if arithmetic.size(abs(middle) - 1) <= radius:
            arithmetic.settle(middle, radius, "a number may be beyond 1 or not")
            middle, radius = (1 if middle > 0 else -1), radius + 1.0
        elif not arithmetic.with_complex:
            raise NotRealError(f"the {name} of a number beyond 1 is not real")
    if arithmetic.with_complex and not arithmetic.numbers.decides_ties:
        raise ImpreciseError("conventions of inverse functions differ")
    from_branch = arithmetic.size(1 - middle * middle) - 1.5
    if radius + 4.0 < from_branch - max(0.0, arithmetic.size(middle)):
        grown = radius - from_branch / 2 + 1.0
    else:
        grown = radius / 2 + 2.0 if radius < -4.0 else inf
    return arithmetic.rounded(arithmetic.numbers.function(name, middle), grown, FUNCTION_SLACK)


def arctan(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the inverse tangent."""
    middle, radius = arithmetic.chopped(ball)
    if isinstance(middle, arithmetic.complex_type):
        if not arithmetic.numbers.decides_ties:
            raise ImpreciseError("conventions of inverse functions differ")
        if arithmetic.size(middle.real) <= radius:  # the imaginary axis is a branch cut
            middle = arithmetic.numbers.make_complex(0, middle.imag)
        square = arithmetic.times((middle, radius), (middle, radius))
        radius = radius - arithmetic.away_from_zero(arithmetic.add((1, EXACT), square)) + 1.0
    return arithmetic.rounded(arithmetic.numbers.function("arctan", middle), radius, FUNCTION_SLACK)


# Complex numbers.


def absolute_value(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the absolute value."""
    middle, radius = ball
    if isinstance(middle, arithmetic.complex_type):
        return arithmetic.rounded(abs(middle), radius)
    return abs(middle), radius


def conjugate(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the complex conjugate."""
    middle, radius = ball
    return (middle.conjugate() if isinstance(middle, arithmetic.complex_type) else middle), radius


def re(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the real part."""
    return ball[0].real, ball[1]


def im(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the imaginary part."""
    middle, radius = ball
    return (middle.imag, radius) if isinstance(middle, arithmetic.complex_type) else (0, EXACT)


def arg(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the angle of a number, above -pi and at most pi."""
    ball = arithmetic.off_the_cut(ball)
    arithmetic.away_from_zero(ball, "the argument of zero")
    middle = ball[0]
    if isinstance(middle, arithmetic.complex_type):
        return im(arithmetic, ln(arithmetic, ball))
    return (0, EXACT) if middle > 0 else arithmetic.constant("pi")


# Order, rounding, and functions of integers.


def largest(arithmetic: BallArithmetic, *balls: Ball) -> Ball:
    """Return the largest ball."""
    real = [arithmetic.real_only(ball) for ball in balls]
    return max(real, key=_middle)[0], max(radius for _, radius in real)


def smallest(arithmetic: BallArithmetic, *balls: Ball) -> Ball:
    """Return the smallest ball."""
    real = [arithmetic.real_only(ball) for ball in balls]
    return min(real, key=_middle)[0], max(radius for _, radius in real)


def floor(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Round down."""
    ball = arithmetic.real_only(ball)
    nearest = arithmetic.nearest_integer(ball)
    if nearest is not None:
        return nearest, EXACT
    return arithmetic.integer(arithmetic.numbers.floor(arithmetic.readable(ball)))


def ceiling(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Round up."""
    return arithmetic.negate(floor(arithmetic, arithmetic.negate(ball)))


def integer_of(arithmetic: BallArithmetic, ball: Ball) -> int:
    """Return the integer that a ball is.

    Raises:
        UndefinedError: When it is none.
    """
    whole = arithmetic.nearest_integer(arithmetic.real_only(ball))
    if whole is None:
        raise UndefinedError("a function of integers has an argument that is none")
    return whole


def gcd(arithmetic: BallArithmetic, *balls: Ball) -> Ball:
    """Calculate the greatest common divisor of integers."""
    return arithmetic.integer(math.gcd(*[integer_of(arithmetic, ball) for ball in balls]))


def lcm(arithmetic: BallArithmetic, *balls: Ball) -> Ball:
    """Calculate the least common multiple of integers."""
    return arithmetic.integer(math.lcm(*[integer_of(arithmetic, ball) for ball in balls]))


def factorial(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the factorial, the gamma function of numbers that are no integers."""
    ball = arithmetic.real_only(ball)
    middle, radius = ball
    if arithmetic.size(middle) > 14.0:
        raise TooLargeError("a factorial of a number above 10000")
    whole = arithmetic.nearest_integer(ball)
    if (middle if whole is None else whole) < 0:
        raise UndefinedError("a factorial of a negative number")
    bits = arithmetic.numbers.bits
    if whole is not None and (whole <= MAX_SHORT_FACTORIAL or (bits > MAX_GAMMA_BITS and whole <= MAX_FACTORIAL)):
        return arithmetic.integer(math.factorial(whole))
    if bits > MAX_GAMMA_BITS:
        raise TooLargeError(f"a factorial to more than {MAX_GAMMA_BITS} bits")
    value = arithmetic.numbers.function("gamma", arithmetic.numbers.real(middle) + 1)
    return arithmetic.rounded(value, arithmetic.size(value) + radius + 5.0, 10.0)


def double_factorial(arithmetic: BallArithmetic, ball: Ball) -> Ball:
    """Calculate the double factorial of an integer."""
    whole = integer_of(arithmetic, ball)
    if whole < -1:
        raise UndefinedError("a double factorial of a negative number")
    if whole > 2 * MAX_SHORT_FACTORIAL:
        raise TooLargeError(f"a double factorial of a number above {2 * MAX_SHORT_FACTORIAL}")
    return arithmetic.integer(math.prod(range(whole, 1, -2)))


def binomial(arithmetic: BallArithmetic, top: Ball, bottom: Ball) -> Ball:
    """Calculate the binomial coefficient of any number over an integer."""
    count = integer_of(arithmetic, bottom)
    if count < 0:
        return 0, EXACT
    whole = top[0]
    if type(whole) is int and whole >= 0:
        chosen = min(count, whole - count)
        if chosen > 2 * MAX_SHORT_FACTORIAL or chosen * whole.bit_length() > MAX_EXACT_BITS:
            raise TooLargeError("a binomial coefficient of large numbers")
        return arithmetic.integer(math.comb(whole, count))
    if count > 60:
        raise TooLargeError("a binomial coefficient of a number that is no integer, over more than 60")
    product: Ball = (1, EXACT)
    for at in range(count):
        product = arithmetic.times(product, arithmetic.add(top, (-at, EXACT)))
    return arithmetic.divide(product, arithmetic.integer(math.factorial(count)))


# Functions that nothing is known of.


def call(arithmetic: BallArithmetic, name: str, *balls: Ball) -> Ball:
    """Calculate a smooth function that depends on its name: two waves whose numbers are a hash of the name."""
    first, second, *slopes = _shape(name, len(balls))
    start = [(arithmetic.numbers.real(number), EXACT) for number in (first, second, first - second)]
    waves = []
    for at in (0, 1):
        factors = [(arithmetic.numbers.real(slope), EXACT) for slope in slopes[at::2]]
        terms = [arithmetic.times(factor, ball) for factor, ball in zip(factors, balls, strict=True)]
        waves.append(sin(arithmetic, arithmetic.add(start[at], *terms)))
    return arithmetic.add(start[2], waves[0], arithmetic.times((3, EXACT), waves[1]))


def _middle(ball: Ball) -> Any:
    return ball[0]


@lru_cache(maxsize=256)
def _shape(name: str, count: int) -> tuple[float, ...]:
    """Return two numbers and two for each argument, between 1/2 and 3/2, with 16 bits."""
    drawn: list[float] = []
    while len(drawn) < 2 + 2 * count:
        digest = blake2b(f"{name} {len(drawn)}".encode("utf-8", "surrogatepass"), digest_size=64).digest()
        drawn += [0.5 + int.from_bytes(digest[at : at + 2], "big") / 65536 for at in range(0, 64, 2)]
    return tuple(drawn[: 2 + 2 * count])


OPERATIONS: dict[str, Callable[..., Ball]] = {
    "add": BallArithmetic.add,
    "negate": BallArithmetic.negate,
    "multiply": BallArithmetic.multiply,
    "divide": BallArithmetic.divide,
    "integer_power": BallArithmetic.integer_power,
    "rational_power": rational_power,
    "root": root,
    "power": power,
    "exp": exp,
    "ln": ln,
    "sin": sin,
    "cos": cos,
    "arcsin": arcsin,
    "arccos": arccos,
    "arctan": arctan,
    "abs": absolute_value,
    "conjugate": conjugate,
    "re": re,
    "im": im,
    "arg": arg,
    "max": largest,
    "min": smallest,
    "floor": floor,
    "ceiling": ceiling,
    "gcd": gcd,
    "lcm": lcm,
    "factorial": factorial,
    "double_factorial": double_factorial,
    "binomial": binomial,
    "call": call,
}
"""What each instruction of a program does: functions of an arithmetic, the payload where there is one, and balls."""

"""The numeric value of a constant expression."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rewardium.envs.math.verify.limits import MAX_EXACT_BITS, TooLargeError
from rewardium.envs.math.verify.numeric.agreement import needed_bits
from rewardium.envs.math.verify.numeric.balls import Ball, BallArithmetic, ImpreciseError, NotRealError, VanishingError
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.numeric.evaluation import MAX_BITS, Budget, building_cost, long_cost, run
from rewardium.envs.math.verify.numeric.folding import UndefinedError
from rewardium.envs.math.verify.numeric.precision import high_precision, long_arithmetic
from rewardium.envs.math.verify.numeric.program import Program
from rewardium.envs.math.verify.tree import Node

if TYPE_CHECKING:
    import mpmath

_WORK = 30_000.0
_GUARD_BITS = 40
_BITS_PER_DIGIT = 3.3220


def real_value(node: Node, digits: int = 30) -> mpmath.mpf | None:
    """Calculate a constant expression.

    Args:
        node: The expression; a logarithm whose base is not stated is a natural one.
        digits: Significant digits that are right; at most some hundred.

    Returns:
        The value, an infinity included; None where there are variables or unknown functions, and where the value is not
        real, not defined, or takes too much work. What vanishes to all digits that its parts ask for is 0.

    Example:
        >>> from rewardium.envs.math.verify.tree import Apply, Number
        >>> print(real_value(Apply("exp", (Number(Fraction(1)),)), 20))
        2.71828182845905
    """
    from mpmath import mp

    try:
        program = build_program(node)
        if program.fault or not program.is_constant:
            return None
        if type(program.exact) is float:
            return mp.mpf(program.exact)
        with high_precision() as context:
            value = _real_ball(program, digits, Budget(_WORK), context)[0]
            # A number of the public context, so that what is done with it has the caller's precision, not ours.
            return mp.make_mpf(context.mpf(value)._mpf_)
    except (UndefinedError, ImpreciseError, TooLargeError):
        return None


def is_near(program: Program, value: Fraction, bound: Fraction, digits: int, budget: Budget) -> bool:
    """Say whether a constant is real and less than a bound away from a number.

    Args:
        program: The constant.
        value: The number.
        bound: The largest distance, exclusive.
        digits: Significant digits that it takes to tell.
        budget: How much work may be done.

    Example:
        >>> from rewardium.envs.math.verify.tree import Constant
        >>> is_near(build_program(Constant("pi")), Fraction("3.14"), Fraction("0.01"), 10, Budget(1000))
        True
    """
    try:
        with high_precision() as context:
            ball = _real_ball(program, digits, budget, context)
            arithmetic = long_arithmetic(context, context.prec)
            distance, _ = arithmetic.add(ball, arithmetic.negate(arithmetic.number(value)))
            return bool(abs(distance) < arithmetic.number(bound)[0])
    except (UndefinedError, ImpreciseError):
        return False


def complex_value(node: Node, budget: Budget) -> Fraction | complex | None:
    """Calculate a constant expression to double precision or better.

    Args:
        node: The expression.
        budget: How much work may be done.

    Returns:
        A fraction where the value is real, otherwise a complex number; None where there is none.

    Example:
        >>> from rewardium.envs.math.verify.tree import Constant
        >>> complex_value(Constant("i"), Budget(1000))
        1j
    """
    try:
        program = build_program(node)
        budget.spend(building_cost(program))
        if type(program.exact) is int or isinstance(program.exact, Fraction):
            return Fraction(program.exact)
        with high_precision() as context:
            value, _ = _ball(program, 30, budget, context)
            if type(value) is int:
                return Fraction(value)
            if isinstance(value, context.mpc):
                return complex(value)
            return _as_fraction(value)
    except (UndefinedError, ImpreciseError, TooLargeError, OverflowError):
        return None


def _as_fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    if abs(exponent) > MAX_EXACT_BITS:
        raise TooLargeError("a number is too long to write down")
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)


def _real_ball(program: Program, digits: int, budget: Budget, context: Any) -> Ball:
    ball = _ball(program, digits, budget, context)
    return long_arithmetic(context, context.prec).real_only(ball)


def _ball(program: Program, digits: int, budget: Budget, context: Any) -> Ball:
    """Evaluate with more and more digits, until enough of them are right."""
    bits = int(digits * _BITS_PER_DIGIT) + _GUARD_BITS
    while True:
        bits = min(bits, MAX_BITS)
        budget.spend(2 * long_cost(program, bits, program.is_complex))
        try:
            balls, arithmetic = _run(program, context, bits)
        except (ImpreciseError, VanishingError):
            if bits >= min(4 * needed_bits([program]), MAX_BITS):
                raise
            bits *= 2
            continue
        value, radius = arithmetic.chopped(balls[-1])
        size = arithmetic.size(value)
        if radius <= size - digits * _BITS_PER_DIGIT:
            return value, radius
        needed = needed_bits([program], [balls], arithmetic)
        if size <= radius and bits >= needed:
            return arithmetic.integer(0)
        if bits == MAX_BITS:
            raise ImpreciseError("a number may be zero or not")
        bits = max(2 * bits, int(needed) + _GUARD_BITS)


def _run(program: Program, context: Any, bits: int) -> tuple[list[Ball], BallArithmetic]:
    """Evaluate in real numbers where that is possible, in complex ones otherwise."""
    if not program.is_complex:
        try:
            arithmetic = long_arithmetic(context, bits)
            return run(program, {}, arithmetic), arithmetic
        except NotRealError:
            pass
    arithmetic = long_arithmetic(context, bits, True, program.is_complex)
    return run(program, {}, arithmetic), arithmetic

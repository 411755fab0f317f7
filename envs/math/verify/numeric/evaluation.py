"""Running programs on numbers: in double precision first, in as many digits as a comparison needs then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.ball_functions import OPERATIONS
from rewardium.envs.math.verify.numeric.balls import EXACT, Ball, BallArithmetic, ImpreciseError
from rewardium.envs.math.verify.numeric.folding import UndefinedError
from rewardium.envs.math.verify.numeric.program import Program

Point = Mapping[str, "int | float | complex | Ball"]
"""Values of the variables: numbers that doubles hold exactly, or balls."""

MAX_DIGITS = 1500
"""Decimal digits with which an expression is evaluated at most."""

MAX_BITS = int(MAX_DIGITS * math.log2(10))


class TooMuchWorkError(TooLargeError):
    """A comparison is beyond what may be spent on it."""


class Budget:
    """How much work a comparison may still do, in units of about a microsecond.

    Args:
        amount: What it starts with.
    """

    def __init__(self, amount: float) -> None:
        self.left = amount

    def spend(self, amount: float) -> None:
        """Take an amount away.

        Raises:
            TooMuchWorkError: When so much is not left; nothing is left then.
        """
        self.left -= amount
        if self.left < 0:
            raise TooMuchWorkError("the comparison takes too much work")


def run(program: Program, point: Point, arithmetic: BallArithmetic) -> list[Ball]:
    """Evaluate a program.

    Args:
        program: The program.
        point: The values of its variables.
        arithmetic: What to calculate in.

    Returns:
        The values of all instructions; the last one is that of the expression.

    Raises:
        UndefinedError: When something is not defined at the point, or not real where only real numbers count.
        ImpreciseError: When more digits are needed to say what a value is.
        TooLargeError: When a value is beyond the limits.

    Example:
        >>> from fractions import Fraction
        >>> from rewardium.envs.math.verify.numeric.building import build_program
        >>> from rewardium.envs.math.verify.numeric.precision import double_arithmetic
        >>> from rewardium.envs.math.verify.tree import Apply, Number, Symbol
        >>> program = build_program(Apply("root", (Symbol("x"), Number(Fraction(2)))))
        >>> run(program, {"x": 9.0}, double_arithmetic())[-1][0]
        3.0
    """
    if program.fault:
        raise UndefinedError(program.fault)
    balls: list[Ball] = []
    try:
        for operator, operands, payload in program.instructions:
            function = OPERATIONS.get(operator)
            if function is None:
                balls.append(_leaf(operator, payload, point, arithmetic))
            elif payload is None:
                balls.append(function(arithmetic, *[balls[operand] for operand in operands]))
            else:
                balls.append(function(arithmetic, payload, *[balls[operand] for operand in operands]))
    except (ArithmeticError, ValueError) as error:
        # Doubles overflow where longer numbers do not; what mpmath refuses has no value.
        if arithmetic.numbers.decides_ties:
            raise UndefinedError("an operation has no value there") from error
        raise ImpreciseError("a number is beyond double precision") from error
    return balls


def building_cost(program: Program) -> float:
    """Return the work of building a program and comparing its residue, for a ``Budget``."""
    return 20.0 + 7.0 * program.nodes


def double_cost(program: Program, with_complex: bool = False) -> float:
    """Return the work of evaluating a program once in doubles, for a ``Budget``."""
    cost = 5.0
    for operator, operands, _ in program.instructions:
        cost += (40.0 if operator in _SLOW else 1.5) + 1.5 * len(operands)
    return 2.0 * cost if with_complex else cost


def long_cost(program: Program, bits: int, with_complex: bool = False) -> float:
    """Return the work of evaluating a program once with some bits, for a ``Budget``.

    Args:
        program: The program.
        bits: The precision.
        with_complex: Whether its values may be complex.

    Returns:
        About as many microseconds; the time of a product grows with the square of the precision, as it does below some
        thousand bits.
    """
    square = (bits / 1000) ** 2
    cost = 5.0
    for operator, operands, payload in program.instructions:
        start, growth = _COSTS.get(operator, (2.0, 1.5))
        if payload is not None and operator in ("integer_power", "rational_power"):
            growth += 2.0 * payload.numerator.bit_length()
        cost += start + growth * square + (2.0 + 2.0 * square) * len(operands)
    return 2.5 * cost if with_complex else cost


_SLOW = frozenset(("factorial", "double_factorial", "binomial", "call"))
_COSTS = {
    **dict.fromkeys(("exp", "sin", "cos"), (15.0, 45.0)),
    **dict.fromkeys(("ln", "arctan", "arcsin", "arccos"), (15.0, 110.0)),
    "power": (30.0, 160.0),
    "call": (40.0, 100.0),
    "factorial": (100.0, 1500.0),
    "double_factorial": (100.0, 10.0),
    "binomial": (100.0, 100.0),
    "root": (8.0, 8.0),
    "rational_power": (12.0, 10.0),
}


def _leaf(operator: str, payload: Any, point: Point, arithmetic: BallArithmetic) -> Ball:
    if operator == "number":
        return arithmetic.number(payload)
    if operator == "symbol":
        value = point[payload]
        return value if isinstance(value, tuple) else _exactly(value, arithmetic)
    if operator == "imaginary":
        return arithmetic.imaginary()
    if operator == "infinity":
        raise UndefinedError("infinity stands where it has no value")
    return arithmetic.constant(operator)


def _exactly(value: int | float | complex, arithmetic: BallArithmetic) -> Ball:
    if isinstance(value, int):
        return value, EXACT
    if isinstance(value, complex):
        return arithmetic.numbers.make_complex(value.real, value.imag), EXACT
    return arithmetic.numbers.real(value), EXACT

"""Operations that a program does not know, said by those that it knows: a tangent is a sine over a cosine.

Each function takes the builder of a program and the places of the operands, and returns the place of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Protocol

from rewardium.envs.math.verify.numeric.folding import Exact


class Builder(Protocol):
    """What a lowering may do with the program that is being built."""

    log_base: int | None

    def emit(self, operator: str, operands: Iterable[int] = (), payload: Any = None) -> int:
        """Add an instruction, or its value where that is exact, and return its place."""

    def number(self, value: Exact) -> int:
        """Add an exact number."""

    def folded(self, operator: str, operands: tuple[int, ...]) -> Exact | None:
        """Return the exact value of an operation, None where it has none."""

    def exact_at(self, place: int) -> Exact | None:
        """Return the exact value at a place, None where it has none."""

    def operator_at(self, place: int) -> str:
        """Return the operator at a place."""

    def refuse(self, fault: str) -> int:
        """Note that the whole has no value."""


Lowering = Callable[..., int]


def lower(builder: Builder, operator: str, *operands: int) -> int:
    """Add an operation of the tree, lowered where a program does not know it."""
    lowering = LOWERINGS.get(operator)
    return builder.emit(operator, operands) if lowering is None else lowering(builder, *operands)


def _subtract(builder: Builder, left: int, right: int) -> int:
    return builder.emit("add", (left, builder.emit("negate", (right,))))


def _reciprocal(builder: Builder, argument: int) -> int:
    return builder.emit("divide", (builder.number(1), argument))


def _n_ary(operator: str) -> Lowering:
    return lambda builder, *operands: builder.emit(operator, operands) if len(operands) > 1 else operands[0]


def _ratio(builder: Builder, *terms: int) -> int:
    return (
        builder.emit("divide", terms) if len(terms) == 2 else builder.refuse("a ratio of several numbers is no value")
    )


# Powers, roots and logarithms.


def _log(builder: Builder, argument: int, base: int | None = None) -> int:
    if base is None:
        if builder.log_base is None:
            return builder.emit("ln", (argument,))
        base = builder.number(builder.log_base)
    exact = builder.folded("log", (argument, base))
    if exact is not None:
        return builder.number(exact)
    return builder.emit("divide", (builder.emit("ln", (argument,)), builder.emit("ln", (base,))))


def _power(builder: Builder, base: int, exponent: int) -> int:
    if builder.operator_at(base) == "e":
        return builder.emit("exp", (exponent,))
    exact = builder.folded("power", (base, exponent))
    if exact is not None:
        return builder.number(exact)
    known = builder.exact_at(exponent)
    if type(known) is int:
        return base if known == 1 else builder.emit("integer_power", (base,), known)
    if isinstance(known, Fraction):
        return builder.emit("rational_power", (base,), known)
    return builder.emit("power", (base, exponent))


def _root(builder: Builder, radicand: int, index: int) -> int:
    exact = builder.folded("root", (radicand, index))
    if exact is not None:
        return builder.number(exact)
    known = builder.exact_at(index)
    if known == 0:
        return builder.refuse("a root of index zero")
    if type(known) is not int:
        return _power(builder, radicand, _reciprocal(builder, index))
    if known < 0:
        return _root(builder, _reciprocal(builder, radicand), builder.number(-known))
    return radicand if known == 1 else builder.emit("root", (radicand,), known)


# Angles.


def _mod(builder: Builder, value: int, modulus: int) -> int:
    exact = builder.folded("mod", (value, modulus))
    if exact is not None:
        return builder.number(exact)
    floor = builder.emit("floor", (builder.emit("divide", (value, modulus)),))
    return _subtract(builder, value, builder.emit("multiply", (modulus, floor)))


def _degrees(builder: Builder, angle: int) -> int:
    degree = builder.emit("divide", (builder.emit("pi"), builder.number(180)))
    return builder.emit("multiply", (angle, degree))


def _quotient_of(top: str, bottom: str) -> Lowering:
    return lambda builder, argument: builder.emit(
        "divide", (lower(builder, top, argument), lower(builder, bottom, argument))
    )


def _reciprocal_of(operator: str) -> Lowering:
    return lambda builder, argument: _reciprocal(builder, lower(builder, operator, argument))


def _at_reciprocal(operator: str) -> Lowering:
    return lambda builder, argument: builder.emit(operator, (_reciprocal(builder, argument),))


def _arccot(builder: Builder, argument: int) -> int:
    """Between 0 and pi, as textbooks have it."""
    right_angle = builder.emit("divide", (builder.emit("pi"), builder.number(2)))
    return _subtract(builder, right_angle, builder.emit("arctan", (argument,)))


# Hyperbolic functions.


def _sinh(builder: Builder, argument: int) -> int:
    rising = builder.emit("exp", (argument,))
    return builder.emit("divide", (_subtract(builder, rising, _reciprocal(builder, rising)), builder.number(2)))


def _cosh(builder: Builder, argument: int) -> int:
    rising = builder.emit("exp", (argument,))
    return builder.emit("divide", (builder.emit("add", (rising, _reciprocal(builder, rising))), builder.number(2)))


def _arsinh(builder: Builder, argument: int) -> int:
    square = builder.emit("add", (_power(builder, argument, builder.number(2)), builder.number(1)))
    return builder.emit("ln", (builder.emit("add", (argument, _root(builder, square, builder.number(2)))),))


def _arcosh(builder: Builder, argument: int) -> int:
    one, two = builder.number(1), builder.number(2)
    below = _root(builder, _subtract(builder, argument, one), two)
    above = _root(builder, builder.emit("add", (argument, one)), two)
    return builder.emit("ln", (builder.emit("add", (argument, builder.emit("multiply", (below, above)))),))


def _artanh(builder: Builder, argument: int) -> int:
    one = builder.number(1)
    ratio = builder.emit("divide", (builder.emit("add", (one, argument)), _subtract(builder, one, argument)))
    return builder.emit("divide", (builder.emit("ln", (ratio,)), builder.number(2)))


LOWERINGS: dict[str, Lowering] = {
    "add": _n_ary("add"),
    "multiply": _n_ary("multiply"),
    "max": _n_ary("max"),
    "min": _n_ary("min"),
    "gcd": _n_ary("gcd"),
    "lcm": _n_ary("lcm"),
    "ratio": _ratio,
    "log": _log,
    "power": _power,
    "root": _root,
    "mod": _mod,
    "degrees": _degrees,
    "tan": _quotient_of("sin", "cos"),
    "cot": _quotient_of("cos", "sin"),
    "sec": _reciprocal_of("cos"),
    "csc": _reciprocal_of("sin"),
    "arcsec": _at_reciprocal("arccos"),
    "arccsc": _at_reciprocal("arcsin"),
    "arccot": _arccot,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _quotient_of("sinh", "cosh"),
    "coth": _quotient_of("cosh", "sinh"),
    "sech": _reciprocal_of("cosh"),
    "csch": _reciprocal_of("sinh"),
    "arsinh": _arsinh,
    "arcosh": _arcosh,
    "artanh": _artanh,
}

"""When a number that is written with a decimal point stands for another number.

A decimal stands for itself, as a fraction of a power of ten. Where the other number is no such fraction (1/3, pi) it
may also stand for that, if it has enough digits and is less than one unit in its last place away.
"""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import MAX_NUMBER_DIGITS
from rewardium.envs.math.verify.tree import Apply, Node, Number, subnodes

LONG_DECIMAL = 6
"""Significant digits of a decimal number that may stand for a number that is no decimal."""

RELATIVE_TOLERANCE = 2e-6
"""Relative error of an expression that holds such decimals, against one that holds none."""


def written_decimal(node: Node) -> Number | None:
    """Return the number where an expression is nothing but a decimal number, with whatever signs before it.

    Example:
        >>> written_decimal(Apply("negate", (Number(Fraction(1, 2), 1),)))
        Number(value=Fraction(-1, 2), places=1)
    """
    sign = 1
    while isinstance(node, Apply) and node.operator == "negate" and len(node.arguments) == 1:
        sign, node = -sign, node.arguments[0]
    if isinstance(node, Number) and node.places is not None:
        return Number(sign * node.value, node.places)
    return None


def significant_digits(number: Number) -> int:
    """Count the digits of a number that is written as a decimal, from the first one that is not 0.

    Example:
        >>> significant_digits(Number(Fraction("3.10"), 2)), significant_digits(Number(Fraction("0.0012"), 4))
        (3, 2)
    """
    if number.places is None or not number.value or abs(number.places) > 4 * MAX_NUMBER_DIGITS:
        return 0
    size = abs(number.value)
    before_point = (size.numerator.bit_length() - size.denominator.bit_length()) * 0.30103
    if abs(before_point + number.places) > 2 * LONG_DECIMAL:  # spares powers of ten of any size
        return max(0, int(before_point + number.places))
    digits = int(size * Fraction(10) ** number.places)
    return len(str(digits)) if digits else 0


def is_long(number: Number) -> bool:
    """Say whether a decimal has enough digits to stand for a number that is no decimal.

    Example:
        >>> is_long(Number(Fraction("3.14159"), 5)), is_long(Number(Fraction("3.14"), 2))
        (True, False)
    """
    return significant_digits(number) >= LONG_DECIMAL


def may_be_rounded(node: Node) -> bool:
    """Say whether the long decimals of an expression may stand for other numbers: as terms and as factors.

    Inside of a function or a power a small error may grow: ln(1.0000001) is not 0.0000001.

    Example:
        >>> third = Number(Fraction("0.333333"), 6)
        >>> may_be_rounded(Apply("multiply", (third, third))), may_be_rounded(Apply("ln", (third,)))
        (True, False)
    """
    stack = [node]
    while stack:
        part = stack.pop()
        if not isinstance(part, Apply):
            continue
        if part.operator in _LINEAR:
            stack.extend(part.arguments)
        elif any(isinstance(item, Number) and item.places is not None and is_long(item) for item in subnodes(part)):
            return False
    return True


_LINEAR = frozenset(("add", "multiply", "negate", "divide", "ratio"))


def unit_in_last_place(number: Number) -> Fraction:
    """Return the value of one unit in the last place of a decimal that ``is_long``.

    Example:
        >>> unit_in_last_place(Number(Fraction("3.14159"), 5))
        Fraction(1, 100000)
    """
    return Fraction(10) ** -(number.places or 0)


def is_terminating(value: int | Fraction) -> bool:
    """Say whether a rational number has a decimal expansion that ends.

    Example:
        >>> is_terminating(Fraction(1, 8)), is_terminating(Fraction(1, 3))
        (True, False)
    """
    # A denominator of 2^a 5^b divides 10^n as soon as n reaches a and b, which are below its number of bits.
    bits = value.denominator.bit_length()
    return pow(10, bits, value.denominator) == 0


def same_decimals(first: Number, second: Number) -> bool:
    """Compare two numbers that are written as decimals.

    With as many places they are compared exactly; otherwise the shorter one may be the longer one cut off or rounded.

    Example:
        >>> same_decimals(Number(Fraction("123456.7"), 1), Number(Fraction("123456.78"), 2))
        True
        >>> same_decimals(Number(Fraction("3.14"), 2), Number(Fraction("3.142"), 3))
        False
    """
    if first.value == second.value:
        return True
    shorter = min(first, second, key=lambda number: number.places or 0)
    if first.places == second.places or not is_long(shorter):
        return False
    return abs(first.value - second.value) < unit_in_last_place(shorter)


def stands_for(decimal: Number, value: Fraction | int) -> bool:
    """Compare a number that is written as a decimal with a rational number that is not.

    Example:
        >>> stands_for(Number(Fraction("0.333333"), 6), Fraction(1, 3))
        True
        >>> stands_for(Number(Fraction("0.33"), 2), Fraction(1, 3))
        False
        >>> stands_for(Number(Fraction("1000000.0"), 1), 1000001)
        False
    """
    if decimal.value == value:
        return True
    if is_terminating(value) or not is_long(decimal):
        return False
    return abs(decimal.value - value) < unit_in_last_place(decimal)

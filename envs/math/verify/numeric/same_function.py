"""Whether two expressions are the same function of their variables.

Structure, exact values and residues decide most pairs without a floating-point number; what is left is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.agreement import agree
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.numeric.decimals import (
    RELATIVE_TOLERANCE,
    is_long,
    same_decimals,
    significant_digits,
    stands_for,
    unit_in_last_place,
    written_decimal,
)
from rewardium.envs.math.verify.numeric.evaluation import Budget, building_cost
from rewardium.envs.math.verify.numeric.fingerprint import fingerprint, make_ring
from rewardium.envs.math.verify.numeric.folding import Exact, bits_of
from rewardium.envs.math.verify.numeric.program import Program
from rewardium.envs.math.verify.numeric.values import is_near
from rewardium.envs.math.verify.outcome import Identity
from rewardium.envs.math.verify.tree import Apply, Node, Number

WORK = 30_000.0
"""What a comparison may cost, in units of about a microsecond."""


def identical(left: Node, right: Node) -> Identity:
    """Compare two expressions as functions of their variables.

    They are equal where they have the same value wherever both are defined and real; where the imaginary unit or the
    like occurs in one of them, complex values count as well, and variables named z or w are complex. Variables of
    factorials and the like, of signs as in (-1)^n, and those named i to n, K, M or N that are rounded, are integers. A
    decimal number is a fraction; one of at least six digits may stand for a number that has no finite decimal
    expansion. A logarithm whose base is not stated has the base e on both sides, or 10 on both.

    Args:
        left: An expression.
        right: Another one; the order of the two does not matter.

    Returns:
        ``"equal"``, ``"different"`` (both proven or as good as that), or ``"unknown"``.

    Example:
        >>> from rewardium.envs.math.verify.tree import Symbol
        >>> x, two = Symbol("x"), Number(Fraction(2))
        >>> double_angle = Apply("sin", (Apply("multiply", (two, x)),))
        >>> product = Apply("multiply", (two, Apply("sin", (x,)), Apply("cos", (x,))))
        >>> identical(double_angle, product)
        Identity(status='equal', reason='the values agree at 6 points')
        >>> identical(Number(Fraction("0.33"), 2), Number(Fraction(1, 3)))
        Identity(status='different', reason='33/100 is not 1/3')
    """
    return identical_within(Budget(WORK), left, right)


def identical_within(budget: Budget, left: Node, right: Node) -> Identity:
    """Compare two expressions, see ``identical``, with what is left of a budget."""
    try:
        if isinstance(left, Number) and isinstance(right, Number):
            return _same_numbers(left, right)
        if _is_ratio(left) or _is_ratio(right):
            return _same_ratio(budget, left, right)
        result, has_open_logarithm = _identical(budget, left, right, None)
        if result.status != "equal" and has_open_logarithm:
            decimal, _ = _identical(budget, left, right, 10)
            # Not equal only if that is so under both readings.
            return result if result.status == decimal.status or decimal.status == "different" else decimal
    except TooLargeError as error:
        return Identity("unknown", str(error))
    return result


def _identical(budget: Budget, left: Node, right: Node, log_base: int | None) -> tuple[Identity, bool]:
    """Compare under one reading of the logarithms; say as well whether there is another."""
    first, second = build_program(left, log_base), build_program(right, log_base)
    # Also where they were remembered, so that the verdict does not depend on it.
    budget.spend(building_cost(first) + building_cost(second))
    decimals = written_decimal(left), written_decimal(right)
    if first.fault or second.fault:
        result = Identity("unknown", f"undefined: {first.fault or second.fault}")
    elif decimals[0] is not None and decimals[1] is not None:
        result = _decided(same_decimals(decimals[0], decimals[1]), first.exact, second.exact)
    elif decimals[0] is not None:
        result = _against_decimal(budget, decimals[0], first, second)
    elif decimals[1] is not None:
        result = _against_decimal(budget, decimals[1], second, first)
    else:
        result = _same_values(budget, first, second)
    return result, first.has_open_logarithm or second.has_open_logarithm


def _same_numbers(left: Number, right: Number) -> Identity:
    if left.places is not None and right.places is not None:
        same = same_decimals(left, right)
    elif left.places is not None:
        same = stands_for(left, right.value)
    else:
        same = left.value == right.value if right.places is None else stands_for(right, left.value)
    return _decided(same, left.value, right.value)


def _against_decimal(budget: Budget, decimal: Number, written: Program, other: Program) -> Identity:
    """Compare a number that is written as a decimal with something that is not."""
    if isinstance(other.exact, float):
        return Identity("different", "one is infinite, the other is not")
    if other.exact is not None:
        return _decided(stands_for(decimal, other.exact), written.exact, other.exact)
    result = agree(written, other, budget)
    if result.status != "different" or not other.is_constant or not is_long(decimal):
        return result
    return _within_a_unit(budget, decimal, other) or result


def _within_a_unit(budget: Budget, decimal: Number, other: Program) -> Identity | None:
    """Say whether an irrational number is less than a unit in the last place away from a decimal."""
    digits = 20 + significant_digits(decimal)
    if is_near(other, decimal.value, unit_in_last_place(decimal), digits, budget):
        return Identity("equal", "they agree to the last place of the decimal number")
    return None


def _same_values(budget: Budget, first: Program, second: Program) -> Identity:
    """Compare two programs, neither of which is just a decimal number."""
    tolerance = RELATIVE_TOLERANCE if sorted((first.decimals, second.decimals)) == [0, 2] else 0.0
    if first.exact is not None and second.exact is not None:
        return _decided(_close(first.exact, second.exact, tolerance), first.exact, second.exact)
    if type(first.exact) is float or type(second.exact) is float:
        return _against_infinity(second if type(first.exact) is float else first)
    if first.digest == second.digest:
        return Identity("equal", "both are the same expression")
    if not tolerance:
        result = _by_residues(first, second)
        if result is not None:
            return result
    return agree(first, second, budget, tolerance)


def _against_infinity(other: Program) -> Identity:
    if "infinity" in other.operators:
        return Identity("unknown", "infinity stands where it has no value")
    return Identity("different", "one is infinite, the other is not")


def _close(first: Exact, second: Exact, tolerance: float) -> bool:
    if first == second or not tolerance or isinstance(first, float) or isinstance(second, float):
        return first == second
    error, size = abs(Fraction(first) - second), max(abs(Fraction(first)), abs(Fraction(second)))
    return error <= Fraction(1, round(1 / tolerance)) * size


def _by_residues(first: Program, second: Program) -> Identity | None:
    """Compare two programs in a ring of residues that depends on both."""
    ring = make_ring(b"".join(sorted((first.digest, second.digest))))
    left, right = fingerprint(first, ring), fingerprint(second, ring)
    if left is None or right is None:
        return None
    if left == right:
        return Identity("equal", "the laws of arithmetic turn one into the other")
    if first.is_rational and second.is_rational:
        return Identity("different", "they are different rational functions")
    return None


def _decided(same: bool, first: Exact | None, second: Exact | None) -> Identity:
    if same:
        return Identity("equal", f"both are {_shown(first)}")
    return Identity("different", f"{_shown(first)} is not {_shown(second)}")


def _shown(value: Exact | None) -> str:
    if type(value) is float:
        return "infinity" if value > 0 else "-infinity"
    return str(value) if value is not None and bits_of(value) <= 200 else "a long number"


# Ratios.


def _is_ratio(node: Node) -> bool:
    return isinstance(node, Apply) and node.operator == "ratio"


def _same_ratio(budget: Budget, left: Node, right: Node) -> Identity:
    """Compare ratios such as 2 : 3 and 4 : 6, or a ratio of two with a number."""
    if not isinstance(left, Apply) or not isinstance(right, Apply) or left.operator != right.operator:
        return _identical(budget, left, right, None)[0]
    first, second = left.arguments, right.arguments
    if len(first) != len(second):
        return Identity("different", "the ratios have different numbers of terms")
    zero = Number(Fraction(0))
    if any(identical_within(budget, term, zero).status == "equal" for term in (*first, *second)):
        return _joined(identical_within(budget, a, b) for a, b in zip(first, second, strict=True))
    return _joined(
        identical_within(budget, Apply("multiply", (a, second[0])), Apply("multiply", (b, first[0])))
        for a, b in zip(first[1:], second[1:], strict=True)
    )


def _joined(results: Iterable[Identity]) -> Identity:
    unknown = None
    for result in results:
        if result.status == "different":
            return Identity("different", f"the terms of the ratios are not proportional: {result.reason}")
        if result.status == "unknown":
            unknown = unknown or result
    return unknown or Identity("equal", "the terms of the ratios are proportional")

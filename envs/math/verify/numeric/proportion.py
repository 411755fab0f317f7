"""Whether two expressions differ by a constant factor only."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.numeric.evaluation import Budget
from rewardium.envs.math.verify.numeric.same_function import WORK, identical_within
from rewardium.envs.math.verify.numeric.substitution import substituted, variables
from rewardium.envs.math.verify.numeric.values import complex_value
from rewardium.envs.math.verify.outcome import Identity
from rewardium.envs.math.verify.tree import Apply, Node, Number

ZERO = Number(Fraction(0))

MAX_PROPORTIONAL_NODES = 400
"""Nodes of two expressions that are compared up to a factor, or as equations."""

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
_TRIALS = 6


def proportional(left: Node, right: Node) -> tuple[Identity, int]:
    """Say whether one expression is a constant other than 0 times the other.

    Args:
        left: An expression.
        right: Another one.

    Returns:
        The comparison, and the sign of the constant k in ``left = k * right``; 0 where k is not real, or there is none.
        Where both expressions are zero, they are proportional and the sign is 1.

    Example:
        >>> from rewardium.envs.math.verify.tree import Symbol
        >>> line = Apply("add", (Symbol("x"), Apply("negate", (Number(Fraction(1)),))))
        >>> opposite = Apply("add", (Number(Fraction(2)), Apply("multiply", (Number(Fraction(-2)), Symbol("x")))))
        >>> result, sign = proportional(line, opposite)
        >>> result.status, sign
        ('equal', -1)
    """
    return proportional_within(Budget(WORK), left, right)


def proportional_within(budget: Budget, left: Node, right: Node) -> tuple[Identity, int]:
    """Compare two expressions, see ``proportional``, with what is left of a budget.

    With the values at some point at which neither is zero, ``left * right(point)`` and ``right * left(point)`` are to
    be the same function.
    """
    try:
        nodes = sum(build_program(node).nodes for node in (left, right))
        if nodes > MAX_PROPORTIONAL_NODES:
            return Identity("unknown", f"the expressions have more than {MAX_PROPORTIONAL_NODES} nodes"), 0
        for point in _trial_points(variables(left, right)):
            at_point = substituted(left, point), substituted(right, point)
            numbers = [complex_value(node, budget) for node in at_point]
            if all(numbers):
                result = _same_products(budget, (left, right), at_point, numbers)
                return result, _sign(numbers) if result.status == "equal" else 0
        return _both_zero(budget, left, right)
    except TooLargeError as error:
        return Identity("unknown", str(error)), 0


def _trial_points(names: list[str]) -> Iterator[dict[str, Node]]:
    """Yield points with short rational coordinates: integers, fractions and negative numbers."""
    for trial in range(_TRIALS if names else 1):
        point: dict[str, Node] = {}
        for place, name in enumerate(names):
            prime = _PRIMES[(place + 3 * trial) % len(_PRIMES)] + 30 * (place // len(_PRIMES))
            choices = Fraction(prime), Fraction(prime, 2 * prime + 1), Fraction(-prime, 4), Fraction(prime, 3)
            point[name] = Number(choices[trial % 4])
        yield point


def _same_products(
    budget: Budget, nodes: tuple[Node, Node], at_point: tuple[Node, Node], numbers: list[Any]
) -> Identity:
    left, right = nodes
    left_at, right_at = at_point
    # Rounded values of sides with decimal numbers hold no decimals themselves, so that the tolerance is the usual one.
    if sorted(build_program(node).decimals for node in nodes) == [0, 2] and all(
        isinstance(number, Fraction) for number in numbers
    ):
        left_at, right_at = (Number(number) for number in numbers)
    result = identical_within(budget, Apply("multiply", (left, right_at)), Apply("multiply", (right, left_at)))
    words = {"equal": "they are proportional", "different": "they are not proportional"}
    return result._replace(reason=f"{words.get(result.status, 'they may be proportional')}: {result.reason}"[:300])


def _sign(numbers: list[Any]) -> int:
    left, right = numbers
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return 1 if (left > 0) == (right > 0) else -1
    quotient = complex(left) / complex(right)
    return 0 if abs(quotient.imag) > 1e-12 * abs(quotient) else 1 if quotient.real > 0 else -1


def _both_zero(budget: Budget, left: Node, right: Node) -> tuple[Identity, int]:
    """Compare two expressions of which one at least is zero or undefined wherever it was tried."""
    statuses = [identical_within(budget, node, ZERO).status for node in (left, right)]
    if statuses == ["equal", "equal"]:
        return Identity("equal", "both are zero"), 1
    if sorted(statuses) == ["different", "equal"]:
        return Identity("different", "one is zero, the other is not"), 0
    return Identity("unknown", "no point was found at which both have a value that is not zero"), 0

"""Whether two equations have the same solutions."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.numeric.evaluation import Budget
from rewardium.envs.math.verify.numeric.proportion import MAX_PROPORTIONAL_NODES, ZERO, proportional_within
from rewardium.envs.math.verify.numeric.same_function import WORK, identical_within
from rewardium.envs.math.verify.numeric.substitution import substituted, variables
from rewardium.envs.math.verify.outcome import Identity
from rewardium.envs.math.verify.tree import Apply, Node, Number, Symbol

_MAX_VARIABLES = 8
_ONE = Number(Fraction(1))
_PROBES = Number(Fraction(5, 7)), Number(Fraction(12, 7))  # one apart, and rarely a pole


def same_zero_set(left: Node, right: Node) -> Identity:
    """Compare the equations ``left = 0`` and ``right = 0``.

    They are the same where the sides are proportional. Otherwise each is solved for the variables in which it is
    linear, and the solution is put into the other.

    Args:
        left: One side minus the other of an equation.
        right: The same of another equation.

    Returns:
        ``"different"`` where a solution of one does not solve the other, ``"equal"`` where those of each solve the
        other, ``"unknown"`` where one of the two cannot be solved.

    Example:
        >>> x, y, two = Symbol("x"), Symbol("y"), Number(Fraction(2))
        >>> hyperbola = Apply("add", (y, Apply("negate", (Apply("divide", (two, x)),))))
        >>> product = Apply("add", (Apply("multiply", (x, y)), Number(Fraction(-2))))
        >>> same_zero_set(hyperbola, product).status
        'equal'
    """
    budget = Budget(WORK)
    try:
        result, _ = proportional_within(budget, left, right)
        nodes = sum(build_program(node).nodes for node in (left, right))
    except TooLargeError as error:
        return Identity("unknown", str(error))
    if result.status == "equal" or nodes > MAX_PROPORTIONAL_NODES:
        return result
    outcomes = []
    for given, other in ((left, right), (right, left)):
        outcomes.append(_holds_on_solutions(budget, given, other))
        if outcomes[-1].status == "different":
            return outcomes[-1]
    unknown = [outcome for outcome in outcomes if outcome.status == "unknown"]
    return unknown[0] if unknown else Identity("equal", "each equation holds where the other one does")


class _Line(NamedTuple):
    """An expression as ``slope * variable + rest``."""

    slope: Node
    rest: Node

    @property
    def solution(self) -> Node:
        return Apply("negate", (Apply("divide", (self.rest, self.slope)),))


def _holds_on_solutions(budget: Budget, given: Node, other: Node) -> Identity:
    """Say whether the solutions of one equation solve the other: ``"equal"`` where they do."""
    outcome = Identity("unknown", "one of the equations is linear in none of its variables")
    for name in variables(given)[:_MAX_VARIABLES]:
        line = _line(budget, given, name)
        if line is None:
            continue
        result = identical_within(budget, substituted(other, {name: line.solution}), ZERO)
        if result.status == "different":
            return Identity("different", f"solutions for {name} of one equation do not solve the other")
        if result.status == "equal":
            result = _holds_where_slope_vanishes(budget, line, other)
        if result.status != "unknown":
            return result  # the line has no other solutions, so that no other variable can say more
        outcome = result
    return outcome


def _line(budget: Budget, node: Node, name: str) -> _Line | None:
    """Split an expression that is linear in a variable, and really depends on it; None for any other."""
    first, second = _PROBES
    at_first, at_second = substituted(node, {name: first}), substituted(node, {name: second})
    if identical_within(budget, at_first, at_second).status != "different":
        return None
    slope = _minus(at_second, at_first)
    line = _Line(slope, _minus(at_first, Apply("multiply", (first, slope))))
    whole = Apply("add", (Apply("multiply", (slope, Symbol(name))), line.rest))
    return line if identical_within(budget, node, whole).status == "equal" else None


def _holds_where_slope_vanishes(budget: Budget, line: _Line, other: Node) -> Identity:
    """Look at the solutions that a line has besides: any value where slope and rest vanish, as x = 0 in x y = x^2."""
    proven = Identity("equal", "each equation holds where the other one does")
    names = variables(line.slope)
    somewhere = {name: Number(Fraction(3 + 2 * at)) for at, name in enumerate(names)}
    if identical_within(budget, line.slope, substituted(line.slope, somewhere)).status == "equal":
        return proven
    checked = False
    for name in names:
        zero, pole = (_line(budget, node, name) for node in (line.slope, Apply("divide", (_ONE, line.slope))))
        checked = checked or zero is not None or pole is not None
        if zero is None:
            continue
        at_zero = {name: zero.solution}
        if identical_within(budget, substituted(line.rest, at_zero), ZERO).status != "different":
            besides = identical_within(budget, substituted(other, at_zero), ZERO)
            if besides.status != "equal":
                return besides._replace(reason=f"one equation has the solution {name} = ... besides: {besides.reason}")
    return proven if checked else Identity("unknown", "an equation may have solutions where its slope vanishes")


def _minus(left: Node, right: Node) -> Node:
    return Apply("add", (left, Apply("negate", (right,))))

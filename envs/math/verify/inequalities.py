"""Inequalities: the same up to a positive factor, or the same interval once their variable stands alone."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from rewardium.envs.math.verify.canonical import INFINITY, NEGATIVE_INFINITY, Canonical, Labelled
from rewardium.envs.math.verify.intervals import same_set
from rewardium.envs.math.verify.numeric.identity import identical
from rewardium.envs.math.verify.numeric.proportion import proportional
from rewardium.envs.math.verify.numeric.values import real_value
from rewardium.envs.math.verify.outcome import Identity
from rewardium.envs.math.verify.tree import (
    Apply,
    Constant,
    Interval,
    Node,
    Number,
    Relation,
    Sequence,
    Symbol,
    Union,
    symbols,
)

_NODES = (Number, Constant, Symbol, Apply)
_UNKNOWN = Identity("unknown", "the inequalities would have to be solved")


class Chain(NamedTuple):
    """``sides[0] < sides[1] < ...``, where ``closed`` says which signs allow equality."""

    sides: tuple[Node, ...]
    closed: tuple[bool, ...]


def same_inequality(gold: Canonical, answer: Canonical) -> Identity:
    """Compare an inequality with an inequality, or with the set of its solutions.

    Args:
        gold: An inequality, an interval, or a union.
        answer: Another.

    Returns:
        ``equal`` or ``different`` where that can be seen without solving anything that is not linear.

    Example:
        >>> x, one = Symbol("x"), Number(Fraction(1))
        >>> negated = Relation((Apply("negate", (x,)), Number(Fraction(-1))), (">",))
        >>> same_inequality(Relation((x, one), ("<",)), negated).status
        'equal'
    """
    chains = _chain(gold), _chain(answer)
    if chains[0] is not None and chains[1] is not None:
        result = _same_chain(chains[0], chains[1])
        if result is not None:
            return result
    sets = [_solution(form, chain) for form, chain in zip((gold, answer), chains, strict=True)]
    if sets[0] is None or sets[1] is None:
        return _UNKNOWN
    variables = [symbols_of(form) for form in (gold, answer)]
    if variables[0] and variables[1] and variables[0] != variables[1]:
        return Identity("different", "they are about different variables")
    return same_set(sets[0], sets[1])


def symbols_of(form: Canonical) -> frozenset[str]:
    """Return the variables that an inequality is about; none for a bare interval."""
    if isinstance(form, Labelled):
        return symbols(form.label) if isinstance(form.label, _NODES) else frozenset()
    if isinstance(form, Relation):
        return frozenset().union(*(symbols(side) for side in form.sides if isinstance(side, _NODES)))
    return frozenset()


def _chain(form: Canonical) -> Chain | None:
    """Read a relation with all its signs turned one way."""
    if not isinstance(form, Relation) or not set(form.operators) <= {"<", "<=", ">", ">="}:
        return None
    sides = tuple(side for side in form.sides if isinstance(side, _NODES))
    if len(sides) != len(form.sides):
        return None
    closed = tuple(operator.endswith("=") for operator in form.operators)
    if all(operator[0] == "<" for operator in form.operators):
        return Chain(sides, closed)
    if all(operator[0] == ">" for operator in form.operators):
        return Chain(sides[::-1], closed[::-1])
    return None


def _same_chain(gold: Chain, answer: Chain) -> Identity | None:
    if len(gold.sides) != len(answer.sides):
        return None
    if len(gold.sides) == 2:
        result, sign = proportional(_difference(*gold.sides), _difference(*answer.sides))
        if result.status == "equal" and sign > 0:
            return _by_strictness(gold, answer)
        return None
    if all(identical(a, b).status == "equal" for a, b in zip(gold.sides, answer.sides, strict=True)):
        return _by_strictness(gold, answer)
    return None


def _by_strictness(gold: Chain, answer: Chain) -> Identity:
    if gold.closed == answer.closed:
        return Identity("equal", "the inequalities are the same")
    return Identity("different", "one inequality is strict, the other is not")


def _difference(low: Node, high: Node) -> Node:
    return Apply("add", (high, Apply("negate", (low,))))


def _solution(form: Canonical, chain: Chain | None) -> Interval | Union | Sequence | None:
    if isinstance(form, Labelled):
        form = form.value
    if isinstance(form, (Interval, Union)) or (isinstance(form, Sequence) and form.kind == "set"):
        return form
    if isinstance(form, Sequence) and len(form.items) == 2 and form.brackets in ("()", "[]"):
        low, high = form.items
        if isinstance(low, _NODES) and isinstance(high, _NODES):
            return Interval(low, high, form.brackets == "[]", form.brackets == "[]")
    return None if chain is None else isolated(chain)


def isolated(chain: Chain) -> Interval | None:
    """Solve a linear inequality in one variable.

    Args:
        chain: ``a < b`` or ``a < b < c``.

    Returns:
        The interval of its solutions; None where it is not linear, or has several variables.

    Example:
        >>> double = Apply("multiply", (Number(Fraction(2)), Symbol("x")))
        >>> real_value(isolated(Chain((double, Number(Fraction(6))), (False,))).high)
        mpf('3.0')
    """
    if len(chain.sides) == 2:
        middle, closed = _difference(*chain.sides), (chain.closed[0], False)
        ends: tuple[Node, Node] = (Number(Fraction(0)), INFINITY)
    elif len(chain.sides) == 3 and not symbols(chain.sides[0]) | symbols(chain.sides[2]):
        middle, closed = chain.sides[1], (chain.closed[0], chain.closed[1])
        ends = (chain.sides[0], chain.sides[2])
    else:
        return None
    line = _affine(middle)
    if line is None:
        return None
    slope, start = line
    bounds = tuple(_moved(end, slope, start) for end in ends)
    if (real_value(slope) or 0) > 0:
        return Interval(bounds[0], bounds[1], closed[0], closed[1])
    return Interval(bounds[1], bounds[0], closed[1], closed[0])


def _moved(end: Node, slope: Node, start: Node) -> Node:
    if end == INFINITY:
        return INFINITY if (real_value(slope) or 0) > 0 else NEGATIVE_INFINITY
    if start == Number(Fraction(0)):
        return Apply("divide", (end, slope))
    return Apply("divide", (_difference(start, end), slope))


def _affine(node: Node) -> tuple[Node, Node] | None:
    """Return slope and value at zero of an expression that is linear in its one variable."""
    from rewardium.envs.math.verify.numeric.exact import exact_value

    names = sorted(symbols(node))
    if len(names) != 1:
        return None
    values = [_at(node, names[0], at) for at in (0, 1, 3)]
    exact = [exact_value(value) for value in values]
    if exact[0] is not None and exact[1] is not None and exact[2] is not None:
        slope = exact[1] - exact[0]
        if exact[2] - exact[0] != 3 * slope or not slope:
            return None
        checked = identical(node, _line(Number(slope), Number(exact[0]), names[0]))
        return (Number(slope), Number(exact[0])) if checked.status == "equal" else None
    slope_node = _difference(values[0], values[1])
    if not real_value(slope_node):
        return None
    checked = identical(node, _line(slope_node, values[0], names[0]))
    return (slope_node, values[0]) if checked.status == "equal" else None


def _line(slope: Node, start: Node, name: str) -> Node:
    return Apply("add", (Apply("multiply", (slope, Symbol(name))), start))


def _at(node: Node, name: str, value: int) -> Node:
    if isinstance(node, Symbol):
        return Number(Fraction(value)) if node.name == name else node
    if isinstance(node, Apply):
        return Apply(node.operator, tuple(_at(argument, name, value) for argument in node.arguments))
    return node

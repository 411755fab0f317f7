"""Sets of real numbers: the solutions of inequalities, unions of intervals, and whether two are the same."""

from __future__ import annotations

from typing import Any

from rewardium.envs.math.verify.algebra.sympy_forms import Many, Statement, as_set
from rewardium.envs.math.verify.algebra.sympy_identity import constant_ratio, same_expression, sample_points
from rewardium.envs.math.verify.algebra.sympy_values import NoValueError, holds
from rewardium.envs.math.verify.limits import TooLargeError, UnreadableError
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity, all_of

MAX_DEGREE = 20
"""Largest degree of an inequality."""

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def condition_of(value: Any) -> Any:
    """Return a chain of relations as a condition of sympy.

    Raises:
        UnreadableError: When the value is none.
    """
    import sympy

    kinds = {"<": sympy.Lt, ">": sympy.Gt, "<=": sympy.Le, ">=": sympy.Ge, "=": sympy.Eq, "!=": sympy.Ne}
    if not isinstance(value, Statement):
        raise UnreadableError("a condition that is none")
    pairs = zip(value.operators, value.sides, value.sides[1:], strict=False)
    parts = []
    for operator, left, right in pairs:
        if operator == "in" and isinstance(right, sympy.Set):
            parts.append(right.as_relational(left))
        elif operator in kinds and isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
            parts.append(kinds[operator](left, right))
        else:
            raise UnreadableError("a condition of this kind")
    return sympy.And(*parts)


def solution_set(value: Any, variable: Any) -> Any:
    """Return the real numbers for which a chain of relations holds.

    Raises:
        UnreadableError: When it has other variables, or is no chain of relations.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x", real=True)
        >>> solution_set(Statement((x**2, sympy.Integer(4)), ("<",)), x)
        Interval.open(-2, 2)
    """
    import sympy

    condition = condition_of(value)
    if condition in (sympy.true, sympy.false):
        return sympy.S.Reals if condition == sympy.true else sympy.S.EmptySet
    if condition.free_symbols != {variable}:
        raise UnreadableError("a condition on several variables")
    parts = condition.args if isinstance(condition, sympy.And) else (condition,)
    return sympy.Intersection(*(_relation_set(part, variable) for part in parts))


def _relation_set(relation: Any, variable: Any) -> Any:
    import sympy

    difference = relation.lhs - relation.rhs
    if difference.is_polynomial(variable) and sympy.degree(difference, variable) > MAX_DEGREE:
        raise TooLargeError(f"a polynomial of a degree above {MAX_DEGREE}")
    if relation.rel_op in ("==", "!="):
        roots = sympy.solveset(difference, variable, sympy.S.Reals)
        return roots if relation.rel_op == "==" else sympy.Complement(sympy.S.Reals, roots)
    return sympy.solve_univariate_inequality(relation, variable, relational=False)


def same_solutions(gold: Any, answer: Any) -> Identity:
    """Compare inequalities and sets of real numbers by their solutions.

    Args:
        gold: A ``Statement``, a list of them, a sympy set, or a ``Many`` that is one.
        answer: Another.

    Returns:
        Whether they have the same real solutions.

    Raises:
        UnreadableError: When one is no set of real numbers.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x", real=True)
        >>> same_solutions(Statement((x**2, sympy.Integer(4)), ("<",)), sympy.Interval.open(-2, 2)).status
        'equal'
    """
    if len(_variables(gold) | _variables(answer)) > 1:
        if isinstance(gold, Statement) and isinstance(answer, Statement):
            return _inequalities(gold, answer)
        return Identity(UNKNOWN, "inequalities for different variables")
    return same_set(_as_solutions(gold), _as_solutions(answer))


def _variables(value: Any) -> set[Any]:
    """Return the variables of a chain of relations, or of a list of them."""
    statements = value.items if isinstance(value, Many) else (value,)
    sides = [side for each in statements if isinstance(each, Statement) for side in each.sides]
    return set().union(*(getattr(side, "free_symbols", set()) for side in sides))


def _as_solutions(value: Any) -> Any:
    """Return a set, or the real solutions of inequalities, as a sympy set."""
    import sympy

    if isinstance(value, Statement):
        return _solutions(value)
    if isinstance(value, Many) and value.kind == "list" and isinstance(value.items[0], Statement):
        parts = [_solutions(item) for item in value.items]
        common = sympy.Intersection(*parts)
        # x < 1, x > 3 are joined by "or", x > 1, x < 3 by "and": the one that says something is meant.
        return sympy.Union(*parts) if common is sympy.S.EmptySet else common
    return as_set(value)


def _solutions(statement: Statement) -> Any:
    if statement.operators == ("in",):
        return as_set(statement.sides[1])
    variables = _variables(statement)
    if len(variables) != 1:
        raise UnreadableError("an inequality in several variables, and something else")
    return solution_set(statement, variables.pop())


def same_set(first: Any, second: Any) -> Identity:
    """Compare two sympy sets that consist of intervals and points.

    Example:
        >>> import sympy
        >>> same_set(sympy.Interval(0, sympy.sqrt(8)), sympy.Interval(0, 2 * sympy.sqrt(2))).status
        'equal'
    """
    if first == second:
        return Identity(EQUAL, "they are the same set")
    pieces = [_pieces(each) for each in (first, second)]
    if pieces[0] is None or pieces[1] is None:
        return Identity(UNKNOWN, "sets that are no intervals")
    if len(pieces[0]) != len(pieces[1]):
        return Identity(
            DIFFERENT, f"one consists of {len(pieces[0])} intervals or points, the other of {len(pieces[1])}"
        )
    return all_of(
        (_same_piece(a, b) for a, b in zip(pieces[0], pieces[1], strict=True)), "they consist of the same intervals"
    )


def _pieces(numbers: Any) -> list[Any] | None:
    """Return intervals and points in their order, None where a set consists of anything else."""
    import sympy

    parts = numbers.args if isinstance(numbers, sympy.Union) else (numbers,)
    pieces: list[Any] = []
    for part in parts:
        if isinstance(part, sympy.FiniteSet):
            pieces += [sympy.Interval(value, value) for value in part]
        elif isinstance(part, sympy.Interval):
            pieces.append(part)
        elif part is sympy.S.Reals:
            pieces.append(sympy.Interval(-sympy.oo, sympy.oo))
        elif part is not sympy.S.EmptySet:
            return None
    pieces = [_ends(piece) for piece in pieces]
    if len(pieces) > 1 and not all(low.is_number and high.is_number for low, high, _, _ in pieces):
        return None
    return sorted(pieces, key=lambda piece: float(piece[0])) if len(pieces) > 1 else pieces


def _ends(piece: Any) -> tuple[Any, Any, bool, bool]:
    import sympy

    if isinstance(piece, sympy.FiniteSet):
        (value,) = piece
        return value, value, False, False
    return piece.start, piece.end, bool(piece.left_open), bool(piece.right_open)


def _same_piece(first: Any, second: Any) -> Identity:
    if first[2:] != second[2:]:
        ends = all_of((same_expression(first[0], second[0]), same_expression(first[1], second[1])), "")
        return ends if ends.status == DIFFERENT else Identity(DIFFERENT, "an end belongs to the one, not to the other")
    return all_of((same_expression(first[0], second[0]), same_expression(first[1], second[1])), "the ends are equal")


# Inequalities in several variables.


def _inequalities(gold: Statement, answer: Statement) -> Identity:
    """Compare by a constant positive factor between them, then by points where only one holds."""
    first, second = _below_zero(gold), _below_zero(answer)
    if first is not None and second is not None:
        factor = constant_ratio(first[0], second[0])
        if factor is not None and factor > 0:
            is_same = first[1] == second[1]
            return Identity(
                EQUAL if is_same else DIFFERENT,
                "a positive factor between them, " + ("the same sign" if is_same else "but < and <="),
            )
    return _truth_at_points(condition_of(gold), condition_of(answer))


def _below_zero(statement: Statement) -> tuple[Any, str] | None:
    """Write an inequality as an expression that is less than 0."""
    if len(statement.operators) != 1 or statement.operators[0] not in _FLIPPED:
        return None
    (left, right), operator = statement.sides, statement.operators[0]
    return (left - right, operator) if operator in ("<", "<=") else (right - left, _FLIPPED[operator])


def _truth_at_points(first: Any, second: Any) -> Identity:
    """Look for a point at which one condition holds and the other does not."""
    for point in sample_points(first.free_symbols | second.free_symbols, 60):
        try:
            is_same = holds(first, point) == holds(second, point)
        except NoValueError:
            continue
        if not is_same:
            where = ", ".join(f"{symbol} = {value}" for symbol, value in point.items())
            return Identity(DIFFERENT, f"only one holds at {where}")
    return Identity(UNKNOWN, "inequalities in several variables")

"""Whether two sympy expressions are the same function of their variables.

They are evaluated with high precision at points where both have a value. A difference that is larger than the error of
the evaluation shows that they differ; where there is none in 40 digits at 8 points, they are taken for equal if they
have the same variables, and else only if sympy proves it. Functions by cases are compared on every interval between the
bounds of their cases, and at the bounds themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, pairwise
from random import Random
from typing import Any

from rewardium.envs.math.verify.algebra.sympy_forms import MAX_TERMS, evaluated
from rewardium.envs.math.verify.algebra.sympy_values import (
    MAX_OPERATIONS,
    NoValueError,
    TooManyOperationsError,
    Value,
    accurate_value,
)
from rewardium.envs.math.verify.limits import TooLargeError, UnreadableError
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity

POINTS = 8
"""Points at which expressions must agree."""

TRIES = 40
"""Points that are tried; at some an expression has no value."""

AGREEMENT = 1e-40
"""Relative difference of values that agree."""

MAX_EFFORT = 120_000
"""Operations of all values in one comparison."""

MAX_PROOF_OPERATIONS = 300
"""Operations of a difference that sympy is asked to simplify."""

MAX_CLOSED_BOUND = 10**6
"""Upper bound of a sum that may hold powers of it."""

MAX_BOUNDS = 20
"""Bounds of cases."""


_BOTH_COMPLEX = "both complex"
_NO_VALUE = "no value"


def same_expression(first: Any, second: Any) -> Identity:
    """Compare two sympy expressions.

    Args:
        first: An expression.
        second: Another.

    Returns:
        Whether they are equal.

    Raises:
        TooLargeError: When they are too large.
        UnreadableError: When a function that nothing is known of stands under a sum or an integral.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x", real=True)
        >>> same_expression(sympy.sin(x) ** 2, (1 - sympy.cos(2 * x)) / 2).status
        'equal'
    """
    import sympy

    if first.has(sympy.nan, sympy.zoo) or second.has(sympy.nan, sympy.zoo):
        return Identity(UNKNOWN, "one has no value")
    first, second = (_evaluated(expression) for expression in _without_unknown_functions(first, second))
    if first == second:
        return Identity(EQUAL, f"both are {_short(first)}")
    if first.is_Rational and second.is_Rational:
        return Identity(DIFFERENT, f"{_short(first)} is not {_short(second)}")
    if first.is_infinite or second.is_infinite:
        return _infinite(first, second)
    variable = _antiderivative_variable(first, second)
    if variable is not None:
        result = same_expression(first.diff(variable), second.diff(variable))
        return result._replace(reason=f"up to a constant: {result.reason}")
    if first.has(sympy.Piecewise) or second.has(sympy.Piecewise):
        return _same_by_cases(first, second)
    if first.has(*_with_cases()) or second.has(*_with_cases()):
        result = _same_by_cases(first, second)
        return result if result.status != UNKNOWN else _same_at_points(first, second)
    return _same_at_points(first, second)


def _short(expression: Any) -> str:
    text = str(expression) if sum(1 for _ in zip(range(100), _nodes(expression), strict=False)) < 100 else "the same"
    return text if len(text) <= 80 else text[:77] + "..."


def _nodes(expression: Any) -> Iterable[Any]:
    from sympy import preorder_traversal

    nodes: Iterable[Any] = preorder_traversal(expression)
    return nodes


def _infinite(first: Any, second: Any) -> Identity:
    values = (first, second)
    if all(value.is_infinite or value.is_finite for value in values) and first != second:
        return Identity(DIFFERENT, "one is infinite, or infinities of different sign")
    return Identity(UNKNOWN, "one is infinite")


def _evaluated(expression: Any) -> Any:
    """Let sympy evaluate what takes long in numbers: infinite sums and products, integrals over several variables."""
    import sympy

    sums = [item for item in expression.atoms(sympy.Sum, sympy.Product) if sympy.oo in item.limits[-1]]
    integrals = [
        item for item in expression.atoms(sympy.Integral) if len(item.limits) > 1 and all(map(_has_ends, item.limits))
    ]
    known = {item: _condensed(item.doit()) for item in (*sums, *integrals) if not item.function.has(sympy.Integral)}
    known |= {item: _closed_form(item) for item in expression.atoms(sympy.Sum) if item not in known}
    return expression.xreplace(
        {item: value for item, value in known.items() if not value.has(sympy.Sum, sympy.Product, sympy.Integral)}
    )


def _closed_form(item: Any) -> Any:
    """Return a sum of many terms as a function of its upper bound, if sympy knows one; else the sum itself."""
    import sympy

    index, low, high = item.limits[-1]
    is_long = len(item.limits) == 1 and (high - low).is_Integer and high - low > MAX_TERMS
    if not is_long or (high > MAX_CLOSED_BOUND and not item.function.is_polynomial(index)):
        return item
    last = sympy.Dummy("n", integer=True, positive=True)
    closed = sympy.Sum(item.function, (index, low, last)).doit()
    return item if closed.has(sympy.Sum) else closed.subs(last, high)


def _has_ends(limits: Any) -> bool:
    return len(limits) == 3


def _condensed(value: Any) -> Any:
    """Return the case of a convergent series: sympy gives its sum with the condition under which it converges."""
    import sympy

    if isinstance(value, sympy.Piecewise) and len(value.args) == 2 and value.args[1][0].has(sympy.Sum):
        return value.args[0][0]
    return value


def _without_unknown_functions(first: Any, second: Any) -> tuple[Any, Any]:
    """Put a variable in the place of f(x) and of its derivatives, the same in both."""
    import sympy
    from sympy.core.function import AppliedUndef

    kinds = (sympy.Derivative, sympy.Subs, AppliedUndef)
    if first.has(*kinds) or second.has(*kinds):
        first, second = (_with_common_names(expression)[0] for expression in (first, second))
        unknown = first.atoms(*kinds) | second.atoms(*kinds)
        names = {item: sympy.Dummy(f"u{at}", real=True) for at, item in enumerate(sorted(unknown, key=str))}
        if first != second and any(item.free_symbols - first.free_symbols - second.free_symbols for item in unknown):
            raise UnreadableError("an unknown function under a sum or an integral")
        return first.xreplace(names), second.xreplace(names)
    return first, second


def _with_common_names(expression: Any) -> tuple[Any, int]:
    """Name indices and variables of integration by how many sums and integrals stand below theirs."""
    import sympy
    from sympy.concrete.expr_with_limits import ExprWithLimits

    if not expression.has(ExprWithLimits):
        return expression, 0
    parts = [_with_common_names(argument) for argument in expression.args]
    height = max(part[1] for part in parts)
    expression = expression.func(*(part[0] for part in parts))
    if not isinstance(expression, ExprWithLimits) or len(expression.limits) != 1 or len(expression.limits[0]) != 3:
        return expression, height
    variable, *ends = expression.limits[0]
    name = sympy.Symbol(f"bound {height}", **variable.assumptions0)
    return expression.func(expression.function.xreplace({variable: name}), (name, *ends)), height + 1


def _antiderivative_variable(first: Any, second: Any) -> Any:
    import sympy

    integrals = first.atoms(sympy.Integral) | second.atoms(sympy.Integral)
    return next((item.limits[0][0] for item in integrals if len(item.limits[0]) == 1), None)


# Points.


def sample_points(symbols: Iterable[Any], count: int) -> Iterable[dict[Any, Any]]:
    """Yield points: rational numbers of both signs, or complex ones; for integers small natural numbers.

    Args:
        symbols: Variables of sympy.
        count: How many points.

    Yields:
        Values by variable; the same points in every run.

    Example:
        >>> import sympy
        >>> [point] = sample_points([sympy.Symbol("n", integer=True)], 1)
        >>> all(value.is_Integer for value in point.values())
        True
    """
    import sympy

    random = Random(20_240_817)
    names = sorted(symbols, key=str)
    for at in range(count):
        point = {}
        for place, symbol in enumerate(names):
            if symbol.is_integer:
                point[symbol] = sympy.Integer(_INTEGERS[at * (1 + 4 * place) % len(_INTEGERS)])
                continue
            point[symbol] = _sign(at, random) * sympy.Rational(random.randint(101, 3989), 997) * _SCALES[at % 8]
            if not symbol.is_real:
                point[symbol] += sympy.I * sympy.Rational(random.randint(-3000, 3000), 997)
        yield point


# Large numbers too, on either side of where an absolute value or a maximum may change.
_SCALES = (1, 1, 11, 1, 1, 97, 1, 1009)
_INTEGERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 23)


def _sign(at: int, random: Random) -> int:
    """Return the sign of a value: positive at every other point, where logarithms and roots have values."""
    return (1, -1, 1, random.choice((-1, 1)))[at % 4]


def _same_at_points(first: Any, second: Any) -> Identity:
    """Compare at points; then ask sympy where that has not decided."""
    variables = first.free_symbols | second.free_symbols
    points = sample_points(variables, TRIES) if variables else [dict[Any, Any]()]
    has_integers = any(symbol.is_integer for symbol in variables)
    wanted = (len(_INTEGERS) if has_integers else POINTS) if variables else 1
    result = _agreement(first, second, points, wanted)
    if result.status == EQUAL and first.free_symbols == second.free_symbols:
        return result
    if result.status == DIFFERENT:
        return result
    return _by_algebra(first, second, result)


def _agreement(first: Any, second: Any, points: Iterable[Mapping[Any, Any]], wanted: int) -> Identity:
    """Compare at points until enough of them agree, or two differ.

    Where both values are complex for real variables, a difference counts only if there are no other points: both may
    well be meant where they are real.
    """
    counts = {EQUAL: 0, DIFFERENT: 0, UNKNOWN: 0, _BOTH_COMPLEX: 0, _NO_VALUE: 0}
    apart: dict[str, Mapping[Any, Any]] = {}
    operations = 0
    for point in points:
        status, effort = _at_point(first, second, point)
        counts[status] += 1
        apart[status] = point
        operations += effort
        if counts[DIFFERENT] == min(2, wanted) or counts[UNKNOWN] > POINTS or operations > MAX_EFFORT:
            break
        if counts[EQUAL] >= wanted and not counts[DIFFERENT]:
            where = f"at {counts[EQUAL]} points " if point else ""
            return Identity(EQUAL, f"they agree {where}to 40 digits")
    kind = DIFFERENT if counts[EQUAL] or counts[DIFFERENT] else _BOTH_COMPLEX
    if counts[kind] < min(2, wanted):
        return Identity(UNKNOWN, "their values could not be compared")
    where = ", ".join(f"{symbol} = {value}" for symbol, value in apart[kind].items() if not symbol.is_Dummy)
    return Identity(DIFFERENT, f"they differ at {where}" if where else "their values differ")


def _at_point(first: Any, second: Any, point: Mapping[Any, Any]) -> tuple[str, int]:
    """Compare two values; return the result, and how many operations it took."""
    try:
        left, right = accurate_value(first, point), accurate_value(second, point)
    except TooManyOperationsError:
        return _NO_VALUE, MAX_OPERATIONS
    except (NoValueError, TooLargeError):
        return _NO_VALUE, 1
    return _compared(left, right, point), left.operations + right.operations


def _compared(left: Value, right: Value, point: Mapping[Any, Any]) -> str:
    size = max(abs(left.number), abs(right.number))
    distance = abs(left.number - right.number)
    error = left.error + right.error
    if distance <= AGREEMENT * size and error <= AGREEMENT * size:
        return EQUAL
    if distance * 1e12 <= error <= 1e-40:
        return EQUAL  # both are 0: what is left vanishes with more digits
    if distance <= 1000 * error + 10 * AGREEMENT * size:
        return UNKNOWN
    if point and all(symbol.is_real for symbol in point) and _is_complex(left.number) and _is_complex(right.number):
        return _BOTH_COMPLEX
    return DIFFERENT


def _is_complex(number: Any) -> bool:
    return bool(abs(number.imag) > AGREEMENT * abs(number))


def _by_algebra(first: Any, second: Any, otherwise: Identity) -> Identity:
    """Let sympy evaluate integrals and sums, and simplify the difference."""
    import sympy

    values = evaluated(first), evaluated(second)
    if values != (first, second) and not any(value.has(sympy.Integral, sympy.Sum) for value in values):
        return same_expression(*values)
    difference = values[0] - values[1]
    if difference == 0:
        return Identity(EQUAL, "their difference is 0")
    is_plain = not difference.has(sympy.Sum, sympy.Product, sympy.Integral)
    if is_plain and sympy.count_ops(difference) <= MAX_PROOF_OPERATIONS and sympy.simplify(difference) == 0:
        return Identity(EQUAL, "their difference simplifies to 0")
    return otherwise if otherwise.status == UNKNOWN else Identity(UNKNOWN, "they agree, but not in their variables")


# Cases.


def _same_by_cases(first: Any, second: Any) -> Identity:
    """Compare functions of one variable between and at the bounds of their cases."""
    variables = first.free_symbols | second.free_symbols
    if not variables:
        return _same_at_points(first, second)
    at_points = _agreement(first, second, sample_points(variables, TRIES), POINTS)
    if at_points.status == DIFFERENT or len(variables) > 1:
        return at_points if at_points.status == DIFFERENT else Identity(UNKNOWN, "cases in several variables")
    (variable,) = variables
    if variable.is_integer:
        return at_points
    bounds = _case_bounds(first, second, variable)
    if bounds is None:
        return Identity(UNKNOWN, "the bounds of the cases are not known")
    for bound in bounds:
        result = _at_bound(first, second, variable, bound)
        if result.status != EQUAL:
            return result
    for points in _between(variable, bounds):
        result = _agreement(first, second, points, POINTS)
        if result.status != EQUAL and not _without_values(first, second, points):
            return result
    return Identity(EQUAL, "they agree in every case, and at the bounds of the cases")


def _case_bounds(first: Any, second: Any, variable: Any) -> list[Any] | None:
    """Return the numbers at which a condition changes, in their order."""
    import sympy

    bounds = set[Any]()
    for difference in _switches(first) | _switches(second):
        roots = sympy.solveset(difference, variable, sympy.S.Reals)
        if not isinstance(roots, sympy.FiniteSet) and roots is not sympy.S.EmptySet:
            return None
        bounds |= set(roots)
    if len(bounds) > MAX_BOUNDS or not all(bound.is_number and bound.is_real for bound in bounds):
        return None
    return sorted(bounds, key=lambda bound: float(bound))


def _with_cases() -> tuple[Any, ...]:
    """Return the functions that are defined by cases, so to speak."""
    import sympy

    return sympy.Abs, sympy.sign, sympy.Max, sympy.Min


def _switches(expression: Any) -> set[Any]:
    """Return what changes its sign where an expression passes from one case to another."""
    import sympy

    conditions = [condition for cases in expression.atoms(sympy.Piecewise) for _, condition in cases.args]
    relations = [relation for condition in conditions for relation in condition.atoms(sympy.core.relational.Relational)]
    extremes = [combinations(item.args, 2) for item in expression.atoms(sympy.Max, sympy.Min)]
    return (
        {relation.lhs - relation.rhs for relation in relations}
        | {item.args[0] for item in expression.atoms(sympy.Abs, sympy.sign)}
        | {one - other for pairs in extremes for one, other in pairs}
    )


def _at_bound(first: Any, second: Any, variable: Any, bound: Any) -> Identity:
    """Compare at a bound, which may belong to no case of either."""
    sides = [_value_at(expression, variable, bound) for expression in (first, second)]
    if None in sides:
        is_same = sides[0] is sides[1]
        return Identity(EQUAL if is_same else DIFFERENT, f"at {_short(bound)} only one has a value")
    result = same_expression(*sides)
    return result._replace(reason=f"at {_short(bound)}: {result.reason}")


def _value_at(expression: Any, variable: Any, bound: Any) -> Any:
    """Return the exact value at a number, or None where there is none."""
    import sympy

    value = expression.subs(variable, bound)
    return None if value.has(sympy.nan, sympy.zoo, sympy.oo) else value


def _between(variable: Any, bounds: list[Any]) -> Iterable[list[dict[Any, Any]]]:
    """Yield points of every interval between bounds."""
    import sympy

    ends = [sympy.Rational(str(round(float(bound), 12))) for bound in bounds]
    if not ends:
        ends = [sympy.Integer(0)]
    shares = [sympy.Rational(at, 997) for at in (41, 113, 229, 307, 421, 547, 631, 743, 859, 941)]
    yield [{variable: ends[0] - 7 * share} for share in shares]
    for low, high in pairwise(ends):
        yield [{variable: low + (high - low) * share} for share in shares]
    yield [{variable: ends[-1] + 7 * share} for share in shares]


def _without_values(first: Any, second: Any, points: list[dict[Any, Any]]) -> bool:
    """Say whether neither has a value at any of the points."""
    return not any(_has_value(expression, point) for expression in (first, second) for point in points)


def _has_value(expression: Any, point: dict[Any, Any]) -> bool:
    try:
        accurate_value(expression, point)
    except NoValueError:
        return False
    return True


def constant_ratio(first: Any, second: Any) -> Any:
    """Return the ratio of two expressions where it is the same real number at 8 points, else None.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x", real=True)
        >>> float(constant_ratio(sympy.sin(2 * x), sympy.sin(x) * sympy.cos(x)))
        2.0
    """
    variables = first.free_symbols | second.free_symbols
    if first.free_symbols != second.free_symbols:
        return None
    ratios = []
    for point in sample_points(variables, 24):
        try:
            top, bottom = accurate_value(first, point), accurate_value(second, point)
        except NoValueError:
            continue
        if max(top.error, bottom.error) > 1e-38 * min(abs(top.number), abs(bottom.number)):
            return None
        ratios.append(top.number / bottom.number)
        if abs(ratios[-1] - ratios[0]) > 1e-38 * abs(ratios[0]) or abs(ratios[0].imag) > 1e-38 * abs(ratios[0]):
            return None
    return ratios[0].real if len(ratios) >= 8 else None

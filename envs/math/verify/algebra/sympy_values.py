r"""Values of sympy expressions at given points, with mpmath, in a bounded number of operations.

Sums, products and integrals are evaluated as well. How good a value is shows where it is calculated twice, with
different precision and other points: ``accurate_value`` gives the value and how far the two lay apart. Nothing is
evaluated by sympy itself, whose exact arithmetic knows no bounds, and no code is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from rewardium.envs.math.verify.limits import TooLargeError

DIGITS = 46
"""Decimal digits of the first calculation."""

FEW_DIGITS = 15
"""Decimal digits of a trial."""

MORE_DIGITS = 62
"""Decimal digits of the second calculation."""

MAX_OPERATIONS = 30_000
"""Operations of one calculation."""

MAX_TERMS = 10_000
"""Terms of a sum or product that are added or multiplied one by one."""

MAX_INTEGRAL_ERROR = 1e-3
"""Relative error that the rule of integration estimates, beyond which a value is none."""

_FAR_TERM = 2**14

MAX_BITS = 1_000_000
"""Largest absolute binary logarithm of a value."""


class NoValueError(Exception):
    """An expression has no finite value at a point, or none that can be calculated."""


class TooManyOperationsError(TooLargeError):
    """A value takes too long."""


class Value(NamedTuple):
    """A number, and how far two calculations of it lay apart.

    Args:
        number: An mpmath number, real or complex.
        error: The distance of two calculations of it, as a float.
        operations: What it took.
    """

    number: Any
    error: float
    operations: int


def accurate_value(expression: Any, point: Mapping[Any, Any]) -> Value:
    """Calculate an expression's value twice, with 46 and with 62 digits.

    Args:
        expression: A sympy expression.
        point: Values of its free symbols, whose real and imaginary parts are rational.

    Returns:
        The second value, and its distance from the first.

    Raises:
        NoValueError: When there is no finite value, or an operation that is not known.
        TooLargeError: When it takes too many operations, or too large numbers.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x")
        >>> value = accurate_value(sympy.Integral(x**2, (x, 0, 3)), {})
        >>> round(float(value.number), 12), value.error < 1e-40
        (9.0, True)
    """
    import mpmath
    import sympy

    # Where there are integrals, a cheap look first whether there is a value at all.
    precisions = [FEW_DIGITS] * expression.has(sympy.Integral) + [DIGITS, MORE_DIGITS]
    values, operations = [], 0
    try:
        for digits in precisions:
            with mpmath.workdps(digits):
                evaluator = _Evaluator(mpmath.mp, splits=digits == MORE_DIGITS)
                values.append(evaluator.value(expression, _numbers(mpmath.mp, point)))
                operations += evaluator.operations
        with mpmath.workdps(MORE_DIGITS):
            if not mpmath.isfinite(values[-1]):
                raise NoValueError("the value is not finite")
            return Value(values[-1], float(abs(values[-1] - values[-2])), operations)
    except (ZeroDivisionError, ValueError, OverflowError, TypeError, mpmath.libmp.NoConvergence) as error:
        raise NoValueError(f"{type(error).__name__}: {error}") from None


def holds(condition: Any, point: Mapping[Any, Any]) -> bool:
    """Say whether a condition of sympy holds at a point.

    Raises:
        NoValueError: When a side has no real value.
        TooLargeError: When it takes too many operations, or too large numbers.

    Example:
        >>> import sympy
        >>> x = sympy.Symbol("x", real=True)
        >>> holds(sympy.And(x > 1, x**2 < 4), {x: sympy.Rational(3, 2)})
        True
    """
    import mpmath

    try:
        with mpmath.workdps(DIGITS):
            return _Evaluator(mpmath.mp).truth(condition, _numbers(mpmath.mp, point))
    except (ZeroDivisionError, ValueError, OverflowError, TypeError, mpmath.libmp.NoConvergence) as error:
        raise NoValueError(f"{type(error).__name__}: {error}") from None


def _numbers(mp: Any, point: Mapping[Any, Any]) -> dict[Any, Any]:
    return {symbol: _number(mp, value) for symbol, value in point.items()}


def _number(mp: Any, value: Any) -> Any:
    if value.is_Rational:
        return mp.mpf(value.p) / value.q
    return mp.mpc(*(_number(mp, part) for part in value.as_real_imag()))


class _Evaluator:
    """Evaluates with the precision that mpmath has at the time, and counts its operations.

    Args:
        mp: The context of mpmath.
        splits: Whether integrals are split in two. Numerical integration uses the same points again where only the
            precision is higher, and so makes the same error at a kink or a jump; split, it makes another one.
    """

    def __init__(self, mp: Any, splits: bool = False) -> None:
        self.mp = mp
        self.splits = splits
        self.operations = 0
        self.rules = _rules()

    def value(self, expression: Any, point: dict[Any, Any]) -> Any:
        """Return the value at a point."""
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise TooManyOperationsError("the value takes too many operations")
        if expression.is_Integer:
            return self.mp.mpf(expression.p)
        rule = self.rules.get(expression.func)
        if rule is not None:
            return rule(self, expression, point)
        if expression.is_Symbol and expression in point:
            return point[expression]
        if expression.is_Rational:
            return self.mp.mpf(expression.p) / expression.q
        if expression.is_NumberSymbol or expression.is_Float:
            return self.mp.mpf(expression.evalf(self.mp.dps + 5)._mpf_)
        raise NoValueError(f"no value is known of {expression.func.__name__}")

    def arguments(self, expression: Any, point: dict[Any, Any]) -> list[Any]:
        """Return the values of an expression's operands."""
        return [self.value(argument, point) for argument in expression.args]

    def truth(self, condition: Any, point: dict[Any, Any]) -> bool:
        """Say whether a condition holds at a point."""
        import sympy

        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, (sympy.And, sympy.Or)):
            join = all if isinstance(condition, sympy.And) else any
            return join(self.truth(part, point) for part in condition.args)
        if isinstance(condition, sympy.Not):
            return not self.truth(condition.args[0], point)
        if condition.is_Relational:
            return self._compare(condition, point)
        raise NoValueError("a condition that is no comparison")

    def _compare(self, relation: Any, point: dict[Any, Any]) -> bool:
        left, right = (self.value(side, point) for side in (relation.lhs, relation.rhs))
        distance = self.mp.re(left - right)
        is_equal = abs(left - right) <= self.mp.mpf(10) ** (10 - self.mp.dps) * (1 + abs(left))
        name = str(relation.rel_op)
        if name in ("==", "!="):
            return bool(bool(is_equal) == (name == "=="))
        if self.mp.im(left) or self.mp.im(right):
            raise NoValueError("complex numbers have no order")
        if is_equal:
            return name in ("<=", ">=")
        return bool(bool(distance < 0) == name.startswith("<"))


Rule = Callable[[_Evaluator, Any, dict[Any, Any]], Any]


def _sum(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    return evaluator.mp.fsum(evaluator.arguments(expression, point))


def _product(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    return evaluator.mp.fprod(evaluator.arguments(expression, point))


def _power(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    """Raise to a power, where the result has at most some thousand digits."""
    mp = evaluator.mp
    base, exponent = evaluator.arguments(expression, point)
    if base and (mp.mag(exponent) > 100 or (abs(mp.mag(base)) + 1) * abs(exponent) > MAX_BITS):
        raise TooLargeError("a power is too large")
    return base ** int(exponent) if mp.isint(exponent) else mp.power(base, exponent)


def _exponential(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    (exponent,) = evaluator.arguments(expression, point)
    if abs(exponent) > MAX_BITS:
        raise TooLargeError("a power of e is too large")
    return evaluator.mp.exp(exponent)


def _piecewise(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    import sympy

    cases = [(branch, condition) for branch, condition in expression.args if evaluator.truth(condition, point)]
    if not cases:
        raise NoValueError("no case applies")
    value = evaluator.value(cases[0][0], point)
    for branch, condition in cases[1:]:
        if condition != sympy.true and abs(evaluator.value(branch, point) - value) > 1e-9 * (1 + abs(value)):
            raise NoValueError("cases that contradict each other")
    return value


def _whole(evaluator: _Evaluator, bound: Any, point: dict[Any, Any]) -> int | None:
    """Return a bound of a sum as an integer, or None for infinity."""
    import sympy

    if bound is sympy.oo:
        return None
    value = evaluator.value(bound, point)
    if evaluator.mp.im(value) or value != evaluator.mp.nint(value) or abs(value) > 10**9:
        raise NoValueError("a sum whose bounds are no integers")
    return int(value)


def _repeated(
    evaluator: _Evaluator, expression: Any, point: dict[Any, Any], join: Callable[[Any], Any], limit: Callable[..., Any]
) -> Any:
    """Evaluate a sum or product over an index, the outermost of several; an empty one is its neutral element."""
    index, low, high = expression.limits[-1]
    inner = expression.func(expression.function, *expression.limits[:-1]) if len(expression.limits) > 1 else None
    term = expression.function if inner is None else inner
    first, last = _whole(evaluator, low, point), _whole(evaluator, high, point)
    if first is None:
        raise NoValueError("a sum that begins at infinity")

    def value(number: Any) -> Any:
        return evaluator.value(term, point | {index: evaluator.mp.mpf(number)})

    if last is None:
        return _endless(evaluator.mp, value, first, join, limit)
    if last - first > MAX_TERMS:
        raise TooLargeError(f"a sum of more than {MAX_TERMS} terms")
    return join(value(number) for number in range(first, last + 1))


def _endless(mp: Any, value: Callable[[Any], Any], first: int, join: Callable[[Any], Any], limit: Any) -> Any:
    """Extrapolate to infinitely many terms, with more terms where the precision is higher.

    The extrapolation also gives values to series that diverge, the same again and again; hence the test of the terms.
    """
    start = [value(first + at) for at in range(3)]
    neutral = join([])
    _require_convergence([value(_FAR_TERM + at) - neutral for at in (0, 1, 2, _FAR_TERM)])
    return join([*start, limit(value, [first + 3, mp.inf], method="levin", maxterms=3 * mp.dps)])


def _require_convergence(far: list[Any]) -> None:
    """Refuse terms that do not fall off fast enough, judged at N, N + 1, N + 2 and 2 N: from 1/n on they diverge."""
    if any(term.imag for term in far):
        raise NoValueError("a series of complex numbers")
    signs = [term > 0 for term in far[:3] if term]
    alternates = len(signs) == 3 and signs[0] == signs[2] != signs[1]
    if not alternates and len(set(signs)) > 1:
        raise NoValueError("a series with irregular signs")
    if abs(far[3]) > (0.95 if alternates else 0.4995) * abs(far[0]):
        raise NoValueError("a series that may diverge")


def _summation(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    return _repeated(evaluator, expression, point, evaluator.mp.fsum, evaluator.mp.nsum)


def _multiplication(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    return _repeated(evaluator, expression, point, evaluator.mp.fprod, evaluator.mp.nprod)


def _integral(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    """Integrate numerically over the outermost of the variables, from left to right whatever the bounds' order."""
    variable, *bounds = expression.limits[-1]
    if len(bounds) != 2:
        raise NoValueError("an integral without bounds")
    inner = expression.function
    if len(expression.limits) > 1:
        inner = expression.func(inner, *expression.limits[:-1])
    low, high = (_bound(evaluator, bound, point) for bound in bounds)
    if low == high:
        return evaluator.mp.zero

    def integrand(number: Any) -> Any:
        return evaluator.value(inner, point | {variable: number})

    value, error = evaluator.mp.quad(integrand, _pieces(evaluator, low, high), error=True)
    if error > MAX_INTEGRAL_ERROR * (1 + abs(value)):
        raise NoValueError("an integral that diverges, or is too hard")
    return value


def _pieces(evaluator: _Evaluator, low: Any, high: Any) -> list[Any]:
    """Return the ends of an interval, and where it is split."""
    mp = evaluator.mp
    if mp.isinf(low) and mp.isinf(high):
        return [low, mp.mpf(3) / 10 if evaluator.splits else mp.zero, high]
    if not evaluator.splits:
        return [low, high]
    if mp.isinf(high):
        return [low, low + (1 if high > 0 else -1) * mp.mpf(7) / 10, high]
    if mp.isinf(low):
        return [low, high + (1 if low > 0 else -1) * mp.mpf(7) / 10, high]
    return [low, low + (high - low) * mp.mpf(41) / 100, high]


def _bound(evaluator: _Evaluator, bound: Any, point: dict[Any, Any]) -> Any:
    import sympy

    if bound in (sympy.oo, -sympy.oo):
        return evaluator.mp.inf if bound is sympy.oo else -evaluator.mp.inf
    value = evaluator.value(bound, point)
    if evaluator.mp.im(value):
        raise NoValueError("an integral with complex bounds")
    return value


def _real(name: str) -> Rule:
    """Make a rule for a function of real numbers."""

    def rule(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
        values = evaluator.arguments(expression, point)
        if any(evaluator.mp.im(value) for value in values):
            raise NoValueError(f"{name} of complex numbers")
        return getattr(_Real, name)(evaluator.mp, *values)

    return rule


class _Real:
    """Functions of real numbers that mpmath has not, or not for several arguments."""

    @staticmethod
    def maximum(mp: Any, *values: Any) -> Any:
        return max(values)

    @staticmethod
    def minimum(mp: Any, *values: Any) -> Any:
        return min(values)

    @staticmethod
    def floor(mp: Any, value: Any) -> Any:
        return mp.floor(value + mp.mpf(10) ** (5 - mp.dps))

    @staticmethod
    def ceiling(mp: Any, value: Any) -> Any:
        return mp.ceil(value - mp.mpf(10) ** (5 - mp.dps))

    @staticmethod
    def remainder(mp: Any, value: Any, modulus: Any) -> Any:
        return value - modulus * _Real.floor(mp, value / modulus)

    @staticmethod
    def step(mp: Any, value: Any) -> Any:
        return mp.mpf(value > 0) if value else mp.mpf(0.5)


def _function(name: str, largest: float = 1e6) -> Rule:
    """Make a rule for a function of mpmath; beyond the largest argument it would take too long."""

    def rule(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
        values = evaluator.arguments(expression, point)
        if any(abs(value) > largest for value in values):
            raise TooLargeError(f"{name} of a number beyond {largest:g}")
        return getattr(evaluator.mp, name)(*values)

    return rule


def _imaginary_unit(evaluator: _Evaluator, expression: Any, point: dict[Any, Any]) -> Any:
    return evaluator.mp.j


@lru_cache(maxsize=1)
def _rules() -> dict[Any, Rule]:
    """Return how operations are evaluated, by sympy's class."""
    import sympy

    same_names = "sin cos tan cot sec csc sinh cosh tanh coth sech csch asin acos atan acot asec acsc asinh acosh atanh"
    rules = {getattr(sympy, name): _function(name, 1e30) for name in same_names.split()}
    rules |= {getattr(sympy, name): _function(name) for name in ("gamma", "zeta", "erf", "erfc", "li", "conjugate")}
    return rules | {
        sympy.Add: _sum,
        sympy.Mul: _product,
        sympy.Pow: _power,
        sympy.exp: _exponential,
        sympy.log: _function("log", float("inf")),
        sympy.Abs: _function("fabs", float("inf")),
        sympy.sign: _function("sign", float("inf")),
        sympy.re: _function("re", float("inf")),
        sympy.im: _function("im", float("inf")),
        sympy.arg: _function("arg", float("inf")),
        sympy.atan2: _function("atan2", float("inf")),
        sympy.loggamma: _function("loggamma"),
        sympy.polygamma: _function("polygamma"),
        sympy.harmonic: _function("harmonic"),
        sympy.factorial: _function("factorial", 10_000.0),
        sympy.factorial2: _function("fac2", 10_000.0),
        sympy.binomial: _function("binomial", 10_000.0),
        sympy.Si: _function("si"),
        sympy.Ci: _function("ci"),
        sympy.Ei: _function("ei"),
        sympy.LambertW: _function("lambertw"),
        sympy.polylog: _function("polylog"),
        sympy.besselj: _function("besselj"),
        sympy.elliptic_k: _function("ellipk"),
        sympy.elliptic_e: _function("ellipe"),
        sympy.floor: _real("floor"),
        sympy.ceiling: _real("ceiling"),
        sympy.Max: _real("maximum"),
        sympy.Min: _real("minimum"),
        sympy.Mod: _real("remainder"),
        sympy.Heaviside: _real("step"),
        sympy.Piecewise: _piecewise,
        sympy.Sum: _summation,
        sympy.Product: _multiplication,
        sympy.Integral: _integral,
        sympy.core.numbers.ImaginaryUnit: _imaginary_unit,
    }

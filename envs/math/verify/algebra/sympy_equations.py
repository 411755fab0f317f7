"""Equations, congruences and families of solutions: whether two have the same solutions."""

from __future__ import annotations

from math import gcd
from typing import Any

from rewardium.envs.math.verify.algebra.sympy_forms import Congruence, Family, Many
from rewardium.envs.math.verify.algebra.sympy_identity import constant_ratio, sample_points
from rewardium.envs.math.verify.algebra.sympy_values import accurate_value
from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity

MAX_DEGREE = 20
"""Largest total degree of a polynomial that is factored or whose roots are isolated."""

MAX_FAMILY = 200
"""Values of a family of solutions within one period."""

_PARAMETERS = frozenset("jklmn")


# Equations.


def same_equation(first: Any, second: Any) -> Identity:
    """Compare where two expressions are 0: as polynomials by their factors, else by a constant ratio.

    Args:
        first: A sympy expression, the difference of an equation's sides.
        second: Another.

    Returns:
        Whether both are 0 at the same real points.

    Example:
        >>> import sympy
        >>> x, y = sympy.symbols("x y", real=True)
        >>> same_equation((x - y) ** 2, 2 * y - 2 * x).status
        'equal'
    """
    tops = [_polynomial(difference) for difference in (first, second)]
    if tops[0] is not None and tops[1] is not None:
        return _zero_sets(tops[0], tops[1])
    if constant_ratio(first, second) is not None:
        return Identity(EQUAL, "the equations differ by a constant factor")
    return Identity(UNKNOWN, "equations that are no polynomials")


def _polynomial(difference: Any) -> Any:
    """Return the numerator as a polynomial of bounded degree, None where it is none."""
    import sympy

    variables = sorted(difference.free_symbols, key=str)
    if not variables or not difference.is_rational_function(*variables) or _degree(difference) > MAX_DEGREE:
        return None
    # Common factors of numerator and denominator are no zeros: (x^2 - 1) / (x - 1) = 0 says x = -1.
    top = sympy.fraction(sympy.cancel(difference))[0]
    return sympy.Poly(top, *variables)


def _degree(expression: Any) -> int:
    """Estimate the degree of numerator and denominator without multiplying anything out."""
    if expression.is_Pow:
        exponent = expression.exp
        return _degree(expression.base) * abs(int(exponent)) if exponent.is_Integer else MAX_DEGREE + 1
    if expression.is_Add:
        return max(map(_degree, expression.args))
    return int(expression.is_Symbol) + sum(map(_degree, expression.args))


def _zero_sets(first: Any, second: Any) -> Identity:
    factors = [_factors(polynomial) for polynomial in (first, second)]
    if factors[0] == factors[1]:
        return Identity(EQUAL, "the equations have the same factors")
    if len(first.gens) == len(second.gens) == 1:
        return _real_roots(first, second)
    for one, other in ((first, second), (second, first)):
        point = _only_zero(one, other)
        if point is not None:
            return Identity(DIFFERENT, f"only one equation holds at {point}")
    return Identity(UNKNOWN, "equations with different factors")


def _factors(polynomial: Any) -> frozenset[Any]:
    """Return the irreducible factors, up to constant factors."""
    return frozenset(factor.monic().as_expr() for factor, _ in polynomial.factor_list()[1])


def _real_roots(first: Any, second: Any) -> Identity:
    if first.gens != second.gens:
        return Identity(UNKNOWN, "equations in different variables")
    if not (first.domain.is_QQ or first.domain.is_ZZ) or not (second.domain.is_QQ or second.domain.is_ZZ):
        return Identity(UNKNOWN, "equations with irrational coefficients")
    common = first.gcd(second)
    counts = [polynomial.sqf_part().count_roots() for polynomial in (first, second, common)]
    if counts[0] == counts[1] == counts[2]:
        return Identity(EQUAL, "the equations have the same real roots")
    return Identity(DIFFERENT, "a real root of one equation is none of the other")


def _only_zero(one: Any, other: Any) -> str | None:
    """Look for a real point at which only the first polynomial is 0."""
    variables = sorted(set(one.gens) | set(other.gens), key=str)
    for point in sample_points(variables, 6):
        for free in one.gens:
            fixed = {symbol: value for symbol, value in point.items() if symbol != free}
            line = one.as_expr().subs(fixed)
            if not line.has(free) or not line.is_polynomial(free):
                continue
            for root in line.as_poly(free).nroots(n=30, maxsteps=200):
                if abs(root.as_real_imag()[1]) < 1e-25 and abs(other.as_expr().subs(fixed).subs(free, root)) > 1e-12:
                    return ", ".join(f"{symbol} = {value}" for symbol, value in {**fixed, free: root.round(5)}.items())
    return None


# Congruences and families.


def same_congruence(gold: Congruence, answer: Congruence) -> Identity:
    """Compare congruences: both are solved for a variable, or their sides differ by multiples of the modulus.

    Example:
        >>> import sympy
        >>> x, five = sympy.Symbol("x"), sympy.Integer(5)
        >>> same_congruence(Congruence(x - 3, five), Congruence(2 * x - 1, five)).status
        'equal'
    """
    first, second = abs(gold.modulus), abs(answer.modulus)
    if not (first.is_Integer and second.is_Integer and first > 0):
        return Identity(UNKNOWN, "moduli that are no integers")
    residues = [_solved(each.difference, modulus) for each, modulus in ((gold, first), (answer, second))]
    if None not in residues and residues[0][0] == residues[1][0]:  # type: ignore[index]
        is_same = first == second and residues[0] == residues[1]
        return Identity(EQUAL if is_same else DIFFERENT, "the residues are " + ("equal" if is_same else "not equal"))
    if first == second and any(_is_multiple(gold.difference - sign * answer.difference, first) for sign in (1, -1)):
        return Identity(EQUAL, "the sides differ by multiples of the modulus")
    return Identity(UNKNOWN, "congruences of different kinds")


def _solved(difference: Any, modulus: Any) -> tuple[Any, int] | None:
    """Solve a linear congruence for its only variable; None where it is not so, or not uniquely."""
    variables = difference.free_symbols
    polynomial = difference.as_poly(*variables) if len(variables) == 1 else None
    if polynomial is None or polynomial.degree() != 1 or not all(value.is_Integer for value in polynomial.all_coeffs()):
        return None
    factor, constant = (int(value) for value in polynomial.all_coeffs())
    if gcd(factor, int(modulus)) != 1:
        return None
    return next(iter(variables)), -constant * pow(factor, -1, int(modulus)) % int(modulus)


def _is_multiple(difference: Any, modulus: Any) -> bool:
    polynomial = difference.as_poly(*difference.free_symbols) if difference.free_symbols else None
    values = [difference] if polynomial is None else polynomial.coeffs()
    return all(value.is_Integer and value % modulus == 0 for value in values)


def same_family(gold: Any, answer: Any) -> Identity:
    """Compare arithmetic progressions: their values within a common period are the same.

    Args:
        gold: A family, or an expression or several in which one of the letters j to n stands for all integers.
        answer: Another.

    Returns:
        Whether they are the same set of numbers.

    Raises:
        TooLargeError: When a period has too many values.

    Example:
        >>> import sympy
        >>> k = sympy.Symbol("k", real=True)
        >>> same_family(Family((2 * k, 2 * k + 1), k), Family((k,), k)).status
        'equal'
    """
    names = {value.names for value in (gold, answer) if isinstance(value, Family) and value.names}
    if len(names) > 1:
        return Identity(UNKNOWN, "families of values of different variables")
    pairs = [_progressions(value) for value in (gold, answer)]
    if pairs[0] is None or pairs[1] is None:
        return Identity(UNKNOWN, "a family of values that is no arithmetic progression")
    period = _common_period([step for progression in pairs for _, step in progression or ()])
    if period is None:
        return Identity(UNKNOWN, "progressions without a common period")
    values = [_within_period(progression or [], period) for progression in pairs]
    for items, others in (values, values[::-1]):
        for item in items:
            if not any(_same_residue(item, other) for other in others):
                return Identity(DIFFERENT, f"{item * period} is only in one of the families")
    return Identity(EQUAL, "the families have the same values within a period")


def _progressions(value: Any) -> list[tuple[Any, Any]] | None:
    """Return offsets and steps; a parameter k, l, m or n may stand for the integers without saying so."""
    if not isinstance(value, Family):
        plain = value.items if isinstance(value, Many) and value.kind in ("list", "set") else (value,)
        symbols = set().union(*(getattr(item, "free_symbols", set()) for item in plain))
        if len(symbols) != 1 or next(iter(symbols)).name not in _PARAMETERS:
            return None
        value = Family(tuple(plain), symbols.pop())
    found = []
    for item in value.values:
        step = item.diff(value.parameter)
        offset = item.subs(value.parameter, 0)
        if step.free_symbols or offset.free_symbols or step.is_zero or not (step.is_real and offset.is_real):
            return None
        found.append((offset, abs(step)))
    return found


def _common_period(steps: list[Any]) -> Any:
    """Return the least common multiple of steps whose ratios are rational, else None."""
    import sympy

    ratios = [step / steps[0] for step in steps]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    top = sympy.ilcm(*(ratio.p for ratio in ratios), 1)
    bottom = sympy.igcd(*(ratio.q for ratio in ratios), 0) or 1
    return steps[0] * sympy.Rational(top, bottom)


def _within_period(progressions: list[tuple[Any, Any]], period: Any) -> list[Any]:
    values: list[Any] = []
    for offset, step in progressions:
        count = int(period / step)
        if len(values) + count > MAX_FAMILY:
            raise TooLargeError(f"a family of more than {MAX_FAMILY} values")
        values += [(offset + at * step) / period for at in range(count)]
    return values


def _same_residue(first: Any, second: Any) -> bool:
    """Say whether two numbers differ by an integer."""
    difference = accurate_value(first - second, {})
    return bool(abs(difference.number - round(difference.number)) < 1e-35) and difference.error < 1e-35

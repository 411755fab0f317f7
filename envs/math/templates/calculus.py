"""Calculus: limits, derivatives and integrals."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.templates.notation import (
    Rational,
    form_of,
    line,
    multiply,
    point,
    polynomial,
    power,
    rational,
    root,
    total,
)
from rewardium.envs.math.templates.problem import Dice, Problem
from rewardium.envs.math.templates.trigonometry import SINES

SUBJECT = "calculus"


def derivative(coefficients: list[Rational]) -> list[Rational]:
    """Differentiate a polynomial, given by its coefficients.

    Example:
        >>> derivative([1, 0, -3, 5])
        [3, 0, -3]
    """
    degree = len(coefficients) - 1
    return [(degree - i) * c for i, c in enumerate(coefficients[:-1])]


def antiderivative(coefficients: list[Rational]) -> list[Rational]:
    """Integrate a polynomial; the constant is 0.

    Example:
        >>> antiderivative([3, 0, -3])
        [Fraction(1, 1), Fraction(0, 1), Fraction(-3, 1), 0]
    """
    degree = len(coefficients)
    return [*(Fraction(c) / (degree - i) for i, c in enumerate(coefficients)), 0]


def at(coefficients: list[Rational], x: Rational) -> Rational:
    """Evaluate a polynomial.

    Example:
        >>> at([1, 0, -3], 2)
        1
    """
    value: Rational = 0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value


def polynomial_derivative(dice: Dice) -> Problem:
    """A polynomial: the derivative of another."""
    coefficients: list[Rational] = [dice.nonzero(-6, 6), *(dice.integer(-9, 9) for _ in range(dice.integer(3, 4)))]
    problem = f"Find the derivative of $f(x) = {polynomial(coefficients)}$."
    return Problem(problem, polynomial(derivative(coefficients)), 2, SUBJECT, "polynomial")


def product_derivative(dice: Dice) -> Problem:
    """An expression: the derivative of a power times an exponential function, a sine or a cosine."""
    degree, speed, kind = dice.integer(2, 5), dice.integer(2, 7), dice.pick(("exp", "sin", "cos"))
    x_power, lower = power("x", degree), power("x", degree - 1)
    inner = f"{speed}x"
    if kind == "exp":
        asked = f"{x_power} e^{{{inner}}}"
        answer = f"{total([(degree, lower), (speed, x_power)])}"
        answer = f"({answer}) e^{{{inner}}}"
    else:
        other, sign = ("cos", 1) if kind == "sin" else ("sin", -1)
        asked = rf"{x_power} \{kind}({inner})"
        answer = total([(degree, rf"{lower} \{kind}({inner})"), (sign * speed, rf"{x_power} \{other}({inner})")])
    return Problem(f"Find the derivative of $f(x) = {asked}$.", answer, 3, SUBJECT, "expression")


def quotient_derivative(dice: Dice) -> Problem:
    """A rational expression: the derivative of a linear fractional function."""
    while True:
        a, b, c, d = dice.nonzero(-6, 6), dice.nonzero(-9, 9), dice.integer(1, 5), dice.nonzero(-9, 9)
        if a * d != b * c:
            break
    asked = rf"\frac{{{polynomial([a, b])}}}{{{polynomial([c, d])}}}"
    answer = rf"\frac{{{a * d - b * c}}}{{({polynomial([c, d])})^2}}"
    if a * d < b * c:
        answer = rf"-\frac{{{b * c - a * d}}}{{({polynomial([c, d])})^2}}"
    return Problem(f"Find the derivative of $f(x) = {asked}$.", answer, 3, SUBJECT, "rational expression")


def limit_of_quotient(dice: Dice) -> Problem:
    """A fraction: a limit where numerator and denominator vanish."""
    zero, above, below = dice.sample(range(-7, 8), 3)
    top, bottom = multiply([1, -zero], [1, -above]), multiply([1, -zero], [1, -below])
    problem = rf"What is $\lim_{{x \to {zero}}} \frac{{{polynomial(top)}}}{{{polynomial(bottom)}}}$?"
    answer = rational(Fraction(zero - above, zero - below))
    return Problem(problem, answer, 3, SUBJECT, form_of(answer))


def exponential_limit(dice: Dice) -> Problem:
    """A power of e: the limit of a sequence."""
    while True:
        a, b = dice.nonzero(-9, 9), dice.integer(1, 9)
        if abs(a * b) > 1:
            break
    inside = rf"1 {'-' if a < 0 else '+'} \frac{{{abs(a)}}}{{n}}"
    exponent = "n" if b == 1 else f"{b}n"
    problem = rf"What is $\lim_{{n \to \infty}} \left({inside}\right)^{{{exponent}}}$? Give the exact value."
    return Problem(problem, f"e^{{{a * b}}}", 4, SUBJECT, "power of e")


def tangent_line(dice: Dice) -> Problem:
    """The equation of a line: a tangent of a cubic."""
    while True:
        coefficients: list[Rational] = [
            dice.nonzero(-3, 3),
            dice.integer(-5, 5),
            dice.nonzero(-7, 7),
            dice.integer(-9, 9),
        ]
        x = dice.nonzero(-3, 3)
        slope = at(derivative(coefficients), x)
        if slope:
            break
    problem = (
        f"Find the equation of the tangent of the graph of $f(x) = {polynomial(coefficients)}$ at $x = {x}$. "
        "Give it in the form $y = mx + b$."
    )
    return Problem(problem, line(slope, at(coefficients, x) - slope * x), 3, SUBJECT, "equation")


def definite_integral(dice: Dice) -> Problem:
    """A rational number: the integral of a quadratic polynomial."""
    coefficients: list[Rational] = [dice.nonzero(-5, 5), dice.integer(-6, 6), dice.integer(-9, 9)]
    low = dice.integer(-3, 2)
    high = low + dice.integer(1, 4)
    integral = antiderivative(coefficients)
    problem = rf"Calculate $\int_{{{low}}}^{{{high}}} ({polynomial(coefficients)}) \, dx$."
    answer = rational(at(integral, high) - at(integral, low))
    return Problem(problem, answer, 3, SUBJECT, form_of(answer))


def logarithmic_integral(dice: Dice) -> Problem:
    """A logarithm: the integral of a reciprocal."""
    a, b = dice.integer(1, 9), dice.integer(1, 5)
    low = dice.integer(1, 4)
    high = low + dice.integer(1, 6)
    shift = dice.integer(1, 9)
    value = Fraction(b * high + shift, b * low + shift)
    problem = (
        rf"Calculate $\int_{{{low}}}^{{{high}}} \frac{{{a}}}{{{polynomial([b, shift])}}} \, dx$. Give the exact value."
    )
    return Problem(problem, total([(Fraction(a, b), rf"\ln {_logarithm_of(value)}")]), 4, SUBJECT, "logarithm")


def _logarithm_of(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else rf"\left({rational(value)}\right)"


def sine_integral(dice: Dice) -> Problem:
    """A root expression: the integral of a sine or a cosine up to a special angle."""
    factor, speed, angle = dice.integer(2, 12), dice.integer(1, 4), dice.pick((30, 45, 60))
    kind = dice.pick(("sin", "cos"))
    inner = "x" if speed == 1 else f"{speed}x"
    problem = (
        rf"Calculate $\int_{{0}}^{{\pi/{180 // angle * speed}}} {factor} \{kind}({inner}) \, dx$. Give the exact value."
    )
    scale = Fraction(factor, speed)
    if kind == "cos":
        answer = root(scale / 2, SINES[angle])
    elif angle == 60:
        answer = rational(scale / 2)
    else:  # scale (1 - cos(angle))
        answer = f"{rational(scale)} - {root(scale / 2, SINES[90 - angle])}"
    return Problem(problem, answer, 4, SUBJECT, form_of(answer))


def antiderivative_through_point(dice: Dice) -> Problem:
    """A polynomial: the antiderivative with a given value."""
    coefficients: list[Rational] = [dice.nonzero(-6, 6), dice.nonzero(-9, 9), dice.nonzero(-9, 9)]
    x, y = dice.integer(-2, 2), dice.integer(-9, 9)
    integral = antiderivative(coefficients)
    integral[-1] = y - at(integral, x)
    problem = f"Find the function $F$ with $F'(x) = {polynomial(coefficients)}$ and $F({x}) = {y}$."
    return Problem(problem, polynomial(integral), 3, SUBJECT, "polynomial")


def local_maximum(dice: Dice) -> Problem:
    """An ordered pair: the local maximum of a cubic."""
    while True:
        low, high = sorted(dice.sample(range(-5, 6), 2))
        scale, shift = dice.pick((1, 2, -1, -2)), dice.integer(-9, 9)
        if (low + high) % 2 == 0:
            break
    # f' = 6 scale (x - low) (x - high) / 2 keeps all coefficients whole, for low + high is even.
    slope: list[Rational] = [3 * scale * c for c in multiply([1, -low], [1, -high])]
    coefficients = antiderivative(slope)
    coefficients[-1] = shift
    where = low if scale > 0 else high
    problem = f"At which point $(x, y)$ does the graph of $f(x) = {polynomial(coefficients)}$ have its local maximum?"
    return Problem(problem, point([where, at(coefficients, where)]), 4, SUBJECT, "ordered pair")


def increasing_on(dice: Dice) -> Problem:
    """A union of open intervals: where the derivative of a cubic is positive."""
    low, high = sorted(dice.sample(range(-6, 7), 2))
    slope: list[Rational] = [6 * c for c in multiply([1, -low], [1, -high])]
    coefficients = antiderivative(slope)
    coefficients[-1] = dice.integer(-9, 9)
    problem = (
        f"Let $f(x) = {polynomial(coefficients)}$. Find the set of all $x$ with $f'(x) > 0$, in interval notation."
    )
    return Problem(problem, rf"(-\infty, {low}) \cup ({high}, \infty)", 4, SUBJECT, "union")


def area_between_curves(dice: Dice) -> Problem:
    """A fraction: the area between a parabola and a line."""
    low, high = sorted(dice.sample(range(-5, 6), 2))
    scale, slope, shift = dice.integer(1, 3), dice.nonzero(-4, 4), dice.integer(-6, 6)
    parabola = [scale, slope - scale * (low + high), shift + scale * low * high]
    problem = (
        f"What is the area of the region that is enclosed by the graphs of $y = {polynomial(parabola)}$ and "
        f"${line(slope, shift)}$?"
    )
    answer = rational(Fraction(scale * (high - low) ** 3, 6))
    return Problem(problem, answer, 4, SUBJECT, form_of(answer))


def integral_by_parts(dice: Dice) -> Problem:
    """An expression in e: the integral of x times an exponential function."""
    while True:
        factor, speed, end = dice.integer(1, 9), dice.integer(1, 4), dice.integer(1, 3)
        if speed * end > 1:  # else the power of e drops out
            break
    # The integral of x e^(s x) from 0 to b is (b / s - 1 / s^2) e^(s b) + 1 / s^2.
    coefficient = factor * (Fraction(end, speed) - Fraction(1, speed**2))
    inner = "x" if speed == 1 else f"{speed}x"
    written = "" if factor == 1 else str(factor)
    problem = rf"Calculate $\int_{{0}}^{{{end}}} {written}x e^{{{inner}}} \, dx$. Give the exact value."
    answer = total([(coefficient, power("e", speed * end)), (Fraction(factor, speed**2), "")])
    return Problem(problem, answer, 5, SUBJECT, "expression")


def taylor_polynomial(dice: Dice) -> Problem:
    """A polynomial: the Taylor polynomial of degree 2 or 3 at 0."""
    a, kind = dice.nonzero(-5, 5), dice.pick(("exp", "log", "geometric"))
    inner = polynomial([a, 0])
    coefficients: list[Rational]
    if kind == "exp":
        asked, coefficients = f"e^{{{inner}}}", [Fraction(a**3, 6), Fraction(a**2, 2), a, 1]
    elif kind == "log":
        asked = rf"\ln(1 {'-' if a < 0 else '+'} {polynomial([abs(a), 0])})"
        coefficients = [Fraction(a**3, 3), Fraction(-(a**2), 2), a, 0]
    else:
        asked = rf"1 {'-' if a > 0 else '+'} {polynomial([abs(a), 0])}"
        coefficients = [a**3, a**2, a, 1]
    factor = dice.integer(2, 6)
    function = rf"\frac{{{factor}}}{{{asked}}}" if kind == "geometric" else f"{factor} {asked}"
    problem = f"Find the Taylor polynomial of degree $3$ of $f(x) = {function}$ at $x = 0$."
    return Problem(problem, polynomial([factor * c for c in coefficients]), 4, SUBJECT, "polynomial")


TEMPLATES = (
    polynomial_derivative,
    product_derivative,
    quotient_derivative,
    limit_of_quotient,
    exponential_limit,
    tangent_line,
    definite_integral,
    logarithmic_integral,
    sine_integral,
    antiderivative_through_point,
    local_maximum,
    increasing_on,
    area_between_curves,
    integral_by_parts,
    taylor_polynomial,
)

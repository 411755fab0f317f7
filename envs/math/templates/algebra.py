"""Algebra: equations, polynomials, rational expressions, roots, logarithms and complex numbers."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt

from rewardium.envs.math.templates.notation import (
    complex_number,
    factor,
    form_of,
    line,
    multiply,
    point,
    polynomial,
    power,
    rational,
    root,
    root_sum,
    set_of,
    split_square,
)
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "algebra"


def linear_equation(dice: Dice) -> Problem:
    """A rational number: the solution of a linear equation."""
    while True:
        a, b, c, d = (dice.nonzero(-12, 12) for _ in range(4))
        if a != c and b != d:
            break
    problem = f"Solve ${polynomial([a, b])} = {polynomial([c, d])}$ for $x$."
    answer = rational(Fraction(d - b, a - c))
    return Problem(problem, answer, 1, SUBJECT, form_of(answer))


def quadratic_solution_set(dice: Dice) -> Problem:
    """A set: the two integer solutions of a quadratic equation."""
    first, second = sorted(dice.sample([n for n in range(-12, 13) if n], 2))
    equation = polynomial(multiply([1, -first], [1, -second]))
    problem = f"Find the set of all real solutions of ${equation} = 0$."
    return Problem(problem, set_of([str(first), str(second)]), 2, SUBJECT, "set")


def quadratic_larger_root(dice: Dice) -> Problem:
    """A root expression: the larger solution of a quadratic equation whose discriminant is no square."""
    while True:
        middle, radicand = dice.nonzero(-9, 9), dice.integer(2, 60)
        if isqrt(radicand) ** 2 != radicand and middle**2 != radicand:
            break
    problem = (
        f"Find the larger solution of ${polynomial([1, -2 * middle, middle**2 - radicand])} = 0$. Give the exact value."
    )
    return Problem(problem, root_sum(middle, 1, radicand), 3, SUBJECT, "root expression")


def quadratic_complex_root(dice: Dice) -> Problem:
    """A complex number: a solution of a quadratic equation without real ones."""
    real, imaginary = dice.nonzero(-9, 9), dice.integer(1, 9)
    equation = polynomial([1, -2 * real, real**2 + imaginary**2], "z")
    problem = f"Find the complex solution of ${equation} = 0$ whose imaginary part is positive."
    return Problem(problem, complex_number(real, imaginary), 3, SUBJECT, "complex number")


def complex_quotient(dice: Dice) -> Problem:
    """A complex number: a quotient in normal form."""
    a, b, c, d = (dice.nonzero(-9, 9) for _ in range(4))
    size = c * c + d * d
    value = complex_number(Fraction(a * c + b * d, size), Fraction(b * c - a * d, size))
    asked = rf"\frac{{{complex_number(a, b)}}}{{{complex_number(c, d)}}}"
    problem = f"Write ${asked}$ in the form $a + bi$ with real numbers $a$ and $b$."
    return Problem(problem, value, 3, SUBJECT, "complex number")


def expand_product(dice: Dice) -> Problem:
    """A polynomial: a product of a linear and a quadratic one."""
    first = [dice.integer(1, 5), dice.nonzero(-9, 9)]
    second = [dice.integer(1, 4), dice.nonzero(-9, 9), dice.nonzero(-9, 9)]
    problem = f"Expand $({polynomial(first)})({polynomial(second)})$."
    return Problem(problem, polynomial(multiply(first, second)), 2, SUBJECT, "polynomial")


def factor_polynomial(dice: Dice) -> Problem:
    """A product: a quadratic polynomial in its linear factors with integer coefficients."""
    while True:
        a, b, c, d = dice.integer(1, 5), dice.nonzero(-9, 9), dice.integer(1, 3), dice.nonzero(-9, 9)
        if gcd(a, b) == 1 and gcd(c, d) == 1 and (a, b) != (c, d):
            break
    asked = polynomial(multiply([a, b], [c, d]))
    problem = f"Factor ${asked}$ into linear factors with integer coefficients."
    return Problem(problem, factor(a, b) + factor(c, d), 2, SUBJECT, "factored polynomial")


def reduce_rational_expression(dice: Dice) -> Problem:
    """A rational expression: a fraction whose common factor is cancelled."""
    common, above, below = dice.sample([n for n in range(-9, 10) if n], 3)
    top, bottom = multiply([1, common], [1, above]), multiply([1, common], [1, below])
    problem = rf"Simplify $\frac{{{polynomial(top)}}}{{{polynomial(bottom)}}}$ as far as possible."
    answer = rf"\frac{{{polynomial([1, above])}}}{{{polynomial([1, below])}}}"
    return Problem(problem, answer, 3, SUBJECT, "rational expression")


def add_rational_expressions(dice: Dice) -> Problem:
    """A rational expression: a sum over its common denominator."""
    while True:
        a, b = dice.nonzero(-9, 9), dice.nonzero(-9, 9)
        c, d = dice.sample([n for n in range(-9, 10) if n], 2)
        # The numerator a (x + d) + b (x + c) must not vanish where a factor of the denominator does: it never does,
        # for a and b are not 0 and c is not d. It should still hold an x.
        if a > 0 and a + b:
            break
    sign, size = ("+", b) if b > 0 else ("-", -b)
    asked = rf"\frac{{{a}}}{{{polynomial([1, c])}}} {sign} \frac{{{size}}}{{{polynomial([1, d])}}}"
    answer = rf"\frac{{{polynomial([a + b, a * d + b * c])}}}{{{factor(1, c)}{factor(1, d)}}}"
    return Problem(f"Write ${asked}$ as a single fraction.", answer, 3, SUBJECT, "rational expression")


def linear_system(dice: Dice) -> Problem:
    """An ordered pair: the solution of two linear equations."""
    x, y = dice.nonzero(-9, 9), dice.nonzero(-9, 9)
    while True:
        a, b, c, d = (dice.nonzero(-7, 7) for _ in range(4))
        if a * d != b * c:
            break
    first, second = _two_terms(a, b), _two_terms(c, d)
    problem = (
        f"Solve the system ${first} = {a * x + b * y}$, ${second} = {c * x + d * y}$. Give the ordered pair $(x, y)$."
    )
    return Problem(problem, point([x, y]), 2, SUBJECT, "ordered pair")


def _two_terms(a: int, b: int) -> str:
    """Write ax + by."""
    second = polynomial([abs(b), 0], "y")
    return f"{polynomial([a, 0])} {'-' if b < 0 else '+'} {second}"


def line_through_points(dice: Dice) -> Problem:
    """The equation of a line through two points."""
    while True:
        x, other_x = dice.sample(range(-9, 10), 2)
        y, other_y = dice.integer(-9, 9), dice.integer(-9, 9)
        if y != other_y:
            break
    slope = Fraction(other_y - y, other_x - x)
    problem = (
        f"Find the equation of the line through the points ${point([x, y])}$ and ${point([other_x, other_y])}$. "
        "Give it in the form $y = mx + b$."
    )
    return Problem(problem, line(slope, y - slope * x), 2, SUBJECT, "equation")


def logarithm_value(dice: Dice) -> Problem:
    """A fraction: a logarithm of one power to another power of the same number."""
    while True:
        base, top, bottom = dice.pick((2, 3, 5)), dice.integer(-5, 7), dice.integer(2, 4)
        if top and base ** max(abs(top), bottom) < 10**4 and top % bottom:
            break
    of = rational(Fraction(base) ** top)
    problem = rf"What is $\log_{{{base**bottom}}} {of}$? Give the answer as a fraction."
    return Problem(problem, rational(Fraction(top, bottom)), 3, SUBJECT, "fraction")


def exponential_equation(dice: Dice) -> Problem:
    """A logarithm: the solution of an exponential equation."""
    base, value = dice.sample((2, 3, 5, 6, 7, 10, 11, 12, 13), 2)
    factor_, shift = dice.integer(2, 9), dice.integer(1, 30)
    right = factor_ * value + shift
    problem = rf"Solve ${factor_} \cdot {base}^x + {shift} = {right}$ for $x$. Give the exact value."
    return Problem(problem, rf"\log_{{{base}}} {value}", 3, SUBJECT, "logarithm")


def add_roots(dice: Dice) -> Problem:
    """A root expression: two roots of the same kind in simplest form."""
    inside = dice.pick((2, 3, 5, 6, 7))
    first, second = dice.sample(range(2, 12), 2)
    sign = dice.pick((1, -1))
    asked = rf"\sqrt{{{first**2 * inside}}} {'+' if sign > 0 else '-'} \sqrt{{{second**2 * inside}}}"
    problem = f"Write ${asked}$ in simplest radical form."
    return Problem(problem, root(first + sign * second, inside), 2, SUBJECT, "root expression")


def rationalize_denominator(dice: Dice) -> Problem:
    """A root expression: a fraction without roots in its denominator."""
    while True:
        above, radicand, number = dice.integer(1, 12), dice.pick((2, 3, 5, 6, 7, 10, 11)), dice.nonzero(-6, 6)
        if number**2 != radicand:
            break
    size = radicand - number**2
    asked = rf"\frac{{{above}}}{{\sqrt{{{radicand}}} {'-' if number < 0 else '+'} {abs(number)}}}"
    problem = f"Write ${asked}$ without a root in a denominator."
    answer = root_sum(Fraction(-above * number, size), Fraction(above, size), radicand)
    return Problem(problem, answer, 3, SUBJECT, "root expression")


def polynomial_remainder(dice: Dice) -> Problem:
    """An integer: the remainder of a division by a linear polynomial."""
    coefficients = [dice.nonzero(-6, 6) for _ in range(4)]
    at = dice.nonzero(-4, 4)
    value = sum(c * at ** (3 - i) for i, c in enumerate(coefficients))
    problem = f"What is the remainder when ${polynomial(coefficients)}$ is divided by ${polynomial([1, -at])}$?"
    return Problem(problem, str(value), 3, SUBJECT, "integer")


def sum_of_squared_roots(dice: Dice) -> Problem:
    """A rational number: by Vieta's formulas."""
    a, b, c = dice.integer(1, 6), dice.nonzero(-12, 12), dice.nonzero(-12, 12)
    problem = (
        f"What is the sum of the squares of the two complex solutions of ${polynomial([a, b, c])} = 0$, each counted "
        "with its multiplicity?"
    )
    answer = rational(Fraction(b * b - 2 * a * c, a * a))
    return Problem(problem, answer, 4, SUBJECT, form_of(answer))


def function_composition(dice: Dice) -> Problem:
    """A polynomial: one function of another."""
    a, b, c = dice.integer(1, 5), dice.nonzero(-9, 9), dice.nonzero(-9, 9)
    slope, shift = dice.nonzero(-5, 5), dice.nonzero(-9, 9)
    problem = (
        f"Let $f(x) = {polynomial([a, b, c])}$ and $g(x) = {polynomial([slope, shift])}$. "
        "Find $f(g(x))$ as a polynomial in expanded form."
    )
    inner = [a * slope**2, 2 * a * slope * shift + b * slope, a * shift**2 + b * shift + c]
    return Problem(problem, polynomial(inner), 3, SUBJECT, "polynomial")


def inverse_function(dice: Dice) -> Problem:
    """A rational expression: the inverse of a linear fractional function."""
    while True:
        a, b, c = dice.integer(1, 7), dice.nonzero(-9, 9), dice.nonzero(-9, 9)
        if a * c - b:
            break
    # y = (a x + b) / (x + c), so x = (b - c y) / (y - a)
    problem = (
        rf"Let $f(x) = \frac{{{polynomial([a, b])}}}{{{polynomial([1, c])}}}$. Find the inverse function $f^{{-1}}(x)$."
    )
    answer = rf"\frac{{{polynomial([-c, b])}}}{{{polynomial([1, -a])}}}"
    return Problem(problem, answer, 3, SUBJECT, "rational expression")


def cubic_from_roots(dice: Dice) -> Problem:
    """A polynomial: the monic cubic with three given zeros, one of which is double."""
    double, single = dice.sample([n for n in range(-6, 7) if n], 2)
    coefficients = multiply(multiply([1, -double], [1, -double]), [1, -single])
    problem = (
        f"A cubic polynomial in $x$ with leading coefficient $1$ has the double zero ${double}$ and the simple zero "
        f"${single}$. Write it in expanded form."
    )
    return Problem(problem, polynomial(coefficients), 3, SUBJECT, "polynomial")


def power_of_complex_number(dice: Dice) -> Problem:
    """A complex number: an integer power."""
    while True:
        a, b, exponent = dice.nonzero(-4, 4), dice.nonzero(-4, 4), dice.integer(3, 5)
        if abs(a) != abs(b):
            break
    real, imaginary = 1, 0
    for _ in range(exponent):
        real, imaginary = real * a - imaginary * b, real * b + imaginary * a
    problem = (
        f"Write ${power(f'({complex_number(a, b)})', exponent)}$ in the form $a + bi$ with real numbers $a$ and $b$."
    )
    return Problem(problem, complex_number(real, imaginary), 3, SUBJECT, "complex number")


def modulus_of_complex_number(dice: Dice) -> Problem:
    """A root expression: an absolute value that is no integer."""
    while True:
        a, b = dice.nonzero(-12, 12), dice.nonzero(-12, 12)
        if split_square(a * a + b * b)[1] > 1:
            break
    problem = f"What is $|{complex_number(a, b)}|$? Give the exact value in simplest form."
    return Problem(problem, root(1, a * a + b * b), 2, SUBJECT, "root expression")


TEMPLATES = (
    linear_equation,
    quadratic_solution_set,
    quadratic_larger_root,
    quadratic_complex_root,
    complex_quotient,
    expand_product,
    factor_polynomial,
    reduce_rational_expression,
    add_rational_expressions,
    linear_system,
    line_through_points,
    logarithm_value,
    exponential_equation,
    add_roots,
    rationalize_denominator,
    polynomial_remainder,
    sum_of_squared_roots,
    function_composition,
    inverse_function,
    cubic_from_roots,
    power_of_complex_number,
    modulus_of_complex_number,
)

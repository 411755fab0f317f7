"""The templates of problems: each answer against a solution that starts from the problem's text.

A solver reads the parameters out of the text and takes another way than the template: computer algebra, or trying all
cases. What it returns is compared with the answer, read by the form that the problem names.
"""

import itertools
import json
import math
import re
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import sympy
from latex2sympy2_extended import latex2sympy
from sympy import (
    FiniteSet,
    I,
    Integer,
    Interval,
    Matrix,
    Rational,
    Symbol,
    Union,
    cos,
    log,
    oo,
    pi,
    sin,
    sqrt,
    tan,
)

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.task_sets import SHIPPED, load_tasks
from rewardium.envs.math.templates import TEMPLATES, Dice, distinct_problems, draw_problem
from rewardium.envs.math.verify import verify, verify_batch

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "make_problems.py"
NAMES = list(TEMPLATES)
x, y, z, n = sympy.symbols("x y z n")
FUNCTIONS = {"sin": sin, "cos": cos, "tan": tan}
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def shipped_rows():
    text = files("rewardium.envs.math").joinpath(SHIPPED).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# Reading mathematics


@cache
def read(latex):
    """Read an expression; i is the imaginary unit where there is no other variable to be."""
    value = sympy.sympify(latex2sympy(latex).doit())
    return value.subs({Symbol("i"): I})


def formulas(text):
    return re.findall(r"\$([^$]+)\$", text)


def numbers(text):
    return [int(number) for number in re.findall(r"-?\d+", text)]


def entries(latex):
    """Read what stands between commas inside brackets."""
    return [read(part) for part in latex.split(", ")]


def read_matrix(latex):
    inside = re.fullmatch(r"\\begin\{pmatrix\} (.*) \\end\{pmatrix\}", latex)[1]
    return Matrix([[read(entry) for entry in row.split(" & ")] for row in inside.split(r" \\ ")])


def matrices(text):
    return [read_matrix(latex) for latex in re.findall(r"\\begin\{pmatrix\}.*?\\end\{pmatrix\}", text)]


def read_end(latex):
    return {r"\infty": oo, r"-\infty": -oo}.get(latex) or read(latex)


def read_intervals(latex):
    parts = []
    for part in latex.split(r" \cup "):
        low, high = part[1:-1].split(", ")
        parts.append(Interval(read_end(low), read_end(high), part[0] == "(", part[-1] == ")"))
    return Union(*parts)


READERS = {
    "percentage": lambda answer: Integer(answer.removesuffix(r"\%")),
    "mixed number": lambda answer: sum(
        int(part) if "frac" not in part else read(part) for part in re.fullmatch(r"(\d+)(\\frac.*)", answer).groups()
    ),
    "scientific notation": lambda answer: Rational(
        "{}e{}".format(*re.fullmatch(r"(\d(?:\.\d+)?) \\times 10\^\{(-?\d+)\}", answer).groups())
    ),
    "set": lambda answer: FiniteSet(*entries(answer[2:-2])),
    "interval": read_intervals,
    "union": read_intervals,
    "ordered pair": lambda answer: tuple(entries(answer[1:-1])),
    "equation": lambda answer: read(answer.removeprefix("y = ")),
    "matrix": read_matrix,
    "vector": lambda answer: read_matrix(answer) if "matrix" in answer else tuple(entries(answer[1:-1])),
    **dict.fromkeys(("word", "letter", "time", "ratio", "quantity", "angle", "base", "repeating decimal"), str),
}
"""How to read an answer of a form; all others are expressions."""


def same(expected, answer):
    if isinstance(expected, (str, tuple, sympy.Set, sympy.MatrixBase)):
        return expected == answer
    difference = sympy.sympify(expected) - answer
    return sympy.expand(difference) == 0 or sympy.simplify(difference) == 0


# One solver a template, under the template's name

SOLVERS = {}


def solves(solver):
    SOLVERS[solver.__name__] = solver
    return solver


@solves
def order_of_operations(text):
    a, b, c, d = numbers(text.replace("- ", ""))
    return a - b * c + b * d


@solves
def fraction_sum(text):
    return read(formulas(text)[0])


@solves
def decimal_product(text):
    first, second = re.findall(r"[\d.]+\d", text)
    return Rational(first) * Rational(second)


@solves
def percentage_change(text):
    old, new = numbers(text)
    assert ("rise" in text) == (new > old)
    return abs(Rational(new, old) - 1) * 100


@solves
def mixed_number_sum(text):
    return sum(READERS["mixed number"](part) for part in formulas(text)[0].split(" + "))


@solves
def scientific_product(text):
    return math.prod(READERS["scientific notation"](part) for part in re.findall(r"\((.*?)\)", formulas(text)[0]))


@solves
def repeating_decimal(text):
    value = Fraction(*numbers(text))
    digits = str(value.numerator * 10**60 // value.denominator).rjust(60, "0")
    period = next(k for k in range(1, 20) if digits[k : 2 * k] == digits[:k] and digits[: 59 - k] == digits[k:59])
    return rf"0.\overline{{{digits[:period]}}}"


@solves
def repeating_decimal_as_fraction(text):
    first, block = re.search(r"0\.(\d)\\overline\{(\d+)\}", text).groups()
    return Rational(f"0.{first}") + Rational(int(block), 10 ** (len(block) + 1)) / (1 - Rational(1, 10 ** len(block)))


@solves
def ratio(text):
    reduced = Fraction(*numbers(text))
    first, second = re.search(r"ratio of (.*) to (.*)\?", text).groups()
    assert re.search(rf"are \d+ {first} and \d+ {second}\.", text)
    return f"{reduced.numerator}:{reduced.denominator}"


def digits_in(number, base):
    highest = next(k for k in range(99) if base ** (k + 1) > number)
    return "".join(str(number // base**k % base) for k in range(highest, -1, -1))


@solves
def base_conversion(text):
    number, base = numbers(text)
    return f"{digits_in(number, base)}_{{{base}}}"


@solves
def base_sum(text):
    first, base, second, *_ = numbers(text)
    return f"{digits_in(int(str(first), base) + int(str(second), base), base)}_{{{base}}}"


@solves
def largest_fraction(text):
    options = dict(re.findall(r"\((\w)\) \$(.*?)\$", text))
    return max(options, key=lambda letter: read(options[letter]))


@solves
def mean(text):
    values = numbers(text)
    assert len(values) == 5
    return Rational(sum(values), len(values))


METRES = {"kilometres": 3, "metres": 0, "centimetres": -2, "millimetres": -3}
GRAMS = {"tonnes": 6, "kilograms": 3, "grams": 0}
SECONDS = {"hours": 3600, "minutes": 60, "seconds": 1}
SIGNS = {
    "kilometres": "km", "metres": "m", "centimetres": "cm", "millimetres": "mm", "kilograms": "kg", "grams": "g",
    "minutes": "minutes", "seconds": "s",
}  # fmt: skip


def plain(value):
    """Write a rational number whose decimals end."""
    text = f"{float(value):.10f}".rstrip("0").rstrip(".")
    assert Rational(text) == value
    return text


@solves
def unit_conversion(text):
    value, start, end = re.match(r"Convert ([\d.]+) (\w+) to (\w+)\.", text).groups()
    table = next(table for table in (METRES, GRAMS, SECONDS) if start in table)
    factor = Rational(table[start], table[end]) if table is SECONDS else Rational(10) ** (table[start] - table[end])
    return rf"{plain(Rational(value) * factor)} \text{{ {SIGNS[end]}}}"


@solves
def rectangle_area(text):
    width, length = re.search(r"is ([\d.]+) cm wide and ([\d.]+) m long", text).groups()
    return rf"{plain(Rational(width) * 100 * Rational(length))} \text{{ cm}}^2"


@solves
def average_speed(text):
    kilometres, minutes = numbers(text)
    return rf"{plain(Rational(kilometres) / (Rational(minutes) / 60))} \text{{ km/h}}"


@solves
def arrival_time(text):
    hour, minute, hours, minutes, *_ = numbers(text)
    end = datetime(2024, 1, 1, hour, minute) + timedelta(hours=hours, minutes=minutes)
    assert end.day == 1
    return end.strftime("%H:%M")


@solves
def weekday(text):
    today, days = re.search(r"Today is (\w+)\..* in (\d+) days", text).groups()
    monday = datetime(2024, 1, 1)
    later = monday + timedelta(days=WEEKDAYS.index(today) + int(days))
    return rf"\text{{{later.strftime('%A')}}}"


@solves
def greatest_common_divisor(text):
    first, second = numbers(text)
    return max(d for d in range(1, min(first, second) + 1) if first % d == second % d == 0)


@solves
def power_remainder(text):
    base, exponent, modulus = numbers(text)
    return base**exponent % modulus


@solves
def count_divisors(text):
    (number,) = numbers(text)
    return sum(number % d == 0 for d in range(1, number + 1))


@solves
def set_of_divisors(text):
    (number,) = numbers(text)
    return FiniteSet(*(d for d in range(1, number + 1) if number % d == 0))


@solves
def is_prime(text):
    (number,) = numbers(text)
    return r"\text{yes}" if all(number % d for d in range(2, number)) else r"\text{no}"


@solves
def modular_inverse(text):
    number, modulus = int(re.search(r"\$(\d+)x", text)[1]), int(re.search(r"pmod\{(\d+)\}", text)[1])
    return next(k for k in range(1, modulus) if number * k % modulus == 1)


def sides(latex):
    left, right = latex.split(" = ")
    return read(left) - read(right)


@solves
def linear_equation(text):
    (solution,) = sympy.solve(sides(formulas(text)[0]), x)
    return solution


@solves
def quadratic_solution_set(text):
    return FiniteSet(*sympy.solve(sides(formulas(text)[0]), x))


@solves
def quadratic_larger_root(text):
    return max(sympy.solve(sides(formulas(text)[0]), x))


@solves
def quadratic_complex_root(text):
    (solution,) = [root for root in sympy.solve(sides(formulas(text)[0]), z) if sympy.im(root) > 0]
    return solution


@solves
def complex_quotient(text):
    return sympy.expand(sympy.radsimp(read(formulas(text)[0])), complex=True)


@solves
def expand_product(text):
    return sympy.expand(read(formulas(text)[0]))


@solves
def factor_polynomial(text):
    return sympy.factor(read(formulas(text)[0]))


@solves
def reduce_rational_expression(text):
    return sympy.cancel(read(formulas(text)[0]))


@solves
def add_rational_expressions(text):
    return sympy.together(read(formulas(text)[0]))


@solves
def linear_system(text):
    first, second, _ = formulas(text)
    solution = sympy.solve([sides(first), sides(second)], [x, y])
    return solution[x], solution[y]


@solves
def line_through_points(text):
    (a, b), (c, d) = (numbers(latex) for latex in formulas(text)[:2])
    return sympy.interpolate([(a, b), (c, d)], x)


@solves
def logarithm_value(text):
    base, of = re.search(r"log_\{(\d+)\} (.*?)\$", text).groups()
    power, value = Rational(1), read(of)
    # x = p / q means base^p = value^q.
    return next(
        Rational(p, q) for q in range(1, 5) for p in range(-9, 10) if p and power * Rational(base) ** p == value**q
    )


@solves
def exponential_equation(text):
    factor, base, shift, right = numbers(text)
    return log(Rational(right - shift, factor)) / log(base)


@solves
def add_roots(text):
    return sympy.sqrtdenest(read(formulas(text)[0]))


@solves
def rationalize_denominator(text):
    return sympy.radsimp(read(formulas(text)[0]))


@solves
def polynomial_remainder(text):
    dividend, divisor = map(read, formulas(text))
    return sympy.rem(dividend, divisor, x)


@solves
def sum_of_squared_roots(text):
    return sympy.simplify(sum(r**2 * m for r, m in sympy.roots(sides(formulas(text)[0]), x).items()))


def function(latex):
    """Read what stands right of the equals sign."""
    return read(latex.split(" = ", 1)[1])


@solves
def function_composition(text):
    f, g, _ = formulas(text)
    return sympy.expand(function(f).subs(x, function(g)))


@solves
def inverse_function(text):
    (inverse,) = sympy.solve(function(formulas(text)[0]) - y, x)
    return inverse.subs(y, x)


@solves
def cubic_from_roots(text):
    _, _, double, single = (int(latex) if latex != "x" else None for latex in formulas(text))
    return sympy.expand((x - double) ** 2 * (x - single))


@solves
def power_of_complex_number(text):
    return sympy.expand(read(formulas(text)[0]))


@solves
def modulus_of_complex_number(text):
    return sympy.Abs(read(formulas(text)[0].strip("|")))


def solution_set(latex):
    real = Symbol("x", real=True)
    relation = latex2sympy(latex).subs(x, real)
    return sympy.solve_univariate_inequality(relation, real, relational=False)


@solves
def linear_inequality(text):
    return solution_set(formulas(text)[0])


quadratic_inequality_inside = quadratic_inequality_outside = absolute_value_inequality = rational_inequality = (
    linear_inequality
)
for name in (
    "quadratic_inequality_inside",
    "quadratic_inequality_outside",
    "absolute_value_inequality",
    "rational_inequality",
):
    SOLVERS[name] = linear_inequality


@solves
def domain_of_root(text):
    inside = re.search(r"\\sqrt\{(.*)\}", formulas(text)[0])[1]
    return solution_set(rf"{inside} \ge 0")


@solves
def circle_area(text):
    given = read(formulas(text)[0])
    radius = given / 2 if "diameter" in text else given / (2 * pi)
    assert ("diameter" in text) != ("circumference" in text)
    return pi * radius**2


@solves
def arc_length(text):
    angle, radius = int(re.search(r"(\d+)\^\\circ", text)[1]), int(re.search(r"radius \$(\d+)\$", text)[1])
    return sympy.integrate(radius, (x, 0, angle * pi / 180))


@solves
def cone_volume(text):
    radius, slant = numbers(text)
    height = sqrt(slant**2 - radius**2)
    return sympy.integrate(pi * (radius * x / height) ** 2, (x, 0, height))


@solves
def hypotenuse(text):
    return sympy.Point(0, 0).distance(sympy.Point(*numbers(text)))


@solves
def distance(text):
    first, second = (sympy.Point(*numbers(latex)) for latex in formulas(text))
    return first.distance(second)


@solves
def triangle_area(text):
    return abs(sympy.Triangle(*(sympy.Point(*numbers(latex)) for latex in formulas(text))).area)


@solves
def third_angle(text):
    first, second = numbers(text)
    return rf"{180 - first - second}^\circ"


@solves
def circle_center(text):
    left = sides(formulas(text)[0])
    centre = sympy.solve([left.diff(x), left.diff(y)], [x, y])
    assert left.subs(centre) < 0
    return centre[x], centre[y]


@solves
def perpendicular_bisector(text):
    first, second = (sympy.Point(*numbers(latex)) for latex in formulas(text)[:2])
    equation = sympy.Segment(first, second).perpendicular_bisector().equation(x, y)
    return sympy.solve(equation, y)[0]


@solves
def value_at_degrees(text):
    name, angle = re.search(r"\\(\w+) (\d+)\^", text).groups()
    return FUNCTIONS[name](int(angle) * pi / 180)


@solves
def value_at_radians(text):
    return read(formulas(text)[0])


@solves
def degrees_to_radians(text):
    return sympy.rad(numbers(text)[0])


@solves
def sine_equation(text):
    equation = sides(formulas(text)[0])
    # Every solution is a multiple of pi / 12.
    return FiniteSet(*(k * pi / 12 for k in range(24) if abs(equation.subs(x, k * pi / 12).evalf()) < 1e-12))


@solves
def other_function_value(text):
    known, value, low, high, asked = re.search(
        r"\\(\w+) \\theta = (.*?)\$ with \$(.*?) < \\theta < (.*?)\$\. What is \$\\(\w+)", text
    ).groups()
    inverse = {"sin": sympy.asin, "cos": sympy.acos}[known](read(value))
    candidates = [inverse, pi - inverse, -inverse, 2 * pi - inverse, 2 * pi + inverse]
    (angle,) = {
        angle
        for angle in candidates
        if read(low).evalf() < angle.evalf() < read(high).evalf()
        and abs((FUNCTIONS[known](angle) - read(value)).evalf()) < 1e-12
    }
    return sympy.simplify(FUNCTIONS[asked](angle))


@solves
def period(text):
    return sympy.periodicity(function(formulas(text)[0]), x)


@solves
def arithmetic_series(text):
    count, first, second, third = numbers(text)
    assert second - first == third - second
    return sum(range(first, first + (second - first) * count, second - first))


@solves
def geometric_series(text):
    latex = re.sub(r" [+-] \\cdots", "", formulas(text)[0])
    first, second, third = (read(part.replace("+ ", "").replace("- ", "-")) for part in re.split(r" (?=[+-] )", latex))
    quotient = second / first
    assert third / second == quotient
    assert (quotient < 0) == (r"- \cdots" in text)
    return sympy.summation(first * quotient**n, (n, 0, oo))


@solves
def general_term(text):
    values = numbers(formulas(text)[0])
    return sympy.interpolate(list(enumerate(values, start=1)), n)


@solves
def recurrence(text):
    first, second = (int(re.search(rf"a_{k} = (-?\d+)", text)[1]) for k in (1, 2))
    p, sign, q = re.search(r"a_n = (\d*)a_\{n-1\} ([+-]) (\d*)a_\{n-2\}", text).groups()
    p, q = int(p or 1), int(f"{sign}{q or 1}")
    index = int(re.search(r"What is \$a_(\d)\$", text)[1])
    return (Matrix([[p, q], [1, 0]]) ** (index - 2) * Matrix([second, first]))[0]


@solves
def balls_of_one_colour(text):
    red, blue = numbers(text)
    draws = list(itertools.permutations("r" * red + "b" * blue, 2))
    return Rational(sum(a == b for a, b in draws), len(draws))


@solves
def sum_of_dice(text):
    first, _, _, second, _, _, target = numbers(text)
    rolls = [a + b for a in range(1, first + 1) for b in range(1, second + 1)]
    return Rational(rolls.count(target), len(rolls))


@solves
def repeated_trials(text):
    chance, (trials, hits) = read(formulas(text)[0]), numbers(text.split("$")[2])
    return sum(
        math.prod(chance if red else 1 - chance for red in spins)
        for spins in itertools.product((True, False), repeat=trials)
        if sum(spins) == hits
    )


@solves
def defective_part(text):
    share, first, second = numbers(text)
    of_10000 = share * first, (100 - share) * second  # defective parts of 10 000
    return Rational(of_10000[0], sum(of_10000))


@solves
def expected_gain(text):
    tickets, prizes, prize, price = numbers(text)
    gains = [prize - price] * prizes + [-price] * (tickets - prizes)
    return Rational(sum(gains), tickets)


@solves
def committee(text):
    women, men, of_women, of_men = numbers(text)
    return len(list(itertools.combinations(range(of_women), women))) * len(
        list(itertools.combinations(range(of_men), men))
    )


@cache
def words_of(counts):
    """Count the different words of so many letters of each kind, by their first letter."""
    if not any(counts):
        return 1
    return sum(words_of((*counts[:i], count - 1, *counts[i + 1 :])) for i, count in enumerate(counts) if count)


@solves
def arrangements(text):
    letters = re.search(r"letters (.*) be arranged", text)[1].split(", ")
    return words_of(tuple(Counter(letters).values()))


@solves
def lattice_paths(text):
    width, height, via_x, via_y = numbers(" ".join(formulas(text)[1:]))

    def paths(start, end):
        grid = Counter({start: 1})
        for column in range(start[0], end[0] + 1):
            for row in range(start[1], end[1] + 1):
                grid[column, row] += grid[column - 1, row] + grid[column, row - 1]
        return grid[end]

    return paths((0, 0), (via_x, via_y)) * paths((via_x, via_y), (width, height))


@solves
def binomial_coefficient(text):
    exponent, expression = formulas(text)
    return sympy.Poly(read(expression), x).coeff_monomial(read(exponent))


@solves
def matrix_product(text):
    first, second = matrices(text)
    return first * second


@solves
def determinant(text):
    return matrices(text)[0].det()


@solves
def matrix_inverse(text):
    return matrices(text)[0].inv()


@solves
def cross_product(text):
    first, second = matrices(text)
    return first.cross(second)


@solves
def linear_combination(text):
    u, v = (Matrix(numbers(latex)) for latex in formulas(text)[:2])
    p, q = numbers(formulas(text)[2].replace("- ", "+"))
    return tuple(p * u - q * v)


@solves
def eigenvalues(text):
    return FiniteSet(*matrices(text)[0].eigenvals())


@solves
def polynomial_derivative(text):
    return function(formulas(text)[0]).diff(x)


product_derivative = quotient_derivative = polynomial_derivative
SOLVERS["product_derivative"] = SOLVERS["quotient_derivative"] = polynomial_derivative


@solves
def limit_of_quotient(text):
    return read(formulas(text)[0])


@solves
def exponential_limit(text):
    inside, exponent = re.search(r"\\left\((.*)\\right\)\^\{(.*)\}", formulas(text)[0]).groups()
    return sympy.limit(read(inside) ** read(exponent), n, oo)


@solves
def tangent_line(text):
    f, at = formulas(text)[:2]
    return sympy.series(function(f), x, int(at.removeprefix("x = ")), 2).removeO()


@solves
def definite_integral(text):
    return read(formulas(text)[0])


logarithmic_integral = sine_integral = integral_by_parts = definite_integral
for name in ("logarithmic_integral", "sine_integral", "integral_by_parts"):
    SOLVERS[name] = definite_integral


@solves
def antiderivative_through_point(text):
    _, slope, value = formulas(text)
    at, is_ = re.fullmatch(r"F\((-?\d+)\) = (-?\d+)", value).groups()
    (solution,) = sympy.solve(sympy.integrate(function(slope), x).subs(x, int(at)) + y - int(is_), y)
    return sympy.integrate(function(slope), x) + solution


@solves
def local_maximum(text):
    f = function(formulas(text)[1])
    (at,) = [root for root in sympy.solve(f.diff(x), x) if f.diff(x, 2).subs(x, root) < 0]
    return at, f.subs(x, at)


@solves
def increasing_on(text):
    real = Symbol("x", real=True)
    slope = function(formulas(text)[0]).diff(x).subs(x, real)
    return sympy.solve_univariate_inequality(slope > 0, real, relational=False)


@solves
def area_between_curves(text):
    difference = function(formulas(text)[0]) - function(formulas(text)[1])
    low, high = sorted(sympy.solve(difference, x))
    return abs(sympy.integrate(difference, (x, low, high)))


@solves
def taylor_polynomial(text):
    f = function(formulas(text)[1])
    return sum(f.diff(x, k).subs(x, 0) * x**k / math.factorial(k) for k in range(4))


def check(problem, name):
    answer = READERS.get(problem.form, read)(problem.answer)
    expected = SOLVERS[name](problem.problem)
    assert same(expected, answer), f"{problem.problem}\n  answer   {problem.answer}\n  solution {expected}"


def test_every_template_has_a_solver_of_its_own():
    assert set(SOLVERS) == set(TEMPLATES)


HEAVY = {
    "logarithmic_integral", "integral_by_parts", "geometric_series", "exponential_equation", "definite_integral",
    "quadratic_larger_root", "sine_integral", "period", "increasing_on", "taylor_polynomial", "limit_of_quotient",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in NAMES]
)
def test_answers_are_right(name):
    for problem in distinct_problems(name, 1, seed=1):
        check(problem, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_answers_are_right(name):
    for problem in distinct_problems(name, 12, seed=2):
        check(problem, name)


@pytest.mark.slow
def test_shipped_answers_are_right():
    rows = shipped_rows()
    assert len(rows) >= 360
    for row in rows:
        expected = SOLVERS[row["template"]](row["problem"])
        assert same(expected, READERS.get(row["form"], read)(row["answer"])), row


FORMS = {
    "integer": r"-?\d+",
    "fraction": r"-?\\frac\{\d+\}\{\d+\}",
    "decimal": r"-?\d+\.\d*[1-9]",
    "percentage": r"\d+\\%",
    "mixed number": r"\d+\\frac\{\d+\}\{\d+\}",
    "scientific notation": r"[1-9](\.\d*[1-9])? \\times 10\^\{-?\d+\}",
    "repeating decimal": r"0\.\\overline\{\d+\}",
    "root expression": r".*\\sqrt\{\d+\}.*",
    "multiple of pi": r".*\\pi.*",
    "logarithm": r".*\\(log|ln).*",
    "complex number": r".*i",
    "power of e": r"e\^\{-?\d+\}",
    "rational expression": r"-?\\frac\{.*x.*\}\{.*x.*\}|-?\\frac\{\d+\}\{.*x.*\}",
    "factored polynomial": r"(\([^()]*x[^()]*\)){2}",
    "equation": r"y = .*",
    "set": r"\\\{.*\\\}",
    "ordered pair": r"\([^,]*, [^,]*\)",
    "interval": r"[\[(][^,]*, [^,]*[\])]",
    "union": r".* \\cup .*",
    "matrix": r"\\begin\{pmatrix\}.*",
    "vector": r"\\begin\{pmatrix\}.*|\(.*, .*, .*\)",
    "quantity": r"[\d.]+ \\text\{ [a-z/]+\}(\^2)?",
    "angle": r"\d+\^\\circ",
    "time": r"[0-2]\d:[0-5]\d",
    "ratio": r"\d+:\d+",
    "base": r"\d+_\{[2-9]\}",
    "letter": r"[A-D]",
    "word": r"\\text\{\w+\}",
    "polynomial": r"[-+ x n\d^]*(\\frac\{\d+\}\{\d+\}[-+ x n\d^]*)*",
    "expression": r".*[ex].*",
}


@pytest.mark.parametrize("name", NAMES)
def test_answers_have_the_form_they_name(name):
    for problem in distinct_problems(name, 40, seed=5):
        assert re.fullmatch(FORMS[problem.form], problem.answer), problem


EXPANDED = {"expand_product", "function_composition", "cubic_from_roots", "general_term", "polynomial_derivative"}


@pytest.mark.parametrize("name", NAMES)
def test_problems_are_well_formed(name):
    for problem in distinct_problems(name, 40, seed=3):
        text, answer = problem.problem, problem.answer
        assert text.count("$") % 2 == 0
        assert text[0].isupper()
        assert text[-1] in ".?"
        for part in [answer, *formulas(text)]:
            assert part.count("{") == part.count("}")
            assert not re.search(r"\+ -|- -|\b1[a-z]|(?<![\d.])0[a-z]|--|\^1\b", part.replace(r"\times 10", "")), part
        assert "$" not in answer
        assert not text.startswith("  ")
        assert "  " not in text
        assert problem.level in range(1, 6)
        assert name not in EXPANDED or "(" not in answer


def test_forms_and_subjects_are_many():
    rows = shipped_rows()
    assert {row["level"] for row in rows} == {1, 2, 3, 4, 5}
    assert {row["form"] for row in rows} >= {
        "integer", "fraction", "decimal", "percentage", "mixed number", "scientific notation", "repeating decimal",
        "root expression", "multiple of pi", "logarithm", "complex number", "polynomial", "factored polynomial",
        "rational expression", "equation", "set", "ordered pair", "interval", "union", "matrix", "vector", "quantity",
        "time", "ratio", "base", "letter", "word", "angle", "expression",
    }  # fmt: skip
    assert len({row["subject"] for row in rows}) >= 10


def test_forms_are_lowest_terms():
    for row in shipped_rows():
        for top, bottom in re.findall(r"\\frac\{(\d+)\}\{(\d+)\}", row["answer"]):
            assert math.gcd(int(top), int(bottom)) == 1, row
        for radicand in re.findall(r"\\sqrt\{(\d+)\}", row["answer"]):
            assert all(int(radicand) % k**2 for k in range(2, 40)), row


@pytest.mark.parametrize("name", NAMES)
def test_there_are_many_problems_of_a_template(name):
    assert len(list(distinct_problems(name, 50, seed=4))) == 50


def test_a_seed_fixes_the_problems_of_a_template():
    first, again = (list(distinct_problems("determinant", 5, seed=7)) for _ in range(2))
    assert first == again
    assert first != list(distinct_problems("determinant", 5, seed=8))
    later = list(distinct_problems("determinant", 5, seed=7, known=[first[0].problem]))
    assert first[0] not in later


def test_an_exhausted_template_gives_what_it_has():
    corners = list(distinct_problems("cone_volume", 10_000, seed=0))
    assert len({problem.problem for problem in corners}) == len(corners) == 5 * 2 * 12


def test_an_unknown_template_is_named():
    with pytest.raises(RewardiumError, match="did you mean 'determinant'"):
        draw_problem("determinants", np.random.default_rng(0))


def test_dice_are_uniform_and_within_their_bounds():
    dice = Dice(np.random.default_rng(0))
    counts = Counter(dice.integer(-2, 2) for _ in range(5000))
    assert set(counts) == {-2, -1, 0, 1, 2}
    assert min(counts.values()) > 850
    assert {dice.nonzero(-1, 1) for _ in range(50)} == {-1, 1}
    assert {tuple(dice.sample("abc", 2)) for _ in range(200)} == set(itertools.permutations("abc", 2))
    assert {dice.pick("ab") for _ in range(50)} == {"a", "b"}


# The shipped file


@pytest.fixture(scope="module")
def script():
    spec = spec_from_file_location("make_problems_script", SCRIPT)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def test_the_script_makes_the_shipped_file_again(script, tmp_path):
    made = tmp_path / "new" / "problems.jsonl"
    counts = script.write(script.Config(out=made))
    assert made.read_bytes() == files("rewardium.envs.math").joinpath(SHIPPED).read_bytes()
    assert set(counts) == set(TEMPLATES)
    assert [path.name for path in made.parent.iterdir()] == ["problems.jsonl"]


def test_the_script_makes_some_templates_of_another_seed(script, tmp_path):
    out = tmp_path / "problems.jsonl"
    config = script.Config(out=out, per_template=3, seed=5, templates=("mean", "ratio", "mean"))
    assert script.write(config) == {"mean": 3, "ratio": 3}
    tasks = load_tasks(out)
    assert [task.fields["template"] for task in tasks] == ["mean"] * 3 + ["ratio"] * 3
    assert [task.goal for task in tasks] == [
        problem.problem for name in ("mean", "ratio") for problem in distinct_problems(name, 3, seed=5)
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"per_template": 0}, "per_template must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"templates": ("means",)}, "did you mean 'mean'"),
    ],
)
def test_the_script_names_wrong_arguments_and_writes_nothing(script, tmp_path, wrong, message):
    with pytest.raises(RewardiumError, match=message):
        script.write(script.Config(out=tmp_path / "problems.jsonl", **wrong))
    assert not list(tmp_path.iterdir())


def test_the_script_runs_from_the_command_line(tmp_path):
    out = tmp_path / "problems.jsonl"
    command = [sys.executable, SCRIPT, "--out", out, "--per-template", "200", "--templates", "cone_volume", "mean"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert "wrote 320 problems of 2 templates" in result.stdout
    assert "cone_volume has only 120 different problems" in result.stdout
    assert len(out.read_text(encoding="utf-8").splitlines()) == 320


def test_no_problem_is_shipped_twice():
    problems = [row["problem"] for row in shipped_rows()]
    assert len(set(problems)) == len(problems) >= 360


# The answers and the verifier


def test_shipped_answers_verify_as_themselves():
    answers = [row["answer"] for row in shipped_rows()]
    verdicts = verify_batch([(answer, rf"Therefore it is \boxed{{{answer}}}.") for answer in answers], timeout=10.0)
    assert [(answer, verdict) for answer, verdict in zip(answers, verdicts, strict=True) if not verdict] == []


def test_shipped_answers_verify_as_different_from_others_of_their_template():
    answers = {}
    for row in shipped_rows():
        answers.setdefault(row["template"], set()).add(row["answer"])
    pairs = [pair for group in answers.values() for pair in itertools.permutations(sorted(group), 2)]
    verdicts = verify_batch([(gold, rf"\boxed{{{answer}}}") for gold, answer in pairs], timeout=10.0)
    wrong = [(pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.status != "different"]
    assert wrong == []


def test_an_answer_in_another_form_verifies():
    assert verify(r"\frac{3}{4}", r"\boxed{0.75}")
    assert not verify(r"\frac{3}{4}", r"\boxed{0.76}")

"""Expressions up to a factor, equations, and values for ordering."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest

from rewardium.envs.math.verify.numeric.identity import proportional, real_value, same_zero_set
from rewardium.envs.math.verify.numeric.substitution import substituted, variables
from rewardium.envs.math.verify.tree import Constant
from tests.envs.math.verify.trees import tree


@pytest.mark.parametrize(
    ("left", "right", "status", "sign"),
    [
        ("x + 1", "2 * x + 2", "equal", 1),
        ("x + 1", "-3 * x - 3", "equal", -1),
        ("x * y - 2", "4 - 2 * x * y", "equal", -1),
        ("sqrt(2) * x", "2 * x", "equal", 1),
        ("i * x", "x", "equal", 0),
        ("i * x", "-2 * i * x", "equal", -1),
        ("sin(2 * x)", "sin(x) * cos(x)", "equal", 1),
        ("ln(x)", "log(x, 10)", "equal", 1),
        ("sqrt(-x)", "sqrt(-4 * x)", "equal", 1),
        ("ln(-x - 200)", "3 * ln(-x - 200)", "equal", 1),
        ("factorial(n)", "2 * factorial(n)", "equal", 1),
        ("f(x)", "2 * f(x)", "equal", 1),
        ("3.14159 * x - 6.28318", "pi * x - 2 * pi", "equal", 1),
        ("3", "-4", "equal", -1),
        ("0", "0", "equal", 1),
        ("x - x", "sin(x) ** 2 + cos(x) ** 2 - 1", "equal", 1),
        ("0", "x", "different", 0),
        ("3", "0", "different", 0),
        ("x + 1", "x + 2", "different", 0),
        ("x", "x ** 2", "different", 0),
        ("f(x)", "f(2 * x)", "different", 0),
        ("1 / (x - x)", "x", "unknown", 0),
        ("infinity", "2", "unknown", 0),
    ],
)
def test_proportional(left, right, status, sign):
    for first, second in ((left, right), (right, left)):
        result, found = proportional(tree(first), tree(second))
        assert (result.status, found) == (status, sign), result


@pytest.mark.parametrize(
    ("left", "right", "status"),
    [
        ("y - (2 * x + 1)", "2 * x - y + 1", "equal"),
        ("y / 3 + x / 2 - 1", "3 * x + 2 * y - 6", "equal"),
        ("y - x / 2 - sqrt(3)", "2 * y - x - 2 * sqrt(3)", "equal"),
        ("y - 2 / x", "x * y - 2", "equal"),
        ("(y - 1) / (x - 2) - 3", "y - 3 * x + 5", "equal"),
        ("x * y * z - 1", "z - 1 / (x * y)", "equal"),
        ("ln(y) - x", "y - exp(x)", "equal"),
        ("x ** 2 + y ** 2 - 1", "1 - y ** 2 - x ** 2", "equal"),
        ("y - abs(x - 2)", "abs(2 - x) - y", "equal"),
        ("x - 2", "2 * x - 4", "equal"),
        ("y - 2 / x", "x * y - 3", "different"),
        ("y - 3 * x", "y - 3 * x + 1", "different"),
        ("y - 2", "x * y - 2 * x", "different"),
        ("y - x", "x * y - x ** 2", "different"),
        ("y - x ** 2", "sqrt(y) - x", "different"),
        ("x - 2", "x ** 2 - 5", "different"),
        ("x - 2", "y - 2", "different"),
        ("x - 2", "5", "different"),
        ("x - 2", "x ** 2 - 4", "unknown"),
        ("x ** 2 + y ** 2 - 1", "x ** 2 + y ** 2 - 2", "unknown"),
        ("y * sin(x) - 1", "y - 1 / sin(x)", "unknown"),
    ],
)
def test_same_zero_set(left, right, status):
    for first, second in ((left, right), (right, left)):
        assert same_zero_set(tree(first), tree(second)).status == status


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 3", Fraction(1, 3)),
        ("sqrt(2) - sqrt(3)", math.sqrt(2) - math.sqrt(3)),
        ("sqrt(-4) ** 2", -4),
        ("i * i", -1),
        ("sin(pi)", 0),
        ("sqrt(2) ** 2 - 2", 0),
        ("infinity", math.inf),
        ("-infinity", -math.inf),
        ("exp(pi * sqrt(163)) - 262537412640768744", -7.49927402801814e-13),
        ("10 ** -3000 * 10 ** 3001", 10),
        ("log(e)", 1),
    ],
)
def test_real_values(text, value):
    assert float(real_value(tree(text))) == pytest.approx(float(value), rel=1e-14, abs=1e-30)


@pytest.mark.parametrize(
    "text", ["x", "f(2)", "sqrt(-4)", "1 / 0", "i", "tan(pi / 2)", "exp(exp(20))", "plus_minus(1)"]
)
def test_what_has_no_real_value(text):
    assert real_value(tree(text)) is None


def test_real_values_have_the_digits_that_are_asked_for():
    value = real_value(tree("pi"), digits=100)
    with mpmath.workdps(110):
        assert abs(value - mpmath.pi) < mpmath.mpf(10) ** -99


def test_tiny_differences_are_ordered():
    assert real_value(tree("pi ** -400")) > 0
    assert real_value(tree("1 + pi ** -400")) >= 1
    assert real_value(tree("10 ** -200 - e ** -1000")) > 0


def test_the_public_precision_of_mpmath_stays():
    before = mpmath.mp.prec
    real_value(tree("pi"), digits=200)
    assert mpmath.mp.prec == before


def test_substitution_leaves_the_names_of_functions():
    node = substituted(tree("f(x) + x"), {"x": Constant("pi"), "f": Constant("e")})
    assert node == tree("f(pi) + pi")
    assert variables(tree("f(x) + y")) == ["x", "y"]

"""Exact values, and the rules for decimal numbers."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.math.verify.limits import MAX_EXACT_BITS, MAX_FACTORIAL, TooLargeError
from rewardium.envs.math.verify.numeric.decimals import is_terminating, significant_digits
from rewardium.envs.math.verify.numeric.exact import exact_value
from rewardium.envs.math.verify.numeric.folding import UndefinedError, fold, integer_root
from rewardium.envs.math.verify.tree import Apply, Number
from tests.envs.math.verify.trees import tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 3 + 1 / 6", "1/2"),
        ("-(2 - 5) * 4", "12"),
        ("(2 / 3) ** -2", "9/4"),
        ("0 ** 0", "1"),
        ("(-1) ** 1000000000000", "1"),
        ("sqrt(4 / 9)", "2/3"),
        ("root(-27, 3)", "-3"),
        ("root(8, -3)", "1/2"),
        ("root(2, 1 / 3)", "8"),
        ("8 ** (2 / 3)", "4"),
        ("4 ** (-1 / 2)", "1/2"),
        ("sqrt(10 ** 400) / 10 ** 200", "1"),
        ("root(12345678901234567890 ** 7, 7)", "12345678901234567890"),
        ("factorial(5)", "120"),
        ("double_factorial(7)", "105"),
        ("double_factorial(-1)", "1"),
        ("factorial(2006) / factorial(2004)", "4022030"),
        ("binomial(5, 2)", "10"),
        ("binomial(5, 7)", "0"),
        ("binomial(5, -1)", "0"),
        ("binomial(-2, 3)", "-4"),
        ("binomial(1 / 2, 2)", "-1/8"),
        ("binomial(1000000000, 2)", "499999999500000000"),
        ("abs(-7 / 2)", "7/2"),
        ("floor(-7 / 2)", "-4"),
        ("ceiling(-7 / 2)", "-3"),
        ("gcd(12, 18, 27)", "3"),
        ("lcm(4, 6)", "12"),
        ("mod(-7, 3)", "2"),
        ("mod(7 / 2, 1)", "1/2"),
        ("max(1 / 2, 1 / 3)", "1/2"),
        ("min(1 / 2, 1 / 3)", "1/3"),
        ("log(8, 2)", "3"),
        ("log(1 / 8, 4)", "-3/2"),
        ("log(2 ** 300, 8)", "100"),
        ("ln(1)", "0"),
        ("log(1)", "0"),
        ("exp(0)", "1"),
        ("e ** 0", "1"),
        ("sin(0) + cos(0)", "1"),
        ("tan(0)", "0"),
        ("cosh(0)", "1"),
        ("arctan(0)", "0"),
        ("degrees(0) + 0.50", None),
        ("re(3) + im(3)", "3"),
        ("ratio(4, 6)", "2/3"),
        ("3.10", "31/10"),
        ("2.5e3", "2500"),
    ],
)
def test_exact_values(text, value):
    assert exact_value(tree(text)) == (None if value is None else Fraction(value))


@pytest.mark.parametrize(
    "text",
    [
        "pi", "e", "x", "x - x + 1", "i * i", "infinity", "sqrt(2)", "sqrt(-4)", "8 ** (1 / 2)", "(-8) ** (1 / 3)",
        "log(3, 2)", "log(100)", "ln(2)", "exp(1)", "sin(1)", "factorial(1 / 2)", "gcd(1 / 2, 3)", "f(2)",
        "1 / 0", "0 ** -1", "ln(0)", "log(3, 1)", "mod(1, 0)", "factorial(-1)", "root(2, 0)", "0 * (1 / 0)",
        "infinity - infinity", "infinity / infinity", "0 * infinity", "sqrt(infinity)", "plus_minus(1, 2)",
        "ratio(1, 2, 3)", "root(2)",
    ],
)  # fmt: skip
def test_what_has_no_exact_value(text):
    assert exact_value(tree(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "10 ** (10 ** 10)", "9 ** (9 ** (9 ** 9))", "factorial(factorial(100))", "binomial(10 ** 9, 5 * 10 ** 8)",
        "2 ** 30000 * 3 ** 20000", "(1 / 3) ** 10 ** 9", "factorial(10 ** 9)", "double_factorial(10 ** 9)",
        "lcm(3 ** 20000, 2 ** 30000)", "binomial(10 ** 2000, 3000)", "10 ** -(10 ** 10)", "sin(0) + 7 ** 7 ** 77",
    ],
)  # fmt: skip
def test_too_large_is_said_before_it_is_calculated(text):
    expression = tree(text)
    start = time.process_time()
    with pytest.raises(TooLargeError):
        exact_value(expression)
    assert time.process_time() - start < 0.1


def test_long_numbers_within_the_limits_are_fine():
    assert exact_value(tree("1 / factorial(2006)")).denominator.bit_length() < MAX_EXACT_BITS
    assert exact_value(tree(f"factorial({MAX_FACTORIAL})")) % 3001 == 3000  # Wilson's theorem: 3001 is a prime
    assert exact_value(tree("9 ** 12000")) == 9**12000


@given(st.integers(0, 10**60), st.integers(1, 12))
def test_roots_of_powers_are_found_and_of_nothing_else(value, index):
    assert integer_root(value**index, index) == value
    if value > 1 and index > 1:
        assert integer_root(value**index + 1, index) is None
        assert integer_root(value**index - 1, index) is None


@given(st.fractions(max_denominator=99), st.fractions(max_denominator=99), st.fractions(max_denominator=99))
def test_arithmetic_is_that_of_fractions(a, b, c):
    numbers = [Number(value) for value in (a, b, c)]
    total = Apply("add", (Apply("multiply", (numbers[0], numbers[1])), Apply("negate", (numbers[2],))))
    assert exact_value(total) == a * b - c
    if c:
        assert exact_value(Apply("divide", (total, numbers[2]))) == (a * b - c) / c
    assert exact_value(Apply("power", (numbers[0], Number(Fraction(3))))) == a**3
    assert exact_value(Apply("max", tuple(numbers))) == max(a, b, c)


@given(st.fractions(Fraction(1, 50), 50, max_denominator=50), st.fractions(-8, 8, max_denominator=4))
def test_a_logarithm_undoes_a_power(base, exponent):
    power = fold("power", (base, exponent))
    if base != 1 and power is not None:
        assert fold("log", (power, base)) == exponent


def test_undefined_is_told_from_irrational():
    with pytest.raises(UndefinedError):
        fold("divide", (1, 0))
    assert fold("root", (2, 2)) is None


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("3.14", 3),
        ("3.10", 3),
        ("0.0012", 2),
        ("0.00", 0),
        ("1000000.0", 8),
        ("1.5e10", 2),
        ("1e-10", 1),
        ("0.10e-3", 2),
    ],
)
def test_significant_digits(text, digits):
    assert significant_digits(tree(text)) == digits


@pytest.mark.parametrize(
    ("places", "value"), [(10**9, Fraction(1, 3)), (-(10**9), Fraction(10**50)), (10**9, Fraction(0))]
)
def test_places_that_no_number_has_do_no_harm(places, value):
    assert significant_digits(Number(value, places)) == 0


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 999))
def test_terminating_decimals(twos, fives, other):
    assert is_terminating(Fraction(1, 2**twos * 5**fives))
    assert is_terminating(Fraction(1, other)) == (10**10 % other == 0)

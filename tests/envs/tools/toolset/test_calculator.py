"""The calculator against Python's fractions, and its bounds against time."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.tools.decimals import as_decimal, as_fraction, is_exact_decimal, leading_exponent
from rewardium.envs.tools.exact_numbers import CONSTANTS, MAX_BITS, Number, exact, root
from rewardium.envs.tools.tool import ToolError
from rewardium.envs.tools.toolset.calculator import MAX_LENGTH, Calculator, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("8 / 4 / 2", 1),
        ("2 ** 3 ** 2", 512),
        ("2 ^ 10", 1024),
        ("-2 ** 2", -4),
        ("(-2) ** 2", 4),
        ("2 ** -2", Fraction(1, 4)),
        ("-3!", -6),
        ("2 ** 3!", 64),
        ("--+-3", -3),
        ("0.1 + 0.2", Fraction(3, 10)),
        (".5 + 5.", Fraction(11, 2)),
        ("1.5e3 + 2E-1", Fraction(15002, 10)),
        ("200 * 15%", 30),
        ("200 + 10%", Fraction(2001, 10)),
        ("50%%", Fraction(1, 200)),
        ("3 × 4 ÷ 6 − 1", 1),
        ("sqrt(16/9)", Fraction(4, 3)),
        ("8 ** (2/3)", 4),
        ("0.25 ** 0.5", Fraction(1, 2)),
        ("factorial(20)", math.factorial(20)),
        ("comb(50, 3)", math.comb(50, 3)),
        ("comb(3, 50)", 0),
        ("gcd(12, 18, 8)", 2),
        ("lcm(4, 6)", 12),
        ("min(1/2, 1/3, 2)", Fraction(1, 3)),
        ("max(1/2, 1/3)", Fraction(1, 2)),
        ("abs(-1/2)", Fraction(1, 2)),
        ("floor(-1/2)", -1),
        ("ceil(-1/2)", 0),
        ("round(5/2)", 3),
        ("round(-5/2)", -3),
        ("round(2.345, 2)", Fraction(47, 20)),
        ("round(1234, -2)", 1200),
        ("mod(-7, 3)", 2),
        ("mod(7.5, 2)", Fraction(3, 2)),
        ("floor(100 * pi)", 314),
        ("round(e, 3)", Fraction(1359, 500)),
        ("0 ** 0", 1),
        ("0 ** 5", 0),
        ("0 ** (1/3)", 0),
        ("(-1) ** 1000001", -1),
        ("1 ** 999999999", 1),
        ("SQRT(4)", 2),
        ("√(4)", 2),
    ],
)
def test_exact_values(expression, value):
    assert evaluate(expression) == exact(value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "expected a number at character 1, found the end"),
        ("1 +", "expected a number at character 4, found the end"),
        ("(1 + 2", "expected ')'"),
        ("1)", "expected an operator at character 2"),
        ("2(3)", "expected an operator"),
        ("2 3", "a product needs a *"),
        ("2e", "a product needs a *"),
        ("1,000", "without commas"),
        ("7 % 3", "for the remainder write mod(a, b)"),
        ("3!!", "factorial(n!)"),
        ("x + 1", "unknown name 'x' at character 1"),
        ("sin(1)", "unknown name 'sin'"),
        ("__import__('os')", "expected a number at character 1, found '_'"),
        ("sqrt", "expected '('"),
        ("pi(2)", "unknown name 'pi'"),
        ("sqrt()", "expected a number"),
        ("sqrt(1, 2)", "sqrt takes 1 numbers, got 2"),
        ("round(1, 2, 3)", "round takes 1 or 2 numbers, got 3"),
        ("comb(1)", "comb takes 2 numbers"),
        ("1 / 0", "division by zero"),
        ("1 / (1 - 1)", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("mod(1, 0)", "division by zero"),
        ("1 / (sqrt(2) ** 2 - 2)", "cannot be told from zero"),
        ("sqrt(2) ** 2 - 2", "cannot be told from zero"),
        ("floor(sqrt(2) ** 2)", "too near to a step"),
        ("sqrt(-1)", "negative number"),
        ("(-8) ** (1/3)", "negative number"),
        ("2 ** pi", "must be a rational number"),
        ("2 ** (1/99)", "at most 50"),
        ("factorial(1.5)", "takes integers"),
        ("factorial(-1)", "from 0 to"),
        ("gcd(pi, 1)", "takes integers"),
        ("comb(-1, 1)", "not negative"),
        ("mod(pi, 1)", "rational numbers"),
        ("1e1001", "exponent of a number"),
        ("1e" + "9" * 500, "exponent of a number"),
        ("9 ** 9 ** 9", "bits"),
        ("2 ** 999999999999", "bits"),
        ("pi ** 100000", "bits"),
        ("comb(10 ** 9, 10 ** 8)", "too large"),
        ("lcm(2 ** 9000 + 1, 3 ** 5000)", "bits"),
        ("(" * 100 + "1" + ")" * 100, "nested deeper"),
        ("-" * 500 + "1", "nested deeper"),
        ("2 **" * 200 + "2", "nested deeper"),
        ("1" * (MAX_LENGTH + 1), "at most 1000 characters"),
        ("\ud800", "expected a number"),
    ],
)
def test_refusals(expression, words):
    with pytest.raises(ToolError) as caught:
        Calculator().calculate(expression)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_the_agent_reads():
    calculate = Calculator().calculate
    assert calculate("5/4") == {"exact": "5/4", "decimal": "1.25", "note": "the decimal is exact"}
    assert calculate("-1/3")["decimal"] == "-0.33333333333333333333"
    assert calculate("-1/3")["note"] == "the decimal is rounded to 20 digits"
    assert calculate("2 * pi") == {
        "exact": None,
        "decimal": "6.2831853071795864769",
        "note": "pi, e and roots are approximated; the decimal is right to 20 digits",
    }
    huge = calculate("factorial(1500)")
    assert (huge["exact"], huge["decimal"]) == (None, "4.8119977967797748602e4114")
    assert "too many digits" in huge["note"]
    # 99 of the 100 digits cancel.
    few = calculate("pi * 1e99 - floor(pi * 1e95) * 1e4 - 3211706 / 1000")
    assert few["note"].endswith("digits")
    assert few["exact"] is None


def combined(inner):
    """Build larger expressions, each text with its value, from smaller ones."""
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: (f"({p[0][0]} + {p[1][0]})", p[0][1] + p[1][1])),
        pairs.map(lambda p: (f"({p[0][0]} - {p[1][0]})", p[0][1] - p[1][1])),
        pairs.map(lambda p: (f"({p[0][0]}) * ({p[1][0]})", p[0][1] * p[1][1])),
        pairs.filter(lambda p: p[1][1] != 0).map(lambda p: (f"({p[0][0]}) / ({p[1][0]})", p[0][1] / p[1][1])),
        pairs.map(lambda p: (f"max({p[0][0]}, {p[1][0]})", max(p[0][1], p[1][1]))),
        inner.map(lambda p: (f"(-{p[0]})" if p[0][0] != "-" else f"-({p[0]})", -p[1])),
        inner.map(lambda p: (f"({p[0]}) ** 3", p[1] ** 3)),
        inner.map(lambda p: (f"floor({p[0]})", Fraction(math.floor(p[1])))),
        inner.map(lambda p: (f"abs({p[0]})", abs(p[1]))),
        inner.map(lambda p: (f"({p[0]})%", p[1] / 100)),
    )


NUMBERS = st.integers(0, 10**6).map(lambda n: (str(n), Fraction(n))) | st.decimals(
    0, 1000, places=3, allow_nan=False
).map(lambda d: (str(d), Fraction(str(d))))


@given(st.recursive(NUMBERS, combined, max_leaves=8))
def test_it_agrees_with_fractions(pair):
    text, value = pair
    if len(text) > MAX_LENGTH:
        return
    result = Calculator().calculate(text)
    if result["exact"] is not None:
        assert Fraction(result["exact"]) == value
    decimal = Fraction(result["decimal"])
    assert abs(decimal - value) <= abs(value) / 10**19
    assert (result["note"].startswith("the decimal is exact")) == (decimal == value)


@given(st.fractions(0, 10**9), st.integers(2, 12))
def test_roots_lie_between_their_bounds(value, degree):
    bounds = root(exact(value), degree)
    assert bounds.low**degree <= value <= bounds.high**degree
    assert bounds.high - bounds.low <= Fraction(1, 10**80)
    assert root(exact(value**degree), degree) == exact(value)


@given(st.integers(1, 10**6), st.integers(1, 40), st.integers(1, 20))
def test_irrational_results_agree_with_mpmath(a, b, count):
    result = Calculator().calculate(f"sqrt({a}) * pi ** {b} / e + {count} ** (1/7)")["decimal"]
    with mpmath.workdps(60):
        truth = mpmath.sqrt(a) * mpmath.pi**b / mpmath.e + mpmath.mpf(count) ** (mpmath.mpf(1) / 7)
        assert mpmath.almosteq(mpmath.mpf(result), truth, rel_eps=mpmath.mpf(10) ** -19)


@pytest.mark.parametrize("name", ["pi", "e"])
def test_constants_are_right_to_the_last_digit(name):
    bounds = CONSTANTS[name]
    with mpmath.workdps(150):
        truth = Fraction(mpmath.nstr(getattr(mpmath, name) + 0, 140))
    assert bounds.low < truth < bounds.high
    assert bounds.high - bounds.low == Fraction(1, 10**100)


@given(st.text("0123456789+-*/^().,%! epiqrtsmaxcob", max_size=60) | st.text())
def test_nothing_else_is_raised(expression):
    try:
        result = Calculator().calculate(expression)
    except ToolError:
        return
    assert set(result) == {"exact", "decimal", "note"}


@pytest.mark.parametrize(
    "expression",
    [
        "+".join(["pi ** 999"] * 100),
        "+".join(f"1/{n}" for n in range(1001, 1150)),
        "*".join(["(2 ** 13000)"] * 60),
        "(1/3) ** 4000 + (1/7) ** 4000",
        "comb(999999, 2800)",
        "(2 ** 13000) ** (1/49)",
        "sqrt(" * 50 + "2" + ")" * 50,
    ],
    ids=range(7),
)
def test_no_expression_takes_long(expression):
    start = time.perf_counter()
    with suppress(ToolError):
        evaluate(expression[:MAX_LENGTH])
    assert time.perf_counter() - start < 2.0


@given(st.fractions(), st.integers(1, 25))
def test_decimals(value, digits):
    text = as_decimal(value, digits)
    assert (
        abs(Fraction(text) - value) * 2 <= Fraction(10) ** (leading_exponent(value) + 1 - digits)
        if value
        else text == "0"
    )
    assert is_exact_decimal(value, digits) == (Fraction(text) == value)
    assert Fraction(as_fraction(value)) == value


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (Fraction(1, 8), 20, "0.125"),
        (Fraction(99999, 100000), 3, "1"),
        (Fraction(5, 1000), 2, "0.005"),
        (Fraction(25, 1000), 1, "0.03"),
        (Fraction(-25, 1000), 1, "-0.03"),
        (Fraction(10**20), 20, "100000000000000000000"),
        (Fraction(10**21), 20, "1e21"),
        (Fraction(123, 10**12), 20, "1.23e-10"),
        (Fraction(1200), 2, "1.2e3"),
        (Fraction(0), 5, "0"),
    ],
)
def test_decimal_forms(value, digits, text):
    assert as_decimal(value, digits) == text


def test_bounds_on_size():
    assert exact(2 ** (MAX_BITS - 1)).is_exact
    with pytest.raises(ToolError, match="bits"):
        exact(2**MAX_BITS)
    assert not Number(Fraction(1), Fraction(2)).is_exact

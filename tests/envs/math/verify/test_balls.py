"""Balls hold the true value: doubles against long numbers, long numbers against longer ones."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.balls import EXACT, BallArithmetic, ImpreciseError, NotRealError
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.numeric.evaluation import run
from rewardium.envs.math.verify.numeric.folding import UndefinedError
from rewardium.envs.math.verify.numeric.precision import double_arithmetic, high_precision, long_arithmetic
from rewardium.envs.math.verify.numeric.program import Program
from rewardium.envs.math.verify.tree import Apply, Constant, Node, Number, Symbol

FUNCTIONS = ["negate", "exp", "ln", "sin", "cos", "tan", "cot", "sec", "arcsin", "arccos", "arctan", "arccot", "sinh"]
FUNCTIONS += ["cosh", "tanh", "arsinh", "arcosh", "artanh", "abs", "floor", "ceiling", "factorial", "degrees", "arg"]
NUMBERS = st.builds(Number, st.fractions(-9, 9, max_denominator=7))
TREES = st.recursive(
    NUMBERS | st.sampled_from([Symbol("x"), Symbol("z"), Constant("pi"), Constant("e"), Constant("i")]),
    lambda inner: st.one_of(
        st.builds(lambda name, a: Apply(name, (a,)), st.sampled_from(FUNCTIONS), inner),
        st.builds(
            lambda name, a, b: Apply(name, (a, b)),
            st.sampled_from(["add", "multiply", "divide", "power", "max", "log", "mod"]),
            inner,
            inner,
        ),
        st.builds(lambda a, n: Apply("power", (a, Number(n))), inner, st.fractions(-5, 9, max_denominator=3)),
        st.builds(lambda a, n: Apply("root", (a, Number(Fraction(n)))), inner, st.integers(2, 5)),
        st.builds(lambda a: Apply("call", (Symbol("f"), a)), inner),
    ),
    max_leaves=10,
)
COORDINATES = st.integers(-(2**22), 2**22).map(lambda value: value / 2**20) | st.integers(0, 9)


def value(program: Program, point: dict, arithmetic: BallArithmetic):
    try:
        return run(program, point, arithmetic)[-1]
    except (UndefinedError, ImpreciseError, TooLargeError):
        return None


@given(TREES, COORDINATES, st.builds(complex, COORDINATES, COORDINATES), st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_true_value_lies_in_the_ball(tree, x, z, with_complex):
    try:
        program = build_program(tree)
    except TooLargeError:
        return
    point = {"x": x, "z": z if with_complex else abs(z)}
    rough = value(program, point, double_arithmetic(with_complex))
    with high_precision() as context:
        better = value(program, point, long_arithmetic(context, 130, with_complex))
        best = value(program, point, long_arithmetic(context, 490, with_complex))
        context.prec = 1000
        for ball in (rough, better):
            if ball is not None and best is not None:
                error = abs(context.mpmathify(ball[0]) - context.mpmathify(best[0]))
                assert not error or float(context.log(error, 2)) <= max(ball[1], best[1]) + 0.01


def evaluate(node: Node, with_complex: bool = False, bits: int | None = None):
    with high_precision() as context:
        arithmetic = double_arithmetic(with_complex) if bits is None else long_arithmetic(context, bits, with_complex)
        return run(build_program(node), {"x": -2, "n": 4}, arithmetic)[-1]


X, HALF = Symbol("x"), Number(Fraction(1, 2))


def test_integers_stay_exact():
    assert evaluate(Apply("factorial", (Symbol("n"),))) == (24, EXACT)
    assert evaluate(Apply("power", (X, Number(Fraction(31))))) == (-(2**31), EXACT)
    assert evaluate(Apply("divide", (Apply("factorial", (Symbol("n"),)), X))) == (-12, EXACT)


def test_real_arithmetic_refuses_what_is_not_real():
    for node in (Apply("ln", (X,)), Apply("root", (X, Number(Fraction(2)))), Apply("arcsin", (X,)), Constant("i")):
        with pytest.raises(NotRealError):
            evaluate(node)
    assert evaluate(Apply("root", (X, Number(Fraction(3)))))[0] == pytest.approx(-(2 ** (1 / 3)))
    assert evaluate(Apply("root", (X, Number(Fraction(2)))), with_complex=True)[0] == pytest.approx(2**0.5 * 1j)


def test_a_division_by_what_may_be_zero_is_imprecise_in_doubles_and_undefined_in_the_end():
    vanishing = Apply("add", (Apply("sin", (Constant("pi"),)), Number(Fraction(0))))
    node = Apply("divide", (X, vanishing))
    with pytest.raises(ImpreciseError):
        evaluate(node)
    with pytest.raises(UndefinedError):
        evaluate(node, bits=200)


def test_a_small_number_is_no_zero():
    tiny = Apply("exp", (Number(Fraction(-1000)),))  # below the smallest double
    middle, radius = evaluate(tiny)
    assert middle == 0
    assert radius > EXACT
    assert 0 < evaluate(tiny, bits=60)[0] < 1e-300


def test_rounding_decides_ties_with_enough_digits_only():
    product = Apply("multiply", (Apply("root", (Number(Fraction(2)), Number(Fraction(2)))),) * 2)
    with pytest.raises(ImpreciseError):
        evaluate(Apply("floor", (product,)))
    assert evaluate(Apply("floor", (product,)), bits=200) == (2, EXACT)
    assert evaluate(Apply("ceiling", (Apply("negate", (product,)),)), bits=200) == (-2, EXACT)

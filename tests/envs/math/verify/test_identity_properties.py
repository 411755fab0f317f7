"""Properties of comparisons that hold for all trees: rewriting, symmetry, bounded work, threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.exact import exact_value
from rewardium.envs.math.verify.numeric.identity import identical, proportional, real_value, same_zero_set
from rewardium.envs.math.verify.tree import Apply, Constant, Node, Number, Symbol

X, Y, N, ONE, TWO = Symbol("x"), Symbol("y"), Symbol("n"), Number(Fraction(1)), Number(Fraction(2))


def number(value: int | Fraction) -> Number:
    return Number(Fraction(value))


def apply(operator: str, *arguments: Node) -> Apply:
    return Apply(operator, arguments)


# Functions that are real and defined on all of the real line, so that a rewritten tree is equal without exceptions.
LEAVES = st.one_of(
    st.sampled_from([X, Y, Constant("pi"), Constant("e")]),
    st.builds(number, st.fractions(-9, 9, max_denominator=9)),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(apply, st.sampled_from(["negate", "sin", "cos", "arctan", "abs"]), inner),
        st.builds(apply, st.sampled_from(["add", "multiply", "max", "min"]), inner, inner),
        st.builds(lambda base, power: apply("power", base, number(power)), inner, st.integers(0, 3)),
        st.builds(lambda inside: apply("call", Symbol("f"), inside), inner),
    ),
    max_leaves=8,
)


@st.composite
def rewritten(draw: st.DrawFn, node: Node) -> Node:
    """Return the same function in other words."""
    if not isinstance(node, Apply):
        return draw(st.sampled_from([node, negated(negated(node)), apply("divide", apply("multiply", node, TWO), TWO)]))
    if node.operator == "power":
        base = draw(rewritten(node.arguments[0]))
        return draw(st.sampled_from([apply("power", base, node.arguments[1]), repeated(base, node.arguments[1])]))
    inner = [draw(rewritten(argument)) for argument in node.arguments if argument != Symbol("f")]
    if node.operator == "call":
        return apply("call", Symbol("f"), *inner)
    if len(inner) == 2:
        inner = draw(st.permutations(inner))
    same = apply(node.operator, *inner)
    choices: list[Node] = [same]
    if node.operator == "multiply" and isinstance(inner[1], Apply) and inner[1].operator == "add":
        choices.append(apply("add", *(apply("multiply", inner[0], term) for term in inner[1].arguments)))
    if node.operator == "max":
        choices.append(negated(apply("min", *map(negated, inner))))
    if node.operator == "sin":
        half = apply("divide", inner[0], TWO)
        choices.append(apply("multiply", TWO, apply("sin", half), apply("cos", half)))
    if node.operator == "abs":
        choices.append(apply("root", apply("power", inner[0], TWO), TWO))
    return draw(st.sampled_from(choices))


def negated(node: Node) -> Node:
    return apply("negate", node)


def repeated(base: Node, power: Node) -> Node:
    return apply("multiply", *[base] * int(power.value)) if power.value else ONE


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_rewritten_tree_is_the_same_function(data):
    tree = data.draw(TREES)
    copy = data.draw(rewritten(tree))
    result = identical(tree, copy)
    assert result == identical(tree, copy)
    assert result.status == identical(copy, tree).status
    assert result.status == "equal"


@given(st.data(), st.fractions(max_denominator=10**6).filter(bool) | st.sampled_from([Fraction(1, 10**80)]))
@settings(max_examples=40, deadline=None)
def test_a_constant_more_is_another_function(data, constant):
    tree = data.draw(TREES)
    copy = apply("add", data.draw(rewritten(tree)), number(constant))
    assert identical(tree, copy).status == identical(copy, tree).status == "different"


@given(st.data(), st.fractions(-9, 9, max_denominator=9).filter(bool))
@settings(max_examples=40, deadline=None)
def test_a_multiple_is_proportional(data, factor):
    tree = data.draw(TREES)
    assume(identical(tree, number(0)).status == "different")
    result, sign = proportional(tree, apply("multiply", number(factor), data.draw(rewritten(tree))))
    assert result.status in ("equal", "unknown")  # unknown where the tree vanishes at the few points that are tried
    assert sign == (0 if result.status == "unknown" else 1 if factor > 0 else -1)


ONE_OPERAND = [
    "negate", "factorial", "double_factorial", "abs", "floor", "ceiling", "conjugate", "re", "im", "arg", "degrees",
    "exp", "ln", "log", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot", "arcsec",
    "arccsc", "sinh", "cosh", "tanh", "coth", "sech", "csch", "arsinh", "arcosh", "artanh", "plus_minus",
]  # fmt: skip
TWO_OPERANDS = [
    "add", "multiply", "divide", "power", "root", "binomial", "mod", "gcd", "lcm", "max", "min", "log", "ratio",
]  # fmt: skip
EVERYTHING = st.recursive(
    LEAVES | st.sampled_from([N, Symbol("z"), Constant("i"), Constant("infinity"), Number(Fraction(355, 113), 7)]),
    lambda inner: st.one_of(
        st.builds(apply, st.sampled_from(ONE_OPERAND), inner),
        st.builds(apply, st.sampled_from(TWO_OPERANDS), inner, inner),
        st.builds(lambda *inside: apply("call", Symbol("g"), *inside), inner, inner),
    ),
    max_leaves=12,
)


@given(EVERYTHING, EVERYTHING)
@settings(max_examples=40, deadline=None)
def test_nothing_raises_and_order_does_not_matter(left, right):
    start = time.process_time()
    result = identical(left, right)
    assert time.process_time() - start < 0.5
    assert result.status == identical(right, left).status
    assert identical(left, left).status != "different"
    assert same_zero_set(left, right).status in ("equal", "different", "unknown")
    assert proportional(left, right)[1] in (-1, 0, 1)
    real_value(left)
    try:
        value = exact_value(left)
    except TooLargeError:
        return
    if value is not None:
        assert identical(left, Number(value)).status == "equal"


def nested(step: Callable[[Node], Node], start: Node, count: int) -> Node:
    for _ in range(count):
        start = step(start)
    return start


def joined(operator: str, nodes: list[Node]) -> Node:
    return apply(operator, *nodes)


DIGITS = 10**60 + 7
HOSTILE = {
    "signs": nested(negated, X, 1999),
    "sines": nested(lambda v: apply("sin", v), X, 1000),
    "roots": nested(lambda v: apply("root", apply("add", v, TWO), TWO), number(3), 500),
    "towers": nested(lambda v: apply("power", number(9), v), number(9), 900),
    "symbolic towers": nested(lambda v: apply("power", X, v), X, 900),
    "exponentials": nested(lambda v: apply("exp", v), X, 1000),
    "factorials": nested(lambda v: apply("factorial", v), number(3), 1000),
    "factorials of n": joined("add", [apply("factorial", apply("multiply", number(k), N)) for k in range(300)]),
    "large factorials": joined("add", [apply("factorial", number(3000 - k)) for k in range(600)]),
    "double factorials": joined("add", [apply("double_factorial", apply("add", N, number(k))) for k in range(400)]),
    "gammas": joined("add", [apply("factorial", number(Fraction(2 * k + 1, 2))) for k in range(500)]),
    "fractions": nested(lambda v: apply("add", ONE, apply("divide", ONE, v)), ONE, 650),
    "fractions of x": nested(lambda v: apply("add", ONE, apply("divide", ONE, v)), X, 650),
    "long fractions": joined("add", [number(Fraction(DIGITS + k, DIGITS + 2 * k + 1)) for k in range(300)]),
    "long powers": joined("add", [apply("power", number(Fraction(DIGITS + k, 7)), number(190)) for k in range(200)]),
    "many sines": joined("add", [apply("sin", apply("multiply", number(k), X)) for k in range(490)]),
    "many constants": joined("add", [apply("sin", number(k)) for k in range(990)]),
    "many roots": joined("add", [apply("root", number(k), TWO) for k in range(660)]),
    "many variables": joined("add", [apply("ln", Symbol(f"x{k}")) for k in range(900)]),
    "many arguments": apply("call", Symbol("f"), *[X] * 1990),
    "complex roots": nested(lambda v: apply("root", apply("add", v, Constant("i")), TWO), Symbol("z"), 490),
    "absolute values": nested(lambda v: apply("abs", apply("add", v, number(-1))), X, 490),
    "squares": nested(lambda v: apply("multiply", v, v), apply("add", X, Constant("pi")), 40),
    "sharing": nested(lambda v: apply("add", v, v), apply("sin", X), 300),
    "tangents": nested(lambda v: apply("tan", v), X, 900),
    "binomial": apply("binomial", number(10**9), number(5 * 10**8)),
    "tower modulo": apply("mod", nested(lambda v: apply("power", number(7), v), number(7), 5), number(10)),
    "long exponent": apply("power", X, number(10**1900)),
    "long index": apply("root", X, number(10**1900)),
    "long angle": apply("sin", number(10**1900)),
    "small number": apply("sin", number(Fraction(1, 10**1900))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_trees_end_soon(name):
    tree = HOSTILE[name]
    sums = [apply("add", *terms) for terms in ((tree, apply("sin", X)), (apply("sin", X), tree))]
    works: list[Callable[[], object]] = [
        lambda: identical(tree, X),
        lambda: proportional(tree, X),
        lambda: same_zero_set(X, tree),
        lambda: real_value(tree),
        lambda: identical(*sums),
    ]
    for work in works:
        start = time.process_time()
        work()
        # At most 0.06 s where nothing else runs; the bound is on runaway work, not on speed.
        assert time.process_time() - start < 2.0, work
    assert identical(*sums).status in ("equal", "unknown")
    with suppress(TooLargeError):
        exact_value(tree)


def test_threads_give_the_verdicts_of_one():
    constants = [apply("root", number(k), TWO) for k in range(2, 8)] + [Constant("pi"), apply("exp", number(2))]
    trees = [apply("add", apply("multiply", a, b), X) for a in constants for b in constants]
    pairs = [(first, second) for first in trees[:16] for second in trees[-16:]]
    pairs += [(tree, apply("add", X, apply("multiply", *tree.arguments[0].arguments[::-1]))) for tree in trees]
    pairs += [(apply("sin", tree), apply("cos", apply("add", apply("divide", Constant("pi"), TWO), negated(tree))))
              for tree in trees[:12]]  # fmt: skip
    alone = [identical(*pair) for pair in pairs]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda pair: identical(*pair), pairs * 2))
    assert together == alone * 2
    assert {result.status for result in alone} == {"equal", "different"}

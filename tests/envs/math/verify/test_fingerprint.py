"""Residues: equal for expressions that the laws of arithmetic turn into each other, different for other functions."""

from __future__ import annotations

from fractions import Fraction
from math import factorial, gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.math.verify.limits import MAX_FACTORIAL
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.numeric.fingerprint import fingerprint, make_ring
from rewardium.envs.math.verify.numeric.sampling import MAX_POINTS, sample_points
from rewardium.envs.math.verify.tree import Apply, Constant, Node, Number, Symbol

X, Y = Symbol("x"), Symbol("y")


def residue(node: Node, seed: bytes = b"seed") -> int | None:
    return fingerprint(build_program(node), make_ring(seed))


def number(value: int | Fraction) -> Number:
    return Number(Fraction(value))


@given(st.binary(max_size=64))
def test_rings_divide_by_small_numbers_and_have_an_imaginary_unit(seed):
    ring = make_ring(seed)
    assert (ring.imaginary**2 + 1) % ring.modulus == 0
    assert gcd(ring.modulus, factorial(MAX_FACTORIAL)) == 1
    assert 140 < ring.modulus.bit_length() < 200
    assert ring == make_ring(seed)


@given(st.fractions(), st.fractions(), st.fractions())
def test_residues_of_numbers_are_a_ring(a, b, c):
    modulus = make_ring(b"seed").modulus
    expected = (residue(number(a)) * residue(number(b)) + residue(number(c))) % modulus
    assert residue(number(a * b + c)) == expected


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6), st.lists(st.integers(-9, 9), min_size=1, max_size=6))
def test_polynomials_have_equal_residues_where_they_are_equal(first, second):
    def polynomial(coefficients: list[int], variable: Node) -> Node:
        value: Node = number(0)
        for coefficient in coefficients:
            value = Apply("add", (Apply("multiply", (value, variable)), number(coefficient)))
        return value

    product = [0] * (len(first) + len(second) - 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            product[i + j] += a * b
    inside = Apply("sin", (Apply("add", (X, Y)),))
    other = Apply("sin", (Apply("add", (Y, X)),))
    factors = Apply("multiply", (polynomial(first, inside), polynomial(second, inside)))
    assert residue(factors) == residue(polynomial(product, other))
    product[-1] += 1
    assert residue(factors) != residue(polynomial(product, other))


def test_roots_and_fractional_powers_are_the_same_atoms():
    root = Apply("root", (X, number(2)))
    assert residue(Apply("power", (X, number(Fraction(3, 2))))) == residue(Apply("power", (root, number(3))))
    cube_root = Apply("root", (X, number(3)))
    assert residue(Apply("power", (X, number(Fraction(1, 3))))) != residue(cube_root)  # not at negative x


def test_the_imaginary_unit_squares_to_minus_one():
    assert residue(Apply("multiply", (Constant("i"), Constant("i")))) == residue(number(-1))


@pytest.mark.parametrize(
    "node",
    [
        Apply("divide", (X, Apply("add", (X, Apply("negate", (X,)))))),
        Apply("power", (Apply("add", (X, Apply("negate", (X,)))), number(-2))),
        Apply("power", (X, number(10**3000))),
    ],
)
def test_what_has_no_residue(node):
    assert residue(node) is None


def test_points_are_fixed_by_the_seed_and_run_through_all_signs():
    names = ["x", "y", "n", "z"]
    points = list(sample_points(names, frozenset("n"), frozenset("z"), b"seed"))
    assert points == list(sample_points(reversed(names), frozenset("n"), frozenset("z"), b"seed"))
    assert points != list(sample_points(names, frozenset("n"), frozenset("z"), b"other"))
    assert len(points) == MAX_POINTS
    assert {(point["x"] > 0, point["y"] > 0) for point in points[:12]} == {(a, b) for a in (0, 1) for b in (0, 1)}
    assert all(type(point["n"]) is int and point["n"] >= 0 and type(point["z"]) is complex for point in points)
    assert list(sample_points([], frozenset(), frozenset(), b"seed")) == [{}]

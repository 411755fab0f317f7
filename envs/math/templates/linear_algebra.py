"""Linear algebra: vectors and matrices."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.templates.notation import matrix, point, set_of
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "linear algebra"


def _draw(dice: Dice, rows: int, columns: int, bound: int) -> list[list[int]]:
    return [[dice.integer(-bound, bound) for _ in range(columns)] for _ in range(rows)]


def matrix_product(dice: Dice) -> Problem:
    """A matrix: a product of two."""
    rows, inner, columns = dice.integer(2, 3), dice.integer(2, 3), dice.integer(1, 3)
    first, second = _draw(dice, rows, inner, 6), _draw(dice, inner, columns, 6)
    product = [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*second, strict=True)] for row in first
    ]
    return Problem(f"Calculate ${matrix(first)} {matrix(second)}$.", matrix(product), 3, SUBJECT, "matrix")


def determinant(dice: Dice) -> Problem:
    """An integer: a determinant of three rows."""
    (a, b, c), (d, e, f), (g, h, i) = rows = _draw(dice, 3, 3, 5)
    value = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return Problem(rf"What is the determinant of ${matrix(rows)}$?", str(value), 3, SUBJECT, "integer")


def matrix_inverse(dice: Dice) -> Problem:
    """A matrix of fractions: the inverse of one with two rows."""
    while True:
        (a, b), (c, d) = rows = _draw(dice, 2, 2, 7)
        size = a * d - b * c
        if size and abs(size) < 30:
            break
    inverse = [[Fraction(d, size), Fraction(-b, size)], [Fraction(-c, size), Fraction(a, size)]]
    return Problem(f"Find the inverse of ${matrix(rows)}$.", matrix(inverse), 4, SUBJECT, "matrix")


def cross_product(dice: Dice) -> Problem:
    """A vector: a cross product."""
    while True:
        (a, b, c), (d, e, f) = first, second = _draw(dice, 2, 3, 6)
        product = [b * f - c * e, c * d - a * f, a * e - b * d]
        if any(product):
            break
    problem = rf"Calculate the cross product ${_column(first)} \times {_column(second)}$. Give it as a column vector."
    return Problem(problem, _column(product), 3, SUBJECT, "vector")


def _column(vector: list[int]) -> str:
    return matrix([[entry] for entry in vector])


def linear_combination(dice: Dice) -> Problem:
    """A vector in a row: a combination of two."""
    first, second = _draw(dice, 2, 3, 9)
    p, q = dice.integer(2, 6), dice.integer(2, 6)
    value = [p * a - q * b for a, b in zip(first, second, strict=True)]
    problem = (
        rf"Let $\vec u = {point(first)}$ and $\vec v = {point(second)}$. "
        rf"What is ${p}\vec u - {q}\vec v$? Give the vector in the form $(x, y, z)$."
    )
    return Problem(problem, point(value), 2, SUBJECT, "vector")


def eigenvalues(dice: Dice) -> Problem:
    """A set: two different integer eigenvalues of a matrix that is not triangular."""
    while True:
        low, high = sorted(dice.sample(range(-8, 9), 2))
        # A = P diag(low, high) P^-1 with P = [[1, s], [t, 1 + st]], whose determinant is 1.
        s, t = dice.nonzero(-3, 3), dice.nonzero(-3, 3)
        corner = 1 + s * t
        rows = [
            [low * corner - high * s * t, s * (high - low)],
            [t * corner * (low - high), high * corner - low * s * t],
        ]
        if corner and max(abs(entry) for row in rows for entry in row) < 60:
            break
    problem = f"Find the set of eigenvalues of ${matrix(rows)}$."
    return Problem(problem, set_of([str(low), str(high)]), 4, SUBJECT, "set")


TEMPLATES = (matrix_product, determinant, matrix_inverse, cross_product, linear_combination, eigenvalues)

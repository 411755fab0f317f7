"""Sequences and series."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.templates.notation import form_of, polynomial, rational
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "sequences"


def arithmetic_series(dice: Dice) -> Problem:
    """An integer: the sum of an arithmetic series."""
    first, step, count = dice.integer(-30, 60), dice.nonzero(-9, 12), dice.integer(15, 80)
    second, third = first + step, first + 2 * step
    problem = (
        f"What is the sum of the first ${count}$ terms of the arithmetic sequence "
        rf"${first}, {second}, {third}, \ldots$?"
    )
    return Problem(problem, str(count * first + step * count * (count - 1) // 2), 2, SUBJECT, "integer")


def geometric_series(dice: Dice) -> Problem:
    """A fraction: the sum of an infinite geometric series."""
    first = dice.integer(1, 20)
    below = dice.integer(2, 9)
    quotient = Fraction(dice.nonzero(-below + 1, below - 1), below)
    terms = [first * quotient**i for i in range(3)]
    written = "".join(_signed(term) for term in terms[1:])
    problem = rf"What is the sum of the infinite geometric series ${first}{written} {_sign(quotient)} \cdots$?"
    answer = rational(first / (1 - quotient))
    return Problem(problem, answer, 3, SUBJECT, form_of(answer))


def _signed(term: Fraction) -> str:
    """Write a summand with its sign between spaces."""
    return f" {'-' if term < 0 else '+'} {rational(abs(term))}"


def _sign(quotient: Fraction) -> str:
    """Return the sign before the fourth term of a series that begins with a positive one."""
    return "-" if quotient < 0 else "+"


def general_term(dice: Dice) -> Problem:
    """A polynomial in n: the general term of a quadratic sequence."""
    a, b, c = dice.integer(1, 4), dice.nonzero(-6, 6), dice.nonzero(-9, 9)
    values = [a * n * n + b * n + c for n in range(1, 6)]
    problem = (
        rf"The sequence ${', '.join(map(str, values))}, \ldots$ has constant second differences. "
        "Find the polynomial in $n$ that gives its term number $n$, where the first term has the number $1$."
    )
    return Problem(problem, polynomial([a, b, c], "n"), 3, SUBJECT, "polynomial")


def recurrence(dice: Dice) -> Problem:
    """An integer: a late term of a linear recurrence."""
    first, second = dice.integer(0, 6), dice.integer(1, 6)
    p, q, index = dice.integer(1, 3), dice.nonzero(-3, 3), dice.integer(6, 9)
    terms = [first, second]
    while len(terms) < index:
        terms.append(p * terms[-1] + q * terms[-2])
    rule = f"{'' if p == 1 else p}a_{{n-1}} {'-' if q < 0 else '+'} {'' if abs(q) == 1 else abs(q)}a_{{n-2}}"
    problem = (
        rf"A sequence begins with $a_1 = {first}$ and $a_2 = {second}$, and $a_n = {rule}$ for $n \ge 3$. "
        f"What is $a_{index}$?"
    )
    return Problem(problem, str(terms[-1]), 3, SUBJECT, "integer")


TEMPLATES = (arithmetic_series, geometric_series, general_term, recurrence)

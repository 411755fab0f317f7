"""Inequalities and domains, whose solutions are intervals and unions of intervals."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.templates.notation import multiply, polynomial, rational
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "inequalities"
ASK = "Give the solution set in interval notation."
SIGNS = {"<": "<", ">": ">", "<=": r"\le", ">=": r"\ge"}
FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def ray(end: Fraction, comparison: str) -> str:
    r"""Write the real numbers that stand in a relation to an end.

    Example:
        >>> ray(Fraction(1, 2), ">="), ray(Fraction(3), "<")
        ('[\\frac{1}{2}, \\infty)', '(-\\infty, 3)')
    """
    if ">" in comparison:
        return rf"{'[' if '=' in comparison else '('}{rational(end)}, \infty)"
    return rf"(-\infty, {rational(end)}{']' if '=' in comparison else ')'}"


def linear_inequality(dice: Dice) -> Problem:
    """A ray."""
    while True:
        a, b, c, d = (dice.nonzero(-9, 9) for _ in range(4))
        if a != c:
            break
    comparison = dice.pick(tuple(SIGNS))
    end = Fraction(d - b, a - c)
    problem = f"Solve ${polynomial([a, b])} {SIGNS[comparison]} {polynomial([c, d])}$. {ASK}"
    return Problem(problem, ray(end, comparison if a > c else FLIPPED[comparison]), 2, SUBJECT, "interval")


def quadratic_inequality_inside(dice: Dice) -> Problem:
    """An interval: between the zeros of a parabola that opens upwards."""
    low, high = sorted(dice.sample(range(-9, 10), 2))
    comparison = dice.pick(("<", "<="))
    asked = polynomial(multiply([1, -low], [1, -high]))
    left, right = "()" if comparison == "<" else "[]"
    problem = f"Solve ${asked} {SIGNS[comparison]} 0$. {ASK}"
    return Problem(problem, f"{left}{low}, {high}{right}", 3, SUBJECT, "interval")


def quadratic_inequality_outside(dice: Dice) -> Problem:
    """A union: outside of the zeros of a parabola that opens upwards."""
    low, high = sorted(dice.sample(range(-9, 10), 2))
    comparison = dice.pick((">", ">="))
    asked = polynomial(multiply([1, -low], [1, -high]))
    answer = rf"{ray(Fraction(low), FLIPPED[comparison])} \cup {ray(Fraction(high), comparison)}"
    return Problem(f"Solve ${asked} {SIGNS[comparison]} 0$. {ASK}", answer, 3, SUBJECT, "union")


def absolute_value_inequality(dice: Dice) -> Problem:
    """A closed interval, or the union of what is left."""
    slope, shift, bound = dice.integer(1, 5), dice.nonzero(-12, 12), dice.integer(1, 15)
    low, high = Fraction(-bound - shift, slope), Fraction(bound - shift, slope)
    if dice.pick((True, False)):
        problem = rf"Solve $|{polynomial([slope, shift])}| \le {bound}$. {ASK}"
        return Problem(problem, f"[{rational(low)}, {rational(high)}]", 3, SUBJECT, "interval")
    problem = rf"Solve $|{polynomial([slope, shift])}| > {bound}$. {ASK}"
    return Problem(problem, rf"{ray(low, '<')} \cup {ray(high, '>')}", 3, SUBJECT, "union")


def rational_inequality(dice: Dice) -> Problem:
    """A half-open interval, or a union with one closed end."""
    zero, pole = dice.sample(range(-9, 10), 2)
    asked = rf"\frac{{{polynomial([1, -zero])}}}{{{polynomial([1, -pole])}}}"
    low, high = min(zero, pole), max(zero, pole)
    if dice.pick((True, False)):
        answer = f"[{low}, {high})" if zero < pole else f"({low}, {high}]"
        return Problem(rf"Solve ${asked} \le 0$. {ASK}", answer, 4, SUBJECT, "interval")
    below, above = ("<=", ">") if zero < pole else ("<", ">=")
    answer = rf"{ray(Fraction(low), below)} \cup {ray(Fraction(high), above)}"
    return Problem(rf"Solve ${asked} \ge 0$. {ASK}", answer, 4, SUBJECT, "union")


def domain_of_root(dice: Dice) -> Problem:
    """An interval: the domain of the root of a product."""
    low, high = sorted(dice.sample(range(-9, 10), 2))
    asked = polynomial([-1, low + high, -low * high])
    problem = (
        rf"What is the largest set of real numbers on which $f(x) = \sqrt{{{asked}}}$ is real? "
        "Give it in interval notation."
    )
    return Problem(problem, f"[{low}, {high}]", 3, SUBJECT, "interval")


TEMPLATES = (
    linear_inequality,
    quadratic_inequality_inside,
    quadratic_inequality_outside,
    absolute_value_inequality,
    rational_inequality,
    domain_of_root,
)

"""Geometry: lengths, angles, areas and volumes with exact values."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from rewardium.envs.math.templates.notation import form_of, point, polynomial, rational, root, split_square, times_pi
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "geometry"


def circle_area(dice: Dice) -> Problem:
    r"""A multiple of pi: the area of a circle, from its circumference or its diameter."""
    diameter = dice.integer(3, 60)
    given = dice.pick((f"diameter ${diameter}$", f"circumference ${times_pi(diameter)}$"))
    problem = rf"A circle has {given}. What is its area? Give the exact value in terms of $\pi$."
    return Problem(problem, times_pi(Fraction(diameter**2, 4)), 2, SUBJECT, "multiple of pi")


def arc_length(dice: Dice) -> Problem:
    r"""A multiple of pi: the length of an arc."""
    radius, angle = dice.integer(2, 30), 5 * dice.integer(3, 65)
    problem = (
        rf"What is the length of an arc of ${angle}^\circ$ of a circle with radius ${radius}$? "
        r"Give the exact value in terms of $\pi$."
    )
    return Problem(problem, times_pi(Fraction(2 * radius * angle, 360)), 2, SUBJECT, "multiple of pi")


def cone_volume(dice: Dice) -> Problem:
    r"""A multiple of pi: the volume of a cone, from its radius and its slant height."""
    a, b, c = dice.pick(((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29)))
    if dice.pick((True, False)):
        a, b = b, a
    scale = dice.integer(1, 12)
    radius, height, slant = a * scale, b * scale, c * scale
    problem = (
        f"A right circular cone has a base of radius ${radius}$ and a slant height of ${slant}$. What is its volume? "
        r"Give the exact value in terms of $\pi$."
    )
    return Problem(problem, times_pi(Fraction(radius**2 * height, 3)), 4, SUBJECT, "multiple of pi")


def hypotenuse(dice: Dice) -> Problem:
    """A root expression: a side of a right triangle."""
    while True:
        first, second = dice.integer(2, 20), dice.integer(2, 20)
        if isqrt(first**2 + second**2) ** 2 != first**2 + second**2:
            break
    problem = (
        f"The legs of a right triangle have lengths ${first}$ and ${second}$. How long is its hypotenuse? "
        "Give the exact value in simplest radical form."
    )
    return Problem(problem, root(1, first**2 + second**2), 2, SUBJECT, "root expression")


def distance(dice: Dice) -> Problem:
    """A root expression: the distance of two points in space."""
    while True:
        first = [dice.integer(-9, 9) for _ in range(3)]
        second = [dice.integer(-9, 9) for _ in range(3)]
        squared = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
        if squared and split_square(squared)[1] > 1:
            break
    problem = (
        f"What is the distance between the points ${point(first)}$ and ${point(second)}$? "
        "Give the exact value in simplest radical form."
    )
    return Problem(problem, root(1, squared), 2, SUBJECT, "root expression")


def triangle_area(dice: Dice) -> Problem:
    """An integer or half of one: the area of a triangle from its corners."""
    while True:
        corners = [[dice.integer(-9, 9), dice.integer(-9, 9)] for _ in range(3)]
        (a, b), (c, d), (e, f) = corners
        doubled = abs((c - a) * (f - b) - (e - a) * (d - b))
        if doubled:
            break
    first, second, third = map(point, corners)
    problem = f"What is the area of the triangle with the corners ${first}$, ${second}$ and ${third}$?"
    answer = rational(Fraction(doubled, 2))
    return Problem(problem, answer, 3, SUBJECT, form_of(answer))


def third_angle(dice: Dice) -> Problem:
    """An angle in degrees."""
    first, second = dice.integer(20, 85), dice.integer(20, 85)
    problem = (
        rf"Two angles of a triangle measure ${first}^\circ$ and ${second}^\circ$. What is the third angle? "
        "Give the answer in degrees."
    )
    return Problem(problem, rf"{180 - first - second}^\circ", 1, SUBJECT, "angle")


def circle_center(dice: Dice) -> Problem:
    """An ordered pair: the centre of a circle from its equation."""
    x, y, radius = dice.nonzero(-9, 9), dice.nonzero(-9, 9), dice.integer(1, 12)
    left = f"{polynomial([1, -2 * x, 0])} + {polynomial([1, -2 * y, 0], 'y')}"
    problem = f"What is the centre of the circle ${left} = {radius**2 - x * x - y * y}$? Give the point $(x, y)$."
    return Problem(problem, point([x, y]), 3, SUBJECT, "ordered pair")


def perpendicular_bisector(dice: Dice) -> Problem:
    """The equation of a line."""
    while True:
        a, c = dice.sample(range(-8, 9), 2)
        b, d = dice.sample(range(-8, 9), 2)
        slope = Fraction(a - c, d - b)
        intercept = Fraction(b + d, 2) - slope * Fraction(a + c, 2)
        if intercept.denominator <= 20:
            break
    problem = (
        f"Find the equation of the perpendicular bisector of the segment from ${point([a, b])}$ to ${point([c, d])}$. "
        "Give it in the form $y = mx + b$."
    )
    return Problem(problem, f"y = {polynomial([slope, intercept])}", 4, SUBJECT, "equation")


TEMPLATES = (
    circle_area,
    arc_length,
    cone_volume,
    hypotenuse,
    distance,
    triangle_area,
    third_angle,
    circle_center,
    perpendicular_bisector,
)

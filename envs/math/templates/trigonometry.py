"""Trigonometry: exact values, angles and equations."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.templates.notation import Rational, form_of, polynomial, rational, root, set_of, times_pi
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "trigonometry"

SINES = {0: 0, 30: 1, 45: 2, 60: 3, 90: 4}
"""Of the angles in degrees from 0 to 90, four times the square of the sine."""

TANGENTS: dict[int, tuple[Rational, int]] = {0: (0, 1), 30: (Fraction(1, 3), 3), 45: (1, 1), 60: (1, 3)}
"""Of the angles in degrees, the factor and the radicand of the tangent."""


def sine(angle: int) -> str:
    r"""Write the sine of an angle in degrees, a multiple of 30 or of 45.

    Example:
        >>> sine(240), sine(-90), sine(135)
        ('-\\frac{\\sqrt{3}}{2}', '-1', '\\frac{\\sqrt{2}}{2}')
    """
    angle %= 360
    sign = 1 if angle < 180 else -1
    angle %= 180
    return root(Fraction(sign, 2), SINES[min(angle, 180 - angle)])


def tangent(angle: int) -> str:
    r"""Write the tangent of an angle in degrees, a multiple of 30 or of 45, but no odd one of 90.

    Example:
        >>> tangent(150), tangent(225)
        ('-\\frac{\\sqrt{3}}{3}', '1')
    """
    angle %= 180
    sign = 1 if angle < 90 else -1
    factor, radicand = TANGENTS[min(angle, 180 - angle)]
    return root(sign * factor, radicand)


def special_angles(low: int, high: int) -> list[int]:
    """Return the multiples of 30 and of 45 degrees from low to high, inclusive, that are no multiples of 90.

    Example:
        >>> special_angles(0, 180)
        [30, 45, 60, 120, 135, 150]
    """
    return [a for a in range(low, high + 1) if (a % 30 == 0 or a % 45 == 0) and a % 90]


def value_at_degrees(dice: Dice) -> Problem:
    """A root expression: a function at an angle in degrees."""
    name, angle = dice.pick(("sin", "cos", "tan")), dice.pick(special_angles(91, 720))
    answer = {"sin": sine(angle), "cos": sine(angle + 90), "tan": tangent(angle)}[name]
    problem = rf"What is $\{name} {angle}^\circ$? Give the exact value."
    return Problem(problem, answer, 2, SUBJECT, form_of(answer))


def value_at_radians(dice: Dice) -> Problem:
    """A root expression: a function at an angle in radians."""
    name, angle = dice.pick(("sin", "cos", "tan")), dice.pick(special_angles(-720, 720))
    answer = {"sin": sine(angle), "cos": sine(angle + 90), "tan": tangent(angle)}[name]
    problem = rf"What is $\{name}\left({times_pi(Fraction(angle, 180))}\right)$? Give the exact value."
    return Problem(problem, answer, 2, SUBJECT, form_of(answer))


def degrees_to_radians(dice: Dice) -> Problem:
    """A multiple of pi: an angle in radians."""
    angle = dice.nonzero(-72, 144) * 5
    problem = rf"Write ${angle}^\circ$ in radians. Give the exact value in terms of $\pi$."
    return Problem(problem, times_pi(Fraction(angle, 180)), 1, SUBJECT, "multiple of pi")


def sine_equation(dice: Dice) -> Problem:
    r"""A set of multiples of pi: where a sine or a cosine of a shifted angle has a special value."""
    name, shift = dice.pick(("sin", "cos")), dice.pick((0, 30, 45, 60, 90, 120, 135, 150))
    angle = dice.pick(special_angles(-90, 90) if name == "sin" else special_angles(0, 180))
    value = sine(angle) if name == "sin" else sine(angle + 90)
    both = (angle, 180 - angle) if name == "sin" else (angle, -angle)
    solutions = sorted({(solution - shift) % 360 for solution in both})
    argument = "x" if not shift else rf"\left(x + {times_pi(Fraction(shift, 180))}\right)"
    problem = rf"Find the set of all solutions of $\{name} {argument} = {value}$ with $0 \le x < 2\pi$."
    level = 4 if shift else 3
    return Problem(problem, set_of(times_pi(Fraction(a, 180)) for a in solutions), level, SUBJECT, "set")


def other_function_value(dice: Dice) -> Problem:
    """A fraction: from one function of an angle and its quadrant to another function."""
    a, b, c = dice.pick(((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29), (9, 40, 41)))
    if dice.pick((True, False)):
        a, b = b, a
    quadrant = dice.pick((1, 2, 3, 4))
    sine_sign, cosine_sign = (1, 1, -1, -1)[quadrant - 1], (1, -1, -1, 1)[quadrant - 1]
    low, high = times_pi(Fraction(quadrant - 1, 2)), times_pi(Fraction(quadrant, 2))
    known, asked = dice.pick((("sin", "cos"), ("sin", "tan"), ("cos", "sin"), ("cos", "tan")))
    values = {
        "sin": Fraction(sine_sign * a, c),
        "cos": Fraction(cosine_sign * b, c),
        "tan": Fraction(sine_sign * cosine_sign * a, b),
    }
    problem = (
        rf"Let $\{known} \theta = {rational(values[known])}$ with ${low} < \theta < {high}$. "
        rf"What is $\{asked} \theta$? Give the answer as a fraction."
    )
    return Problem(problem, rational(values[asked]), 3, SUBJECT, "fraction")


def period(dice: Dice) -> Problem:
    """A multiple of pi: the period of a function."""
    name, height, speed = (
        dice.pick(("sin", "cos", "tan")),
        dice.integer(2, 9),
        Fraction(dice.integer(1, 12), dice.integer(1, 7)),
    )
    shift = dice.integer(1, 9)
    argument = polynomial([speed, shift])
    problem = (
        rf"What is the smallest positive period of $f(x) = {height}\{name}\left({argument}\right)$? "
        r"Give the exact value in terms of $\pi$."
    )
    return Problem(problem, times_pi((1 if name == "tan" else 2) / speed), 3, SUBJECT, "multiple of pi")


TEMPLATES = (
    value_at_degrees,
    value_at_radians,
    degrees_to_radians,
    sine_equation,
    other_function_value,
    period,
)

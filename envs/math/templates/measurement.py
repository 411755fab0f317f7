"""Measurement: quantities with units, clocks and calendars."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.templates.notation import decimal
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "measurement"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CONVERSIONS = (
    ("kilometres", "m", "metres", Fraction(1000)),
    ("metres", "cm", "centimetres", Fraction(100)),
    ("centimetres", "mm", "millimetres", Fraction(10)),
    ("kilograms", "g", "grams", Fraction(1000)),
    ("tonnes", "kg", "kilograms", Fraction(1000)),
    ("hours", "minutes", "minutes", Fraction(60)),
    ("minutes", "s", "seconds", Fraction(60)),
    ("millimetres", "cm", "centimetres", Fraction(1, 10)),
    ("grams", "kg", "kilograms", Fraction(1, 1000)),
    ("metres", "km", "kilometres", Fraction(1, 1000)),
)
"""From a unit's name to another's sign and name, and how many of the other one is."""


def quantity(value: Fraction | int, unit: str) -> str:
    r"""Write a number and its unit.

    Example:
        >>> quantity(Fraction(7, 2), "km")
        '3.5 \\text{ km}'
    """
    return rf"{decimal(value)} \text{{ {unit}}}"


def unit_conversion(dice: Dice) -> Problem:
    """A quantity in another unit."""
    name, sign, other, factor = dice.pick(CONVERSIONS)
    value = Fraction(dice.integer(11, 999), dice.pick((1, 5, 10)))
    problem = f"Convert {decimal(value)} {name} to {other}. Give the unit with the answer."
    return Problem(problem, quantity(value * factor, sign), 1, SUBJECT, "quantity")


def rectangle_area(dice: Dice) -> Problem:
    """An area in square centimetres, from sides in two units."""
    width, length = dice.integer(3, 99), Fraction(dice.integer(11, 99), 100)
    problem = (
        f"A rectangle is {width} cm wide and {decimal(length)} m long. What is its area in square centimetres? "
        "Give the unit with the answer."
    )
    return Problem(problem, rf"{decimal(width * length * 100)} \text{{ cm}}^2", 2, SUBJECT, "quantity")


def average_speed(dice: Dice) -> Problem:
    """A speed, from a distance and a time in minutes."""
    while True:
        minutes, distance = 5 * dice.integer(3, 48), dice.integer(5, 300)
        speed = Fraction(60 * distance, minutes)
        if 20 <= speed <= 180 and 10 % speed.denominator == 0:
            break
    problem = (
        f"A car drives {distance} km in {minutes} minutes. What is its average speed in kilometres per hour? "
        "Give the unit with the answer."
    )
    return Problem(problem, quantity(speed, "km/h"), 2, SUBJECT, "quantity")


def arrival_time(dice: Dice) -> Problem:
    """A time of day."""
    start, travel = dice.integer(5 * 60, 16 * 60), dice.integer(45, 7 * 60)
    end = start + travel
    problem = (
        f"A train leaves at {start // 60:02d}:{start % 60:02d} and travels for {travel // 60} h {travel % 60} min. "
        "When does it arrive? Give the time on a 24-hour clock in the form hh:mm."
    )
    return Problem(problem, f"{end // 60:02d}:{end % 60:02d}", 2, SUBJECT, "time")


def weekday(dice: Dice) -> Problem:
    """A day of the week."""
    today, days = dice.integer(0, 6), dice.integer(20, 400)
    problem = f"Today is {WEEKDAYS[today]}. Which day of the week is it in {days} days?"
    return Problem(problem, rf"\text{{{WEEKDAYS[(today + days) % 7]}}}", 2, SUBJECT, "word")


TEMPLATES = (unit_conversion, rectangle_area, average_speed, arrival_time, weekday)

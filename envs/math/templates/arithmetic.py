"""Arithmetic: numbers in all their notations."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

from rewardium.envs.math.templates.notation import decimal, in_base, mixed_number, rational, scientific
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "arithmetic"
LETTERS = "ABCD"


def order_of_operations(dice: Dice) -> Problem:
    """An integer: a sum with a product in it."""
    a, b, c, d = dice.integer(10, 99), dice.integer(3, 19), dice.integer(3, 19), dice.integer(10, 99)
    return Problem(rf"Calculate ${a} - {b} \times ({c} - {d})$.", str(a - b * (c - d)), 1, SUBJECT, "integer")


def fraction_sum(dice: Dice) -> Problem:
    """A fraction: two fractions added or subtracted."""
    while True:
        below, second_below = dice.sample(range(2, 13), 2)
        first = Fraction(dice.integer(1, below - 1), below)
        second = Fraction(dice.integer(1, second_below - 1), second_below)
        sign = dice.pick((1, -1))
        value = first + sign * second
        if first.denominator > 1 and second.denominator > 1 and value.denominator > 1:
            break
    asked = f"{rational(first)} {'+' if sign > 0 else '-'} {rational(second)}"
    problem = f"Calculate ${asked}$. Give the answer as a fraction in lowest terms."
    return Problem(problem, rational(value), 1, SUBJECT, "fraction")


def decimal_product(dice: Dice) -> Problem:
    """A decimal number: a product of two."""
    first = Fraction(10 * dice.integer(1, 9) + dice.integer(1, 9), 10)
    second = Fraction(10 * dice.integer(1, 99) + dice.integer(1, 9), 1000)
    problem = rf"Calculate ${decimal(first)} \times {decimal(second)}$. Give the exact decimal number."
    return Problem(problem, decimal(first * second), 1, SUBJECT, "decimal")


def percentage_change(dice: Dice) -> Problem:
    """A percentage: how much a price changed."""
    while True:
        old, percent, rises = 20 * dice.integer(1, 40), dice.integer(3, 90), dice.pick((True, False))
        change = Fraction(old * percent, 100)
        if change.denominator == 1:
            break
    new = old + int(change) if rises else old - int(change)
    thing = dice.pick(("a coat", "a bicycle", "a lamp", "a table", "a train ticket"))
    verb = "rises" if rises else "falls"
    problem = (
        f"The price of {thing} {verb} from {old} dollars to {new} dollars. By what percentage does it "
        f"{verb.removesuffix('s')}? Give the answer with the sign $\\%$."
    )
    return Problem(problem, rf"{percent}\%", 2, SUBJECT, "percentage")


def mixed_number_sum(dice: Dice) -> Problem:
    """A mixed number: the sum of two."""
    while True:
        first = dice.integer(1, 9) + Fraction(dice.integer(1, 11), 12)
        second = dice.integer(1, 9) + Fraction(dice.integer(1, 9), 10)
        if 1 not in (first.denominator, second.denominator, (first + second).denominator):
            break
    problem = f"Calculate ${mixed_number(first)} + {mixed_number(second)}$. Give the answer as a mixed number."
    return Problem(problem, mixed_number(first + second), 2, SUBJECT, "mixed number")


def scientific_product(dice: Dice) -> Problem:
    """Scientific notation: a product of a large and a small number."""
    first, second = Fraction(dice.integer(11, 99), 10), Fraction(dice.integer(2, 9))
    high, low = dice.integer(4, 12), -dice.integer(3, 9)
    problem = (
        rf"Calculate $({scientific(first, high)}) \times ({scientific(second, low)})$. "
        "Give the answer in scientific notation."
    )
    return Problem(problem, scientific(first * second, high + low), 2, SUBJECT, "scientific notation")


def repeating_decimal(dice: Dice) -> Problem:
    """A repeating decimal: a fraction whose denominator is coprime to 10."""
    while True:
        below = dice.pick((3, 7, 9, 11, 13, 27, 33, 37, 41, 99, 101))
        above = dice.integer(1, below - 1)
        if gcd(above, below) == 1:
            break
    digits, rest = "", above
    while not digits or rest != above:
        digit, rest = divmod(10 * rest, below)
        digits += str(digit)
    problem = rf"Write $\frac{{{above}}}{{{below}}}$ as a decimal number, with a bar over the digits that repeat."
    return Problem(problem, rf"0.\overline{{{digits}}}", 2, SUBJECT, "repeating decimal")


def repeating_decimal_as_fraction(dice: Dice) -> Problem:
    """A fraction: what a decimal with a repeating part stands for."""
    while True:
        before, block = dice.integer(1, 9), dice.integer(1, 98)
        if block % 11:
            break
    value = Fraction(before * 99 + block, 990)
    problem = rf"Write $0.{before}\overline{{{block:02d}}}$ as a fraction in lowest terms."
    return Problem(problem, rational(value), 3, SUBJECT, "fraction")


def ratio(dice: Dice) -> Problem:
    """A ratio in lowest terms."""
    while True:
        first, second, common = dice.integer(2, 15), dice.integer(2, 15), dice.integer(2, 12)
        if gcd(first, second) == 1:
            break
    one, other = dice.pick((("boys", "girls"), ("cats", "dogs"), ("red balls", "blue balls"), ("coins", "notes")))
    problem = (
        f"There are {first * common} {one} and {second * common} {other}. What is the ratio of {one} to {other}? "
        "Give it in lowest terms, in the form $a:b$."
    )
    return Problem(problem, f"{first}:{second}", 1, SUBJECT, "ratio")


def base_conversion(dice: Dice) -> Problem:
    """A number in another base."""
    number, base = dice.integer(20, 400), dice.integer(2, 9)
    problem = f"Write the decimal number ${number}$ in base ${base}$. Give the base as a subscript."
    return Problem(problem, in_base(number, base), 2, SUBJECT, "base")


def base_sum(dice: Dice) -> Problem:
    """The sum of two numbers in one base."""
    base = dice.integer(2, 9)
    first, second = dice.integer(base, base**4 - 1), dice.integer(base, base**4 - 1)
    problem = (
        f"Calculate ${in_base(first, base)} + {in_base(second, base)}$. "
        f"Give the answer in base ${base}$, with the base as a subscript."
    )
    return Problem(problem, in_base(first + second, base), 3, SUBJECT, "base")


def largest_fraction(dice: Dice) -> Problem:
    """A letter: which of four fractions is the largest."""
    while True:
        below = [dice.integer(5, 17) for _ in LETTERS]
        values = [Fraction(dice.integer(1, bottom - 1), bottom) for bottom in below]
        if len(set(values)) == len(values):
            break
    options = " ".join(f"({letter}) ${rational(value)}$" for letter, value in zip(LETTERS, values, strict=True))
    problem = f"Which of these numbers is the largest? {options} Answer with the letter."
    return Problem(problem, LETTERS[values.index(max(values))], 2, SUBJECT, "letter")


def mean(dice: Dice) -> Problem:
    """A decimal number: the mean of five numbers."""
    while True:
        numbers = [dice.integer(10, 99) for _ in range(5)]
        if sum(numbers) % 5:
            break
    listed = ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
    problem = f"What is the mean of the numbers {listed}? Give the exact decimal number."
    return Problem(problem, decimal(Fraction(sum(numbers), 5)), 1, SUBJECT, "decimal")


TEMPLATES = (
    order_of_operations,
    fraction_sum,
    decimal_product,
    percentage_change,
    mixed_number_sum,
    scientific_product,
    repeating_decimal,
    repeating_decimal_as_fraction,
    ratio,
    base_conversion,
    base_sum,
    largest_fraction,
    mean,
)

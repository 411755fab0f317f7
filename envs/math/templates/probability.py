"""Counting and probability."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

from rewardium.envs.math.templates.notation import decimal, rational
from rewardium.envs.math.templates.problem import Dice, Problem

COUNTING = "combinatorics"
SUBJECT = "probability"
AS_FRACTION = "Give the answer as a fraction in lowest terms."


def balls_of_one_colour(dice: Dice) -> Problem:
    """A fraction: two balls of the same colour without putting back."""
    red, blue = dice.integer(2, 12), dice.integer(2, 12)
    problem = (
        f"A bag holds {red} red and {blue} blue balls. Two balls are drawn at random without replacement. "
        f"What is the probability that both have the same colour? {AS_FRACTION}"
    )
    value = Fraction(comb(red, 2) + comb(blue, 2), comb(red + blue, 2))
    return Problem(problem, rational(value), 3, SUBJECT, "fraction")


def sum_of_dice(dice: Dice) -> Problem:
    """A fraction: the sum of two dice with any number of faces."""
    first, second = dice.sample(range(4, 13), 2)
    target = dice.integer(3, first + second - 1)
    count = sum(1 for face in range(1, first + 1) if 1 <= target - face <= second)
    problem = (
        f"A fair die with {first} faces, numbered from 1 to {first}, and one with {second} faces, numbered from 1 to "
        f"{second}, are rolled. What is the probability that the sum is {target}? {AS_FRACTION}"
    )
    return Problem(problem, rational(Fraction(count, first * second)), 2, SUBJECT, "fraction")


def repeated_trials(dice: Dice) -> Problem:
    """A fraction: so many successes of so many."""
    while True:
        below, above, trials = dice.integer(2, 6), dice.integer(1, 5), dice.integer(3, 6)
        if above < below:
            break
    chance = Fraction(above, below)
    hits = dice.integer(2, trials - 1)
    problem = (
        f"A spinner shows red with probability ${rational(chance)}$. It is spun {trials} times. "
        f"What is the probability that it shows red exactly {hits} times? {AS_FRACTION}"
    )
    value = comb(trials, hits) * chance**hits * (1 - chance) ** (trials - hits)
    return Problem(problem, rational(value), 3, SUBJECT, "fraction")


def defective_part(dice: Dice) -> Problem:
    """A fraction: Bayes' theorem."""
    share = 5 * dice.integer(2, 18)
    first, second = dice.sample(range(1, 13), 2)
    problem = (
        f"Machine A makes {share}% of all parts, machine B the others. Of the parts of A {first}% are defective, "
        f"of those of B {second}%. A part that is chosen at random is defective. "
        f"What is the probability that A made it? {AS_FRACTION}"
    )
    value = Fraction(share * first, share * first + (100 - share) * second)
    return Problem(problem, rational(value), 5, SUBJECT, "fraction")


def expected_gain(dice: Dice) -> Problem:
    """A decimal number: the expected gain of a lottery."""
    while True:
        tickets, prizes = 50 * dice.integer(2, 10), dice.integer(2, 5)
        prize, price = 10 * dice.integer(3, 30), dice.integer(1, 5)
        gain = Fraction(prizes * prize, tickets) - price
        if gain.denominator in (2, 4, 5, 10, 20, 25, 50):  # a decimal number that ends, and no integer
            break
    problem = (
        f"Of {tickets} lottery tickets {prizes} win {prize} dollars each, and the others win "
        f"nothing. A ticket costs {price} dollar{'s' if price > 1 else ''}. What is the expected gain, in dollars, "
        "of buying one ticket, negative for a loss? Give the exact decimal number."
    )
    return Problem(problem, decimal(gain), 3, SUBJECT, "decimal")


def committee(dice: Dice) -> Problem:
    """An integer: how many ways there are to choose from two groups."""
    women, men = dice.integer(4, 12), dice.integer(4, 12)
    from_women, from_men = dice.integer(1, 3), dice.integer(1, 3)
    problem = (
        f"In how many ways can a committee of {from_women} wom{'e' if from_women > 1 else 'a'}n and {from_men} "
        f"m{'e' if from_men > 1 else 'a'}n be chosen from {women} women and {men} men?"
    )
    return Problem(problem, str(comb(women, from_women) * comb(men, from_men)), 3, COUNTING, "integer")


def arrangements(dice: Dice) -> Problem:
    """An integer: in how many orders letters can stand, of which some are equal."""
    kinds = dice.sample("ABCDEFGH", dice.integer(3, 4))
    letters = [letter for letter in kinds for _ in range(dice.integer(1, 3))]
    count = factorial(len(letters))
    for letter in kinds:
        count //= factorial(letters.count(letter))
    listed = ", ".join(dice.sample(letters, len(letters)))
    problem = f"In how many different orders can the letters {listed} be arranged in a row?"
    return Problem(problem, str(count), 3, COUNTING, "integer")


def lattice_paths(dice: Dice) -> Problem:
    """An integer: paths on a grid that pass through a point."""
    width, height = dice.integer(3, 8), dice.integer(3, 8)
    x, y = dice.integer(1, width - 1), dice.integer(1, height - 1)
    problem = (
        f"How many paths lead from $(0, 0)$ to $({width}, {height})$ through $({x}, {y})$, if each step goes one to "
        "the right or one up?"
    )
    value = comb(x + y, x) * comb(width + height - x - y, width - x)
    return Problem(problem, str(value), 4, COUNTING, "integer")


def binomial_coefficient(dice: Dice) -> Problem:
    """An integer: a coefficient of a power of a sum."""
    a, b, degree = dice.integer(1, 4), dice.nonzero(-4, 4), dice.integer(5, 9)
    exponent = dice.integer(2, degree - 2)
    inside = f"{'' if a == 1 else a}x {'-' if b < 0 else '+'} {abs(b)}"
    problem = f"What is the coefficient of $x^{exponent}$ in the expansion of $({inside})^{degree}$?"
    value = comb(degree, exponent) * a**exponent * b ** (degree - exponent)
    return Problem(problem, str(value), 4, COUNTING, "integer")


TEMPLATES = (
    balls_of_one_colour,
    sum_of_dice,
    repeated_trials,
    defective_part,
    expected_gain,
    committee,
    arrangements,
    lattice_paths,
    binomial_coefficient,
)

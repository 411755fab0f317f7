"""Number theory: divisors, primes and remainders."""

from __future__ import annotations

from math import gcd, isqrt

from rewardium.envs.math.templates.notation import set_of
from rewardium.envs.math.templates.problem import Dice, Problem

SUBJECT = "number theory"


def divisors(number: int) -> list[int]:
    """Return the positive divisors of a number, in ascending order.

    Example:
        >>> divisors(12)
        [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def greatest_common_divisor(dice: Dice) -> Problem:
    """An integer: what two numbers have in common."""
    while True:
        common, first, second = dice.integer(2, 60), dice.integer(3, 40), dice.integer(3, 40)
        if first != second and gcd(first, second) == 1:
            break
    problem = f"What is the greatest common divisor of ${common * first}$ and ${common * second}$?"
    return Problem(problem, str(common), 2, SUBJECT, "integer")


def power_remainder(dice: Dice) -> Problem:
    """An integer: the remainder of a large power."""
    modulus, base, exponent = dice.integer(5, 40), dice.integer(2, 30), dice.integer(20, 200)
    problem = f"What is the remainder when ${base}^{{{exponent}}}$ is divided by ${modulus}$?"
    return Problem(problem, str(pow(base, exponent, modulus)), 4, SUBJECT, "integer")


def count_divisors(dice: Dice) -> Problem:
    """An integer: how many divisors a number has, of which the factors are drawn."""
    primes = dice.sample((2, 3, 5, 7, 11), dice.integer(2, 3))
    exponents = [dice.integer(1, 4 if prime < 4 else 2) for prime in primes]
    number, count = 1, 1
    for prime, exponent in zip(primes, exponents, strict=True):
        number, count = number * prime**exponent, count * (exponent + 1)
    return Problem(f"How many positive divisors does ${number}$ have?", str(count), 3, SUBJECT, "integer")


def set_of_divisors(dice: Dice) -> Problem:
    """A set: all divisors."""
    while True:
        number = dice.integer(12, 200)
        found = divisors(number)
        if 4 <= len(found) <= 10:
            break
    problem = f"Find the set of all positive divisors of ${number}$."
    return Problem(problem, set_of(map(str, found)), 2, SUBJECT, "set")


def is_prime(dice: Dice) -> Problem:
    """Yes or no: a prime, or a product of two primes that no one sees at once."""
    prime = dice.pick((True, False))
    while True:
        number = dice.integer(101, 999)
        if gcd(number, 30) == 1 and (len(divisors(number)) == 2) == prime:
            break
    problem = f"Is ${number}$ a prime number? Answer yes or no."
    return Problem(problem, rf"\text{{{'yes' if prime else 'no'}}}", 2, SUBJECT, "word")


def modular_inverse(dice: Dice) -> Problem:
    """An integer: the inverse modulo a number."""
    while True:
        modulus, number = dice.integer(11, 97), dice.integer(3, 40)
        if number < modulus and gcd(number, modulus) == 1:
            break
    problem = rf"What is the smallest positive integer $x$ with ${number}x \equiv 1 \pmod{{{modulus}}}$?"
    return Problem(problem, str(pow(number, -1, modulus)), 4, SUBJECT, "integer")


TEMPLATES = (greatest_common_divisor, power_remainder, count_divisors, set_of_divisors, is_prime, modular_inverse)

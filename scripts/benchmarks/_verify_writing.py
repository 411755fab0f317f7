"""How the families of answers draw and write numbers and terms; no family itself."""

from __future__ import annotations

import random
from fractions import Fraction
from math import isqrt

# None that could be read as a unit, as m and h could, or as a constant.
LETTERS = (("x", "y", "z"), ("a", "b", "c"), ("u", "v", "w"), ("p", "q", "r"), ("\\alpha", "\\beta", "\\theta"))


def term(coefficient: int, factor: str) -> str:
    """Write a product, with its sign; ``factor`` may be empty."""
    sign = "-" if coefficient < 0 else "+"
    size = "" if abs(coefficient) == 1 and factor else str(abs(coefficient))
    return f" {sign} {size}{factor}"


def total(*terms: tuple[int, str]) -> str:
    """Write a sum of products; those with the coefficient 0 are left out."""
    text = "".join(term(coefficient, factor) for coefficient, factor in terms if coefficient).strip()
    return text.removeprefix("+ ") if not text.startswith("- ") else "-" + text[2:]


def fraction(top: int | str, bottom: int | str, command: str = "frac") -> str:
    """Write a fraction; the sign of a negative numerator stands before it."""
    if isinstance(top, int) and top < 0:
        return f"-\\{command}{{{-top}}}{{{bottom}}}"
    return f"\\{command}{{{top}}}{{{bottom}}}"


def other(number: int, rng: random.Random) -> int:
    """Return another number that is not 0: of another size, or with the other sign."""
    return rng.choice([new for new in (-number, *range(number - 3, number + 4)) if new not in (0, number)])


def nonzero(low: int, high: int, rng: random.Random) -> int:
    """Draw a number from low to high with either sign."""
    return rng.choice((-1, 1)) * rng.randint(low, high)


def letters(rng: random.Random) -> tuple[str, str, str]:
    """Draw the names of three variables."""
    return rng.choice(LETTERS)


def square_free(low: int, high: int, rng: random.Random) -> int:
    """Draw a number that no square divides."""
    while True:
        number = rng.randint(low, high)
        if all(number % (d * d) for d in range(2, isqrt(number) + 1)):
            return number


def decimal(number: Fraction) -> str:
    """Write a number whose decimals end."""
    places = 0
    while (number * 10**places).denominator > 1:
        places += 1
    if not places:
        return str(number)
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    return ("-" if number < 0 else "") + f"{digits[:-places]}.{digits[-places:]}"

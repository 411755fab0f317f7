"""Answers that no verifier may spend long on, each beside a gold answer that it does not equal."""

from __future__ import annotations

import random
from collections.abc import Callable

from _verify_writing import nonzero


def small(rng: random.Random) -> str:
    """Draw a gold answer that is a plain number, and no small one."""
    return str(nonzero(1000, 10**6, rng))


def power_tower(rng: random.Random) -> tuple[str, str]:
    """Ten to the ten to the ten, or more."""
    a, b, c = rng.randint(9, 99), rng.randint(9, 99), rng.randint(10, 99)
    tower = rng.choice((f"10^{{10^{{{c}}}}}", f"{a}^{{{b}^{{{b}^{{{c}}}}}}}", f"{a}^{{{b}^{{{c}}}}}"))
    return small(rng), rng.choice((tower, f"\\boxed{{{tower}}}", f"-{tower} + {c}"))


def heavy_power(rng: random.Random) -> tuple[str, str]:
    """Raise to a power that begins to be computed, and that neither time nor memory suffices for."""
    a, b, c = rng.randint(3, 99), rng.choice((9, 10, 11)), rng.choice((8, 9, 10, 11))
    power = rng.choice((f"{a}^{{{b}^{{{c}}}}}", f"{a}^{{{b}^{{{c}}} + 1}}"))
    return small(rng), rng.choice((power, f"\\boxed{{{power}}}", f"\\frac{{{power}}}{{{a + 1}}}"))


def near_towers(rng: random.Random) -> tuple[str, str]:
    """Two numbers of more digits than there are atoms, which differ by one."""
    a, c = rng.randint(9, 99), rng.randint(10, 999)
    return f"{a}^{{10^{{{c}}}}}", f"{a}^{{10^{{{c}}}}} + 1"


def factorial_of_factorial(rng: random.Random) -> tuple[str, str]:
    """(100!)! and the like."""
    n = rng.choice((rng.randint(9, 20), rng.randint(90, 9999)))
    forms = (f"({n}!)!", f"\\boxed{{{n}!!!}}", f"({n}! + 1)!", f"\\frac{{({n}!)!}}{{({n}! - 2)!}}")
    return small(rng), rng.choice(forms)


def large_binomial(rng: random.Random) -> tuple[str, str]:
    """A binomial coefficient of a hundred million digits."""
    n = rng.randint(10**8, 10**9)
    middle = f"\\boxed{{\\binom{{10^9}}{{5\\cdot 10^8 + {n % 9973}}}}}"
    return small(rng), rng.choice((f"\\binom{{{n}}}{{{n // 2}}}", middle))


def nested_parentheses(rng: random.Random) -> tuple[str, str]:
    """Two thousand parentheses around a number."""
    n, depth = rng.randint(1, 10**6), rng.randint(2000, 2200)
    return str(-n), "(" * depth + str(n) + ")" * depth


def million_digits(rng: random.Random) -> tuple[str, str]:
    """A number of a million digits."""
    return small(rng), f"\\boxed{{{rng.randint(10**8, 10**9)}{'7' * 1_000_000}}}"


def open_braces(rng: random.Random) -> tuple[str, str]:
    """Twenty thousand braces that are opened and not closed."""
    n = rng.randint(20_000, 22_000)
    return small(rng), rng.choice(("\\boxed" + "{" * n + "1", "\\boxed{" * (n // 7), "\\frac{1}" + "{" * n))


def large_text(rng: random.Random) -> tuple[str, str]:
    """A megabyte of text."""
    piece = rng.choice(("so we add x and $y$, ", "$ ", "\\boxed ", "1 + ", "answer: ", "= 3, ", "{} "))
    n = rng.randint(1000, 10**6)
    return str(-n), f"{n}: " + piece * (2**20 // len(piece))


def nested_fractions(rng: random.Random) -> tuple[str, str]:
    """A continued fraction of a few hundred steps."""
    depth, last = rng.randint(300, 500), rng.randint(2, 9999)
    return small(rng), "\\frac{1}{1 + " * depth + str(last) + "}" * depth


def root_tower(rng: random.Random) -> tuple[str, str]:
    """A root in a root in a root."""
    depth, last = rng.randint(200, 1000), rng.randint(2, 9999)
    return small(rng), "\\sqrt{2 + " * depth + str(last) + "}" * depth


def long_sum(rng: random.Random) -> tuple[str, str]:
    """A sum of many terms, written out or not."""
    n = rng.randint(10**6, 10**9)
    written_out = f"{n}" + " + x" * rng.randint(3000, 5000)
    return small(rng), rng.choice((written_out, f"\\sum_{{k=1}}^{{{n}}} \\frac{{1}}{{k}}", f"\\prod_{{k=1}}^{{{n}}} k"))


def large_polynomial(rng: random.Random) -> tuple[str, str]:
    """A power of a sum that no one should multiply out."""
    n = rng.randint(300, 5000)
    return f"(x + y + z + w)^{{{n}}}", f"(x + y + z + w)^{{{n}}} + xyzw"


def variable_tower(rng: random.Random) -> tuple[str, str]:
    """Raise x to the x to the x."""
    depth, last = rng.randint(100, 400), rng.randint(2, 9999)
    return f"x + {last}", "x^{" * depth + str(last) + "}" * depth


def many_factors(rng: random.Random) -> tuple[str, str]:
    """A product of dozens of sums beside one with another last factor."""
    shifts = [rng.randint(1, 99) for _ in range(rng.randint(30, 60))]

    def product(last: int) -> str:
        return "".join(f"(x^{{{shift}}} + {shift}y + {shift + 1})" for shift in shifts) + f"(x + {last})"

    return product(1), product(2)


ADVERSARIAL: tuple[Callable[[random.Random], tuple[str, str]], ...] = (
    power_tower, heavy_power, factorial_of_factorial, large_binomial, nested_parentheses, million_digits, open_braces,
    large_text, nested_fractions, root_tower, long_sum, near_towers, large_polynomial, variable_tower, many_factors,
)  # fmt: skip

r"""Families of answers: each draws a gold answer, the same written differently, and a wrong one.

What is right and what is wrong follows from how it is made: a wrong form differs from the right one in one number that
the value depends on. Nothing is left to conventions: no rounded decimals, and no identity that holds for some values of
its variables only, or for one branch of a logarithm or root.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from math import comb, gcd

from _verify_writing import decimal, fraction, letters, nonzero, other, square_free, term, total

Triple = tuple[str, str, str]
Family = Callable[[random.Random], Triple]

# ---------------------------------------------------------------------------------------------------- numbers


def numbers(rng: random.Random) -> Triple:
    """Draw a number and write it twice; the wrong one is off by a hundredth or more, and not by a factor 100."""
    kind = rng.choice(("integer", "decimal", "fraction", "percentage"))
    number = draw(kind, rng)
    wrong = number
    while abs(wrong - number) * 100 < abs(number) or {wrong, wrong * 100, wrong / 100} & {number}:
        wrong = rng.choice((-number, number + rng.randint(-9, 9), number * rng.randint(2, 9), draw(kind, rng)))
    gold, right = rng.sample(ways(number, kind, rng), 2)
    return gold, right, rng.choice(ways(wrong, kind, rng))


def draw(kind: str, rng: random.Random) -> Fraction:
    """Draw a number of a kind; a percentage is a share."""
    if kind == "integer":
        return Fraction(nonzero(2, 10 ** rng.randint(1, 6), rng))
    if kind == "fraction":
        bottom = rng.randint(3, 99)
        return Fraction(nonzero(1, 999, rng) * bottom + rng.randint(1, bottom - 1), bottom)
    places = rng.randint(1, 4) if kind == "decimal" else rng.randint(3, 5)
    return Fraction(nonzero(1, 9999, rng) * 10 + rng.randint(1, 9), 10**places)


def ways(number: Fraction, kind: str, rng: random.Random) -> list[str]:
    """Return how a number may be written, at least two ways."""
    top, bottom, factor = number.numerator, number.denominator, rng.randint(2, 9)
    ways = [fraction(top * factor, bottom * factor)]
    if kind == "integer":
        return [*ways, str(top), f"{top}.0", *([f"{top:,}"] if abs(top) > 9999 else [])]
    if bottom > 1:
        ways += [fraction(top, bottom), fraction(top, bottom, "dfrac"), f"{top}/{bottom}"]
    if kind == "decimal":
        ways += [decimal(number), decimal(number) + "0"]
    if kind == "percentage":
        ways += [f"{decimal(100 * number)}\\%", f"{decimal(100 * number)}%", decimal(number)]
    return ways


# ---------------------------------------------------------------------------------------------------- expressions


def squared_sum(rng: random.Random) -> Triple:
    """Multiply out: (ax + by)^2 + cz."""
    x, y, z = letters(rng)
    a, b, c = rng.randint(2, 12), nonzero(2, 12, rng), nonzero(1, 20, rng)
    gold = f"\\left({total((a, x), (b, y))}\\right)^{{2}}{term(c, z)}"

    def expanded(middle: int) -> str:
        return total((a * a, f"{x}^{{2}}"), (middle, f"{x}{y}"), (b * b, f"{y}^{{2}}"), (c, z))

    return gold, expanded(2 * a * b), expanded(rng.choice((-2 * a * b, a * b, other(2 * a * b, rng))))


def common_factor(rng: random.Random) -> Triple:
    """Take out the common factor of a polynomial in three variables."""
    x, y, z = letters(rng)
    a, b, c = rng.randint(2, 15), nonzero(2, 15, rng), nonzero(2, 15, rng)
    m, n = rng.randint(2, 5), rng.randint(2, 4)

    def factored(last: int) -> str:
        return f"{x}^{{{m}}}{y}\\left({total((a, y), (b, f'{x}^{{{n}}}'), (last, z))}\\right)"

    gold = total((a, f"{x}^{{{m}}}{y}^{{2}}"), (b, f"{x}^{{{m + n}}}{y}"), (c, f"{x}^{{{m}}}{y}{z}"))
    return gold, factored(c), factored(other(c, rng))


def partial_fractions(rng: random.Random) -> Triple:
    """Bring together: c/(x - a) - c/(x - b)."""
    x = letters(rng)[0]
    a, b = rng.sample([n for n in range(-15, 16) if n], 2)
    c = rng.randint(1, 12)
    first, second = total((1, x), (-a, "")), total((1, x), (-b, ""))
    below = f"\\left({first}\\right)\\left({second}\\right)"
    gold = f"{fraction(c, first)} - {fraction(c, second)}"
    return gold, fraction(c * (a - b), below), fraction(other(c * (a - b), rng), below)


def geometric_sum(rng: random.Random) -> Triple:
    """Write as a polynomial: c(1 - x^n)/(1 - x) + d pi x."""
    x = letters(rng)[0]
    c, n, d = rng.randint(2, 30), rng.randint(3, 6), nonzero(1, 30, rng)
    at = rng.randrange(n)
    powers = ["", x, *(f"{x}^{{{power}}}" for power in range(2, n))]

    def polynomial(coefficient: int) -> str:
        return total(*((coefficient if power == at else c, powers[power]) for power in range(n)), (d, f"\\pi {x}"))

    gold = fraction(f"{c}\\left(1 - {x}^{{{n}}}\\right)", f"1 - {x}") + term(d, f"\\pi {x}")
    return gold, polynomial(c), polynomial(other(c, rng))


def sum_of_powers(rng: random.Random) -> Triple:
    """Apply the binomial theorem: c(x + k)^n."""
    x = letters(rng)[0]
    k, n, c = nonzero(1, 6, rng), rng.randint(3, 5), rng.randint(2, 12)
    coefficients = {power: c * comb(n, power) * k ** (n - power) for power in range(n, -1, -1)}
    powers = ["", x, *(f"{x}^{{{power}}}" for power in range(2, n + 1))]
    at = rng.randrange(1, n)
    wrong = {**coefficients, at: other(coefficients[at], rng)}

    def expanded(coefficients: dict[int, int]) -> str:
        return total(*((size, powers[power]) for power, size in coefficients.items()))

    return f"{c}\\left({total((1, x), (k, ''))}\\right)^{{{n}}}", expanded(coefficients), expanded(wrong)


def rationalised(rng: random.Random) -> Triple:
    """Rationalise: a/(sqrt b - sqrt c) + dx."""
    b, c = rng.sample([2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 17, 19, 21, 22, 23, 26, 29, 30, 31], 2)
    a, x, d = rng.randint(1, 20), letters(rng)[0], nonzero(1, 20, rng)

    def above(sign: str) -> str:
        return fraction(f"{a}\\left(\\sqrt{{{b}}} {sign} \\sqrt{{{c}}}\\right)", b - c) + term(d, x)

    return fraction(a, f"\\sqrt{{{b}}} - \\sqrt{{{c}}}") + term(d, x), above("+"), above("-")


def simplified_root(rng: random.Random) -> Triple:
    """Take out the square: sqrt(n^2 m) x + k."""
    x = letters(rng)[0]
    n, m, k = rng.randint(2, 15), square_free(2, 40, rng), nonzero(1, 50, rng)

    def taken_out(size: int) -> str:
        return total((size, f"\\sqrt{{{m}}}{x}"), (k, ""))

    return f"\\sqrt{{{n * n * m}}}{x}{term(k, '')}", taken_out(n), taken_out(other(n, rng))


def nested_roots(rng: random.Random) -> Triple:
    """Resolve: k sqrt(a + b + 2 sqrt(ab)), which is k sqrt a + k sqrt b."""
    a, b = sorted(rng.sample(range(2, 40), 2))
    k = rng.randint(2, 15)
    gold = f"{k}\\sqrt{{{a + b} + 2\\sqrt{{{a * b}}}}}"
    return gold, f"{k}\\sqrt{{{a}}} + {k}\\sqrt{{{b}}}", f"{k}\\sqrt{{{a}}} + {k}\\sqrt{{{b + 1}}}"


def double_angle(rng: random.Random) -> Triple:
    """Write with the double angle: a sin(kx) cos(kx) + by."""
    x, y, _ = letters(rng)
    a, k, b = 2 * rng.randint(2, 20), rng.randint(2, 9), nonzero(1, 20, rng)
    gold = f"{a}\\sin({k}{x})\\cos({k}{x}){term(b, y)}"

    def short(size: int, angle: int) -> str:
        return total((size, f"\\sin({angle}{x})"), (b, y))

    wrong = rng.choice((short(a, 2 * k), short(a // 2, k), short(-a // 2, 2 * k)))
    return gold, short(a // 2, 2 * k), wrong


def squared_cosine(rng: random.Random) -> Triple:
    """Write with the sine or with the double angle: 2a cos^2(kx) + b."""
    x = letters(rng)[0]
    a, k, b = rng.randint(2, 20), rng.randint(2, 9), nonzero(1, 20, rng)

    def form(sign: int) -> str:
        if rng.random() < 0.5:
            return total((b + 2 * a, ""), (-sign * 2 * a, f"\\sin^{{2}}({k}{x})"))
        return total((a + b, ""), (sign * a, f"\\cos({2 * k}{x})"))

    return f"{2 * a}\\cos^{{2}}({k}{x}){term(b, '')}", form(1), form(-1)


def exact_angles(rng: random.Random) -> Triple:
    """Write with roots: a sin(pi/3) + b tan(pi/4) + c cos(pi/6)."""
    a, b, c = 2 * rng.randint(1, 15), nonzero(1, 15, rng), 2 * nonzero(1, 15, rng)
    if a + c == 0:
        c = a
    gold = total((a, "\\sin\\frac{\\pi}{3}"), (b, "\\tan\\frac{\\pi}{4}"), (c, "\\cos\\frac{\\pi}{6}"))

    def with_root(size: int, number: int) -> str:
        return total((b, ""), (size, f"\\sqrt{{{number}}}"))

    half = (a + c) // 2
    return gold, with_root(half, 3), rng.choice((with_root((a - c) // 2, 3), with_root(half, 2)))


def logarithms(rng: random.Random) -> Triple:
    """Take apart: x ln(a^m b^n) + ky."""
    x, y, _ = letters(rng)
    a, b = rng.sample((2, 3, 5, 7, 11), 2)
    m, n, k = rng.randint(1, 4), rng.randint(1, 4), nonzero(1, 20, rng)

    def apart(last: int) -> str:
        return total((m, f"{x}\\ln {a}"), (last, f"{x}\\ln {b}"), (k, y))

    return f"{x}\\ln({a**m * b**n}){term(k, y)}", apart(n), apart(other(n, rng))


def half_logarithm(rng: random.Random) -> Triple:
    """Write without the root: a ln sqrt(x^2 + b) + cy."""
    x, y, _ = letters(rng)
    a, b, c = 2 * rng.randint(1, 20), rng.randint(1, 60), nonzero(1, 20, rng)
    gold = f"{a}\\ln\\sqrt{{{x}^{{2}} + {b}}}{term(c, y)}"

    def without(size: int, shift: int) -> str:
        return total((size, f"\\ln({x}^{{2}} + {shift})"), (c, y))

    return gold, without(a // 2, b), rng.choice((without(a, b), without(a // 2, b + 1)))


def antiderivative(rng: random.Random) -> Triple:
    """Write as one fraction: (x/k - 1/k^2) c e^(kx) + d."""
    x = letters(rng)[0]
    k, c, shift = rng.randint(2, 12), rng.randint(2, 12), rng.randint(1, 20)
    power = f"e^{{{k}{x}}}"
    gold = f"{fraction(f'{c}{x}', k)}{power} - {fraction(c, k * k)}{power} + {shift}"

    def together(sign: str) -> str:
        return fraction(f"{c}\\left({k}{x} {sign} 1\\right){power}", k * k) + f" + {shift}"

    return gold, together("-"), together("+")


def hyperbolic(rng: random.Random) -> Triple:
    """Write with the hyperbolic cosine: (c e^(ax) + c e^(-ax))/2 + by."""
    x, y, _ = letters(rng)
    a, b, c = rng.randint(2, 12), nonzero(1, 20, rng), rng.randint(2, 12)
    gold = fraction(f"{c}e^{{{a}{x}}} + {c}e^{{-{a}{x}}}", 2) + term(b, y)
    wrong = rng.choice((f"{c}\\sinh({a}{x})", f"{2 * c}\\cosh({a}{x})", f"{c}\\cosh({a + 1}{x})"))
    return gold, f"{c}\\cosh({a}{x}){term(b, y)}", wrong + term(b, y)


def powers(rng: random.Random) -> Triple:
    """Take apart: b^(x + m) + ky."""
    x, y, _ = letters(rng)
    base, m, k = rng.randint(2, 9), rng.randint(2, 4), nonzero(1, 30, rng)

    def apart(size: int) -> str:
        return f"{size} \\cdot {base}^{{{x}}}{term(k, y)}"

    wrong = rng.choice((base ** (m - 1), base * m + 1, base**m + 1))
    return f"{base}^{{{x} + {m}}}{term(k, y)}", apart(base**m), apart(wrong)


def complex_product(rng: random.Random) -> Triple:
    """Multiply out: (a + bi)(c + di)."""
    a, b, c, d = (nonzero(1, 15, rng) for _ in range(4))
    real, imaginary = a * c - b * d, a * d + b * c
    if not real or not imaginary:
        return complex_product(rng)

    def sum_of(real: int, imaginary: int) -> str:
        return total((real, ""), (imaginary, "i"))

    wrong = rng.choice(((a * c + b * d, imaginary), (real, -imaginary), (real, imaginary + 1)))
    return f"\\left({sum_of(a, b)}\\right)\\left({sum_of(c, d)}\\right)", sum_of(real, imaginary), sum_of(*wrong)


# ---------------------------------------------------------------------------------------------------- other forms


def circle(rng: random.Random) -> Triple:
    """Multiply out: (x - a)^2 + (y - b)^2 = r^2."""
    a, b, r = nonzero(1, 12, rng), nonzero(1, 12, rng), rng.randint(2, 30)
    squares = [f"\\left({total((1, name), (-shift, ''))}\\right)^{{2}}" for name, shift in (("x", a), ("y", b))]

    def expanded(first: int, last: int) -> str:
        return total((1, "x^{2}"), (1, "y^{2}"), (first, "x"), (-2 * b, "y"), (last, "")) + " = 0"

    last = a * a + b * b - r * r
    wrong = rng.choice((expanded(2 * a, last), expanded(-2 * a, other(last, rng))))
    return f"{squares[0]} + {squares[1]} = {r * r}", expanded(-2 * a, last), wrong


def line(rng: random.Random) -> Triple:
    """Bring to the general form: y = (a/b)x + c."""
    a, c = nonzero(2, 20, rng), nonzero(1, 40, rng)
    b = rng.choice([n for n in range(2, 12) if gcd(a, n) == 1])

    def general(slope: int, shift: int) -> str:
        return total((slope, "x"), (-b, "y"), (shift, "")) + " = 0"

    wrong = rng.choice((general(-a, b * c), general(a, -b * c), general(a, b * c + 1)))
    return f"y = {fraction(a, b)}x{term(c, '')}", general(a, b * c), wrong


def worked_out(number: int, rng: random.Random) -> str:
    """Write an integer as something to be worked out."""
    k = rng.randint(2, 9)
    return rng.choice((fraction(number * k, k), f"{number - k} + {k}", fraction(2 * number, "\\sqrt{4}")))


def matrix(rng: random.Random) -> Triple:
    """Write entries of a matrix as something to be worked out."""
    rows, columns = rng.choice(((2, 2), (3, 3), (2, 3), (3, 1)))
    numbers = [nonzero(2, 20, rng) for _ in range(rows * columns)]
    root, spot = rng.sample(range(rows * columns), 2)  # an entry with a root, and one to write differently
    entries = [str(number) for number in numbers]
    entries[root] = f"{numbers[root]}\\sqrt{{2}}"

    def array(environment: str, changes: dict[int, str]) -> str:
        items = [changes.get(index, entry) for index, entry in enumerate(entries)]
        lines = [" & ".join(items[start : start + columns]) for start in range(0, len(items), columns)]
        return f"\\begin{{{environment}}} " + " \\\\ ".join(lines) + f" \\end{{{environment}}}"

    right = {root: fraction(f"{numbers[root]}\\sqrt{{8}}", 2), spot: worked_out(numbers[spot], rng)}
    wrong = rng.choice(({spot: str(other(numbers[spot], rng))}, {root: f"{numbers[root]}\\sqrt{{3}}"}))
    return array("pmatrix", {}), array("bmatrix", right), array("pmatrix", wrong)


def union_of_intervals(rng: random.Random) -> Triple:
    """Write ends of an interval and of a ray as something to be worked out."""
    low, width, gap = rng.randint(-60, 20), rng.randint(2, 30), rng.randint(2, 30)
    high, ray = low + width, low + width + gap

    def union(low: int | str, bracket: str, ray: int | str) -> str:
        return f"[{low}, {high}{bracket} \\cup ({ray}, \\infty)"

    wrong = rng.choice((union(low, "]", ray), union(low - 1, ")", ray), union(low, ")", ray + 1)))
    return union(low, ")", ray), union(worked_out(low, rng), ")", worked_out(ray, rng)), wrong


def point(rng: random.Random) -> Triple:
    """Write coordinates of a point as something to be worked out."""
    a, b, n, m = nonzero(1, 40, rng), nonzero(1, 40, rng), rng.randint(2, 12), square_free(2, 30, rng)
    root = f"{n}\\sqrt{{{m}}}"

    def point_at(*items: int | str) -> str:
        return "\\left(" + ", ".join(str(item) for item in items) + "\\right)"

    wrong = rng.choice(((other(a, rng), root, b), (a, f"{n}\\sqrt{{{m + 1}}}", b), (root, a, b)))
    return point_at(a, root, b), point_at(worked_out(a, rng), f"\\sqrt{{{n * n * m}}}", b), point_at(*wrong)


def finite_set(rng: random.Random) -> Triple:
    """Write a set of three numbers in another order."""
    a, b, c = rng.sample(range(-60, 60), 3)
    new = next(number for number in range(c + 1, c + 4) if number not in (a, b))

    def set_of(*items: int | str) -> str:
        return "\\{" + ", ".join(str(item) for item in items) + "\\}"

    return set_of(a, b, c), set_of(c, a, worked_out(b, rng)), set_of(new, a, b)


SYMBOLIC: tuple[Family, ...] = (
    squared_sum, common_factor, partial_fractions, geometric_sum, sum_of_powers, rationalised, simplified_root,
    nested_roots, double_angle, squared_cosine, exact_angles, logarithms, half_logarithm, antiderivative, hyperbolic,
    powers, complex_product, circle, line, matrix, union_of_intervals, point, finite_set,
)  # fmt: skip

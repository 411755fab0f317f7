r"""Writing mathematics down in LaTeX: numbers, sums, roots, multiples of pi, polynomials, sets and matrices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

Rational = int | Fraction


def rational(value: Rational) -> str:
    r"""Write a rational number: an integer, or a fraction in lowest terms with its sign in front.

    Example:
        >>> rational(Fraction(-6, 8)), rational(Fraction(4, 2))
        ('-\\frac{3}{4}', '2')
    """
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def form_of(number: str) -> str:
    r"""Name the form of a number that is written in LaTeX: ``"root expression"``, ``"fraction"`` or ``"integer"``.

    Example:
        >>> form_of(r"-\frac{\sqrt{3}}{2}"), form_of(r"\frac{1}{2}"), form_of("-3")
        ('root expression', 'fraction', 'integer')
    """
    return "root expression" if r"\sqrt" in number else "fraction" if r"\frac" in number else "integer"


def decimal(value: Rational) -> str:
    """Write a number whose decimals end, all of them and no zero behind.

    Example:
        >>> decimal(Fraction(-7, 8)), decimal(12)
        ('-0.875', '12')
    """
    value = Fraction(value)
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    text = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{text}" if value < 0 else text


def mixed_number(value: Fraction) -> str:
    r"""Write a positive number above 1 that is no integer as a mixed number.

    Example:
        >>> mixed_number(Fraction(7, 3))
        '2\\frac{1}{3}'
    """
    whole, rest = divmod(value.numerator, value.denominator)
    return f"{whole}{rational(Fraction(rest, value.denominator))}"


def scientific(mantissa: Rational, exponent: int) -> str:
    r"""Write a positive number in scientific notation, its mantissa from 1 up to 10.

    Example:
        >>> scientific(Fraction(125, 10), 3)
        '1.25 \\times 10^{4}'
    """
    mantissa = Fraction(mantissa)
    while mantissa >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    while mantissa < 1:
        mantissa, exponent = mantissa * 10, exponent - 1
    return rf"{decimal(mantissa)} \times 10^{{{exponent}}}"


def power(base: str, exponent: int) -> str:
    """Write a power; of exponent 1 only the base.

    Example:
        >>> power("x", 1), power("x", 2), power("x", 12)
        ('x', 'x^2', 'x^{12}')
    """
    if exponent == 1:
        return base
    return f"{base}^{exponent}" if 0 <= exponent < 10 else f"{base}^{{{exponent}}}"


def total(terms: Iterable[tuple[Rational, str]]) -> str:
    r"""Write a sum of coefficients times something; a coefficient beside nothing is a constant.

    Terms with coefficient 0 are left out, and 1 is not written before something.

    Example:
        >>> total([(1, "x^2"), (Fraction(-1, 2), "x"), (0, "y"), (3, "")])
        'x^2 - \\frac{1}{2}x + 3'
    """
    text = ""
    for coefficient, factor in terms:
        if not coefficient:
            continue
        size = abs(Fraction(coefficient))
        written = factor if factor and size == 1 else rational(size) + factor
        if not text:
            text = f"-{written}" if coefficient < 0 else written
        else:
            text += f" - {written}" if coefficient < 0 else f" + {written}"
    return text or "0"


def polynomial(coefficients: Sequence[Rational], variable: str = "x") -> str:
    """Write a polynomial from its coefficients, the highest first.

    Example:
        >>> polynomial([2, 0, -1])
        '2x^2 - 1'
    """
    degree = len(coefficients) - 1
    return total((c, power(variable, degree - i) if i < degree else "") for i, c in enumerate(coefficients))


def multiply(first: Sequence[Rational], second: Sequence[Rational]) -> list[Rational]:
    """Multiply two polynomials, given by their coefficients.

    Example:
        >>> multiply([1, 2], [1, -2])
        [1, 0, -4]
    """
    product: list[Rational] = [0] * (len(first) + len(second) - 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            product[i + j] += a * b
    return product


def split_square(number: int) -> tuple[int, int]:
    """Return (a, b) with number = a^2 b and b free of squares.

    Example:
        >>> split_square(72), split_square(15)
        ((6, 2), (1, 15))
    """
    outside, factor = 1, 2
    while factor * factor <= number:
        while number % (factor * factor) == 0:
            number //= factor * factor
            outside *= factor
        factor += 1
    return outside, number


def over(numerator: str, size: Fraction) -> str:
    r"""Write ``size`` times something, a positive rational and its unit, as one fraction.

    Example:
        >>> over(r"\pi", Fraction(5, 6)), over(r"\pi", Fraction(1, 2)), over(r"\sqrt{2}", Fraction(3))
        ('\\frac{5\\pi}{6}', '\\frac{\\pi}{2}', '3\\sqrt{2}')
    """
    top = numerator if size.numerator == 1 else f"{size.numerator}{numerator}"
    return top if size.denominator == 1 else rf"\frac{{{top}}}{{{size.denominator}}}"


def root(coefficient: Rational, radicand: int) -> str:
    r"""Write a rational multiple of a square root in simplest form.

    Example:
        >>> root(1, 72), root(Fraction(-1, 2), 3), root(3, 4)
        ('6\\sqrt{2}', '-\\frac{\\sqrt{3}}{2}', '6')
    """
    outside, inside = split_square(radicand)
    value = Fraction(coefficient) * outside
    if not value or inside == 1:
        return rational(value)
    return ("-" if value < 0 else "") + over(rf"\sqrt{{{inside}}}", abs(value))


def root_sum(number: Rational, coefficient: Rational, radicand: int) -> str:
    r"""Write a rational number plus a multiple of a root, neither of them 0.

    Example:
        >>> root_sum(2, Fraction(-1, 3), 5)
        '2 - \\frac{\\sqrt{5}}{3}'
    """
    return f"{rational(number)} {'-' if coefficient < 0 else '+'} {root(abs(Fraction(coefficient)), radicand)}"


def times_pi(value: Rational) -> str:
    r"""Write a rational multiple of pi.

    Example:
        >>> times_pi(Fraction(-5, 6)), times_pi(1), times_pi(0)
        ('-\\frac{5\\pi}{6}', '\\pi', '0')
    """
    if not value:
        return "0"
    return ("-" if value < 0 else "") + over(r"\pi", abs(Fraction(value)))


def complex_number(real: Rational, imaginary: Rational) -> str:
    r"""Write a complex number.

    Example:
        >>> complex_number(2, -3), complex_number(0, 1), complex_number(Fraction(1, 2), 0)
        ('2 - 3i', 'i', '\\frac{1}{2}')
    """
    return total([(real, ""), (imaginary, "i")])


def line(slope: Rational, intercept: Rational) -> str:
    r"""Write the equation of a line that is not vertical.

    Example:
        >>> line(Fraction(-1, 2), 3), line(0, 2)
        ('y = -\\frac{1}{2}x + 3', 'y = 2')
    """
    return f"y = {polynomial([slope, intercept])}"


def factor(leading: int, constant: int, variable: str = "x") -> str:
    """Write a linear factor, in parentheses unless it is the variable itself.

    Example:
        >>> factor(1, -3), factor(2, 1), factor(1, 0)
        ('(x - 3)', '(2x + 1)', 'x')
    """
    text = polynomial([leading, constant], variable)
    return text if not constant and leading == 1 else f"({text})"


def set_of(items: Iterable[str]) -> str:
    r"""Write a finite set.

    Example:
        >>> print(set_of(["1", "2"]))
        \{1, 2\}
    """
    return r"\{" + ", ".join(items) + r"\}"


def point(coordinates: Iterable[Rational]) -> str:
    r"""Write a point or a vector in a row.

    Example:
        >>> point([1, Fraction(-1, 2)])
        '(1, -\\frac{1}{2})'
    """
    return f"({', '.join(map(rational, coordinates))})"


def matrix(rows: Iterable[Iterable[Rational]]) -> str:
    r"""Write a matrix in parentheses.

    Example:
        >>> print(matrix([[1, 2], [3, 4]]))
        \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
    """
    lines = r" \\ ".join(" & ".join(map(rational, row)) for row in rows)
    return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"


def in_base(number: int, base: int) -> str:
    """Write a natural number in a base up to 10, with the base below.

    Example:
        >>> in_base(11, 2)
        '1011_{2}'
    """
    digits = ""
    while number or not digits:
        number, digit = divmod(number, base)
        digits = f"{digit}{digits}"
    return f"{digits}_{{{base}}}"

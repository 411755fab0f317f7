"""Exact numbers as text: as a fraction, and as a decimal number of so many significant digits."""

from __future__ import annotations

from fractions import Fraction

SIGNIFICANT_DIGITS = 20
"""Digits of a decimal, unless the caller wants fewer."""

_SMALLEST_PLAIN = -7


def as_fraction(value: Fraction) -> str:
    """Write a number exactly.

    Args:
        value: A number of at most 4000 digits.

    Example:
        >>> as_fraction(Fraction(-6, 4)), as_fraction(Fraction(8, 2))
        ('-3/2', '4')
    """
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def as_decimal(value: Fraction, digits: int = SIGNIFICANT_DIGITS) -> str:
    """Write a number with so many significant digits; halves are rounded away from zero.

    Args:
        value: A number of at most 4000 digits.
        digits: Significant digits, at least 1. Zeros at the end are left out.

    Returns:
        A plain decimal, or one with an exponent of ten where it would be much longer.

    Example:
        >>> as_decimal(Fraction(2, 3), 5), as_decimal(Fraction(-5, 4)), as_decimal(Fraction(10) ** 30)
        ('0.66667', '-1.25', '1e30')
    """
    if not value:
        return "0"
    exponent = leading_exponent(value)
    mantissa = _rounded(abs(value) * Fraction(10) ** (digits - 1 - exponent))
    if mantissa == 10**digits:
        mantissa, exponent = mantissa // 10, exponent + 1
    sign = "-" if value < 0 else ""
    return sign + _placed(str(mantissa).rstrip("0"), exponent, digits)


def is_exact_decimal(value: Fraction, digits: int = SIGNIFICANT_DIGITS) -> bool:
    """Say whether ``as_decimal`` is the number itself and not rounded.

    Example:
        >>> is_exact_decimal(Fraction(1, 8)), is_exact_decimal(Fraction(1, 3))
        (True, False)
    """
    if not value:
        return True
    scaled = abs(value) * Fraction(10) ** (digits - 1 - leading_exponent(value))
    return scaled.denominator == 1


def leading_exponent(value: Fraction) -> int:
    """Return the largest e with ``10**e <= abs(value)``, for a value that is not 0.

    Example:
        >>> leading_exponent(Fraction(999)), leading_exponent(Fraction(1, 1000))
        (2, -3)
    """
    exponent = len(str(abs(value.numerator))) - len(str(value.denominator))
    return exponent if Fraction(10) ** exponent <= abs(value) else exponent - 1


def _rounded(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _placed(figures: str, exponent: int, digits: int) -> str:
    """Put the point into significant figures, of which the first stands for ``10**exponent``."""
    if not _SMALLEST_PLAIN <= exponent <= digits:
        rest = f".{figures[1:]}" if len(figures) > 1 else ""
        return f"{figures[0]}{rest}e{exponent}"
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + figures
    whole, rest = figures[: exponent + 1].ljust(exponent + 1, "0"), figures[exponent + 1 :]
    return f"{whole}.{rest}" if rest else whole

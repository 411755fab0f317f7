"""Numbers as answers write them, exactly: decimals, scientific notation, groups of digits, periods, other bases."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from rewardium.envs.math.verify.limits import MAX_NUMBER_DIGITS, TooLargeError
from rewardium.envs.math.verify.tree import Number

MAX_EXPONENT = 5000
"""Largest absolute exponent of scientific notation."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE_NAMES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_BASE_NAMES |= {"eleven": 11, "twelve": 12, "sixteen": 16, "twenty": 20}


def decimal(text: str) -> Number:
    """Read an integer, a decimal number or scientific notation, without a sign.

    Args:
        text: E.g. ``12``, ``1.50``, ``.5``, ``1.2e-5``.

    Returns:
        The number; where it has a point, with the places that were written.

    Raises:
        TooLargeError: When it has too many digits, or too large an exponent.

    Example:
        >>> decimal("1.50")
        Number(value=Fraction(3, 2), places=2)
    """
    if len(text) > MAX_NUMBER_DIGITS:
        raise TooLargeError(f"a number has more than {MAX_NUMBER_DIGITS} digits")
    mantissa, _, exponent = text.lower().partition("e")
    whole, point, decimals = mantissa.partition(".")
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    shift = 0
    if exponent:
        if len(exponent) > 8 or abs(shift := int(exponent)) > MAX_EXPONENT:
            raise TooLargeError(f"an exponent is beyond {MAX_EXPONENT}")
        value *= Fraction(10) ** shift
    return Number(value, len(decimals) - shift if point and decimals else None)


def thousands(before: Sequence[str], group: str) -> bool:
    """Say whether a group of digits continues a number that is written in groups of three.

    Args:
        before: The groups so far.
        group: The next one; the last group may have decimals.

    Example:
        >>> thousands(["1"], "234"), thousands(["1"], "23"), thousands(["1234"], "567")
        (True, False, False)
    """
    whole, _, decimals = group.partition(".")
    first = before[0]
    if len(whole) != 3 or not whole.isdigit() or (decimals and not decimals.isdigit()) or "." in before[-1]:
        return False
    return first.isdigit() and len(first) <= 3 and (len(before) > 1 or first[0] != "0")


def repeating(digits: str, block: str | None) -> Number:
    """Read a repeating decimal.

    Args:
        digits: What stands before the period, with its point: ``0.1``; all digits where the period is not marked.
        block: The period's digits; None where dots follow, as in ``0.1666...``: the period is then the shortest block
            that stands at the end at least twice, and three times where it is a single digit.

    Returns:
        The exact number, or the decimal as written where no period can be seen (``3.14159...``).

    Raises:
        TooLargeError: When it has too many digits.

    Example:
        >>> repeating("0.1", "6").value, repeating("0.333", None).value
        (Fraction(1, 6), Fraction(1, 3))
    """
    if len(digits) + len(block or "") > MAX_NUMBER_DIGITS:
        raise TooLargeError(f"a number has more than {MAX_NUMBER_DIGITS} digits")
    whole, _, decimals = digits.partition(".")
    if block is None:
        found = _period(decimals)
        if found is None:
            return decimal(digits)
        decimals, block = found
    shift = 10 ** len(decimals)
    start = Fraction(int(whole + decimals or "0"), shift)
    return Number(start + Fraction(int(block), shift * (10 ** len(block) - 1)))


def _period(decimals: str) -> tuple[str, str] | None:
    """Split decimals into what comes before the period, and the period."""
    for size in range(1, len(decimals) // 2 + 1):
        block = decimals[-size:]
        times = 3 if size == 1 else 2
        if decimals.endswith(block * times):
            start = decimals
            while start.endswith(block):
                start = start[:-size]
            return start, block
    return None


def in_base(digits: str, base: str) -> int | None:
    """Return the value of digits in a base, or None where there is no such base or digit.

    Example:
        >>> in_base("1011", "2"), in_base("19", "8")
        (11, None)
    """
    number = _BASE_NAMES.get(base.lower(), int(base) if base.isdigit() and len(base) < 3 else 0)
    allowed = _DIGITS[:number]
    if not 2 <= number <= 36 or any(digit not in allowed for digit in digits.lower()):
        return None
    if len(digits) > MAX_NUMBER_DIGITS:
        raise TooLargeError(f"a number has more than {MAX_NUMBER_DIGITS} digits")
    return int(digits, number)

r"""Plain numbers: nearly every answer is one, and none of them needs the parser.

An integer, a decimal, a fraction as ``3/4`` or ``\frac{3}{4}``, each with a sign and a per cent sign if it has one.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from rewardium.envs.math.verify.numeric.decimals import is_long, same_decimals, stands_for
from rewardium.envs.math.verify.tree import Number

PLAIN = re.compile(
    r"(?P<sign>-?)(?:"
    r"(?P<number>[0-9]{1,40}+(?:\.(?P<decimals>[0-9]{1,40}+))?+)(?:/(?P<below>[0-9]{1,40}+))?+"
    r"|\\[dt]?frac\{(?P<top>-?[0-9]{1,40}+)\}\{(?P<bottom>-?[0-9]{1,40}+)\})"
    r"(?P<percent>\s?\\?%)?"
)
"""What ``plain_number`` reads; the text has no white space around it."""


class Plain(NamedTuple):
    """A plain number.

    Args:
        number: The number as it is written, without the per cent sign.
        is_percentage: Whether there was one.
    """

    number: Number
    is_percentage: bool


def plain_number(text: str) -> Plain | None:
    r"""Read a plain number.

    Args:
        text: An answer's text.

    Returns:
        The number, or None where the text is anything else.

    Example:
        >>> plain_number(r"-\frac{3}{4}").number.value, plain_number(r"12.50\%")
        (Fraction(-3, 4), Plain(number=Number(value=Fraction(25, 2), places=2), is_percentage=True))
        >>> plain_number("1/0") is plain_number("1,5") is plain_number("x") is None
        True
    """
    found = PLAIN.fullmatch(text)
    if found is None:
        return None
    sign, whole, decimals, below, top, bottom, percent = found.groups()
    if top is not None:
        above, under, places = int(top), int(bottom), None
    else:
        above, under = int(whole.replace(".", "")), 10 ** len(decimals or "")
        places = len(decimals) if decimals and below is None else None
        under *= int(below) if below is not None else 1
    if not under:
        return None
    value = Fraction(-above if sign else above, under)
    return Plain(Number(value, places), percent is not None)


def same_plain(first: Plain, second: Plain) -> bool | None:
    """Compare two plain numbers.

    A percentage is its value, and a bare number of at least one may be one without its sign.

    Args:
        first: One.
        second: Another.

    Returns:
        Whether they are equal; None where rounded percentages would have to be compared.

    Example:
        >>> same_plain(plain_number("0.5"), plain_number("50%")), same_plain(plain_number("0.5"), plain_number("50"))
        (True, False)
    """
    if first.is_percentage == second.is_percentage:
        return _same(first.number, second.number)
    share, bare = (first.number, second.number) if first.is_percentage else (second.number, first.number)
    if share.value == 100 * bare.value or (share.value == bare.value and abs(bare.value) >= 1):
        return True
    return None if is_long(share) or is_long(bare) else False


def _same(first: Number, second: Number) -> bool:
    if first.value == second.value:
        return True
    if first.places is None:
        first, second = second, first
    if first.places is None:
        return False
    return stands_for(first, second.value) if second.places is None else same_decimals(first, second)

"""Numbers in another base than ten, in the ways in which answers name the base."""

from __future__ import annotations

import re

from rewardium.envs.math.verify.reading.numbers import in_base

_INDEXED = re.compile(
    r"(?:\(|\\(?:text|mathrm)\s*+\{)?\s*+([0-9A-Za-z]{1,400}+)\s*+[)}]?\s*+_\s*+\{?\s*+(?:\\text\s*+\{)?\s*+([0-9]{1,2}|[a-z]{3,8})\s*+\}?\s*+\}?"
)
_SPOKEN = re.compile(
    r"([0-9A-Za-z]{1,400}+)\s++(?:in\s++)?(?:\\text\s*+\{\s*+)?base[\s-]++([0-9]{1,2}|[a-z]{3,8})\s*+\}?"
)


def with_base_as_index(text: str) -> str:
    """Rewrite a number in another base as its value in base ten, where it is written with letters or words.

    Args:
        text: A normalised answer.

    Returns:
        The value in base ten, or the text as it was.

    Example:
        >>> with_base_as_index("(1011)_2"), with_base_as_index("FF_{16}"), with_base_as_index("101 base 2")
        ('11', '255', '5')
        >>> with_base_as_index("x_2"), with_base_as_index("a_{10}")
        ('x_2', 'a_{10}')
    """
    found = _INDEXED.fullmatch(text) or _SPOKEN.fullmatch(text)
    if (
        found is None
        or (len(found[1]) == 1 and found[1].isalpha())
        or (found[1].isalpha() and not found[1].isupper() and len(found[1]) < 2)
    ):
        return text
    value = in_base(found[1], found[2])
    return text if value is None else str(value)

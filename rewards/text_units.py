"""Where the parts of a text begin and end: steps, sentences, clauses."""

from __future__ import annotations

import re
from typing import Literal

from rewardium.envs.errors import RewardiumError

Span = tuple[int, int]
TextUnit = Literal["step", "sentence", "clause", "response"]
TEXT_UNITS: tuple[TextUnit, ...] = ("step", "sentence", "clause", "response")

_SENTENCE = r"(?<=[.!?])\s+|(?<=[.!?][\"')\]])\s+|\n\s*|[。！？]+\s*"
_ENDS = {"sentence": re.compile(_SENTENCE), "clause": re.compile(rf"{_SENTENCE}|(?<=[,;:])\s+|[，；：]+\s*")}


def unit_spans(text: str, unit: TextUnit, separator: str = "\n") -> list[Span]:
    r"""Cut a text into parts without a rest.

    What ends a part belongs to it, blanks behind it too; a part of blanks alone belongs to the one before it, or to
    the one behind it at the beginning of the text.

    Args:
        text: Any text.
        unit: ``"step"``: what ends with the separator; ``"sentence"``: what ends with a full stop, exclamation or
            question mark before a blank, or with a line; ``"clause"``: also what ends with a comma, colon or semicolon
            before a blank; ``"response"``: all of it.
        separator: What ends a step, at least one character.

    Returns:
        Where each part starts and ends, in order; none for the empty text.

    Example:
        >>> text = "First, 1.5 + 2 = 3.5. So it is 3.5!\n"
        >>> [text[start:end] for start, end in unit_spans(text, "sentence")]
        ['First, 1.5 + 2 = 3.5. ', 'So it is 3.5!\n']
        >>> unit_spans(text, "clause")
        [(0, 7), (7, 22), (22, 36)]
        >>> unit_spans("a\n\nb", "step"), unit_spans("", "response")
        ([(0, 3), (3, 4)], [])
    """
    if unit == "response":
        ends = []
    elif unit == "step":
        ends = [match.end() for match in re.finditer(re.escape(separator), text)]
    else:
        ends = [match.end() for match in _ENDS[unit].finditer(text)]
    spans: list[Span] = []
    start = 0
    for end in dict.fromkeys((*ends, len(text))):
        if text[start:end].strip():
            spans.append((start, end))
            start = end
        elif spans:
            spans[-1] = (spans[-1][0], end)
            start = end
    return spans or ([(0, len(text))] if text else [])


def unit_texts(text: str, unit: TextUnit, separator: str = "\n") -> tuple[str, ...]:
    r"""Return the parts of a text; joined, they are the text.

    Args:
        text: Any text.
        unit: What a part is, see ``unit_spans``.
        separator: What ends a step.

    Example:
        >>> unit_texts("1+2=3\n3+3=6", "step")
        ('1+2=3\n', '3+3=6')
    """
    return tuple(text[start:end] for start, end in unit_spans(text, unit, separator))


def require_unit(owner: str, unit: object, separator: object) -> None:
    """Refuse a unit that is none, and a separator that ends nothing.

    Raises:
        RewardiumError: Naming the parameter.
    """
    if unit not in TEXT_UNITS:
        raise RewardiumError(f"{owner}: 'unit' must be one of {', '.join(TEXT_UNITS)}, got {unit!r}")
    if not isinstance(separator, str) or not separator:
        raise RewardiumError(f"{owner}: 'separator' must be a text, got {separator!r}")

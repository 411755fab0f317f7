"""Reading JSON that a policy wrote: strictly, within bounds, and with errors that say what to write instead.

Python's own reader takes more than the standard allows, and tools would meet what they cannot handle: ``NaN``, a key
that stands twice and of which only the last counts, text that no encoding can write. All of this is an error here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from rewardium.envs.errors import RewardiumError

MAX_BYTES = 100_000
"""Bytes of one JSON text in UTF-8, unless the caller allows more."""

MAX_DEPTH = 20
"""Objects and lists inside each other."""

MAX_DIGITS = 1000
"""Digits of an integer."""

# A string that is never closed counts up to the end, so that the text is passed once whatever it holds.
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class UnreadableJsonError(RewardiumError):
    """A text is not JSON; the message says where and why."""


class TooLargeJsonError(RewardiumError):
    """A text is beyond a bound; the message says which."""


def read_json(text: str, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    r"""Read one JSON value.

    Args:
        text: Anything that a policy wrote.
        max_bytes: Bytes of the text in UTF-8 that are read at most.
        max_depth: Objects and lists inside each other at most.

    Returns:
        The value, in Python's plain types. Every float is finite, and every text can be written as UTF-8.

    Raises:
        UnreadableJsonError: When the text is not JSON, holds ``NaN``, ``Infinity`` or a number too large for a float, a
            key twice in one object, or a surrogate without its partner.
        TooLargeJsonError: When it is too long, too deep, or holds an integer with too many digits.

    Example:
        >>> read_json('{"city": "Z\\u00fcrich", "days": 3}')
        {'city': 'Zürich', 'days': 3}
        >>> read_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        rewardium.envs.tools.strict_json.UnreadableJsonError: the key 'a' stands twice in one object
    """
    _check_size(text, max_bytes)
    _check_depth(text, max_depth)
    if text.startswith("\ufeff"):
        raise UnreadableJsonError("the text begins with a byte order mark (BOM), which is no JSON")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableJsonError(_where(error)) from None
    except RecursionError:  # the depth is bounded, but the caller may stand deep already
        raise TooLargeJsonError("the JSON is nested too deeply") from None
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _check_size(text: str, max_bytes: int) -> None:
    if len(text) <= max_bytes:  # first, so that a huge text is not encoded
        if text.isascii():
            return
        try:
            if len(text.encode("utf-8")) <= max_bytes:
                return
        except UnicodeEncodeError:
            raise UnreadableJsonError("the text holds a surrogate, which is no character") from None
    raise TooLargeJsonError(f"the JSON has more than {max_bytes} bytes")


def _check_depth(text: str, max_depth: int) -> None:
    if text.count("[") + text.count("{") <= max_depth:
        return
    depth = 0
    for match in _BRACKETS.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            if depth > max_depth:
                raise TooLargeJsonError(f"the JSON is nested deeper than {max_depth} levels")
        elif token in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise UnreadableJsonError(f"the key {key[:60]!r} stands twice in one object")
            seen.add(key)
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise TooLargeJsonError(f"an integer has more than {MAX_DIGITS} digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UnreadableJsonError(f"the number {text[:40]} is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableJsonError(f"{name} is no JSON")


# One for all texts: json.loads would build a decoder for each.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_refuse_constant
)


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise UnreadableJsonError("a \\u escape stands for half a character: a surrogate without its partner") from None


def _where(error: json.JSONDecodeError) -> str:
    near = error.doc[max(error.pos - 20, 0) : error.pos + 20]
    advice = ""
    if error.msg.startswith("Invalid control character"):
        advice = "; inside a string a line break is written \\n and a tab \\t"
    elif error.msg.startswith("Expecting property name enclosed in double quotes"):
        advice = "; keys stand in double quotes, and no comma stands behind the last value"
    elif error.msg == "Extra data":
        advice = "; there is one value, and nothing behind it"
    return f"{error.msg} at character {error.pos + 1}, near {near!r}{advice}"

r"""What a search for an answer gives, and the tidying of what it found: delimiters, emphasis, punctuation."""

from __future__ import annotations

import re
from typing import NamedTuple

from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH

NOT_THIS = "says only what the answer is not"
EMPTY_BOX = "the box is empty"
NO_ANSWER = "no answer was found"
TOO_LONG = f"the answer has more than {MAX_ANSWER_LENGTH} characters"


class Found(NamedTuple):
    """An answer's text, or why there is none.

    Args:
        text: The text, at most 4000 characters; None where there is none.
        fault: Why there is none, in words; empty where there is a text.
    """

    text: str | None
    fault: str


_SPACINGS = ("\\,", "\\;", "\\:", "\\!", "\\quad", "\\qquad", "\\enspace", "\\hfill")
_POINTED = ("..", r"\right.", r"\left.", "a.m.", "p.m.")
_HEAD = re.compile(r"(?:[\s*`~_]|\\(?:[,;:! ]|q?quad(?![A-Za-z])|enspace(?![A-Za-z]))|[,;:]|\.(?![0-9.]))++")
_DELIMITER = re.compile(r"(\\[\\$]|\\(?:left|right)\\[\[\]()])|\\[()\[\]]|\$")
_SINGLE_BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)*+\\(?!\\)")
_DOUBLED_COMMAND = re.compile(r"\\\\(?:[A-Za-z]{2}|[({\[])")
_QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»"}


def undoubled(text: str) -> str:
    r"""Return text whose backslashes all stand doubled, as in JSON, with single ones, and any other text as it is.

    Example:
        >>> undoubled(r"\\frac{1}{2}"), undoubled(r"\begin{matrix} 1 \\ 2 \end{matrix}")
        ('\\frac{1}{2}', '\\begin{matrix} 1 \\\\ 2 \\end{matrix}')
    """
    if "\\\\" not in text or _DOUBLED_COMMAND.search(text) is None or _SINGLE_BACKSLASH.search(text):
        return text
    return text.replace("\\\\", "\\")


def tidy(text: str) -> str:
    r"""Take away what is around an answer and no part of it.

    That is white space, ``$`` and the like (inside as well), markdown emphasis, quotes, LaTeX spacing, and a full stop,
    comma, semicolon or colon at the end. An exclamation mark is a factorial, dots go on, ``\$`` is money: they stay.

    Args:
        text: An answer's text; one that is much too long for an answer only loses white space.

    Returns:
        The text without them; empty where there was nothing else.

    Example:
        >>> tidy(r" $**5!**\,.$"), tidy("0.333..."), tidy(r"\$5.")
        ('5!', '0.333...', '\\$5')
    """
    text = text.strip()
    if text.isalnum() or len(text) > 2 * MAX_ANSWER_LENGTH:
        return text
    text = undoubled(text)
    if "$" in text or "\\" in text:
        text = _DELIMITER.sub(r"\1", text)
    before = None
    while text != before:
        before = text
        head = _HEAD.match(text)
        text = _without_tail(text[head.end() :] if head else text)
        if len(text) > 2 and _QUOTES.get(text[0]) == text[-1]:
            text = text[1:-1]
    return text


def _without_tail(text: str) -> str:
    while True:
        text = text.rstrip()
        spacing = next((spacing for spacing in _SPACINGS if text.endswith(spacing)), "")
        last = text[-1:] or " "
        is_mark = last in "\\*_`~" and not text.endswith("^*")
        is_point = last in ".,;:。，；" and not text.endswith(_POINTED)
        if spacing:
            text = text.removesuffix(spacing)
        elif is_mark or is_point:
            text = text[:-1]
        else:
            return text


def found(text: str) -> Found | None:
    """Return the tidied text as what was found, None where nothing is left of it.

    Example:
        >>> found(" 5. "), found("**"), found("1" * 5000).fault
        (Found(text='5', fault=''), None, 'the answer has more than 4000 characters')
    """
    text = tidy(text)
    if len(text) > MAX_ANSWER_LENGTH:
        return Found(None, TOO_LONG)
    return Found(text, "") if text else None

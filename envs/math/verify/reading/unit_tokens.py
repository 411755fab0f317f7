"""The words, numbers and signs of a unit, and which of them stand in text."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from rewardium.envs.math.verify.reading.unit_table import words_of

# Words that say how a quantity is meant and not what it is, as in 5 cm tall or 12 dollars each.
_REMARKS = words_of("tall long wide high deep thick old away apart each total altogether left remaining")
_TOTALS = ("in total", "in all", "in length", "in area", "in height", "in width", "in volume")

_TEXT_COMMANDS = words_of(
    r"\text \textrm \textit \textbf \textsf \textnormal \mathrm \mathit \mathbf \mathsf \mbox \operatorname \rm"
)
_SPACES = frozenset({r"\,", r"\;", r"\:", r"\!", r"\ ", "~", r"\quad", r"\qquad", "."})
_SYMBOL_COMMANDS = {r"\$": "$", r"\%": "%", r"\Omega": "Ω", r"\mu": "μ", r"\degree": "°", r"\ell": "ℓ", r"\euro": "€"}

_TOKEN = re.compile(r"\\[A-Za-z]++|\\.|[^\W\d_]++|[0-9]++|''|′′|\S", re.DOTALL)
_SPELLINGS = (
    (re.compile(r"\^\s*+(?:\{\s*+)?\\(?:circ|degree)\b\s*+\}?|\\degree\b|º|˚"), "°"),
    (re.compile(r"\$\s*+(\^\s*+\{?-?[0-9]\}?)\s*+\$"), r"\1"),
    (re.compile(r"(?<=[a-z])\((e?s)\)"), r"\1"),
    (re.compile(r"\bU\.?S\.?A?\.?\s*+(?=\\?\$|dollar)"), ""),
    (re.compile(r"\b([ap])\.\s?m\b"), r"\1m"),
    (re.compile(r"\bper cent\b"), "percent"),
    (re.compile(r"\\mu\s*+\\(?:mathrm|text)\s*+\{"), r"\\mathrm{μ"),
    (re.compile(r"\\mu\s*+(?=[A-Za-z])"), "μ"),
)


class Token(NamedTuple):
    """A word, a number or a sign, and whether it stands in text rather than among the letters of a formula."""

    text: str
    in_text: bool


def tokens_of(text: str, in_text: bool) -> list[Token]:
    """Split a text and note which words stand in text; spaces, needless braces and remarks are left out."""
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    tokens: list[Token] = []
    modes = [in_text]
    next_group = in_text
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        token = match.group()
        if token in _TEXT_COMMANDS:
            next_group = True
            modes[-1] = modes[-1] or token == "\\rm"
            continue
        if token == "{":
            modes.append(next_group or modes[-1])
        elif token == "}" and len(modes) > 1:
            modes.pop()
        next_group = False
        if token not in _SPACES:
            tokens.append(Token(_SYMBOL_COMMANDS.get(token, token), modes[-1]))
            _drop_braces(tokens)
    return _without_remarks(tokens)


def _drop_braces(tokens: list[Token]) -> None:
    """Take the braces off a group that has just been closed, where it holds one token or none."""
    if tokens[-1].text == "}":
        for size in (2, 3):
            if len(tokens) >= size and tokens[-size].text == "{":
                tokens[-size:] = tokens[1 - size : -1]
                return


def _without_remarks(tokens: list[Token]) -> list[Token]:
    """Leave out how a quantity is meant, as in ``cm tall``, ``cups of flour`` or ``apples in total``."""
    words = [token.text.casefold() for token in tokens]
    end = len(tokens)
    if "of" in words[1:] and all(token.in_text and token.text.isalpha() for token in tokens[words.index("of", 1) :]):
        end = words.index("of", 1)
    while end > 1:
        if words[end - 1] in _REMARKS and words[end - 2] != "in":
            end -= 1
        elif end > 2 and " ".join(words[end - 2 : end]) in _TOTALS:
            end -= 2
        else:
            break
    return tokens[:end]

r"""Answers in boxes: the last ``\boxed{...}`` that says something, and the boxes that stand beside it.

Boxes are walked from the last one backwards, and none is followed beyond the next one, so that the time is linear in
the text, and short where the answer stands at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rewardium.envs.math.verify.extraction.found import EMPTY_BOX, NOT_THIS, Found, found, undoubled
from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH

MAX_BOXES = 10_000
"""Boxes of a text that are looked at; of more, the last so many."""

MAX_GAP = 120
"""Characters between two boxes that are one answer."""


class Box(NamedTuple):
    """A balanced box.

    Args:
        start: Where its backslash stands.
        end: Behind its last brace.
        content: What it holds.
    """

    start: int
    end: int
    content: str


class _Opening(NamedTuple):
    start: int
    inside: int  # where the content begins
    braced: bool


_NAMES = ("\\boxed", "\\fbox")
_BEGIN = re.compile(
    r"\\(?:boxed|fbox)(?![A-Za-z])\s*+"
    r"(?:(?P<brace>\{)|(?=(?P<bare>[-+−]?[0-9][^\s$}\\]*+|\\[dt]?frac\{[^{}\n]*+\}\{[^{}\n]*+\}|[A-Z](?![A-Za-z]))))"
)
_BRACE = re.compile(r"\\[\\{}]|[{}]")
_LINE_END = re.compile(r"\n|(?<!\\)\$|\\[\])]")
_DOLLAR = re.compile(r"(\\[\\$])|\$")
_BEFORE = re.compile(
    r"(?:\bnot|n['’]t|\brather\s+than|\binstead\s+of)(?:\s+equal(?:\s+to)?)?\s*(?:\$+|\\[(\[])?\s*$", re.I
)
_NOT_BEFORE = 40
_DENYING = ("not", "n't", "n’t", "than", "instead")
_LONE = re.compile(
    r"\\boxed\{([-+]?[0-9]{1,99}+(?:[.,/][0-9]{1,99}+){0,9}+|-?\\[dt]?frac\{[0-9]{1,99}+\}\{[0-9]{1,99}+\})\}"
    r"(?:\$|\\[)\]])?\.?\s*+$"
)
_AFTER = re.compile(
    r"(?P<attached>_(?:[0-9]{1,2}(?![0-9])|\{[0-9]{1,2}\})|\^\{?\\circ\}?|°)"
    r"|(?:\$++|\\[)\]])?[ ~]?(?:\\?%|(?:percent|per\scent|pct)\b|\\(?:text|mathrm)\{\s?(?:percent|pct)\s?\})",
    re.I,
)
_PLACEHOLDER = re.compile(
    r"[\s?.…_,;:'\"*!{}-]*+"
    r"|(?:(?:your|the|final|my|insert|correct)[\s_]*+){0,3}(?:answer|result|solution|value|expression)(?:[\s_]here)?",
    re.I,
)
_PLACEHOLDER_SIGNS = re.compile(r"\\(?:l?dots|cdots|square|quad|qquad|text|mathrm|textbf|mathbf|_|[,;:! ])(?![A-Za-z])")
_GAP = re.compile(
    r"(?:\s++[A-Za-z]{1,20}(?=\s++(?:and|or)\b))?+"  # a plain word, as in "1 papers and"
    r"(?P<joint>(?:\n\s*+[-•]\s|[\s,;$~&*]|\+{2,}+|\b(?:and|or)\b"
    r"|\\[()\[\],;:! \\]|\\q?quad(?![A-Za-z])|\\(?:land|lor|wedge|vee)(?![A-Za-z])"
    r"|\\(?:text|textbf|textrm|mathrm|mbox)\s*+\{(?:[^{}\\]{0,60}\b(?:and|or)\s*+|[\s,;]*+)\})*+)"
    r"(?:(?P<part>\(?(?:[a-h]|i{1,3}|iv|v)\)[:.]?)[\s$]*+|\\\(\s*+)?+"
    r"(?P<label>\\?[A-Za-z][\w{}'()]{0,20}\s*+(?:=|\\in|\\approx|:)\s*+)?+"  # as in "y_2 ="
)
_SEPARATOR = re.compile(r"[,;&+\n]|and|or|\\q?quad|\\(?:land|wedge|vee)")
_TURN = re.compile(r"\b(?:no|not|wait|but|actually|maybe|perhaps|instead|so|thus|hence|therefore|then|hmm)\b", re.I)


def boxed_answer(text: str) -> Found | None:
    r"""Return the answer that stands in the last boxes of a text.

    Of nested boxes the inner one counts. Boxes beside each other, with no more than connecting words between them, are
    one answer. A box that holds nothing, or only a word such as "answer", is passed over, and so is one that follows
    the word "not". Where no box is closed, an open one holds everything up to the end of its line.

    Args:
        text: What the policy wrote.

    Returns:
        The contents, joined by commas; a fault where the only boxes are empty ones or denied; None without any box.

    Example:
        >>> boxed_answer(r"$x = \boxed{1}$ and $y = \boxed{\frac{1}{2}}$").text
        '1, \\frac{1}{2}'
        >>> boxed_answer(r"\boxed{5}. Wait, \boxed{6}").text, boxed_answer(r"\boxed{?}").fault
        ('6', 'the box is empty')
    """
    last: _Opening | None = None
    rest: Found | None = None
    fault = ""
    group: list[Box] = []
    limit = len(text)
    for opening in _openings_backwards(text):
        box = _closed(text, opening, limit)
        if last is None and box is None:
            rest = _unclosed(text, opening)
        last, limit = opening, opening.start
        if box is None or (not group and _is_placeholder(box.content)):
            fault = fault if box is None else fault or EMPTY_BOX
        elif group:
            if not _beside(text, box, group[-1]) or group[0].end - box.start > MAX_ANSWER_LENGTH:
                break
            group.append(box)
        elif _is_denied(text, box):
            fault = NOT_THIS
        else:
            group.append(box)
    if group:
        return _joined(text, group[::-1])
    return None if last is None else rest or Found(None, fault or EMPTY_BOX)


def lone_boxed_number(text: str) -> str | None:
    r"""Return the number in the only box of a text, where the text ends with it; None in any other case.

    Nearly every answer is of this kind, and is found so in a small part of the time.

    Example:
        >>> lone_boxed_number(r"The sum is $\boxed{42}$."), lone_boxed_number(r"\boxed{42} cm")
        ('42', None)
    """
    start = text.find("\\boxed")
    match = _LONE.match(text, start) if start >= 0 else None
    if match is None or "\\fbox" in text:
        return None
    before = text[max(0, start - _NOT_BEFORE) : start]
    if before.endswith("\\") or any(word in before for word in _DENYING):
        return None
    return match[1]


def _openings_backwards(text: str) -> Iterator[_Opening]:
    """Yield the beginnings of boxes, the last one first."""
    places = [text.rfind(name) for name in _NAMES]
    for _ in range(MAX_BOXES):
        start = max(places)
        if start < 0:
            return
        match = _BEGIN.match(text, start)
        if match is not None and (match["brace"] or match["bare"]):
            yield _Opening(start - _is_doubled(text, start), match.end(), bool(match["brace"]))
        at = places.index(start)
        places[at] = text.rfind(_NAMES[at], 0, start)


def _is_doubled(text: str, start: int) -> bool:
    r"""Whether a backslash is the second one of ``\\boxed``; that of ``\\\boxed``, behind a line's end, is not."""
    before = text[max(0, start - 8) : start]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _closed(text: str, opening: _Opening, limit: int) -> Box | None:
    """Return the box of an opening, if it is closed before ``limit``."""
    start, inside, braced = opening
    if not braced:
        match = _BEGIN.match(text, start)
        bare = match["bare"] if match else ""
        return Box(start, inside + len(bare), bare)
    depth = 1
    for token in _BRACE.finditer(text, inside, limit):
        brace = token[0]
        depth += (brace == "{") - (brace == "}")
        if not depth:
            return Box(start, token.end(), text[inside : token.start()])
    return None


def _is_placeholder(content: str) -> bool:
    if len(content) > 60:
        return False
    return _PLACEHOLDER.fullmatch(_PLACEHOLDER_SIGNS.sub(" ", content).strip(" {}$")) is not None


def _is_denied(text: str, box: Box) -> bool:
    return _BEFORE.search(text, max(0, box.start - _NOT_BEFORE), box.start) is not None


def _after(text: str, box: Box) -> tuple[str, int]:
    """Return what belongs to a box though it stands behind it, and where that ends: per cent, a degree, a base."""
    match = _AFTER.match(text, box.end)
    if match is None:
        return "", box.end
    if match["attached"]:
        return match["attached"], match.end()
    return "" if "%" in box.content or "percent" in box.content else r"\%", match.end()


def _beside(text: str, box: Box, following: Box) -> bool:
    """Whether nothing stands between two boxes but what connects them."""
    end = _after(text, box)[1]
    if following.start - end > MAX_GAP:
        return False
    match = _GAP.fullmatch(text, end, following.start)
    if match is None or _TURN.search(text, end, following.start):
        return False
    # A label needs something before it that separates: "\boxed{a} x = \boxed{b}" is a calculation.
    return not match["label"] or match["part"] is not None or _SEPARATOR.search(match["joint"]) is not None


def _joined(text: str, group: list[Box]) -> Found:
    contents = [_DOLLAR.sub(r"\1", undoubled(box.content)).strip() + _after(text, box)[0] for box in group]
    if len(set(contents)) == 1:
        contents = contents[:1]
    return found(", ".join(contents)) or Found(None, EMPTY_BOX)


def _unclosed(text: str, opening: _Opening) -> Found | None:
    end = _LINE_END.search(text, opening.inside)
    content = text[opening.inside : end.start() if end else len(text)]
    return None if _is_placeholder(content) else found(content)

r"""Formulas in plain text: the numbers and expressions of a sentence that stand in no ``$...$``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rewardium.envs.math.verify.extraction.spans import MARK, Sketch
from rewardium.envs.math.verify.reading.units import read_unit

_TOKEN = re.compile(
    r"(?P<word>[0-9]++(?:st|nd|rd|th)(?![A-Za-z0-9])"  # an ordinal is no number, nor is "3-digit"
    r"|[0-9]++(?:[.,][0-9]++)*+-[A-Za-z]{2,}+"
    r"|\\(?:text[a-z]*+|mathrm|mbox)\s*+\{[^{}]*+\})"
    r"|(?P<number>(?:[0-9]++(?:[.,][0-9]++)*+(?:\.{3}|\.(?=\\(?:overline|dot|bar)(?![a-z])))?+|\.[0-9]++)(?:[eE][+-]?[0-9]++(?![A-Za-z0-9]))?+)"
    r"|(?P<percent>\\?%|°[CF]?(?![A-Za-z])|[€£¥₹¢])"
    r"|(?P<gap>(?:\\[,;:! ]|[ \t\u00a0\u2009~])++)"
    r"|(?P<command>\\[A-Za-z]++)"
    r"|(?P<name>[^\W\d_]\w*+'*+)"
    r"|(?P<open>\\\{|[(\[{])|(?P<close>\\\}|[)\]}])"
    r"|(?P<comma>,)"
    r"|(?P<operator>[-+*/^=<>≤≥≠≈±∓×÷·⋅!|_:−∪∩∈√²³π∞∅])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_FUNCTION = re.compile(
    r"(?:sqrt|cbrt|sin|cos|tan|cot|sec|csc|sinh|cosh|tanh|arcsin|arccos|arctan|log|ln|exp|pi|inf|infinity|max|min|gcd|lcm|"
    r"mod|abs|floor|ceil)$"
)
_VALUES = frozenset("π∞∅√") | {"pi", "inf", "infinity", r"\pi", r"\infty", r"\emptyset", r"\varnothing"}
_SYMBOL = re.compile(r"(?![aAI]$)[^\W\d_][0-9]?'*+$|[^\W\d_]_\w{1,9}$")
_SHORT_NAME = re.compile(r"[a-z]{2,3}$")
_TOUCHES_AFTER = re.compile(r"[*/^(_+]| ?[=<>≤≥≠≈∈]")
_TOUCHES_BEFORE = re.compile(r"[0-9*/^+]$")
_ARGUMENT = re.compile(r"[^\W\d_]\($")
_NO_BEGINNING = frozenset("*/^=<>≤≥≠≈×÷·⋅!:_∪∩∈²³")
_NO_END = frozenset("-+*/^=<>≤≥≠≈±∓×÷·⋅:_∪∩∈√−")
_NO_UNIT = re.compile(r"(?:in|a|as|at|am|pm|an|and|or|is|to|by|we|so|do|per|the|on|of|be)$")
_UNIT = re.compile(r"[ \u00a0\u2009~]?(?P<unit>(?:(?:square|cubic)\s)?[^\W\d_][^\s,;:!?()$.]{0,20})(?!\s?[-+*/^=<>])")
_POINT = re.compile(r"\.[A-Za-z]")  # as in "5 p.m."
_NO_FORMULA = re.compile(r"[#@\"“”]|\(\s?(?:or|and)\b")
_LATEX = re.compile(r"\\(?:text[a-z]*+|mathrm|mbox|operatorname|begin|end)\s*+\*?\{[^{}]*+\}|\\[A-Za-z]++")
_WORD = re.compile(
    r"(?<![A-Za-z])(?!(?:sin|cos|tan|cot|sec|csc|sinh|cosh|tanh|arcsin|arccos|arctan|sqrt|cbrt|log|exp|inf|infinity|max|min|"
    r"gcd|lcm|mod|and)(?![A-Za-z]))(?:[^\W\d_]{3}|(?:is|to|in|it|of|we|so|by|at|as|be|do|if|no|my)(?![A-Za-z]))",
    re.IGNORECASE,
)
_MONEY = re.compile(r" ?\\?\$")


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def mark_formulas(sketch: Sketch) -> Sketch:
    r"""Replace the formulas in a sentence's plain text by marks as well.

    A formula has a digit, a constant such as ``\pi``, or an operation on letters. A number that is glued to a word, as
    in "3rd", "3-digit" or "AZYUK2A", is none. A unit, per cent or a currency sign behind a number belongs to it.

    Args:
        sketch: One sentence.

    Returns:
        The sketch with more pieces.

    Example:
        >>> mark_formulas(Sketch("on the 2nd of 30 days x = 1/2 falls to 5 cm, or 3 apples", ())).pieces
        ('30 days', 'x = 1/2', '5 cm', '3')
    """
    pieces = iter(sketch.pieces)
    plain: list[str] = []
    found: list[str] = []
    at = 0
    for start, end in _formulas(sketch.text):
        if start < at:
            continue  # it is the unit of the formula before
        before = sketch.text[at:start]
        found.extend(next(pieces) for _ in range(before.count(MARK)))
        plain += before, MARK
        found.append(sketch.text[start:end])
        at = end
    plain.append(sketch.text[at:])
    return Sketch("".join(plain), (*found, *pieces))


def is_formula(text: str) -> bool:
    r"""Say whether a text is a formula as a whole: there are no words in it but in ``\text{}``, and "and" or "or".

    Example:
        >>> is_formula(r"3\sin x - 4 \text{ or } x = 9"), is_formula("300 mm^2"), is_formula("5 apples")
        (True, True, False)
    """
    says_something = any(map(str.isalnum, text)) or r"\{" in text or "∅" in text
    is_odd = _NO_FORMULA.search(text) is not None or text.count("{") != text.count("}")
    return says_something and not is_odd and _WORD.search(_LATEX.sub(" ", text)) is None


def _formulas(text: str) -> Iterator[tuple[int, int]]:
    """Yield where formulas begin and end."""
    for run in _runs(text):
        run = _trimmed(run)
        if run and _is_formula(run) and not _is_program(run, text):
            yield run[0].start, _end_of_unit(text, run[-1].end)


def _is_program(run: list[_Token], text: str) -> bool:
    """Say whether a bracket belongs to a word before it, as in ``exit(2)``."""
    return (
        run[0].kind == "open" and re.search(r"[^\W\d_]{2}$", text[max(0, run[0].start - 2) : run[0].start]) is not None
    )


def _runs(text: str) -> Iterator[list[_Token]]:
    """Yield the longest stretches of tokens that may be one formula."""
    run: list[_Token] = []
    depth = 0  # brackets that are open
    calls = 0  # brackets that are open behind a word, as in "print(2)"
    for match in _TOKEN.finditer(text):
        token = _Token(match.lastgroup or "", match[0], match.start(), match.end())
        if token.kind == "open" and (calls or (not run and text[token.start - 1 : token.start].isalnum())):
            calls += 1
        elif token.kind == "close" and calls:
            calls -= 1
            continue
        if calls:
            continue
        is_part = token.kind not in ("word", "other") and (token.kind != "name" or _is_symbol(token, text))
        if not (is_part and run and _goes_on(run, token, depth, text)):
            yield run
            run, depth = [], 0
        if is_part:
            run.append(token)
            depth += (token.kind == "open") - (token.kind == "close")
    yield run


def _goes_on(run: list[_Token], token: _Token, depth: int, text: str) -> bool:
    """Whether a token belongs to the formula before it."""
    if token.kind == "comma":
        return depth > 0
    last, spaced = run[-1], run[-1].kind == "gap"
    if not spaced or token.kind == "gap":
        return True
    last = run[-2] if len(run) > 1 else last
    if "operator" in (last.kind, token.kind) or last.kind in ("open", "comma") or token.kind == "close":
        return True
    if last.kind == "number" and token.kind == "number" and not depth:
        return len(token.text) == 3 or text.startswith("/", token.end)  # 1 000 and 1 1/2
    if token.kind == "number" and last.text == "x" and not depth:
        return len(run) > 3 and run[-4].kind == "number"  # 1.2 x 10^5
    if token.kind == "name" and len(token.text) == 1 and token.text.islower():
        return last.kind in ("number", "name", "command", "close") and not _POINT.match(text, token.end)
    return depth > 0 or token.kind in ("percent", "command") or last.kind == "command"


def _is_symbol(token: _Token, text: str) -> bool:
    """Whether a name is a variable, a function or a product of variables, and no word."""
    name = token.text
    if _FUNCTION.match(name) or _SYMBOL.match(name):
        return True
    before = text[max(0, token.start - 2) : token.start]
    if len(name) == 1 and _ARGUMENT.match(before):
        return True
    touches = _TOUCHES_AFTER.match(text, token.end) or _TOUCHES_BEFORE.match(before[-1:])
    return touches is not None and (
        len(name) == 1 or (_SHORT_NAME.match(name) is not None and not _NO_UNIT.match(name))
    )


def _trimmed(run: list[_Token]) -> list[_Token]:
    """Take away what a formula does not begin or end with, such as brackets that nothing closes or opens."""
    lonely = _lonely_brackets(run)
    first, last = 0, len(run)
    while first < last and (
        run[first].kind in ("gap", "comma", "percent") or first in lonely or _is_sign(run[first], _NO_BEGINNING)
    ):
        first += 1
    while first < last and (
        run[last - 1].kind in ("gap", "comma") or last - 1 in lonely or _is_sign(run[last - 1], _NO_END)
    ):
        last -= 1
    return run[first:last]


def _is_sign(token: _Token, signs: frozenset[str]) -> bool:
    return token.kind == "operator" and token.text in signs


def _lonely_brackets(run: list[_Token]) -> set[int]:
    opened: list[int] = []
    lonely: set[int] = set()
    for at, token in enumerate(run):
        if token.kind == "open":
            opened.append(at)
        elif token.kind == "close" and opened:
            opened.pop()
        elif token.kind == "close":
            lonely.add(at)
    return lonely.union(opened)


def _is_formula(run: list[_Token]) -> bool:
    if any(token.kind == "number" or token.text in _VALUES for token in run):
        return True
    names = sum(token.kind in ("name", "command") for token in run)
    return names > 1 and any(token.kind == "operator" and token.text not in "!|:_-/" for token in run)


def _end_of_unit(text: str, end: int) -> int:
    """Return where the unit or the currency sign behind a formula ends, or the formula where there is none."""
    if not (text[end - 1].isalnum() or text[end - 1] == "}"):
        return end
    money = _MONEY.match(text, end)
    if money is not None:
        return money.end()
    match = _UNIT.match(text, end)
    if match is None or _NO_UNIT.match(match["unit"]):
        return end
    unit = read_unit(match["unit"], in_text=True)
    is_label = unit is None or "label:" in unit.name or any("label:" in name for name, _ in unit.dimensions)
    return end if is_label else match.end()

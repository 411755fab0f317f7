r"""Where the parts of a structure stand among an answer's tokens: brackets, bounds, bodies, differentials, cells."""

from __future__ import annotations

import re

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.lexer import Token, tokenise
from rewardium.envs.math.verify.reading.notation import GREEK

MAX_DERIVATIVE = 8
"""Largest order of a derivative."""

NAME = "aleph"  # a letter that answers do not use

OPENING = frozenset(["{", "(", "[", r"\{", "lvert", "lfloor", "lceil", "langle"])
_CLOSING = frozenset(["}", ")", "]", r"\}", "rvert", "rfloor", "rceil", "rangle"])
BARS = frozenset(["overline", "bar"])
_RELATIONS = frozenset(["=", "<", ">", "leq", "geq", "neq", "approx", "sim", "in", "equiv", "to"])
_BREAKS = _RELATIONS | {
    ",", ";", ":", "&", r"\\", "and", "or", "cup", "cap", "setminus", "mid", "pm", "mp", "Rightarrow", "implies", "iff",
}  # fmt: skip
_OPERATORS = frozenset(["cdot", "times", "*", "/", "^", "_", "+", "-"])
_FUNCTION_WORDS = frozenset(
    ["tr", "Tr", "trace", "rank", "rk", "adj", "sgn", "sign", "erf", "erfc", "li", "Si", "Ci", "Ei", "W", "cis"]
)

_DIGIT_BOUND = re.compile(
    r"(\\(?:int|sum|prod)\s*+(?:_\s*+(?:\{[^{}]*+\}|\\[A-Za-z]++|[A-Za-z0-9])\s*+)?\^\s*+[0-9])(?=[0-9])"
)
_LETTER_RUN = re.compile(r"\\[A-Za-z]++(?:\s*+\{[A-Za-z ]*+\})?|[A-Za-z]{2,}+")
_PLAIN_FUNCTIONS = frozenset(["sin", "cos", "tan", "ln", "log", "exp", "sqrt", "pi", "arctan", "arcsin", "arccos"])
_ROW_SPACE = re.compile(r"\s*+\[\s*+-?[0-9.]++\s*+(?:pt|em|ex|mm|cm)\s*+\]")
_CASE_WORD = re.compile(r"\\(?:text[a-z]*+|mathrm|mbox)\s*+\{\s*+(?:if|for|when|otherwise|else)\b")
_END_OF_ARRAY = re.compile(r"\\end\s*+\{array\}")
_MULTIPLE_INTEGRAL = re.compile(r"\\i(i{1,2})nt(?![A-Za-z])")
_SPACE_BESIDE_SIGNS = re.compile(r"(?<![A-Za-z])\s++|\s++(?![A-Za-z])")
_OPEN_ARRAY = re.compile(r"\\\{\s*+\\begin\s*+\{array\}\s*+(?:\{[lcr| ]*+\})?")
_DIFFERENTIAL = r"(?:d|\\partial|\\mathrm\{d\})"
_DERIVATIVE_TOP = re.compile(rf"{_DIFFERENTIAL}(?:\^\{{?([0-9])\}}?)?(.*)", re.DOTALL)
_DERIVATIVE_BELOW = re.compile(rf"{_DIFFERENTIAL}([A-Za-z]|\\[a-z]+)(?:\^\{{?([0-9])\}}?)?")


def prepared(text: str) -> str:
    """Write what the token rules would join: a digit that is a bound, and letters beside a differential."""
    text = _DIGIT_BOUND.sub(r"\1 ", text).replace(r"\top", "T").replace(r"\intercal", "T")
    if r"\begin" in text and r"\}" not in text:
        text, count = _OPEN_ARRAY.subn(lambda match: r"\begin{cases}", text)
        text = _END_OF_ARRAY.sub(lambda match: r"\end{cases}", text) if count else text
    text = _MULTIPLE_INTEGRAL.sub(lambda match: r"\int " * (1 + len(match[1])), text)
    if r"\int" not in text:
        return text
    return _LETTER_RUN.sub(lambda match: match[0] if _is_name(match[0]) else " ".join(match[0]), text)


def _is_name(run: str) -> bool:
    return run.startswith("\\") or run in _PLAIN_FUNCTIONS


def begins_structure(tokens: list[Token], at: int) -> bool:
    """Say whether a structure begins at a token: what the parser does not know."""
    token = tokens[at]
    if token.kind == "command" and token.text in ("sum", "prod", "int", "lim", "begin", "det"):
        return True
    if token.text == "frac":
        inner = at + 2
        return tokens[min(inner, len(tokens) - 1)].text in ("d", "partial") and _derivative_order(tokens, at)
    follows = tokens[min(at + 1, len(tokens) - 1)].text
    if token.text in BARS:
        # Digits are a period as in 0.\overline{3}, letters a segment or a name.
        return follows == "{" and any(item.text in ("+", "-", "frac") for item in tokens[at : closing(tokens, at + 1)])
    if token.text in ("Gamma", "zeta"):
        return follows == "("
    return token.kind == "words" and token.text in _FUNCTION_WORDS and (follows in OPENING or follows == NAME)


def _derivative_order(tokens: list[Token], at: int) -> bool:
    """Say whether a fraction is a sign of derivation: d or d^n above, dx or dx^n below."""
    try:
        top = closing(tokens, at + 1)
        closing(tokens, top + 1)
    except UnreadableError:
        return False
    below = tokens[min(top + 2, len(tokens) - 1)]
    return tokens[top + 1].text == "{" and below.text in ("d", "partial") and _is_variable(tokens[top + 3])


def derivative_parts(text: str, tokens: list[Token], at: int) -> tuple[int, str, list[tuple[str, str]]]:
    """Return the order, what stands above behind the d, and the variables with how often each is meant."""
    top = closing(tokens, at + 1)
    bottom = closing(tokens, top + 1)
    above = _SPACE_BESIDE_SIGNS.sub("", text[tokens[at + 1].end : tokens[top].start])
    below = "".join(text[tokens[top + 1].end : tokens[bottom].start].split())
    match = _DERIVATIVE_TOP.fullmatch(above)
    variables = _DERIVATIVE_BELOW.findall(below)
    if match is None or not variables or _DERIVATIVE_BELOW.sub("", below):
        raise UnreadableError("a derivative of this kind")
    order = int(match[1] or 1)
    if order != sum(int(times or 1) for _, times in variables) or order > MAX_DERIVATIVE:
        raise UnreadableError("a derivative of this order")
    return order, match[2], variables


def group_end(tokens: list[Token], start: int) -> int:
    """Return where the brackets around a token are closed, or the end."""
    depth = 0
    for place in range(start, len(tokens)):
        if tokens[place].kind in ("sign", "command"):
            depth += (tokens[place].text in OPENING) - (tokens[place].text in _CLOSING)
        if depth < 0:
            return place
    return len(tokens) - 1


def closing(tokens: list[Token], at: int) -> int:
    """Return where the bracket that opens at a token is closed."""
    depth = 0
    for place in range(at, len(tokens)):
        token = tokens[place]
        if token.kind in ("sign", "command"):
            depth += (token.text in OPENING) - (token.text in _CLOSING)
        if depth <= 0:
            return _checked(tokens, place, at)
    raise UnreadableError("a bracket that is not closed")


def _checked(tokens: list[Token], place: int, at: int) -> int:
    if place == at:
        raise UnreadableError("a bracket is missing")
    return place


def find_sign(tokens: list[Token], texts: frozenset[str], start: int, end: int) -> int | None:
    """Return the first of some signs outside of brackets."""
    depth = 0
    for place in range(start, end):
        token = tokens[place]
        if token.kind in ("sign", "command"):
            if depth == 0 and token.text in texts:
                return place
            depth += (token.text in OPENING) - (token.text in _CLOSING)
    return None


def level_of(tokens: list[Token], start: int, at: int) -> int:
    """Return how many brackets are open at a token."""
    signs = [token.text for token in tokens[start:at] if token.kind in ("sign", "command")]
    return sum((sign in OPENING) - (sign in _CLOSING) for sign in signs)


def bounds_of(text: str, tokens: list[Token], at: int) -> tuple[str | None, str | None, int]:
    """Return the texts below and above a sum or an integral, and the token behind them."""
    found: dict[str, str] = {}
    while tokens[at].text in ("_", "^") and tokens[at].text not in found:
        sign, at = tokens[at].text, at + 1
        if tokens[at].text == "{":
            end = closing(tokens, at)
            found[sign] = text[tokens[at].end : tokens[end].start]
        else:
            end = at + 1 if tokens[at].text in ("-", "+") else at
            if tokens[end].text == NAME:
                end = closing(tokens, end + 2)
            found[sign] = text[tokens[at].start : tokens[end].end]
        at = end + 1
    return found.get("_"), found.get("^"), at


def body_end(tokens: list[Token], start: int, stops_at_differential: bool) -> int:
    """Return the token before which the operand of a sum, a limit or a derivative ends: a sign, or a relation."""
    depth, bars = 0, 0
    for place in range(start, len(tokens)):
        token = tokens[place]
        if token.kind == "end" or (not depth and token.kind == "words" and token.text not in _FUNCTION_WORDS):
            return place
        if token.kind not in ("sign", "command"):
            if stops_at_differential and not depth and place > start and is_differential(tokens, place):
                return place
            continue
        if token.text == "|":
            bars = 1 - bars
        if token.text in _CLOSING and not depth:
            return place
        depth += (token.text in OPENING) - (token.text in _CLOSING)
        is_sign = token.text in ("+", "-") and place > start and tokens[place - 1].text not in _OPERATORS
        if not depth and not bars and (is_sign or token.text in _BREAKS):
            return place
    return len(tokens) - 1


def is_differential(tokens: list[Token], at: int) -> bool:
    """Say whether a token is the d of ``dx``."""
    return tokens[at].kind == "letter" and tokens[at].text == "d" and _is_variable(tokens[at + 1])


def _is_variable(token: Token) -> bool:
    return (token.kind == "letter" and token.text != "d") or (token.kind == "command" and token.text in GREEK)


def split_outside(text: str, sign: str) -> list[str]:
    r"""Split at a sign outside of brackets; behind ``\\`` a space such as [2pt] is left out."""
    tokens = tokenise(text)
    pieces, start, depth = [], 0, 0
    for token in tokens:
        if token.kind not in ("sign", "command"):
            continue
        if token.text == sign and not depth:
            pieces.append(text[start : token.start])
            space = _ROW_SPACE.match(text, token.end) if sign == r"\\" else None
            start = space.end() if space else token.end
        depth += (token.text in OPENING) - (token.text in _CLOSING)
    return [*pieces, text[start:]]


def cells_of(row: str) -> list[str]:
    """Split a row at its ``&``."""
    return split_outside(row, "&")


def value_and_condition(row: list[str]) -> tuple[str, str | None]:
    """Split a row of cases: at its ``&``, before a word such as if, or at its last comma."""
    if len(row) == 2:
        return row[0].rstrip(" ,"), row[1]
    text = " ".join(row)
    word = _CASE_WORD.search(text)
    if word:
        return text[: word.start()].rstrip(" ,"), text[word.start() :]
    pieces = split_outside(text, ",")
    if len(pieces) > 1 and any(token.text in _RELATIONS for token in tokenise(pieces[-1])):
        return ",".join(pieces[:-1]), pieces[-1]
    return text, None

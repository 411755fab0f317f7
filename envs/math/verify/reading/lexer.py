"""From an answer's normalised text to tokens: LaTeX and plain notation in one."""

from __future__ import annotations

import re
from typing import NamedTuple

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.notation import ALIASES, FUNCTIONS, ONLY_IN_LATEX, PLAIN_NAMES
from rewardium.envs.math.verify.reading.units import read_unit


class Token(NamedTuple):
    """A piece of an answer.

    Args:
        kind: ``number``, ``letter``, ``command`` (a LaTeX command or a name that is spelled like one), ``words`` (text
            in an answer, or a plain word), ``sign`` (an operator, a bracket, a separator) or ``end``.
        text: For a command its name without the backslash, for words what they say.
        start: Where it begins in the normalised text.
        end: Where it ends.
        spaced: Whether white space stands before it.
    """

    kind: str
    text: str
    start: int
    end: int
    spaced: bool


_TOKEN = re.compile(
    r"""(?P<space>\s++)
    |(?P<number>(?:[0-9]++(?:\.(?![.])[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++(?![0-9]*+[A-Za-z]))?)
    |(?P<words>\\(?:text(?:bf|it|rm|sf|tt|normal|up|sc)?|mbox|hbox|fbox|emph)\s*+\{)
    |(?P<roman>\\(?:mathrm|operatorname\*?+|mathop|mathord)\s*+\{)
    |(?P<command>\\[A-Za-z]++)
    |(?P<escaped>\\.)
    |(?P<letters>[A-Za-z]++)
    |(?P<dots>\.\.\.++)
    |(?P<power>\*\*)
    |(?P<relation><=|>=|!=|<>|==|=<|=>)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)  # fmt: skip
_ESCAPED = {
    "{": r"\{",
    "}": r"\}",
    "%": "%",
    "$": "$",
    "\\": r"\\",
    "|": r"\|",
    "#": "#",
    "&": "and",
    "_": "_",
    "/": "",
}
_RELATIONS = {"<=": "leq", "=<": "leq", ">=": "geq", "=>": "geq", "!=": "neq", "<>": "neq"}


def tokenise(text: str) -> list[Token]:
    r"""Cut a normalised text into tokens; the last one has the kind ``end``.

    Args:
        text: What ``normalise`` gave.

    Returns:
        The tokens in their order.

    Raises:
        UnreadableError: When a text in braces is not closed.

    Example:
        >>> [(t.kind, t.text) for t in tokenise(r"2\sin x")]
        [('number', '2'), ('command', 'sin'), ('letter', 'x'), ('end', '')]
    """
    tokens: list[Token] = []
    position, spaced, latex = 0, False, "\\" in text
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:  # unreachable: the last alternative takes any character
            raise UnreadableError(f"cannot read {text[position : position + 20]!r}")
        start, position = position, match.end()
        kind = match.lastgroup or ""
        if kind == "space":
            spaced = True
            continue
        if kind in ("words", "roman"):
            position, token = _braced(text, start, position, kind, spaced)
            tokens.append(token)
        elif kind == "letters":
            tokens += _letters(match[0], start, spaced, latex, tokens)
        else:
            tokens.append(_simple(kind, match[0], start, position, spaced))
        spaced = False
    tokens.append(Token("end", "", len(text), len(text), spaced))
    return tokens


def _simple(kind: str, text: str, start: int, end: int, spaced: bool) -> Token:
    if kind == "command":
        name = text[1:]
        name = ALIASES.get(name, name)
        return Token("command" if name.isalpha() else "sign", name, start, end, spaced)
    if kind == "escaped":
        text = _ESCAPED.get(text[1], text)
        return Token("command" if text == "and" else "sign", text, start, end, spaced)
    if kind == "dots":
        return Token("command", "dots", start, end, spaced)
    if kind == "relation":
        name = _RELATIONS.get(text, "=")
        return Token("sign" if name == "=" else "command", name, start, end, spaced)
    return Token("number" if kind == "number" else "sign", "^" if kind == "power" else text, start, end, spaced)


def _braced(text: str, start: int, inside: int, kind: str, spaced: bool) -> tuple[int, Token]:
    r"""Read ``\text{...}`` as words and ``\mathrm{...}`` as a function, a letter or words."""
    depth, end = 1, inside
    while end < len(text) and depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    if depth:
        raise UnreadableError("a text in braces is not closed")
    words = " ".join(text[inside : end - 1].split())
    name = ALIASES.get(words, words) if kind == "roman" else words
    if name in FUNCTIONS and not (name == "min" and _after_number(text, start)):
        return end, Token("command", name, start, end, spaced)
    if len(words) == 1 and words.isalpha() and not _after_number(text, start, kind):
        return end, Token("letter", words, start, end, spaced)
    return end, Token("words", words, start, end, spaced)


def _after_number(text: str, start: int, kind: str = "") -> bool:
    before = text[:start].rstrip()[-1:]
    return before.isdigit() or (kind == "words" and before in ("}", ")"))


def _letters(run: str, start: int, spaced: bool, latex: bool, before: list[Token]) -> list[Token]:
    """Read a run of letters: a name, a unit behind a number, a word, or letters that are multiplied."""
    end = start + len(run)
    after_value = bool(before) and (before[-1].kind == "number" or before[-1].text in ("}", ")", "pi"))
    if (run == "min" and after_value) or (run == "to" and spaced and after_value):
        return [Token("words", run, start, end, spaced)]
    name = run if run in ONLY_IN_LATEX else ALIASES.get(run, run)
    if name in PLAIN_NAMES or (name.lower() in ("and", "or", "pi", "sqrt", "infty") and len(name) > 1):
        return [Token("command", name if name in PLAIN_NAMES else name.lower(), start, end, spaced)]
    if len(run) == 1:
        return [Token("words" if _is_unit(run, after_value, spaced, latex) else "letter", run, start, end, spaced)]
    if after_value and (unit := read_unit(run, in_text=spaced)) is not None and not unit.name.startswith("label:"):
        return [Token("words", run, start, end, spaced)]
    for function in ("arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan", "log", "exp", "ln"):
        if run.startswith(function) and len(run) == len(function) + 1:
            middle = start + len(function)
            return [Token("command", function, start, middle, spaced), Token("letter", run[-1], middle, end, False)]
    if len(run) >= 4 and not _is_product(run, latex):
        return [Token("words", run, start, end, spaced)]
    return [Token("letter", letter, start + at, start + at + 1, spaced and not at) for at, letter in enumerate(run)]


def _is_unit(letter: str, after_value: bool, spaced: bool, latex: bool) -> bool:
    """Say whether a letter behind a number is a unit: in plain text, with a space before it, as in ``5 m``."""
    return after_value and spaced and not latex and letter in "msghLNJWVAK"


def _is_product(run: str, latex: bool) -> bool:
    """Say whether a long run of letters is rather the name of a figure, as in ABCD, or a product, than a word."""
    return run.isupper() if len(run) <= 6 else False

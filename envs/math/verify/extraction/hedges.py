r"""Sentences that do not commit themselves: denials, guesses, and alternatives that are no set of solutions.

The patterns look at masked sentences, in which each formula is one sign: "not ▮ but ▮", "▮ or ▮".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from rewardium.envs.math.rational import NotRationalError, parse_rational
from rewardium.envs.math.verify.extraction.found import NOT_THIS, Found, found, tidy
from rewardium.envs.math.verify.extraction.spans import MARK, Sketch

_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|nor|cannot)|n['’]t)\s+(?:(?:be|equals?|equal\s+to|exactly|just|simply|actually|really|"
    r"either|quite|an?|the\s+(?:number|value|answer)|the\s+case\s+that)\s+)*+"
    rf"{MARK}(?:[\s,]*+(?:or|nor|and)\s+(?:not\s+)?{MARK})*+"
    rf"|{MARK}\s+(?:is|are)"
    r"(?:\s+(?:wrong|incorrect|false)|(?:\s+not|n['’]t)\s+(?:the|our|an?|correct|right|it|valid))\b",
    re.IGNORECASE,
)
_GUESSED = re.compile(
    r"\b(?:maybe|perhaps|possibly|(?:might|may|could)\s+(?:also\s+)?be)\b,?\s*"
    rf"(?:(?:it\s+is|it['’]s|about|around|just|the\s+answer\s+is|even|also)\s+)?{MARK}"
    rf"|{MARK}[\s,(]*+(?:maybe|perhaps|possibly)\b"
    rf"|\b(?:somewhere|probably|likely)\s+(?:in\s+)?between\s+{MARK}",
    re.IGNORECASE,
)
_OR = re.compile(
    r"\\(?:text[a-z]*|mathrm|mbox)\s?\{[\s,]*(?:or|Or|OR)[\s,]*\}|\\(?:lor|vee)(?![A-Za-z])"
    r"|(?<![A-Za-z])(?:and/)?(?:or|OR)(?![A-Za-z])"
    r"(?!\s+(?:more|greater|less|fewer|higher|lower|equal|above|below|over|so|older|later|better)\b)"
)
_RELATION = re.compile(r"[=<>≤≥≠∈]|\\(?:leq?|geq?|leqslant|geqslant|neq?|lt|gt|in)(?![A-Za-z])")
_BRACKETED = re.compile(
    r"(?:[A-Za-z,()\s]+=)?\s*(?:\\left\s*)?(?:[(\[{]|\\\{|\\langle).*,.*(?:[)\]}]|\\rangle)", re.DOTALL
)
_DISTRIBUTED = re.compile(r"\\?[A-Za-z(][\w{}(), ']{0,20}(?:=|\\in(?![A-Za-z])|∈)")


def is_question(text: str) -> bool:
    """Say whether a masked sentence asks, as a whole or in brackets.

    Example:
        >>> is_question('Is it 5?"'), is_question("It is 5 (?)."), is_question("5!")
        (True, True, False)
    """
    return text.rstrip(" \t\"'*)").endswith("?") or "(?)" in text


def affirmed(marked: Sketch) -> Sketch | Found | None:
    """Return a sentence without the formulas that it denies.

    Args:
        marked: A sentence with its formulas masked.

    Returns:
        The same sentence where it denies nothing, else one that is shorter; a fault where it guesses, or has no formula
        but denied ones; None where it has no formula at all.

    Example:
        >>> affirmed(Sketch(f"not {MARK} but {MARK}", ("10", "12"))).pieces
        ('12',)
        >>> affirmed(Sketch(f"maybe {MARK}", ("10",))).fault
        'only guesses at 10'
    """
    if MARK not in marked.text:
        return None
    if _GUESSED.search(marked.text) or is_question(marked.text):
        return Found(None, guesses_at(marked.pieces[-2:]))
    rest = marked
    while (denied := _DENIED.search(rest.text)) is not None:
        head, tail = rest.part(0, denied.start()), rest.part(denied.end(), len(rest.text))
        rest = Sketch(f"{head.text},{tail.text}", head.pieces + tail.pieces)
    return rest if MARK in rest.text else Found(None, NOT_THIS)


def has_alternatives(text: str) -> bool:
    r"""Say whether an "or" stands in a text, as a word or in ``\text{}``.

    Example:
        >>> has_alternatives(r"5 \text{ or } 6"), has_alternatives("5 or more"), has_alternatives("for x")
        (True, False, False)
    """
    return ("or" in text or "OR" in text or "vee" in text) and _OR.search(text) is not None


def settle(group: Sketch) -> Found | None:
    r"""Return what formulas that stand together say: one of them, a list, or solutions with "or" between them.

    Args:
        group: Formulas with no more than connecting words between them.

    Returns:
        The formulas, joined by commas or by "or". Alternatives must be solutions, that is equations, inequalities or
        tuples, or one value in several spellings, of which the first is returned; else they are a hedge, a fault.

    Example:
        >>> settle(Sketch(f"{MARK} or {MARK}", ("x = 1", "x = 2"))).text, settle(Sketch(MARK, ("1 or 2",))).fault
        ('x = 1 or x = 2', 'hedges between 1 and 2')
    """
    between = group.text.split(MARK)[1:-1]
    texts = [tidy(piece) for piece in group.pieces]
    if any(map(has_alternatives, [*between, *texts])):
        alternatives = split_alternatives(*texts)
        if not are_solutions(alternatives):
            return found(alternatives[0]) if _are_one(alternatives) else Found(None, hedges_between(alternatives))
    joints = [" or " if has_alternatives(joint) else ", " for joint in between]
    return found("".join(part for pair in zip(texts, [*joints, ""], strict=True) for part in pair))


def split_alternatives(*texts: str) -> list[str]:
    """Return the tidied texts between the "or" of texts, without empty ones.

    Example:
        >>> split_alternatives("Monday or Tuesday", "5")
        ['Monday', 'Tuesday', '5']
    """
    parts = (tidy(item) for text in texts for item in _OR.split(text))
    return [part for part in parts if any(map(str.isalnum, part))]


def are_solutions(texts: Sequence[str]) -> bool:
    r"""Say whether alternatives are a set of solutions: equations, inequalities, tuples; or ``x = 1`` and more values.

    Example:
        >>> are_solutions(["x < 1", "x > 2"]), are_solutions(["(1, 2)", "(2, 1)"]), are_solutions(["x = 1", "2"])
        (True, True, True)
        >>> are_solutions(["1", "2"])
        False
    """
    if all(_RELATION.search(text) or _BRACKETED.fullmatch(text) for text in texts):
        return True
    return _DISTRIBUTED.match(texts[0]) is not None


def _are_one(texts: Sequence[str]) -> bool:
    """Whether alternatives are one text, or one number in several spellings."""
    values: set[str | Fraction] = set()
    for text in texts:
        try:
            values.add(parse_rational(text))
        except NotRationalError:
            values.add(text)
    return len(values) == 1


def hedges_between(texts: Sequence[str]) -> str:
    """Return the fault of a sentence that offers alternatives.

    Example:
        >>> hedges_between(["5", "6", "7"])
        'hedges between 5, 6 and 7'
    """
    shown = [_short(text) for text in texts[:4]]
    return f"hedges between {', '.join(shown[:-1])} and {shown[-1]}"


def guesses_at(texts: Sequence[str]) -> str:
    """Return the fault of a sentence that guesses or asks.

    Example:
        >>> guesses_at(["5"]), guesses_at(["5", "6"])
        ('only guesses at 5', 'hedges between 5 and 6')
    """
    return hedges_between(texts) if len(texts) > 1 else f"only guesses at {_short(texts[0])}"


def _short(text: str) -> str:
    text = " ".join(tidy(text[:200]).split())
    return text if len(text) <= 40 else f"{text[:37]}..."

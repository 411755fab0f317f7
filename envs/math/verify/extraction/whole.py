r"""Texts that are an answer as a whole: what the parser reads from end to end, without words that it would misread."""

from __future__ import annotations

import re

from rewardium.envs.math.verify.extraction.found import Found, tidy
from rewardium.envs.math.verify.limits import TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.notation import FUNCTIONS, GREEK
from rewardium.envs.math.verify.tree import Form, Interval, Relation, Sequence, Symbol, Union, Words

MAX_WHOLE_LENGTH = 200
"""Characters of a text that may be an answer as a whole."""

_COMMANDS = re.compile(
    r"\\(?:begin|end)\s*+\{[a-z]*+\}|\\(?:text[a-z]*+|mathrm|operatorname|mbox)\s*+\{[^{}]*+\}|\\[A-Za-z]++|_\{[^{}]*+\}"
)
_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}+")
_TOUCHING = frozenset("0123456789+-*/^=_<>")
_KNOWN = FUNCTIONS | GREEK | {
    "and", "or", "to", "pi", "sqrt", "inf", "infinity", "base", "in", "mod", "am", "pm", "AM", "PM", "cm", "mm", "km",
    "kg", "mg", "ml", "mL", "ft", "lb", "oz", "mph", "hr", "Hz", "kW", "kN", "kJ", "rad", "deg", "hours", "hour",
    "minutes", "minute", "days", "day",
}  # fmt: skip
_GOES_ON = re.compile(r"\s*+[-+*/^=<>_]\s*+[A-Za-z0-9(\\]")
_LETTER = re.compile(r"[A-Za-z]")
_OR = re.compile(r"(?<![A-Za-z])or(?![A-Za-z])")


def whole_answer(text: str, said: Found) -> Found:
    r"""Take a short text for the answer as a whole, where the parser reads all of it.

    Args:
        text: The text of a completion that has no box.
        said: The answer that was found in it as in a sentence.

    Returns:
        The whole text, a hedge between values, or what was found before.

    Example:
        >>> whole_answer(r"1-2\sin^2 x", Found(r"1-2\sin^2", "")).text
        '1-2\\sin^2 x'
        >>> whole_answer(r"5 \text{ or } 6", Found("5", "")).fault
        'hedges between several values'
    """
    whole = tidy(text)
    if not whole or whole == said.text or len(whole) > MAX_WHOLE_LENGTH or "\n" in whole:
        return said
    if said.text is None and not said.fault.startswith("no answer"):
        return said
    plain = _COMMANDS.sub(" ", whole)
    if said.text and whole.startswith(said.text) and _GOES_ON.match(whole, len(said.text)):
        return Found(whole, "")  # only a part of a formula was found
    if any(_is_prose(word, plain) for word in _WORD.finditer(plain)) or _only_names(whole, said.text):
        return said
    form = _parsed(whole)
    if form is None or isinstance(form, Symbol) or (isinstance(form, Words) and _LETTER.search(plain)):
        return said
    if said.text is not None and _parsed(said.text) == form:
        return said
    if _OR.search(whole) and isinstance(form, Sequence) and form.kind == "list" and not _are_solutions(form):
        return said if _are_equal(form) else Found(None, "hedges between several values")
    return Found(whole, "")


def _is_prose(word: re.Match[str], text: str) -> bool:
    """Say whether letters are a word that nothing joins to a formula: the parser would take them for a product."""
    if word[0] in _KNOWN:
        return False
    return text[word.start() - 1 : word.start()] not in _TOUCHING and text[word.end() : word.end() + 1] not in _TOUCHING


def _only_names(whole: str, said: str | None) -> bool:
    """Say whether what was found is the whole without the name of the value: ``A = 5``."""
    return said is not None and whole.endswith(said) and whole[: -len(said)].rstrip().endswith("=")


def reads_as_a_whole(text: str) -> bool:
    r"""Say whether the parser reads a short text from end to end.

    Example:
        >>> reads_as_a_whole(r"\frac15 x"), reads_as_a_whole("so x is 5")
        (True, False)
    """
    if len(text) > MAX_WHOLE_LENGTH or "boxed" in text or "fbox" in text:
        return False
    plain = _COMMANDS.sub(" ", text)
    if any(_is_prose(word, plain) for word in _WORD.finditer(plain)):
        return False
    form = _parsed(tidy(text))
    return form is not None and not isinstance(form, Words)


def _parsed(text: str) -> Form | None:
    from rewardium.envs.math.verify.reading.parser import parse

    try:
        return parse(text)
    except (UnreadableError, TooLargeError):
        return None


def _are_solutions(form: Sequence) -> bool:
    """Say whether alternatives are those of a solution set: equations, points or intervals."""
    kinds = (Relation, Sequence, Interval, Union)
    return all(isinstance(item, kinds) for item in form.items)


def _are_equal(form: Sequence) -> bool:
    """Say whether alternatives are one value, written in several ways."""
    from rewardium.envs.math.verify.compare import compare

    return all(compare(form.items[0], item).status == "equal" for item in form.items[1:])

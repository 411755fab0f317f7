"""Reading a number out of a model's answer, exactly, and grading it.

Everything here takes text that a policy wrote. Sizes are checked before anything is converted, every pattern is matched
in linear time, and ``check`` never raises on a response, whatever it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from rewardium.envs.errors import RewardiumError

AnswerFrom = Literal["boxed", "last_line"]
"""Where a response keeps its answer: in the last ``\\boxed{}``, or alone on the last line that is not blank."""

MAX_ANSWER_LENGTH = 200
"""Characters of an answer; a longer one is not read."""

MAX_REMEMBERED_LENGTH = 4000
"""Characters of a response whose verdict is remembered; environment and sources then judge it once."""

MAX_EXPONENT = 100
"""Largest absolute exponent of scientific notation."""

INVERSE_EPSILON = 10**6
"""One over the epsilon of the graded reward, which is 1e-6."""

_PLACES = ("boxed", "last_line")
_BRACES = re.compile(r"\\boxed\s*+\{|\\.|[{}]", re.DOTALL)
_PLAIN = re.compile(r"([+-]?[0-9]++)(?:/([1-9][0-9]*+))?")
_SIGNED = r"[+-]?\s*+"
_UNSIGNED = r"(?:[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])|[0-9]++)(?:\.[0-9]*+)?|\.[0-9]++"
_NUMBER = rf"{_SIGNED}(?:{_UNSIGNED})(?:[eE][+-]?[0-9]++)?"
_RATIONAL = re.compile(
    rf"(?P<whole>{_NUMBER})(?:\s*+/\s*+(?P<below>{_NUMBER}))?"
    rf"|(?P<sign>[+-]?)\s*+\\[dt]?frac\s*+\{{\s*+(?P<top>{_NUMBER})\s*+\}}\s*+\{{\s*+(?P<bottom>{_NUMBER})\s*+\}}"
)
_MINUS = str.maketrans({"−": "-", "\u2009": " ", "\u00a0": " "})


class NotRationalError(RewardiumError):
    """A text is no rational number; the message says why in words."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of a response.

    Args:
        answer: The text of the answer, None where the response has none.
        value: The number it stands for, None where it stands for none.
        correct: Whether it equals the reference exactly.
        graded: Closeness to the reference in [0, 1]; 1 exactly where correct, 0 where there is no value.
        reason: Why, in words.
    """

    answer: str | None
    value: Fraction | None
    correct: bool
    graded: float
    reason: str


class Reading(NamedTuple):
    """What a response's answer stands for.

    Args:
        answer: The text of the answer, None where the response has none.
        value: The number it stands for, None where it stands for none.
        fault: Why there is no value, in words; empty where there is one.
    """

    answer: str | None
    value: Fraction | None
    fault: str


def boxed(text: str) -> str | None:
    r"""Return the content of the last balanced ``\boxed{...}``, or None.

    A box that is never closed is passed over, and of two nested boxes the inner one counts. Takes time linear in the
    text, also where a million boxes are opened.

    Args:
        text: A response.

    Returns:
        What stands between the braces, as it is.

    Example:
        >>> boxed(r"so \boxed{12}, no: \boxed{\frac{3}{4}} and \boxed{5")
        '\\frac{3}{4}'
    """
    start = text.rfind("\\boxed")
    if start < 0:
        return None
    end = text.find("}", start)
    if end < 0 or text[start + 6] != "{" or text[start - 1 : start] == "\\":
        return _boxed_by_stack(text)
    content = text[start + 7 : end]
    # Nearly every answer is a plain number: no brace or escape inside, so the first closing brace is the right one.
    return _boxed_by_stack(text) if "{" in content or "\\" in content else content


def _boxed_by_stack(text: str) -> str | None:
    """Find the box in one pass over the braces."""
    stack: list[tuple[bool, int]] = []
    best_start, best_end = -1, -1
    for match in _BRACES.finditer(text):
        token = match.group()
        if token.endswith("{") and token != "\\{":
            stack.append((token != "{", match.end()))
        elif token == "}" and stack:
            is_box, start = stack.pop()
            if is_box and start > best_start:
                best_start, best_end = start, match.start()
    return None if best_start < 0 else text[best_start:best_end]


def last_line(text: str) -> str | None:
    r"""Return the last line that is not blank, without surrounding white space, or None.

    Example:
        >>> last_line("3 + 4 is\n 7 \n\n")
        '7'
    """
    stripped = text.rstrip()
    return stripped[stripped.rfind("\n") + 1 :].strip() or None


def parse_rational(text: str) -> Fraction:
    r"""Read a rational number exactly.

    Understood are integers, decimals, thousands separators (``1,234``), scientific notation up to an exponent of 100,
    fractions as ``3/4``, ``\frac{3}{4}``, ``\dfrac`` or ``\tfrac``, signs before and inside a fraction, and ``$`` or
    white space around it. A percentage is not.

    Args:
        text: At most 200 characters.

    Returns:
        The number.

    Raises:
        NotRationalError: When the text is nothing of the kind, too long, or divides by zero.

    Example:
        >>> parse_rational(r"$-\frac{3}{4}$"), parse_rational("1,234.50")
        (Fraction(-3, 4), Fraction(2469, 2))
        >>> parse_rational("1e999999")  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        NotRationalError: the exponent of '1e999999' is beyond 100
    """
    if len(text) > MAX_ANSWER_LENGTH:
        raise NotRationalError(f"the answer has more than {MAX_ANSWER_LENGTH} characters")
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return Fraction(int(plain[1]), int(plain[2] or 1))
    text = text.translate(_MINUS).strip(" \t\r\n$")
    if not text:
        raise NotRationalError("the answer is empty")
    match = _RATIONAL.fullmatch(text)
    if match is None:
        raise NotRationalError(f"{text!r} is not a rational number")
    if match["top"] is not None:
        value = _quotient(_number(match["top"]), _number(match["bottom"]), text)
        return -value if match["sign"] == "-" else value
    value = _number(match["whole"])
    return value if match["below"] is None else _quotient(value, _number(match["below"]), text)


def _number(text: str) -> Fraction:
    """Convert a number that matched, after a look at its exponent."""
    mantissa, _, exponent = text.replace(",", "").lower().partition("e")
    # The length is looked at first: int() of very many digits is itself an error.
    if exponent and (len(exponent.lstrip("+-0")) > 3 or abs(int(exponent)) > MAX_EXPONENT):
        raise NotRationalError(f"the exponent of {text!r} is beyond {MAX_EXPONENT}")
    whole, _, decimals = "".join(mantissa.split()).partition(".")
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    return value * Fraction(10) ** int(exponent) if exponent else value


def _quotient(top: Fraction, bottom: Fraction, text: str) -> Fraction:
    if not bottom:
        raise NotRationalError(f"{text!r} divides by zero")
    return top / bottom


def graded_reward(answer: Fraction, reference: Fraction) -> float:
    """Reward closeness: half for the absolute error, half for the relative error.

    With answer a, reference b and eps = 1e-6: ``1 - 0.5 min(|a - b|, 1) - 0.5 min(|a - b| / (|b| + eps), 1)``, as
    given in the text of "Reasoning or Memorization? Unreliable Results of Reinforcement Learning Due to Data
    Contamination" (2025). Computed in integers, so that no size of number overflows.

    Args:
        answer: a.
        reference: b.

    Returns:
        A float in [0, 1]; 1 exactly where a = b.

    Example:
        >>> graded_reward(Fraction(4), Fraction(4)), round(graded_reward(Fraction(9, 2), Fraction(5)), 6)
        (1.0, 0.7)
    """
    # Plain integers: a Fraction would search for a common divisor after every operation.
    a_top, a_bottom = answer.numerator, answer.denominator
    b_top, b_bottom = reference.numerator, reference.denominator
    error = abs(a_top * b_bottom - b_top * a_bottom)
    if not error:
        return 1.0
    error_bottom = a_bottom * b_bottom
    size = abs(b_top) * INVERSE_EPSILON + b_bottom  # (|b| + eps) / (b_bottom * INVERSE_EPSILON)
    absolute = 1.0 if error >= error_bottom else error / error_bottom
    relative = 1.0 if error * INVERSE_EPSILON >= a_bottom * size else error * INVERSE_EPSILON / (a_bottom * size)
    return 1.0 - 0.5 * absolute - 0.5 * relative


def check(response: Any, reference: str, where: AnswerFrom = "boxed") -> Verdict:
    r"""Check a response against the reference.

    Args:
        response: What the policy wrote; anything, and of any size. What is no text has no answer.
        reference: The true value, as ``parse_rational`` reads it.
        where: Where the answer stands: ``"boxed"`` or ``"last_line"``.

    Returns:
        The verdict. Verdicts are remembered, so that a second caller pays little for the same response.

    Raises:
        RewardiumError: When the reference is no rational number or ``where`` is unknown, never for a response.

    Example:
        >>> check(r"It is \boxed{0.75}.", "3/4").correct
        True
        >>> check("I do not know", "3/4").reason
        'the response has no \\boxed{} that is closed'
    """
    if not isinstance(reference, str):
        raise RewardiumError(f"a reference must be the text of a rational number such as '3/4', got {reference!r}")
    if type(response) is str and len(response) <= MAX_REMEMBERED_LENGTH and where in _PLACES:
        return _check_remembered(response, reference, where)
    return _check(response, reference, where)


def _check(response: Any, reference: str, where: AnswerFrom) -> Verdict:
    reading = read_answer(response, where)
    if reading.answer is None or reading.value is None:
        parse_reference(reference)
        return Verdict(reading.answer, None, False, 0.0, reading.fault)
    return _judge(reading.answer, reference)


_check_remembered = lru_cache(maxsize=4096)(_check)


@lru_cache(maxsize=8192)
def _judge(answer: str, reference: str) -> Verdict:
    value, truth = parse_rational(answer), parse_reference(reference)
    correct = value == truth
    reason = "the answer equals the reference" if correct else "the answer differs from the reference"
    return Verdict(answer, value, correct, graded_reward(value, truth), reason)


def read_answer(response: Any, where: AnswerFrom = "boxed") -> Reading:
    r"""Find the answer in a response and read it; this is ``check`` without a reference.

    Args:
        response: What the policy wrote; anything, and of any size.
        where: Where the answer stands: ``"boxed"`` or ``"last_line"``.

    Returns:
        The reading. Readings are remembered like verdicts.

    Raises:
        RewardiumError: When ``where`` is unknown, never for a response.

    Example:
        >>> read_answer(r"It is \boxed{3/4}.").value, read_answer(r"\boxed{pi}").fault
        (Fraction(3, 4), "'pi' is not a rational number")
    """
    if where not in _PLACES:
        raise RewardiumError(f"an answer is read from 'boxed' or 'last_line', got {where!r}")
    if type(response) is str and len(response) <= MAX_REMEMBERED_LENGTH:
        return _find_remembered(response, where)
    if not isinstance(response, str):
        return Reading(None, None, f"the response is no text but {type(response).__name__}")
    return _find(response, where)


def _find(response: str, where: AnswerFrom) -> Reading:
    answer = boxed(response) if where == "boxed" else last_line(response)
    if answer is None:
        return Reading(None, None, NO_BOX if where == "boxed" else "the response is empty")
    if len(answer) > MAX_ANSWER_LENGTH:
        # Kept out of the memory of ``_read``, which so stays small whatever a policy writes.
        return Reading(answer[:MAX_ANSWER_LENGTH], None, f"the answer has more than {MAX_ANSWER_LENGTH} characters")
    return _read(answer)


_find_remembered = lru_cache(maxsize=4096)(_find)

NO_BOX = r"the response has no \boxed{} that is closed"


@lru_cache(maxsize=8192)
def _read(answer: str) -> Reading:
    try:
        return Reading(answer, parse_rational(answer), "")
    except NotRationalError as error:
        return Reading(answer, None, str(error))


@lru_cache(maxsize=1024)
def parse_reference(reference: str) -> Fraction:
    """Read a ground truth.

    Args:
        reference: The text of a rational number.

    Returns:
        The number.

    Raises:
        RewardiumError: When the text is no rational number: the task is wrong, not an answer.

    Example:
        >>> parse_reference("3/4")
        Fraction(3, 4)
    """
    if not isinstance(reference, str):
        raise RewardiumError(f"a reference must be the text of a rational number such as '3/4', got {reference!r}")
    try:
        return parse_rational(reference)
    except NotRationalError as error:
        raise RewardiumError(f"a reference must be the text of a rational number such as '3/4': {error}") from None

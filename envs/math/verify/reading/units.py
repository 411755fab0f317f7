r"""Units of measurement behind a number: what they are, exactly, and how they convert.

A unit is read by looking its words and symbols up in one table, with SI prefixes where the unit takes them, and by
combining them in products, quotients and powers. Every factor is an exact fraction. What is no unit but an ordinary
word, as in 5 apples, is a label: a unit of its own dimension.

Units that are not fixed multiples of each other have dimensions of their own: months and years do not convert into
days, nor dollars into euros. A ton is the short ton of 2000 pounds, a tonne has 1000 kg; a gallon is the US gallon.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rewardium.envs.math.verify.reading.unit_table import (
    is_unmistakable,
    look_up,
    singular,
    sorted_dimensions,
    units_by_symbol,
    units_by_word,
    words_of,
)
from rewardium.envs.math.verify.reading.unit_tokens import Token, tokens_of
from rewardium.envs.math.verify.tree import Unit

MAX_UNIT_LENGTH = 120
"""Characters of a unit, LaTeX commands included; a longer text is no unit."""

MAX_UNIT_LETTERS = 40
"""Letters of a unit, without LaTeX commands."""

MAX_EXPONENT = 9
"""Largest absolute exponent of a unit."""

PLAIN_UNIT = Unit("label:", (), Fraction(1))
"""What "units" and "square units" are: a unit that leaves open which one it is."""

_TEMPERATURES = {
    "c": Unit("degree celsius", (("temperature", Fraction(1)),), Fraction(1), Fraction(5463, 20)),
    "f": Unit("degree fahrenheit", (("temperature", Fraction(1)),), Fraction(5, 9), Fraction(45967, 180)),
    "k": Unit("kelvin", (("temperature", Fraction(1)),), Fraction(1)),
}
_SCALES = {"celsius": "c", "centigrade": "c", "fahrenheit": "f", "kelvin": "k", "c": "c", "f": "f", "k": "k"}
_NO_LABELS = words_of(
    "a an and are as at but by either else for from if in is it no not of off on or per than that the then to "
    "when where which with pi sin cos tan log ln sqrt exp lim max mod gcd lcm infinity i e x y z"
)
_POWER_BEFORE = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWER_AFTER = {"squared": 2, "cubed": 3}
_FRACTIONS = frozenset({r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"})
_PRODUCTS = frozenset({r"\cdot", r"\times", "*", "·", "⋅", "×", "-", "‐", "‑", "–"})
_OPENING = {"{": "}", "(": ")", "[": "]"}
_PLAIN_WORD = re.compile(r"(?=[^aeiouy]*+[aeiouy])[a-z]{3,}|[ap]m")


class _Factor(NamedTuple):
    """A unit inside a larger one; ``certain`` unless it is a letter or two that may be variables."""

    unit: Unit
    certain: bool


class _NoUnitError(Exception):
    """The text is no unit; never leaves this module."""


def read_unit(text: str, *, in_text: bool) -> Unit | None:
    r"""Read what stands behind a number as a unit.

    Args:
        text: Plain text or LaTeX, of any length.
        in_text: Whether the text is prose: it stood in ``\text{}`` or ``\mathrm{}``, or behind a space in a plain
            sentence. Otherwise letters are letters of a formula, of which only unmistakable ones (cm, kg, km/h) are
            units, and words are labels only where the text itself puts them into ``\text{}``.

    Returns:
        The unit, named as it was written but for the plural; None where the text is nothing of the kind. Per cent is
        always named ``percent``, a degree of angle ``degree`` (its dimension is ``angle``) and a radian ``radian`` (it
        has no dimension). A label is ``label:`` and its singular, and "units" or "square units" is ``PLAIN_UNIT``.

    Example:
        >>> read_unit("km/h", in_text=False).factor, read_unit(r"\text{ cm}^2", in_text=False).factor
        (Fraction(5, 18), Fraction(1, 10000))
        >>> read_unit("m", in_text=False), read_unit("m", in_text=True).name
        (None, 'm')
        >>> read_unit("apples", in_text=True) == read_unit(r"\text{apple}", in_text=False)
        True
    """
    if len(text) > MAX_UNIT_LENGTH:
        return None
    return _read(text, in_text)


def same_unit_kind(first: Unit, second: Unit) -> bool:
    """Say whether amounts in two units can be compared: their dimensions are equal, or one is ``PLAIN_UNIT``.

    ``PLAIN_UNIT`` stands for whatever the other unit is, so that the bare numbers are compared and not ``convert``'s.

    Example:
        >>> inch, metre = read_unit("inches", in_text=True), read_unit("m", in_text=True)
        >>> same_unit_kind(inch, metre), same_unit_kind(inch, read_unit("s", in_text=True))
        (True, False)
    """
    return first.dimensions == second.dimensions or PLAIN_UNIT in (first, second)


def convert(value: Fraction, unit: Unit) -> Fraction:
    """Convert an amount to base units, exactly.

    Example:
        >>> convert(Fraction(212), read_unit("°F", in_text=True)), convert(Fraction(3), read_unit("ft", in_text=True))
        (Fraction(7463, 20), Fraction(1143, 1250))
    """
    return value * unit.factor + unit.offset


@lru_cache(maxsize=4096)
def _read(text: str, in_text: bool) -> Unit | None:
    tokens = tokens_of(text, in_text)
    if not tokens or sum(len(token.text) for token in tokens if token.text.isalpha()) > MAX_UNIT_LETTERS:
        return None
    try:
        factor = _Reader(tokens).whole()
    except _NoUnitError:
        return _label_of_all(tokens)
    return factor.unit if factor.certain else None


class _Reader:
    """Reads a unit from tokens, from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> _Factor:
        """Read all tokens as one unit."""
        result = self._compound()
        if self._at < len(self._tokens):
            raise _NoUnitError
        return result

    def _compound(self) -> _Factor:
        """Read a product or quotient; a quotient may begin with its denominator, as in ``per hour``."""
        if self._peek() in ("/", "per"):
            return self._quotients(_Factor(Unit("", (), Fraction(1)), False))
        return self._quotients(self._product())

    def _quotients(self, result: _Factor) -> _Factor:
        """Divide and multiply by what follows, from left to right."""
        while self._peek() in ("/", "per") or self._peek() in _PRODUCTS:
            sign = 1 if self._take().text in _PRODUCTS else -1
            result = _multiply(result, self._product(), sign)
        return result

    def _product(self) -> _Factor:
        """Read units side by side, as in ``m s^{-1}``; a label stands alone, or behind a bare number of many."""
        result = self._power()
        while self._starts_factor():
            right = self._power()
            if "label:" in right.unit.name + result.unit.name and result.unit.dimensions:
                raise _NoUnitError
            result = _multiply(result, right, 1)
        return result

    def _starts_factor(self) -> bool:
        token = self._peek()
        if token.isalpha():
            return token != "per"
        return token in units_by_symbol() or token in _OPENING or token in _FRACTIONS

    def _power(self) -> _Factor:
        """Read a unit with its power: ``cm^2``, ``cm2``, ``square cm``, ``cm squared``."""
        before = _POWER_BEFORE.get(self._peek().casefold(), 0)
        if before:
            self._take()
        base = self._group() if self._peek() in _OPENING or self._peek() in _FRACTIONS else self._name()
        exponent = self._exponent()
        if before and exponent != 1:
            raise _NoUnitError
        return _raise(base, before or exponent)

    def _group(self) -> _Factor:
        """Read a unit in brackets, or a fraction of two."""
        opening = self._take().text
        if opening in _FRACTIONS:
            top = self._group_of_fraction()
            return _multiply(top, self._group_of_fraction(), -1)
        result = self._compound()
        if self._take().text != _OPENING[opening]:
            raise _NoUnitError
        return result

    def _group_of_fraction(self) -> _Factor:
        return self._group() if self._peek() == "{" else self._name()

    def _exponent(self) -> int:
        """Read an exponent, or 1 where there is none."""
        after = _POWER_AFTER.get(self._peek().casefold(), 0)
        if after:
            self._take()
            return after
        if self._peek() == "^":
            self._take()
            braced = self._peek() == "{"
            if braced:
                self._take()
            exponent = self._integer()
            if braced and self._take().text != "}":
                raise _NoUnitError
            return exponent
        following = self._tokens[self._at + 1].text if self._at + 1 < len(self._tokens) else ""
        is_exponent = self._peek().isdecimal() or (self._peek() in ("-", "−") and following.isdecimal())
        return self._integer() if is_exponent else 1

    def _integer(self) -> int:
        sign = 1
        if self._peek() in ("-", "−", "+"):
            sign = 1 if self._take().text == "+" else -1
        digits = self._take().text
        if not (digits.isdecimal() and len(digits) == 1 and 1 <= int(digits) <= MAX_EXPONENT):
            raise _NoUnitError
        return sign * int(digits)

    def _name(self) -> _Factor:
        """Read a unit's name or symbol, the longest first, or a label."""
        token = self._take()
        pair = self._joined(token)
        if pair in units_by_word():
            self._at += 2 if self._peek() in _PRODUCTS else 1
            return _Factor(units_by_word()[pair], True)
        unit = look_up(token.text)
        if unit is None:
            return self._label(token)
        if unit.name == "degree" and self._scale():
            return _Factor(_TEMPERATURES[_SCALES[self._take().text.casefold()]], True)
        return _Factor(unit, token.in_text or is_unmistakable(token.text))

    def _joined(self, token: Token) -> str:
        """Return two words as the name of one unit, as in ``nautical_mile``."""
        following = self._at + (1 if self._peek() in _PRODUCTS else 0)
        second = self._tokens[following].text.casefold() if following < len(self._tokens) else ""
        return f"{token.text.casefold()}_{second if second == 'oz' else singular(second)}"

    def _scale(self) -> bool:
        return self._peek().casefold() in _SCALES

    def _label(self, token: Token) -> _Factor:
        """Read one or two ordinary words as a label, or the scale of a temperature, which is short for its degrees."""
        word = token.text.casefold()
        if word in _SCALES and len(word) > 1:
            return _Factor(_TEMPERATURES[_SCALES[word]], True)
        if not _is_plain_word(token):
            raise _NoUnitError
        words = [word]
        if self._at < len(self._tokens) and _is_plain_word(self._tokens[self._at]) and look_up(self._peek()) is None:
            words.append(self._take().text.casefold())
        return _Factor(_label_unit(words), True)

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _take(self) -> Token:
        if self._at >= len(self._tokens):
            raise _NoUnitError
        self._at += 1
        return self._tokens[self._at - 1]


def _label_of_all(tokens: list[Token]) -> Unit | None:
    """Read one or two words of prose as a label where they are no unit, as in ``foot soldiers``."""
    words = [token for token in tokens if token.text not in ("{", "}")]
    if 1 <= len(words) <= 2 and all(_is_plain_word(word) for word in words):
        return _label_unit([word.text.casefold() for word in words])
    return None


def _is_plain_word(token: Token) -> bool:
    word = token.text.casefold()
    is_reserved = word in _NO_LABELS or word in _SCALES or word in _POWER_AFTER
    return token.in_text and not is_reserved and _PLAIN_WORD.fullmatch(word) is not None


def _label_unit(words: list[str]) -> Unit:
    name = " ".join([*words[:-1], singular(words[-1])])
    if name == "unit":
        return PLAIN_UNIT
    return Unit(f"label:{name}", ((f"label:{name}", Fraction(1)),), Fraction(1))


def _multiply(left: _Factor, right: _Factor, sign: int) -> _Factor:
    """Multiply two units, or divide them where the sign is -1."""
    if left.unit is PLAIN_UNIT or right.unit is PLAIN_UNIT:
        raise _NoUnitError
    exponents = dict(left.unit.dimensions)
    for dimension, exponent in right.unit.dimensions:
        exponents[dimension] = exponents.get(dimension, Fraction(0)) + sign * exponent
    name = f"{left.unit.name}{'*' if sign > 0 and left.unit.name else '/' if sign < 0 else ''}{right.unit.name}"
    factor = left.unit.factor * right.unit.factor**sign
    return _Factor(Unit(name, sorted_dimensions(exponents), factor), left.certain or right.certain)


def _raise(base: _Factor, exponent: int) -> _Factor:
    """Raise a unit to a power; of a temperature with an offset only the size of the degree is left."""
    if exponent == 1 or base.unit is PLAIN_UNIT:
        return base
    if base.unit.name.startswith("label:"):
        raise _NoUnitError
    dimensions = {dimension: power * exponent for dimension, power in base.unit.dimensions}
    unit = Unit(f"{base.unit.name}^{exponent}", sorted_dimensions(dimensions), base.unit.factor**exponent)
    return _Factor(unit, base.certain)

r"""Units of measurement behind a number: what they are, exactly, and how they convert.

A unit is read by looking its words and symbols up in one table, with SI prefixes where the unit takes them, and by
combining them in products, quotients and powers. Every factor is an exact fraction. What is no unit but an ordinary
word, as in 5 apples, is a label: a unit of its own dimension.

Units that are not fixed multiples of each other have dimensions of their own: months and years do not convert into
days, nor dollars into euros. A ton is the short ton of 2000 pounds, a tonne has 1000 kg; a gallon is the US gallon.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rewardium.envs.math.verify.tree import Unit

MAX_UNIT_LENGTH = 120
"""Characters of a unit, LaTeX commands included; a longer text is no unit."""

MAX_UNIT_LETTERS = 40
"""Letters of a unit, without LaTeX commands."""

MAX_EXPONENT = 9
"""Largest absolute exponent of a unit."""

PLAIN_UNIT = Unit("label:", (), Fraction(1))
"""What "units" and "square units" are: a unit that leaves open which one it is."""


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Symbols | words | dimensions | one of the unit in base units | si where it takes SI prefixes.
# An underscore joins the words of a name of several words.
_TABLE = """
m        | metre meter                         | length                  | 1                | si
in "     | inch                                | length                  | 0.0254           |
ft ' ′   | foot                                | length                  | 0.3048           |
yd       | yard                                | length                  | 0.9144           |
mi       | mile                                | length                  | 1609.344         |
nmi      | nautical_mile                       | length                  | 1852             |
Å        | angstrom                            | length                  | 1e-10            |
au AU    | astronomical_unit                   | length                  | 149597870700     |
ly       | light_year lightyear                | length                  | 9460730472580800 |
         | micron                              | length                  | 1e-6             |
         | furlong                             | length                  | 201.168          |
         | fathom                              | length                  | 1.8288           |
ha       | hectare                             | length^2                | 10000            |
         | acre                                | length^2                | 4046.8564224     |
L l ℓ    | litre liter                         | length^3                | 1/1000           | si
cc       | cubic_centimetre                    | length^3                | 1e-6             |
gal      | gallon                              | length^3                | 0.003785411784   |
qt       | quart                               | length^3                | 0.000946352946   |
pt       | pint                                | length^3                | 0.000473176473   |
         | cup                                 | length^3                | 0.0002365882365  |
         | fluid_ounce fl_oz                   | length^3                | 0.0000295735295625 |
tbsp     | tablespoon                          | length^3                | 0.00001478676478125 |
tsp      | teaspoon                            | length^3                | 0.00000492892159375 |
g gm     | gram gramme                         | mass                    | 1/1000           | si
         | kilo                                | mass                    | 1                |
t        | tonne metric_ton                    | mass                    | 1000             |
         | ton short_ton                       | mass                    | 907.18474        |
lb       | pound                               | mass                    | 0.45359237       |
oz       | ounce                               | mass                    | 0.028349523125   |
         | stone                               | mass                    | 6.35029318       |
s sec    | second                              | time                    | 1                | si
min      | minute                              | time                    | 60               |
h hr     | hour                                | time                    | 3600             |
d        | day                                 | time                    | 86400            |
wk       | week                                | time                    | 604800           |
         | fortnight                           | time                    | 1209600          |
mo       | month                               | calendar                | 1                |
yr       | year                                | calendar                | 12               |
         | decade                              | calendar                | 120              |
         | century                             | calendar                | 1200             |
A        | ampere amp                          | current                 | 1                | si
K        | kelvin                              | temperature             | 1                | si
mol      | mole                                | amount                  | 1                | si
cd       | candela                             | luminosity              | 1                | si
Hz       | hertz                               | time^-1                 | 1                | si
N        | newton                              | mass length time^-2     | 1                | si
lbf      | pound_force                         | mass length time^-2     | 4.4482216152605  |
Pa       | pascal                              | mass length^-1 time^-2  | 1                | si
bar      | bar                                 | mass length^-1 time^-2  | 100000           | si
atm      | atmosphere                          | mass length^-1 time^-2  | 101325           |
torr     | torr                                | mass length^-1 time^-2  | 101325/760       |
psi      |                                     | mass length^-1 time^-2  | 44482216152605/6451600000 |
J        | joule                               | mass length^2 time^-2   | 1                | si
Wh       |                                     | mass length^2 time^-2   | 3600             | si
eV       | electronvolt electron_volt          | mass length^2 time^-2   | 1.602176634e-19  | si
cal      | calorie                             | mass length^2 time^-2   | 4.184            | si
W        | watt                                | mass length^2 time^-3   | 1                | si
hp       | horsepower                          | mass length^2 time^-3   | 745.69987158227022 |
C        | coulomb                             | current time            | 1                | si
V        | volt                                | mass length^2 time^-3 current^-1  | 1      | si
Ω        | ohm                                 | mass length^2 time^-3 current^-2  | 1      | si
F        | farad                               | mass^-1 length^-2 time^4 current^2 | 1     | si
S        | siemens                             | mass^-1 length^-2 time^3 current^2 | 1     | si
T        | tesla                               | mass time^-2 current^-1 | 1                | si
H        | henry                               | mass length^2 time^-2 current^-2  | 1      | si
Wb       | weber                               | mass length^2 time^-2 current^-1  | 1      | si
Bq       | becquerel                           | time^-1                 | 1                | si
mph      |                                     | length time^-1          | 0.44704          |
km/h kmh kph kmph |                            | length time^-1          | 5/18             |
kn       | knot                                | length time^-1          | 463/900          |
fps      |                                     | length time^-1          | 0.3048           |
bit      | bit                                 | information             | 1                | si
B        | byte                                | information             | 8                | si
$ USD    | dollar buck                         | currency:dollar         | 1                |
¢        | cent                                | currency:dollar         | 1/100            |
€ EUR    | euro                                | currency:euro           | 1                |
£ GBP    | pound_sterling                      | currency:pound          | 1                |
         | pence                               | currency:pound          | 1/100            |
¥ JPY    | yen                                 | currency:yen            | 1                |
₹ Rs INR | rupee                               | currency:rupee          | 1                |
CNY RMB  | yuan                                | currency:yuan           | 1                |
° deg    | degree                              | angle                   | 1                |
arcmin   | arcminute                           | angle                   | 1/60             |
arcsec   | arcsecond                           | angle                   | 1/3600           |
rad      | radian                              |                         | 1                |
% pct    | percent percentage percentage_point per_cent |                | 1/100            |
‰        | permille                            |                         | 1/1000           |
ppm      |                                     |                         | 1e-6             |
         | dozen                               |                         | 12               |
         | hundred                             |                         | 100              |
         | thousand                            |                         | 1000             |
         | million                             |                         | 1000000          |
         | billion                             |                         | 1000000000       |
         | trillion                            |                         | 1000000000000    |
"""

_PREFIXES = {
    "T": ("tera", 12),
    "G": ("giga", 9),
    "M": ("mega", 6),
    "k": ("kilo", 3),
    "h": ("hecto", 2),
    "d": ("deci", -1),
    "c": ("centi", -2),
    "m": ("milli", -3),
    "μ": ("micro", -6),
    "u": ("micro", -6),
    "n": ("nano", -9),
    "p": ("pico", -12),
    "f": ("femto", -15),
}

_TEMPERATURES = {
    "c": Unit("degree celsius", (("temperature", Fraction(1)),), Fraction(1), Fraction(5463, 20)),
    "f": Unit("degree fahrenheit", (("temperature", Fraction(1)),), Fraction(5, 9), Fraction(45967, 180)),
    "k": Unit("kelvin", (("temperature", Fraction(1)),), Fraction(1)),
}
_SCALES = {"celsius": "c", "centigrade": "c", "fahrenheit": "f", "kelvin": "k", "c": "c", "f": "f", "k": "k"}

# Among bare letters of mathematics only these are units: m, s or mi may be variables, and so may their products.
_UNMISTAKABLE = _words_of(
    "mm cm km mg kg mL ml cL dL ft lb oz hr sec min mph kmh kph kmph Hz kHz MHz GHz kN kJ kW kWh MW kPa eV mol "
    "rad deg USD EUR GBP pct lbs hrs"
)

_IRREGULAR = {
    "feet": "foot",
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "dice": "die",
    "halves": "half",
    "leaves": "leaf",
    "loaves": "loaf",
    "knives": "knife",
    "shelves": "shelf",
    "wolves": "wolf",
    "vertices": "vertex",
    "matrices": "matrix",
    "indices": "index",
    "axes": "axis",
    "shoes": "shoe",
}

# Words that say how a quantity is meant and not what it is, as in 5 cm tall or 12 dollars each.
_REMARKS = _words_of("tall long wide high deep thick old away apart each total altogether left remaining")
_TOTALS = ("in total", "in all", "in length", "in area", "in height", "in width", "in volume")
_FIXED_NAMES = frozenset({"percent", "degree", "radian"})
_CLOCK = frozenset({"am", "pm"})
_NO_LABELS = _words_of(
    "a an and are as at but by either else for from if in is it no not of off on or per than that the then to "
    "when where which with pi sin cos tan log ln sqrt exp lim max mod gcd lcm infinity i e x y z"
)
_POWER_BEFORE = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWER_AFTER = {"squared": 2, "cubed": 3}

_TEXT_COMMANDS = _words_of(
    r"\text \textrm \textit \textbf \textsf \textnormal \mathrm \mathit \mathbf \mathsf \mbox \operatorname \rm"
)
_FRACTIONS = frozenset({r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"})
_SPACES = frozenset({r"\,", r"\;", r"\:", r"\!", r"\ ", "~", r"\quad", r"\qquad", "."})
_PRODUCTS = frozenset({r"\cdot", r"\times", "*", "·", "⋅", "×", "-", "‐", "‑", "–"})
_SYMBOL_COMMANDS = {r"\$": "$", r"\%": "%", r"\Omega": "Ω", r"\mu": "μ", r"\degree": "°", r"\ell": "ℓ", r"\euro": "€"}
_OPENING = {"{": "}", "(": ")", "[": "]"}

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
_PLAIN_WORD = re.compile(r"(?=[^aeiouy]*+[aeiouy])[a-z]{3,}|[ap]m")


class _Token(NamedTuple):
    """A word, a number or a sign, and whether it stands in text rather than among the letters of a formula."""

    text: str
    in_text: bool


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
    tokens = _tokens(text, in_text)
    if not tokens or sum(len(token.text) for token in tokens if token.text.isalpha()) > MAX_UNIT_LETTERS:
        return None
    try:
        factor = _Reader(tokens).whole()
    except _NoUnitError:
        return _label_of_all(tokens)
    return factor.unit if factor.certain else None


def _tokens(text: str, in_text: bool) -> list[_Token]:
    """Split a text and note which words stand in text; spaces, needless braces and remarks are left out."""
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    tokens: list[_Token] = []
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
            tokens.append(_Token(_SYMBOL_COMMANDS.get(token, token), modes[-1]))
            _drop_braces(tokens)
    return _without_remarks(tokens)


def _drop_braces(tokens: list[_Token]) -> None:
    """Take the braces off a group that has just been closed, where it holds one token or none."""
    if tokens[-1].text == "}":
        for size in (2, 3):
            if len(tokens) >= size and tokens[-size].text == "{":
                tokens[-size:] = tokens[1 - size : -1]
                return


def _without_remarks(tokens: list[_Token]) -> list[_Token]:
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


class _Reader:
    """Reads a unit from tokens, from left to right."""

    def __init__(self, tokens: list[_Token]) -> None:
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
        return token in _symbols() or token in _OPENING or token in _FRACTIONS

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
        if pair in _words():
            self._at += 2 if self._peek() in _PRODUCTS else 1
            return _Factor(_words()[pair], True)
        unit = _look_up(token.text)
        if unit is None:
            return self._label(token)
        if unit.name == "degree" and self._scale():
            return _Factor(_TEMPERATURES[_SCALES[self._take().text.casefold()]], True)
        return _Factor(unit, token.in_text or _is_unmistakable(token.text))

    def _joined(self, token: _Token) -> str:
        """Return two words as the name of one unit, as in ``nautical_mile``."""
        following = self._at + (1 if self._peek() in _PRODUCTS else 0)
        second = self._tokens[following].text.casefold() if following < len(self._tokens) else ""
        return f"{token.text.casefold()}_{second if second == 'oz' else _singular(second)}"

    def _scale(self) -> bool:
        return self._peek().casefold() in _SCALES

    def _label(self, token: _Token) -> _Factor:
        """Read one or two ordinary words as a label, or the scale of a temperature, which is short for its degrees."""
        word = token.text.casefold()
        if word in _SCALES and len(word) > 1:
            return _Factor(_TEMPERATURES[_SCALES[word]], True)
        if not _is_plain_word(token):
            raise _NoUnitError
        words = [word]
        if self._at < len(self._tokens) and _is_plain_word(self._tokens[self._at]) and _look_up(self._peek()) is None:
            words.append(self._take().text.casefold())
        return _Factor(_label_unit(words), True)

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _take(self) -> _Token:
        if self._at >= len(self._tokens):
            raise _NoUnitError
        self._at += 1
        return self._tokens[self._at - 1]


def _label_of_all(tokens: list[_Token]) -> Unit | None:
    """Read one or two words of prose as a label where they are no unit, as in ``foot soldiers``."""
    words = [token for token in tokens if token.text not in ("{", "}")]
    if 1 <= len(words) <= 2 and all(_is_plain_word(word) for word in words):
        return _label_unit([word.text.casefold() for word in words])
    return None


def _is_plain_word(token: _Token) -> bool:
    word = token.text.casefold()
    is_reserved = word in _NO_LABELS or word in _SCALES or word in _POWER_AFTER
    return token.in_text and not is_reserved and _PLAIN_WORD.fullmatch(word) is not None


def _label_unit(words: list[str]) -> Unit:
    name = " ".join([*words[:-1], _singular(words[-1])])
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
    return _Factor(Unit(name, _sorted(exponents), factor), left.certain or right.certain)


def _raise(base: _Factor, exponent: int) -> _Factor:
    """Raise a unit to a power; of a temperature with an offset only the size of the degree is left."""
    if exponent == 1 or base.unit is PLAIN_UNIT:
        return base
    if base.unit.name.startswith("label:"):
        raise _NoUnitError
    dimensions = {dimension: power * exponent for dimension, power in base.unit.dimensions}
    unit = Unit(f"{base.unit.name}^{exponent}", _sorted(dimensions), base.unit.factor**exponent)
    return _Factor(unit, base.certain)


def _sorted(exponents: dict[str, Fraction]) -> tuple[tuple[str, Fraction], ...]:
    return tuple(sorted((dimension, exponent) for dimension, exponent in exponents.items() if exponent))


def _is_unmistakable(token: str) -> bool:
    return token in _UNMISTAKABLE or not token.isalpha() or (len(token) > 3 and _word(token) is not None)


def _look_up(token: str) -> Unit | None:
    """Find a symbol as it is written, a word in any case, and at last a symbol of several letters in any case."""
    if token.casefold() in _CLOCK:
        return None
    token = '"' if token in ("''", "′′") else token
    found = _symbols().get(token) or _word(token)
    if found is None and len(token) > 1:
        found = _symbols().get(token.lower()) or _symbols().get(token.lower().removesuffix("s"))
    return found


def _word(token: str) -> Unit | None:
    word = token.casefold()
    return _words().get(word) or _words().get(_singular(word))


def _singular(word: str) -> str:
    """Return a simple singular: exact for units, good enough to tell apples from apple.

    Example:
        >>> [_singular(word) for word in ("apples", "inches", "feet", "centuries", "classes", "gas")]
        ['apple', 'inch', 'foot', 'century', 'class', 'gas']
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes", "toes", "goes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=1)
def _symbols() -> dict[str, Unit]:
    """Return the units by symbol; what stands in the table goes before what a prefix makes."""
    own: dict[str, Unit] = {}
    prefixed: dict[str, Unit] = {}
    for symbols, _, unit, takes_prefixes in _rows():
        named = {symbol: unit if unit.name in _FIXED_NAMES else unit._replace(name=symbol) for symbol in symbols}
        own.update(named)
        if takes_prefixes:
            for prefix, (_, power) in _PREFIXES.items():
                prefixed.update({prefix + symbol: _with_prefix(named[symbol], prefix, power) for symbol in symbols})
    return prefixed | own


@lru_cache(maxsize=1)
def _words() -> dict[str, Unit]:
    """Return the units by name in words, singular."""
    table: dict[str, Unit] = {}
    for _, words, unit, takes_prefixes in _rows():
        table.update(
            {word: unit if unit.name in _FIXED_NAMES else unit._replace(name=word.replace("_", " ")) for word in words}
        )
        if takes_prefixes:
            for prefix, power in _PREFIXES.values():
                table.update({prefix + word: _with_prefix(table[word], prefix, power) for word in words})
    return table


def _with_prefix(unit: Unit, prefix: str, power: int) -> Unit:
    return unit._replace(name=prefix + unit.name, factor=unit.factor * Fraction(10) ** power)


@lru_cache(maxsize=1)
def _rows() -> list[tuple[list[str], list[str], Unit, bool]]:
    """Read the table: symbols, words, unit, and whether it takes prefixes."""
    rows = []
    for line in _TABLE.strip().splitlines():
        symbols, words, dimensions, factor, *rest = (column.strip() for column in line.split("|"))
        exponents = {name: Fraction(power or 1) for name, _, power in (d.partition("^") for d in dimensions.split())}
        name = (words or symbols).split()[0].replace("_", " ")
        unit = Unit(name, _sorted(exponents), Fraction(factor))
        rows.append((symbols.split(), words.split(), unit, rest == ["si"]))
    return rows

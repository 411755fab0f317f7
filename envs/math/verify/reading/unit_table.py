"""Every unit that is known, with its symbols, words and prefixes, and how one is looked up."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from rewardium.envs.math.verify.tree import Unit


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
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

# Among bare letters of mathematics only these are units: m, s or mi may be variables, and so may their products.
_UNMISTAKABLE = words_of(
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
_FIXED_NAMES = frozenset({"percent", "degree", "radian"})
_CLOCK = frozenset({"am", "pm"})


def sorted_dimensions(exponents: dict[str, Fraction]) -> tuple[tuple[str, Fraction], ...]:
    """Return the dimensions of a unit in order, without those of power 0."""
    return tuple(sorted((dimension, exponent) for dimension, exponent in exponents.items() if exponent))


def is_unmistakable(token: str) -> bool:
    """Say whether a token among the letters of a formula is a unit and no product of variables."""
    return token in _UNMISTAKABLE or not token.isalpha() or (len(token) > 3 and _word(token) is not None)


def look_up(token: str) -> Unit | None:
    """Find a symbol as it is written, a word in any case, and at last a symbol of several letters in any case."""
    if token.casefold() in _CLOCK:
        return None
    token = '"' if token in ("''", "′′") else token
    found = units_by_symbol().get(token) or _word(token)
    if found is None and len(token) > 1:
        found = units_by_symbol().get(token.lower()) or units_by_symbol().get(token.lower().removesuffix("s"))
    return found


def _word(token: str) -> Unit | None:
    word = token.casefold()
    return units_by_word().get(word) or units_by_word().get(singular(word))


def singular(word: str) -> str:
    """Return a simple singular: exact for units, good enough to tell apples from apple.

    Example:
        >>> [singular(word) for word in ("apples", "inches", "feet", "centuries", "classes", "gas")]
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
def units_by_symbol() -> dict[str, Unit]:
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
def units_by_word() -> dict[str, Unit]:
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
        unit = Unit(name, sorted_dimensions(exponents), Fraction(factor))
        rows.append((symbols.split(), words.split(), unit, rest == ["si"]))
    return rows

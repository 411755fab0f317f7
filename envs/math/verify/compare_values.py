"""Whether two quantities, words or letters of multiple choice say the same."""

from __future__ import annotations

import re
from fractions import Fraction

from rewardium.envs.math.verify.canonical import Canonical, canonical, is_node
from rewardium.envs.math.verify.comparison import Compare, canonical_again
from rewardium.envs.math.verify.numeric.identity import identical
from rewardium.envs.math.verify.numeric.values import real_value
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity
from rewardium.envs.math.verify.reading.words import as_form
from rewardium.envs.math.verify.tree import (
    Apply,
    Choice,
    Constant,
    Node,
    Number,
    Quantity,
    Relation,
    Symbol,
    Unit,
    Words,
    symbols,
)

# Units.


def quantities(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one has a unit."""
    if isinstance(gold, Quantity) and isinstance(answer, Quantity):
        return _same_quantity(gold, answer, compare)
    quantity, other = (gold, answer) if isinstance(gold, Quantity) else (answer, gold)
    if isinstance(other, Choice):
        return choices(gold, answer, compare)
    if isinstance(other, Relation):
        return Identity(DIFFERENT, "one is an equation, the other is not")
    if isinstance(other, Words):
        return words_and_other(gold, answer, compare)
    if not is_node(other) or not isinstance(quantity, Quantity):
        return Identity(DIFFERENT, "one has a unit, the other is no single value")
    return _quantity_and_number(quantity, other, compare)  # type: ignore[arg-type]


def _same_quantity(gold: Quantity, answer: Quantity, compare: Compare) -> Identity:
    first, second = gold.unit, answer.unit
    if _is_any(first) or _is_any(second):
        return compare(canonical(gold.value), canonical(answer.value))
    if first.dimensions != second.dimensions:
        if {first.name, second.name} == {"degree", "radian"}:
            return identical(_in_radians(gold), _in_radians(answer))
        return Identity(DIFFERENT, f"the units {first.name} and {second.name} measure different things")
    if first == second or first[1:] == second[1:]:
        return compare(canonical(gold.value), canonical(answer.value))
    result = identical(in_base_units(gold), in_base_units(answer))
    return result._replace(reason=f"in the same unit: {result.reason}")


def _is_any(unit: Unit) -> bool:
    return unit.name == "label:"


def in_base_units(quantity: Quantity) -> Node:
    """Return a quantity's value in base units."""
    value: Node = Apply("multiply", (quantity.value, Number(quantity.unit.factor)))
    return Apply("add", (value, Number(quantity.unit.offset))) if quantity.unit.offset else value


def _in_radians(quantity: Quantity) -> Node:
    return Apply("degrees", (quantity.value,)) if quantity.unit.name == "degree" else quantity.value


def _quantity_and_number(quantity: Quantity, number: Node, compare: Compare) -> Identity:
    """Compare with a bare number: it is taken in the quantity's own unit; 50% is 0.5 as well, and 90° is pi/2."""
    unit = quantity.unit
    readings: list[Node] = [quantity.value]
    if unit.name == "percent":
        size = real_value(number)
        # A bare number below one is a share, not a percentage: 0.04% is not 0.04.
        readings = readings if size is None or abs(size) >= 1 else []
        readings.append(Apply("divide", (quantity.value, Number(Fraction(100)))))
    elif unit.name == "degree":
        readings.append(Apply("degrees", (quantity.value,)))
    if len(unit.name) == 1 and symbols(number):
        readings.append(Apply("multiply", (quantity.value, Symbol(unit.name))))
    results = [compare(canonical(reading), canonical(number)) for reading in readings]
    for status in (EQUAL, UNKNOWN):
        for result in results:
            if result.status == status:
                return result
    return results[0]


# Words and letters of multiple choice.


def words_and_other(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is words."""
    if isinstance(gold, Words) and isinstance(answer, Words):
        if gold.text == answer.text:
            return Identity(EQUAL, "they are the same words")
        forms = as_form(gold), as_form(answer)
        if forms[0] is not None and forms[1] is not None:
            return compare(canonical(forms[0]), canonical(forms[1]))
        lists = [sorted(_LIST_OF_WORDS.split(words.text)) for words in (gold, answer)]
        if lists[0] == lists[1]:
            return Identity(EQUAL, "they name the same things")
        return Identity(DIFFERENT, "they are different words")
    words, other = (gold, answer) if isinstance(gold, Words) else (answer, gold)
    if isinstance(other, Apply) and other.operator == "multiply" and _spelling(other) == words.text:  # type: ignore[union-attr]
        return Identity(EQUAL, "they are the same letters")
    meant = as_form(words)  # type: ignore[arg-type]
    if meant is not None and not isinstance(other, Choice):
        return compare(canonical(meant), other)
    if words.text.startswith("clock ") and isinstance(other, Apply) and other.operator == "ratio":  # type: ignore[union-attr]
        return _same_clock(words.text, other)  # type: ignore[union-attr]
    if isinstance(other, Choice) or words.text in _KNOWN_WORDS:  # type: ignore[union-attr]
        return Identity(DIFFERENT, "one is words, the other is not")
    return Identity(UNKNOWN, "one is words that say no value")


def _spelling(product: Apply) -> str:
    """Return the letters of a product, which short words are read as."""
    return "".join(item.name if isinstance(item, (Symbol, Constant)) else " " for item in product.arguments).lower()


def _same_clock(clock: str, ratio: Apply) -> Identity:
    """Compare a time of day with one that does not say a.m. or p.m."""
    parts = [int(part) for part in clock.removeprefix("clock ").split(":")]
    hour = Number(Fraction(parts[0])), Number(Fraction(parts[0] % 12 or 12))
    rest = tuple(Number(Fraction(part)) for part in parts[1:])
    same = any(ratio.arguments == (each, *rest) for each in hour)
    return Identity(EQUAL if same else DIFFERENT, "the times of day are " + ("the same" if same else "different"))


_LIST_OF_WORDS = re.compile(r"\s*+,\s*+(?:and\s++)?|\s*+;\s*+|\s++and\s++")
_KNOWN_WORDS = frozenset(
    ("no solution", "does not exist", "all real numbers", "infinitely many", "infinitely many solutions", "yes", "no",
     "true", "false", "infinity", "undefined", "even", "odd", "none")
)  # fmt: skip


def choices(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is a letter of multiple choice."""
    if isinstance(gold, Choice) and isinstance(answer, Choice):
        if gold.letter == answer.letter:
            return Identity(EQUAL, "they are the same choice")
        return Identity(DIFFERENT, f"the choices are {gold.letter} and {answer.letter}")
    choice, other = (gold, answer) if isinstance(gold, Choice) else (answer, gold)
    if isinstance(choice, Choice) and isinstance(other, Symbol) and other.name.upper() == choice.letter:
        return Identity(EQUAL, "they are the same letter")
    if isinstance(choice, Choice) and choice.value is not None:
        return compare(canonical_again(choice.value), other)
    return Identity(DIFFERENT, "one is a letter of multiple choice, the other is not")

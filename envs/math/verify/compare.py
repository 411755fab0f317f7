"""Whether two forms say the same: what kind of thing each is decides how they are compared.

Every comparison ends in ``equal``, ``different`` or ``unknown``, and unknown is never turned into different: where one
part of two compound answers cannot be decided and no other part differs, the whole is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Final

from rewardium.envs.math.verify.canonical import (
    Canonical,
    Labelled,
    as_interval,
    canonical,
    is_node,
    substitute,
)
from rewardium.envs.math.verify.inequalities import same_inequality
from rewardium.envs.math.verify.intervals import same_set
from rewardium.envs.math.verify.numeric.agreement import Identity
from rewardium.envs.math.verify.numeric.identity import identical
from rewardium.envs.math.verify.numeric.values import real_value
from rewardium.envs.math.verify.numeric.zero_set import same_zero_set
from rewardium.envs.math.verify.reading.words import as_form
from rewardium.envs.math.verify.tree import (
    Apply,
    Choice,
    Constant,
    Form,
    Interval,
    Matrix,
    Node,
    Number,
    Quantity,
    Relation,
    Sequence,
    Symbol,
    Union,
    Unit,
    Words,
    symbols,
)

EQUAL: Final = "equal"
DIFFERENT: Final = "different"
UNKNOWN: Final = "unknown"


def compare(gold: Form, answer: Form) -> Identity:
    """Compare two answers.

    Args:
        gold: The right answer.
        answer: Another.

    Returns:
        ``equal``, ``different`` or ``unknown``, with the reason in words.

    Raises:
        TooLargeError: When one is beyond the limits.

    Example:
        >>> compare(Number(Fraction(1, 2)), Apply("divide", (Number(Fraction(2)), Number(Fraction(4))))).status
        'equal'
    """
    if gold == answer and not isinstance(gold, Apply):
        return Identity(EQUAL, "both say the same in the same way")
    return _compare(canonical(gold), canonical(answer))


def _compare(gold: Canonical, answer: Canonical) -> Identity:
    if isinstance(gold, Labelled) or isinstance(answer, Labelled):
        return _labelled(gold, answer)
    if is_node(gold) and is_node(answer):
        return _expressions(gold, answer)  # type: ignore[arg-type]
    for kinds, comparison in _BY_KIND:
        if isinstance(gold, kinds) or isinstance(answer, kinds):
            return comparison(gold, answer)
    return Identity(DIFFERENT, "they are answers of different kinds")


def all_of(results: Iterable[Identity], reason: str) -> Identity:
    """Join the comparisons of the parts: one that differs decides, then one that is unknown.

    Example:
        >>> all_of([Identity("equal", ""), Identity("unknown", "?")], "all parts are equal").status
        'unknown'
    """
    unknown = None
    for result in results:
        if result.status == DIFFERENT:
            return result
        if result.status == UNKNOWN:
            unknown = unknown or result
    return unknown or Identity(EQUAL, reason)


# Expressions.


def _expressions(gold: Node, answer: Node) -> Identity:
    result = identical(gold, answer)
    if result.status == DIFFERENT and _integration_constant(gold) and _integration_constant(answer):
        return _up_to_a_constant(gold, answer)
    return result


def _integration_constant(node: Node) -> str | None:
    """Return the name of a constant of integration: a letter C, c or K that is added to an expression."""
    if isinstance(node, Apply) and node.operator == "add":
        names = [item.name for item in node.arguments if isinstance(item, Symbol) and item.name in ("C", "c", "K")]
        if len(names) == 1 and symbols(node) - {names[0]}:
            return names[0]
    return None


def _up_to_a_constant(gold: Node, answer: Node) -> Identity:
    """Compare two antiderivatives: their difference must not depend on a variable."""
    first, second = (_without_term(node, _integration_constant(node)) for node in (gold, answer))
    difference = Apply("add", (first, Apply("negate", (second,))))
    names = sorted(symbols(difference))
    fixed: Node = difference
    for at, name in enumerate(names):
        fixed = substitute(fixed, name, Number(Fraction(3 + 2 * at, 7)))
    result = identical(difference, fixed)
    return result._replace(reason=f"up to the constant of integration: {result.reason}")


def _without_term(node: Node, name: str | None) -> Node:
    if not isinstance(node, Apply) or name is None:
        return node
    return Apply("add", tuple(item for item in node.arguments if item != Symbol(name)))


# Values with names.


def _labelled(gold: Canonical, answer: Canonical) -> Identity:
    if isinstance(gold, Labelled) and isinstance(answer, Labelled):
        return _both_labelled(gold, answer)
    labelled, other = (gold, answer) if isinstance(gold, Labelled) else (answer, gold)
    if isinstance(other, Relation):
        return _relations(_as_equation(labelled), other)  # type: ignore[arg-type]
    if isinstance(gold, Labelled):
        return _compare(gold.value, answer)
    return _compare(gold, answer.value if isinstance(answer, Labelled) else answer)


def _both_labelled(gold: Labelled, answer: Labelled) -> Identity:
    order = _order_of_names(gold.label, answer.label)
    if order is not None and isinstance(answer.value, Sequence) and len(answer.value.items) == len(order):
        answer = Labelled(gold.label, answer.value._replace(items=tuple(answer.value.items[at] for at in order)))
    values = _compare(gold.value, answer.value)
    if _same_label(gold.label, answer.label):
        return values
    if isinstance(gold.label, Sequence) and isinstance(answer.label, Sequence):
        return Identity(DIFFERENT, "they give values to different variables")
    first, second = _as_equation(gold), _as_equation(answer)
    if isinstance(first, Relation) and isinstance(second, Relation):
        depends = symbols(first.sides[1]) or symbols(second.sides[1])  # type: ignore[arg-type]
        if depends and not (_is_call(gold.label) and _is_call(answer.label)):
            return _relations(first, second)
    if isinstance(gold.label, Symbol) and isinstance(answer.label, Symbol):
        return Identity(DIFFERENT, f"one is about {gold.label.name}, the other about {answer.label.name}")
    return values


def _order_of_names(gold: Form, answer: Form) -> list[int] | None:
    """Return where each name of the one tuple stands in the other, for ``(x, y) = ...`` against ``(y, x) = ...``."""
    if not (isinstance(gold, Sequence) and isinstance(answer, Sequence)):
        return None
    names = list(answer.items)
    if len(set(names)) != len(names) or set(names) != set(gold.items) or len(names) != len(gold.items):
        return None
    return [names.index(name) for name in gold.items]


def _is_call(label: Form) -> bool:
    return not isinstance(label, Symbol)


def _same_label(first: Form, second: Form) -> bool:
    return first == second or (isinstance(first, Words) or isinstance(second, Words))


def _as_equation(form: Labelled) -> Canonical:
    if is_node(form.value) and is_node(form.label):
        return Relation((form.label, form.value), ("=",))  # type: ignore[arg-type]
    return form.value


# Relations.


def _relations(gold: Canonical, answer: Canonical) -> Identity:
    if not (isinstance(gold, Relation) and isinstance(answer, Relation)):
        relation, other = (gold, answer) if isinstance(gold, Relation) else (answer, gold)
        if isinstance(relation, Relation) and set(relation.operators) & {"<", "<=", ">", ">="}:
            return same_inequality(relation, other)
        return Identity(DIFFERENT, "one is an equation, the other is not")
    if not all(is_node(side) for side in (*gold.sides, *answer.sides)):
        return _sidewise(gold, answer)
    if gold.operators == answer.operators and gold.operators in (("=",), ("!=",)):
        return same_zero_set(_difference(gold), _difference(answer))
    return same_inequality(gold, answer)


def _difference(relation: Relation) -> Node:
    left, right = relation.sides
    return Apply("add", (left, Apply("negate", (right,))))  # type: ignore[arg-type]


def _sidewise(gold: Relation, answer: Relation) -> Identity:
    if gold.operators != answer.operators:
        return Identity(UNKNOWN, "the relations are written in different ways")
    pairs = zip(gold.sides, answer.sides, strict=True)
    result = all_of((compare(first, second) for first, second in pairs), "all sides are equal")
    return result if result.status == EQUAL else Identity(UNKNOWN, "the relations are written in different ways")


# Sequences.


def _sequences(gold: Canonical, answer: Canonical) -> Identity:
    if not (isinstance(gold, Sequence) and isinstance(answer, Sequence)):
        sequence, other = (gold, answer) if isinstance(gold, Sequence) else (answer, gold)
        return _sequence_and_other(sequence, other, answer is sequence)  # type: ignore[arg-type]
    kinds = {gold.kind, answer.kind}
    if "family" in kinds:
        return _families(gold, answer)
    if kinds == {"tuple"}:
        return _tuples(gold, answer)
    if kinds == {"tuple", "list"}:
        listed, ordered = (gold, answer) if gold.kind == "list" else (answer, gold)
        if ordered.brackets == "[]":  # a list as programs write it
            return _unordered(gold.items, answer.items)
        return _ordered(_values(listed.items), ordered.items)
    if "tuple" in kinds:
        return Identity(DIFFERENT, "one is a set, the other has an order")
    if "set" in kinds:
        return _sets(gold.items, answer.items)
    return _lists(gold.items, answer.items)


def _families(gold: Sequence, answer: Sequence) -> Identity:
    """Compare solutions for all integers k: what is written in another way may still be the same family."""
    result = _sets(gold.items, answer.items)
    if result.status == DIFFERENT:
        return Identity(UNKNOWN, "families of solutions that are written in different ways")
    return result


def _tuples(gold: Sequence, answer: Sequence) -> Identity:
    if len(gold.items) == len(answer.items) == 2 and {gold.brackets, answer.brackets} == {"()", "[]"}:
        return Identity(DIFFERENT, "one is a pair or an open interval, the other a closed interval")
    return _ordered(gold.items, answer.items)


def _values(items: tuple[Form, ...]) -> tuple[Canonical, ...]:
    return tuple(item.value if isinstance(item, Labelled) else item for item in items)


def _labels(items: tuple[Form, ...]) -> list[Form | None]:
    return [item.label if isinstance(item, Labelled) else None for item in items]


def _ordered(gold: tuple[Canonical, ...], answer: tuple[Canonical, ...]) -> Identity:
    if len(gold) != len(answer):
        return Identity(DIFFERENT, f"one has {len(gold)} entries, the other {len(answer)}")
    pairs = zip(gold, answer, strict=True)
    return all_of((_compare(canonical_again(a), canonical_again(b)) for a, b in pairs), "all entries are equal")


def canonical_again(form: Canonical) -> Canonical:
    """Bring the items of a form to their canonical shape, which those of a tuple do not have yet."""
    return form if isinstance(form, Labelled) else canonical(form)


def _lists(gold: tuple[Form, ...], answer: tuple[Form, ...]) -> Identity:
    """Compare bare lists: with labels x and y each value belongs to its label, without them the order is free."""
    labels = _labels(gold), _labels(answer)
    distinct = [len(set(map(repr, each))) == len(each) > 1 and None not in each for each in labels]
    if distinct[0] and distinct[1] and set(map(repr, labels[0])) != set(map(repr, labels[1])):
        return (
            _ordered(_values(gold), _values(answer))
            if not _all_symbols(labels)
            else Identity(DIFFERENT, "they give values to different variables")
        )
    if distinct[0] != distinct[1] and not any(any(each) for each, d in zip(labels, distinct, strict=True) if not d):
        return _ordered(_values(gold), _values(answer))
    if not (distinct[0] and distinct[1]):
        gold, answer = _values(gold), _values(answer)  # type: ignore[assignment]
    if all(isinstance(item, Sequence) for item in (*gold, *answer)):
        return _sets(gold, answer)  # solutions that are points: one that is named twice is still one
    return _unordered(gold, answer)


def _all_symbols(labels: tuple[list[Form | None], list[Form | None]]) -> bool:
    return all(isinstance(label, Symbol) for each in labels for label in each)


def _unordered(gold: tuple[Canonical, ...], answer: tuple[Canonical, ...]) -> Identity:
    """Compare lists whose order is free, but not how often an item stands in them."""
    if len(gold) != len(answer):
        return Identity(DIFFERENT, f"one has {len(gold)} items, the other {len(answer)}")
    left = list(answer)
    unknown: Identity | None = None
    for item in gold:
        results = [_compare(canonical_again(item), canonical_again(other)) for other in left]
        match = next((at for at, result in enumerate(results) if result.status == EQUAL), None)
        if match is None:
            unknown = next((result for result in results if result.status == UNKNOWN), None)
            return unknown or Identity(DIFFERENT, "an item of the one is missing in the other")
        left.pop(match)
    return Identity(EQUAL, "they have the same items")


def _sets(gold: tuple[Canonical, ...], answer: tuple[Canonical, ...]) -> Identity:
    """Compare sets: each item of the one is in the other."""
    gold, answer = _values(gold), _values(answer)  # type: ignore[arg-type]
    unknown: Identity | None = None
    for items, others in ((gold, answer), (answer, gold)):
        for item in items:
            results = [_compare(canonical_again(item), canonical_again(other)) for other in others]
            if any(result.status == EQUAL for result in results):
                continue
            unknown = next((result for result in results if result.status == UNKNOWN), None)
            if unknown is None:
                return Identity(DIFFERENT, "an item of the one is missing in the other")
    return unknown or Identity(EQUAL, "they have the same items")


def _sequence_and_other(sequence: Sequence, other: Canonical, answer_is_sequence: bool) -> Identity:
    if isinstance(other, (Interval, Union)):
        interval = as_interval(sequence)
        if isinstance(interval, Interval) or isinstance(other, Union):
            return same_set(other, interval)  # type: ignore[arg-type]
        return Identity(DIFFERENT, "one is an interval, the other is not")
    if isinstance(other, Matrix):
        return _matrix_and_sequence(other, sequence)
    if isinstance(other, Relation):
        return _relations(sequence, other)
    if isinstance(other, Words):
        return Identity(DIFFERENT, "one is words, the other is not")
    if sequence.kind in ("set", "family") and len(sequence.items) == 1:
        return _compare(canonical_again(sequence.items[0]), other)
    if isinstance(other, Quantity):
        return _distributed(other, sequence)
    return Identity(DIFFERENT, f"one has {len(sequence.items)} items, the other is one value")


def _distributed(quantity: Quantity, sequence: Sequence) -> Identity:
    return Identity(DIFFERENT, f"one has {len(sequence.items)} items, the other is one value")


# Intervals and unions.


def _intervals(gold: Canonical, answer: Canonical) -> Identity:
    gold, answer = as_interval(gold), as_interval(answer)
    allowed = (Interval, Union)
    if isinstance(gold, Relation) or isinstance(answer, Relation):
        return _relations(gold, answer)
    for form in (gold, answer):
        if not isinstance(form, allowed) and not (isinstance(form, Sequence) and form.kind == "set"):
            return Identity(DIFFERENT, "one is an interval or a union, the other is not")
    return same_set(gold, answer)  # type: ignore[arg-type]


# Matrices.


def _matrices(gold: Canonical, answer: Canonical) -> Identity:
    if not (isinstance(gold, Matrix) and isinstance(answer, Matrix)):
        matrix, other = (gold, answer) if isinstance(gold, Matrix) else (answer, gold)
        if isinstance(other, Sequence):
            return _matrix_and_sequence(matrix, other)  # type: ignore[arg-type]
        if is_node(other) and matrix.rows and len(matrix.rows) * len(matrix.rows[0]) == 1:  # type: ignore[union-attr]
            return _compare(matrix.rows[0][0], other)  # type: ignore[union-attr]
        return Identity(DIFFERENT, "one is a matrix, the other is not")
    shapes = [(len(matrix.rows), len(matrix.rows[0])) for matrix in (gold, answer)]
    if shapes[0] != shapes[1]:
        return Identity(DIFFERENT, f"the shapes are {shapes[0]} and {shapes[1]}")
    entries = zip((e for row in gold.rows for e in row), (e for row in answer.rows for e in row), strict=True)
    return all_of((_expressions(first, second) for first, second in entries), "all entries are equal")


def _matrix_and_sequence(matrix: Matrix, sequence: Sequence) -> Identity:
    """Compare a matrix with a tuple: a row or a column as a vector, or rows as nested tuples."""
    if sequence.kind != "tuple":
        return Identity(DIFFERENT, "one is a matrix, the other is not")
    if all(isinstance(item, Sequence) for item in sequence.items):
        rows = tuple(tuple(item.items) for item in sequence.items if isinstance(item, Sequence))
        if [len(row) for row in rows] != [len(row) for row in matrix.rows]:
            return Identity(DIFFERENT, "the shapes differ")
        pairs = zip(matrix.rows, rows, strict=True)
        return all_of((_ordered(first, second) for first, second in pairs), "all entries are equal")
    if len(matrix.rows) == 1:
        return _ordered(matrix.rows[0], sequence.items)
    if len(matrix.rows[0]) == 1:
        return _ordered(tuple(row[0] for row in matrix.rows), sequence.items)
    return Identity(DIFFERENT, "one is a matrix, the other a vector")


# Units.


def _quantities(gold: Canonical, answer: Canonical) -> Identity:
    if isinstance(gold, Quantity) and isinstance(answer, Quantity):
        return _same_quantity(gold, answer)
    quantity, other = (gold, answer) if isinstance(gold, Quantity) else (answer, gold)
    if isinstance(other, Choice):
        return _choices(gold, answer)
    if isinstance(other, Relation):
        return Identity(DIFFERENT, "one is an equation, the other is not")
    if isinstance(other, Words):
        return _words(gold, answer)
    if not is_node(other) or not isinstance(quantity, Quantity):
        return Identity(DIFFERENT, "one has a unit, the other is no single value")
    return _quantity_and_number(quantity, other)  # type: ignore[arg-type]


def _same_quantity(gold: Quantity, answer: Quantity) -> Identity:
    first, second = gold.unit, answer.unit
    if _is_any(first) or _is_any(second):
        return _compare(canonical(gold.value), canonical(answer.value))
    if first.dimensions != second.dimensions:
        if {first.name, second.name} == {"degree", "radian"}:
            return identical(_in_radians(gold), _in_radians(answer))
        return Identity(DIFFERENT, f"the units {first.name} and {second.name} measure different things")
    if first == second or first[1:] == second[1:]:
        return _compare(canonical(gold.value), canonical(answer.value))
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


def _quantity_and_number(quantity: Quantity, number: Node) -> Identity:
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
    results = [_compare(canonical(reading), canonical(number)) for reading in readings]
    for status in (EQUAL, UNKNOWN):
        for result in results:
            if result.status == status:
                return result
    return results[0]


# Words and letters of multiple choice.


def _words(gold: Canonical, answer: Canonical) -> Identity:
    if isinstance(gold, Words) and isinstance(answer, Words):
        if gold.text == answer.text:
            return Identity(EQUAL, "they are the same words")
        forms = as_form(gold), as_form(answer)
        if forms[0] is not None and forms[1] is not None:
            return _compare(canonical(forms[0]), canonical(forms[1]))
        lists = [sorted(_LIST_OF_WORDS.split(words.text)) for words in (gold, answer)]
        if lists[0] == lists[1]:
            return Identity(EQUAL, "they name the same things")
        return Identity(DIFFERENT, "they are different words")
    words, other = (gold, answer) if isinstance(gold, Words) else (answer, gold)
    if isinstance(other, Apply) and other.operator == "multiply" and _spelling(other) == words.text:  # type: ignore[union-attr]
        return Identity(EQUAL, "they are the same letters")
    meant = as_form(words)  # type: ignore[arg-type]
    if meant is not None and not isinstance(other, Choice):
        return _compare(canonical(meant), other)
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


def _choices(gold: Canonical, answer: Canonical) -> Identity:
    if isinstance(gold, Choice) and isinstance(answer, Choice):
        if gold.letter == answer.letter:
            return Identity(EQUAL, "they are the same choice")
        return Identity(DIFFERENT, f"the choices are {gold.letter} and {answer.letter}")
    choice, other = (gold, answer) if isinstance(gold, Choice) else (answer, gold)
    if isinstance(choice, Choice) and isinstance(other, Symbol) and other.name.upper() == choice.letter:
        return Identity(EQUAL, "they are the same letter")
    if isinstance(choice, Choice) and choice.value is not None:
        return _compare(canonical_again(choice.value), other)
    return Identity(DIFFERENT, "one is a letter of multiple choice, the other is not")


_BY_KIND: tuple[tuple[type | tuple[type, ...], Callable[[Canonical, Canonical], Identity]], ...] = (
    (Choice, _choices),
    (Words, _words),
    (Sequence, _sequences),
    ((Interval, Union), _intervals),
    (Matrix, _matrices),
    (Quantity, _quantities),
    (Relation, _relations),
)

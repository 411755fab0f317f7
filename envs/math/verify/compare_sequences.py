"""Whether two lists, tuples, sets, intervals or matrices say the same."""

from __future__ import annotations

from rewardium.envs.math.verify.canonical import Canonical, Labelled, as_interval, is_node
from rewardium.envs.math.verify.compare_relations import expressions, relations
from rewardium.envs.math.verify.comparison import Compare, canonical_again
from rewardium.envs.math.verify.intervals import same_set
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity, all_of
from rewardium.envs.math.verify.tree import Form, Interval, Matrix, Relation, Sequence, Symbol, Union, Words

# Sequences.


def sequences(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is a list, a tuple, a set or a family of solutions."""
    if not (isinstance(gold, Sequence) and isinstance(answer, Sequence)):
        sequence, other = (gold, answer) if isinstance(gold, Sequence) else (answer, gold)
        return _sequence_and_other(sequence, other, answer is sequence, compare)  # type: ignore[arg-type]
    kinds = {gold.kind, answer.kind}
    if "family" in kinds:
        return _families(gold, answer, compare)
    if kinds == {"tuple"}:
        return _tuples(gold, answer, compare)
    if kinds == {"tuple", "list"}:
        listed, ordered = (gold, answer) if gold.kind == "list" else (answer, gold)
        if ordered.brackets == "[]":  # a list as programs write it
            return _unordered(gold.items, answer.items, compare)
        return in_order(_values(listed.items), ordered.items, compare)
    if "tuple" in kinds:
        return Identity(DIFFERENT, "one is a set, the other has an order")
    if "set" in kinds:
        return _sets(gold.items, answer.items, compare)
    return _lists(gold.items, answer.items, compare)


def _families(gold: Sequence, answer: Sequence, compare: Compare) -> Identity:
    """Compare solutions for all integers k: what is written in another way may still be the same family."""
    result = _sets(gold.items, answer.items, compare)
    if result.status == DIFFERENT:
        return Identity(UNKNOWN, "families of solutions that are written in different ways")
    return result


def _tuples(gold: Sequence, answer: Sequence, compare: Compare) -> Identity:
    if len(gold.items) == len(answer.items) == 2 and {gold.brackets, answer.brackets} == {"()", "[]"}:
        return Identity(DIFFERENT, "one is a pair or an open interval, the other a closed interval")
    return in_order(gold.items, answer.items, compare)


def _values(items: tuple[Form, ...]) -> tuple[Canonical, ...]:
    return tuple(item.value if isinstance(item, Labelled) else item for item in items)


def _labels(items: tuple[Form, ...]) -> list[Form | None]:
    return [item.label if isinstance(item, Labelled) else None for item in items]


def in_order(gold: tuple[Canonical, ...], answer: tuple[Canonical, ...], compare: Compare) -> Identity:
    """Compare entry by entry."""
    if len(gold) != len(answer):
        return Identity(DIFFERENT, f"one has {len(gold)} entries, the other {len(answer)}")
    pairs = zip(gold, answer, strict=True)
    return all_of((compare(canonical_again(a), canonical_again(b)) for a, b in pairs), "all entries are equal")


def _lists(gold: tuple[Form, ...], answer: tuple[Form, ...], compare: Compare) -> Identity:
    """Compare bare lists: with labels x and y each value belongs to its label, without them the order is free."""
    labels = _labels(gold), _labels(answer)
    distinct = [len(set(map(repr, each))) == len(each) > 1 and None not in each for each in labels]
    if distinct[0] and distinct[1] and set(map(repr, labels[0])) != set(map(repr, labels[1])):
        return (
            in_order(_values(gold), _values(answer), compare)
            if not _all_symbols(labels)
            else Identity(DIFFERENT, "they give values to different variables")
        )
    if distinct[0] != distinct[1] and not any(any(each) for each, d in zip(labels, distinct, strict=True) if not d):
        return in_order(_values(gold), _values(answer), compare)
    if not (distinct[0] and distinct[1]):
        gold, answer = _values(gold), _values(answer)  # type: ignore[assignment]
    if all(isinstance(item, Sequence) for item in (*gold, *answer)):
        return _sets(gold, answer, compare)  # solutions that are points: one that is named twice is still one
    return _unordered(gold, answer, compare)


def _all_symbols(labels: tuple[list[Form | None], list[Form | None]]) -> bool:
    return all(isinstance(label, Symbol) for each in labels for label in each)


def _unordered(gold: tuple[Canonical, ...], answer: tuple[Canonical, ...], compare: Compare) -> Identity:
    """Compare lists whose order is free, but not how often an item stands in them."""
    if len(gold) != len(answer):
        return Identity(DIFFERENT, f"one has {len(gold)} items, the other {len(answer)}")
    left = list(answer)
    unknown: Identity | None = None
    for item in gold:
        results = [compare(canonical_again(item), canonical_again(other)) for other in left]
        match = next((at for at, result in enumerate(results) if result.status == EQUAL), None)
        if match is None:
            unknown = next((result for result in results if result.status == UNKNOWN), None)
            return unknown or Identity(DIFFERENT, "an item of the one is missing in the other")
        left.pop(match)
    return Identity(EQUAL, "they have the same items")


def _sets(gold: tuple[Canonical, ...], answer: tuple[Canonical, ...], compare: Compare) -> Identity:
    """Compare sets: each item of the one is in the other."""
    gold, answer = _values(gold), _values(answer)  # type: ignore[arg-type]
    unknown: Identity | None = None
    for items, others in ((gold, answer), (answer, gold)):
        for item in items:
            results = [compare(canonical_again(item), canonical_again(other)) for other in others]
            if any(result.status == EQUAL for result in results):
                continue
            unknown = next((result for result in results if result.status == UNKNOWN), None)
            if unknown is None:
                return Identity(DIFFERENT, "an item of the one is missing in the other")
    return unknown or Identity(EQUAL, "they have the same items")


def _sequence_and_other(sequence: Sequence, other: Canonical, answer_is_sequence: bool, compare: Compare) -> Identity:
    if isinstance(other, (Interval, Union)):
        interval = as_interval(sequence)
        if isinstance(interval, Interval) or isinstance(other, Union):
            return same_set(other, interval)  # type: ignore[arg-type]
        return Identity(DIFFERENT, "one is an interval, the other is not")
    if isinstance(other, Matrix):
        return matrix_and_sequence(other, sequence, compare)
    if isinstance(other, Relation):
        return relations(sequence, other, compare)
    if isinstance(other, Words):
        return Identity(DIFFERENT, "one is words, the other is not")
    if sequence.kind in ("set", "family") and len(sequence.items) == 1:
        return compare(canonical_again(sequence.items[0]), other)
    return Identity(DIFFERENT, f"one has {len(sequence.items)} items, the other is one value")


# Intervals and unions.


def intervals(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is an interval or a union."""
    gold, answer = as_interval(gold), as_interval(answer)
    allowed = (Interval, Union)
    if isinstance(gold, Relation) or isinstance(answer, Relation):
        return relations(gold, answer, compare)
    for form in (gold, answer):
        if not isinstance(form, allowed) and not (isinstance(form, Sequence) and form.kind == "set"):
            return Identity(DIFFERENT, "one is an interval or a union, the other is not")
    return same_set(gold, answer)  # type: ignore[arg-type]


# Matrices.


def matrices(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is a matrix."""
    if not (isinstance(gold, Matrix) and isinstance(answer, Matrix)):
        matrix, other = (gold, answer) if isinstance(gold, Matrix) else (answer, gold)
        if isinstance(other, Sequence):
            return matrix_and_sequence(matrix, other, compare)  # type: ignore[arg-type]
        if is_node(other) and matrix.rows and len(matrix.rows) * len(matrix.rows[0]) == 1:  # type: ignore[union-attr]
            return compare(matrix.rows[0][0], other)  # type: ignore[union-attr]
        return Identity(DIFFERENT, "one is a matrix, the other is not")
    shapes = [(len(matrix.rows), len(matrix.rows[0])) for matrix in (gold, answer)]
    if shapes[0] != shapes[1]:
        return Identity(DIFFERENT, f"the shapes are {shapes[0]} and {shapes[1]}")
    entries = zip((e for row in gold.rows for e in row), (e for row in answer.rows for e in row), strict=True)
    return all_of((expressions(first, second) for first, second in entries), "all entries are equal")


def matrix_and_sequence(matrix: Matrix, sequence: Sequence, compare: Compare) -> Identity:
    """Compare a matrix with a tuple: a row or a column as a vector, or rows as nested tuples."""
    if sequence.kind != "tuple":
        return Identity(DIFFERENT, "one is a matrix, the other is not")
    if all(isinstance(item, Sequence) for item in sequence.items):
        rows = tuple(tuple(item.items) for item in sequence.items if isinstance(item, Sequence))
        if [len(row) for row in rows] != [len(row) for row in matrix.rows]:
            return Identity(DIFFERENT, "the shapes differ")
        pairs = zip(matrix.rows, rows, strict=True)
        return all_of((in_order(first, second, compare) for first, second in pairs), "all entries are equal")
    if len(matrix.rows) == 1:
        return in_order(matrix.rows[0], sequence.items, compare)
    if len(matrix.rows[0]) == 1:
        return in_order(tuple(row[0] for row in matrix.rows), sequence.items, compare)
    return Identity(DIFFERENT, "one is a matrix, the other a vector")

"""Sets of real numbers: intervals, single points, their unions and what is left out of them."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any, NamedTuple, TypeAlias

from rewardium.envs.math.verify.limits import MAX_ITEMS, TooLargeError
from rewardium.envs.math.verify.numeric.identity import identical
from rewardium.envs.math.verify.numeric.values import real_value
from rewardium.envs.math.verify.outcome import Identity
from rewardium.envs.math.verify.tree import Apply, Constant, Form, Interval, Node, Number, Sequence, Symbol, Union

RealSet: TypeAlias = "Interval | Union | Sequence"


class Piece(NamedTuple):
    """An interval, or a point where both ends are the same and closed."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


class _UndecidedError(Exception):
    """The order of two ends is not known."""


def same_set(gold: RealSet, answer: RealSet) -> Identity:
    """Compare two sets of real numbers, however they are put together.

    Args:
        gold: An interval, a union, or a finite set.
        answer: Another.

    Returns:
        ``equal`` or ``different``; ``unknown`` where the order of symbolic ends would have to be known.

    Raises:
        TooLargeError: When a union has too many parts.

    Example:
        >>> from fractions import Fraction
        >>> zero, one, two = (Number(Fraction(n)) for n in range(3))
        >>> parts = Interval(zero, one, True, True), Interval(one, two, False, True)
        >>> same_set(Union(parts), Interval(zero, two, True, True)).status
        'equal'
    """
    if isinstance(gold, Interval) and isinstance(answer, Interval):
        return _same_piece(Piece(*gold), Piece(*answer))
    try:
        first, second = merged(pieces(gold)), merged(pieces(answer))
    except _UndecidedError:
        return _same_parts(gold, answer)
    if len(first) != len(second):
        return Identity("different", f"one has {len(first)} parts, the other {len(second)}")
    unknown = None
    for one, other in zip(first, second, strict=True):
        result = _same_piece(one, other)
        if result.status == "different":
            return result
        unknown = unknown or (result if result.status == "unknown" else None)
    return unknown or Identity("equal", "they hold the same numbers")


def _same_piece(first: Piece, second: Piece) -> Identity:
    results = [identical(first.low, second.low), identical(first.high, second.high)]
    for status in ("different", "unknown"):
        for result in results:
            if result.status == status:
                return result._replace(reason=f"an end of the interval: {result.reason}")
    for closed, other, end in (
        (first.low_closed, second.low_closed, first.low),
        (first.high_closed, second.high_closed, first.high),
    ):
        if closed != other and not is_infinite(end):
            return Identity("different", "an end is open in one interval and closed in the other")
    return Identity("equal", "the intervals have the same ends")


def _same_parts(gold: RealSet, answer: RealSet) -> Identity:
    """Compare unions with symbolic ends part by part."""
    if not (isinstance(gold, Union) and isinstance(answer, Union)) or gold.minus or answer.minus:
        return Identity("unknown", "the order of the ends is not known")
    left = list(answer.parts)
    for part in gold.parts:
        match = next((other for other in left if _same_part(part, other)), None)
        if match is None:
            return Identity("unknown", "the order of the ends is not known")
        left.remove(match)
    return Identity("unknown", "the order of the ends is not known") if left else Identity("equal", "the same parts")


def _same_part(first: Form, second: Form) -> bool:
    if isinstance(first, Interval) and isinstance(second, Interval):
        return _same_piece(Piece(*first), Piece(*second)).status == "equal"
    return first == second


def pieces(form: Form) -> list[Piece]:
    """Return the pieces of a set in any order, with what is left out taken away.

    Example:
        >>> from fractions import Fraction
        >>> reals = Interval(Apply("negate", (Constant("infinity"),)), Constant("infinity"), False, False)
        >>> len(pieces(Union((reals,), (Sequence("set", (Number(Fraction(2)),)),))))
        2
    """
    if isinstance(form, Interval):
        return [Piece(*form)]
    if isinstance(form, Sequence) and form.kind == "set":
        return [_point(item) for item in form.items]
    if not isinstance(form, Union):
        raise _UndecidedError
    found = [piece for part in form.parts for piece in pieces(part)]
    for part in form.minus:
        for hole in pieces(part):
            found = [rest for piece in found for rest in _without(piece, hole)]
            if len(found) > MAX_ITEMS:
                raise TooLargeError(f"a union has more than {MAX_ITEMS} parts")
    return found


def _point(item: Form) -> Piece:
    if not isinstance(item, (Number, Constant, Symbol, Apply)):
        raise _UndecidedError
    return Piece(item, item, True, True)


def _without(piece: Piece, hole: Piece) -> list[Piece]:
    """Take a hole out of a piece."""
    left_end = hole.low if order(hole.low, piece.high) < 0 else piece.high
    right_end = hole.high if order(hole.high, piece.low) > 0 else piece.low
    if order(hole.high, piece.low) < 0 or order(hole.low, piece.high) > 0:
        return [piece]
    left = Piece(piece.low, left_end, piece.low_closed, not hole.low_closed and _closed_at(piece, left_end))
    right = Piece(right_end, piece.high, not hole.high_closed and _closed_at(piece, right_end), piece.high_closed)
    return [part for part in (left, right) if not _is_empty(part)]


def _closed_at(piece: Piece, end: Node) -> bool:
    """Say whether a piece holds a point between its ends, or one of its ends."""
    if not order(end, piece.low):
        return piece.low_closed
    return piece.high_closed if not order(end, piece.high) else True


def _is_empty(piece: Piece) -> bool:
    difference = order(piece.low, piece.high)
    return difference > 0 or (difference == 0 and not (piece.low_closed and piece.high_closed))


def merged(parts: list[Piece]) -> list[Piece]:
    """Sort pieces and join those that overlap or touch.

    Example:
        >>> from fractions import Fraction
        >>> zero, one, two = (Number(Fraction(n)) for n in range(3))
        >>> len(merged([Piece(one, two, True, True), Piece(zero, one, True, False)]))
        1
    """
    result: list[Piece] = []
    for piece in sorted((part for part in parts if not _is_empty(part)), key=cmp_to_key(_by_low)):
        last = result[-1] if result else None
        gap = order(piece.low, last.high) if last else 1
        if last is None or gap > 0 or (gap == 0 and not (piece.low_closed or last.high_closed)):
            result.append(piece)
            continue
        further = order(piece.high, last.high)
        if further > 0:
            result[-1] = last._replace(high=piece.high, high_closed=piece.high_closed)
        elif further == 0 and piece.high_closed:
            result[-1] = last._replace(high_closed=True)
    return result


def _by_low(first: Piece, second: Piece) -> int:
    return order(first.low, second.low) or second.low_closed - first.low_closed


def is_infinite(end: Node) -> bool:
    """Say whether an end is infinity or its negative."""
    return _infinite_sign(end) != 0


def _infinite_sign(end: Node) -> int:
    if end == Constant("infinity"):
        return 1
    return -_infinite_sign(end.arguments[0]) if isinstance(end, Apply) and end.operator == "negate" else 0


def order(first: Node, second: Node) -> int:
    """Return -1, 0 or 1 as the first end is below, at or above the second.

    Example:
        >>> from fractions import Fraction
        >>> order(Number(Fraction(1)), Constant("pi"))
        -1
    """
    signs = _infinite_sign(first), _infinite_sign(second)
    if any(signs):
        return (signs[0] > signs[1]) - (signs[0] < signs[1])
    if isinstance(first, Number) and isinstance(second, Number):
        return (first.value > second.value) - (first.value < second.value)
    values: list[Any] = [real_value(first), real_value(second)]
    if None in values:
        raise _UndecidedError
    if abs(values[0] - values[1]) < 1e-12 * max(1, abs(values[0])) and identical(first, second).status == "equal":
        return 0
    return 1 if values[0] > values[1] else -1

r"""Computer algebra: pairs of answers that are not decided by reading and comparing them alone.

Integrals, sums, products, limits, derivatives, functions by cases, matrices, inequalities that must be solved,
equations, congruences, families of solutions. This runs in worker processes only: sympy may take any time over a small
text, and a worker can be killed. Texts become sympy objects by our own parser; sympy itself never reads a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rewardium.envs.math.verify.algebra.sympy_equations import same_congruence, same_equation, same_family
from rewardium.envs.math.verify.algebra.sympy_forms import (
    Congruence,
    Family,
    Many,
    Measured,
    Statement,
    Text,
    transformed,
)
from rewardium.envs.math.verify.algebra.sympy_identity import same_expression
from rewardium.envs.math.verify.algebra.sympy_reading import Reader
from rewardium.envs.math.verify.algebra.sympy_sets import same_solutions
from rewardium.envs.math.verify.algebra.sympy_values import accurate_value
from rewardium.envs.math.verify.limits import TooLargeError, UnreadableError
from rewardium.envs.math.verify.numeric.decimals import is_long, written_decimal
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity, all_of
from rewardium.envs.math.verify.reading.parser import parse
from rewardium.envs.math.verify.reading.units import PLAIN_UNIT, convert, same_unit_kind
from rewardium.envs.math.verify.tree import Apply, Number

MAX_COMPARED = 30
"""Items of a list whose order is free; each is compared with each."""

_COMPLEX = re.compile(r"\\(?:overline|bar|Re|Im|arg)(?![A-Za-z])|\\(?:operatorname|mathrm)\s*+\{(?:Re|Im|arg)\}")
_LETTERS = re.compile(r"\s*+[A-Za-z]{3,}+\s*+")


def prepare() -> None:
    """Import and compute what every decision needs, so that a process forked from this one need not."""
    decide(r"\int_0^1 x^2\,dx", r"\sum_{k=1}^{2} \frac{k}{9}")
    decide(r"x^2 < 4", r"(-2, 2)")
    decide(r"\begin{cases} x & x > 0 \\ -x & x \leq 0 \end{cases}", "|x|")
    decide(r"(x-y)^2 = 0", "x = y")
    decide(r"\lim_{x \to 0} \frac{\sin x}{x}", "1")


def decide(gold: str, answer: str) -> tuple[str, str]:
    r"""Compare two answers with computer algebra. This may take any time and memory.

    Args:
        gold: The text of the right answer.
        answer: The text of another.

    Returns:
        ``"equal"``, ``"different"`` or ``"unknown"``, and the reason in words.

    Raises:
        MemoryError: When memory has run out; nothing else.

    Example:
        >>> decide(r"\int_0^1 x^2\,dx", r"\frac{1}{3}")[0], decide(r"x^2 < 4", "-2 < x < 2")[0]
        ('equal', 'equal')
    """
    try:
        status, reason = _decided(gold, answer)
        return status, reason
    except MemoryError:
        raise
    except TooLargeError as error:
        return UNKNOWN, f"too large: {error}"
    except UnreadableError as error:
        return UNKNOWN, str(error)
    except Exception as error:  # sympy raises whatever it likes
        return UNKNOWN, f"{type(error).__name__}: {error}"[:300]


def _decided(gold: str, answer: str) -> Identity:
    import sympy

    if any(_LETTERS.fullmatch(text) for text in (gold, answer)):
        return Identity(UNKNOWN, "letters that may be a word")
    first, second, has_bare_log = _read(gold, answer, sympy.E)
    result = compare(first, second)
    if has_bare_log and result.status != EQUAL:
        # Which base is meant is not said: it is e or 10, the same in both.
        other = compare(*_read(gold, answer, sympy.Integer(10))[:2])
        result = other if other.status == EQUAL else result
    if result.status == DIFFERENT:
        return _rounded(gold, first, answer, second) or result
    return result


def _read(gold: str, answer: str, log_base: Any) -> tuple[Any, Any, bool]:
    """Read both texts; a variable that stands for an integer in one does so in the other."""
    import sympy

    is_complex = any(_COMPLEX.search(text) for text in (gold, answer))
    readers = [Reader(log_base, is_complex) for _ in range(2)]
    values = [reader.read(text) for reader, text in zip(readers, (gold, answer), strict=True)]
    names = readers[0].notes.integers | readers[1].notes.integers
    integers = {readers[0].notes.variable(name): sympy.Symbol(name, integer=True, positive=True) for name in names}
    first, second = (transformed(value, lambda item: item.xreplace(integers)) for value in values)
    return first, second, any(reader.notes.has_bare_log for reader in readers)


def _rounded(gold: str, first: Any, answer: str, second: Any) -> Identity | None:
    """Accept a decimal number of six digits or more for a number that is no decimal, if less than a unit is missing."""
    for text, other in ((gold, second), (answer, first)):
        decimal = _decimal(text)
        if decimal is None or not is_long(decimal) or not getattr(other, "is_number", False) or other.is_Rational:
            continue
        value = accurate_value(other - _rational(decimal.value), {})
        if abs(value.number) + value.error < 10.0 ** -(decimal.places or 0):
            return Identity(EQUAL, "the decimal number agrees to its last place")
    return None


def _decimal(text: str) -> Number | None:
    try:
        form = parse(text)
    except (UnreadableError, TooLargeError):
        return None
    return written_decimal(form) if isinstance(form, (Number, Apply)) else None


def compare(gold: Any, answer: Any) -> Identity:
    """Compare two values that were read.

    Args:
        gold: A sympy object, or one of the classes of ``sympy_forms``.
        answer: Another.

    Returns:
        Whether they say the same. Values of different kinds are unknown, not different.

    Example:
        >>> import sympy
        >>> compare(Many("list", (sympy.pi, sympy.E)), Many("list", (sympy.E, sympy.pi))).status
        'equal'
    """
    gold, answer = _unlabelled(gold, answer)
    for applies, comparison in _COMPARISONS:
        if applies(gold, answer):
            return comparison(gold, answer)
    return Identity(UNKNOWN, "answers of different kinds")


# Names before values.


def _unlabelled(gold: Any, answer: Any) -> tuple[Any, Any]:
    """Leave out what only names a value: where only one has a name, or both the same."""
    first, second = _label(gold), _label(answer)
    if first is not None and (first == second or not isinstance(answer, Statement)):
        gold = gold.sides[-1]
    if second is not None and (first == second or not isinstance(gold, Statement)):
        answer = answer.sides[-1]
    return gold, answer


def _label(value: Any) -> Any:
    """Return the name that a statement gives its last side, None where it does not."""
    import sympy
    from sympy.core.function import AppliedUndef

    if not isinstance(value, Statement) or set(value.operators) not in ({"="}, {"in"}):
        return None
    first, last = value.sides[0], value.sides[-1]
    if not isinstance(first, sympy.Expr):
        return None
    is_name = first.is_Symbol or isinstance(first, AppliedUndef) or not first.free_symbols
    is_inside = getattr(first, "is_Symbol", False) and first in getattr(last, "free_symbols", ())
    return first if is_name and not is_inside else None


# What is compared, and how.


def _are(*kinds: Any) -> Callable[[Any, Any], bool]:
    return lambda gold, answer: isinstance(gold, kinds) and isinstance(answer, kinds)


def _are_expressions(gold: Any, answer: Any) -> bool:
    import sympy

    return all(isinstance(value, sympy.Expr) and not value.is_Matrix for value in (gold, answer))


def _are_matrices(gold: Any, answer: Any) -> bool:
    return bool(getattr(gold, "is_Matrix", False) and getattr(answer, "is_Matrix", False))


def _is_family(gold: Any, answer: Any) -> bool:
    return isinstance(gold, Family) or isinstance(answer, Family)


def _is_equation(value: Any) -> bool:
    return isinstance(value, Statement) and value.operators == ("=",)


def _are_equations(gold: Any, answer: Any) -> bool:
    return _is_equation(gold) and _is_equation(answer)


def _are_sets(gold: Any, answer: Any) -> bool:
    """Say whether both are sets of numbers, and one is written as a set or as inequalities."""
    import sympy

    def is_set(value: Any) -> bool:
        if isinstance(value, Many):
            return value.kind in ("set", "tuple", "list")
        return isinstance(value, (sympy.Set, Statement))

    def is_certain(value: Any) -> bool:
        if isinstance(value, Many):
            return _is_disjunction(value)
        return isinstance(value, sympy.Set) or (isinstance(value, Statement) and not _is_equation(value))

    is_both = {_is_equation(gold), _is_equation(answer)} == {True, False}
    return is_set(gold) and is_set(answer) and (is_both or is_certain(gold) or is_certain(answer))


def _is_disjunction(value: Many) -> bool:
    """Say whether a list consists of inequalities."""
    return value.kind == "list" and all(isinstance(item, Statement) and not _is_equation(item) for item in value.items)


def _equations(gold: Statement, answer: Statement) -> Identity:
    import sympy

    sides = [statement.sides for statement in (gold, answer)]
    if not all(isinstance(side, sympy.Expr) for pair in sides for side in pair):
        return Identity(UNKNOWN, "equations of something else than numbers")
    if any(side.is_Matrix for pair in sides for side in pair):
        return all_of((compare(first, second) for first, second in zip(*sides, strict=True)), "both sides are equal")
    return same_equation(sides[0][0] - sides[0][1], sides[1][0] - sides[1][1])


def _matrices(gold: Any, answer: Any) -> Identity:
    if gold.shape != answer.shape:
        return Identity(DIFFERENT, f"the shapes are {gold.shape} and {answer.shape}")
    return all_of(map(same_expression, gold, answer), "all entries are equal")


def _measured(gold: Measured, answer: Measured) -> Identity:
    if not same_unit_kind(gold.unit, answer.unit):
        return Identity(UNKNOWN, "units that cannot be compared")
    if PLAIN_UNIT in (gold.unit, answer.unit):
        return compare(gold.value, answer.value)
    sides = []
    for value, unit in (gold, answer):
        zero, one = convert(Fraction(0), unit), convert(Fraction(1), unit)
        sides.append(value * _rational(one - zero) + _rational(zero))
    return same_expression(*sides)


def _one_measured(gold: Any, answer: Any) -> Identity:
    """Compare with a bare number: it is taken in the same unit, and beside an angle in radians too."""
    import sympy

    measured, other = (gold, answer) if isinstance(gold, Measured) else (answer, gold)
    result = compare(measured.value, other)
    if result.status != EQUAL and measured.unit.name == "degree":
        in_radians = compare(measured.value * sympy.pi / 180, other)
        result = in_radians if in_radians.status == EQUAL else result
    return result


def _rational(value: Fraction) -> Any:
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


def _texts(gold: Text, answer: Text) -> Identity:
    is_same = gold.words == answer.words
    return Identity(EQUAL, "they are the same words") if is_same else Identity(UNKNOWN, "different words")


# Lists, tuples and sets of values.


def _many(gold: Many, answer: Many) -> Identity:
    kinds = {gold.kind, answer.kind}
    if "ratio" in kinds:
        return _ratios(gold, answer) if kinds == {"ratio"} else Identity(UNKNOWN, "a ratio and something else")
    if len(gold.items) != len(answer.items) and kinds != {"set"}:
        return Identity(DIFFERENT, f"one has {len(gold.items)} items, the other {len(answer.items)}")
    if kinds == {"tuple"} and len(gold.items) == 2 and _ends_differ(gold.brackets, answer.brackets):
        return Identity(DIFFERENT, "the brackets of pairs or intervals differ")
    if kinds == {"tuple"}:
        pairs = zip(gold.items, answer.items, strict=True)
        return all_of((compare(first, second) for first, second in pairs), "all entries are equal")
    if "tuple" in kinds:
        return Identity(UNKNOWN, "one has an order, the other none")
    result = _without_order(gold.items, answer.items, may_repeat="set" in kinds)
    has_statements = any(isinstance(item, Statement) for item in (*gold.items, *answer.items))
    if result.status == DIFFERENT and has_statements:
        return Identity(UNKNOWN, "systems of equations that are written in different ways")
    return result


def _ends_differ(first: str, second: str) -> bool:
    return first != second and "<" not in first + second


def _ratios(gold: Many, answer: Many) -> Identity:
    if len(gold.items) != len(answer.items):
        return Identity(DIFFERENT, "ratios of different length")
    pairs = zip(gold.items[1:], answer.items[1:], strict=True)
    crossed = (same_expression(a * answer.items[0], b * gold.items[0]) for a, b in pairs)
    return all_of(crossed, "the ratios are equal")


def _without_order(gold: tuple[Any, ...], answer: tuple[Any, ...], may_repeat: bool) -> Identity:
    """Find for each item of the one an equal item of the other."""
    if max(len(gold), len(answer)) > MAX_COMPARED:
        raise TooLargeError(f"a list of more than {MAX_COMPARED} items without order")
    left = list(answer)
    for item in gold:
        results = [compare(item, other) for other in left]
        match = next((at for at, result in enumerate(results) if result.status == EQUAL), None)
        if match is not None:
            left.pop(match)
            continue
        if may_repeat and any(compare(item, other).status == EQUAL for other in answer):
            continue
        unknown = next((result for result in results if result.status == UNKNOWN), None)
        return unknown or Identity(DIFFERENT, "an item of the one is missing in the other")
    if left and not (may_repeat and _all_in(left, gold)):
        return Identity(DIFFERENT, "an item of the one is missing in the other")
    return Identity(EQUAL, "they have the same items")


def _all_in(items: list[Any], others: tuple[Any, ...]) -> bool:
    return all(any(compare(item, other).status == EQUAL for other in others) for item in items)


def _one_and_many(gold: Any, answer: Any) -> Identity:
    """Compare a value with a set that may hold this value alone."""
    many, other = (gold, answer) if isinstance(gold, Many) else (answer, gold)
    if many.kind in ("set", "list") and len(many.items) == 1:
        return compare(many.items[0], other)
    return Identity(UNKNOWN, "one value and several")


_COMPARISONS: tuple[tuple[Callable[[Any, Any], bool], Callable[[Any, Any], Identity]], ...] = (
    (_is_family, same_family),
    (_are_matrices, _matrices),
    (_are_expressions, same_expression),
    (_are(Measured), _measured),
    (lambda gold, answer: isinstance(gold, Measured) or isinstance(answer, Measured), _one_measured),
    (_are(Text), _texts),
    (_are(Congruence), same_congruence),
    (_are_sets, same_solutions),
    (_are_equations, _equations),
    (_are(Many), _many),
    (lambda gold, answer: isinstance(gold, Many) or isinstance(answer, Many), _one_and_many),
)

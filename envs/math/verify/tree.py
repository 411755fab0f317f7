r"""What an answer can be, as data: expressions, and the forms that hold expressions.

An expression is a ``Node``: ``Number``, ``Constant``, ``Symbol`` or ``Apply``. A form is an expression or one of the
classes below it: quantities with units, sequences, intervals, unions, relations, matrices, words. Everything is
immutable and hashable, so that what was read once is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple, TypeAlias


class Number(NamedTuple):
    """A rational number, exactly.

    Args:
        value: The value.
        places: For a number that is written with a decimal point, the digits after it, as in 2 for ``3.10``; less by
            the exponent of scientific notation, so that it may be negative. None for integers, fractions and repeating
            decimals. One unit in the last place is ``10 ** -places``.
    """

    value: Fraction
    places: int | None = None


class Constant(NamedTuple):
    """``pi``, ``e``, ``i`` or ``infinity`` (the positive one)."""

    name: str


class Symbol(NamedTuple):
    r"""A variable: a letter with whatever subscript, prime or accent it has, e.g. ``x``, ``x_1``, ``alpha``, ``f'``."""

    name: str


class Apply(NamedTuple):
    """An operation on expressions.

    Args:
        operator: One of

            * n-ary: ``add``, ``multiply``, ``max``, ``min``, ``gcd``, ``lcm``, ``ratio`` (as in 2 : 3 : 4),
            * ``negate``, ``divide``, ``power``, ``root`` (radicand, index), ``factorial``, ``double_factorial``,
              ``binomial`` (n, k), ``mod`` (a, m), ``abs``, ``floor``, ``ceiling``, ``conjugate``, ``re``, ``im``,
              ``arg``, ``degrees`` (an angle as an argument of a function: its value times pi / 180),
            * ``exp``, ``ln``, ``log`` (with one argument its base is not stated: e or 10; with two, argument and base),
            * ``sin``, ``cos``, ``tan``, ``cot``, ``sec``, ``csc``, each with ``arc`` before it as well, and ``sinh``,
              ``cosh``, ``tanh``, ``coth``, ``sech``, ``csch``, ``arsinh``, ``arcosh``, ``artanh``,
            * ``plus_minus`` and ``minus_plus`` with one argument or two: upper signs belong together, lower ones too,
            * ``call`` (a ``Symbol``, then the arguments): a function that nothing is known of, as in f(2x).
        arguments: The operands.
    """

    operator: str
    arguments: tuple[Node, ...]


Node: TypeAlias = "Number | Constant | Symbol | Apply"


class Unit(NamedTuple):
    """A unit of measurement.

    Args:
        name: As it was written, normalised.
        dimensions: Exponents of the base dimensions, sorted by name, without zeros; empty for a pure number.
        factor: One of the unit in base units, exactly.
        offset: The zero of the unit in base units, for temperatures.
    """

    name: str
    dimensions: tuple[tuple[str, Fraction], ...]
    factor: Fraction
    offset: Fraction = Fraction(0)


class Quantity(NamedTuple):
    """An expression with a unit; per cent and degrees of angle are units too."""

    value: Node
    unit: Unit


class Sequence(NamedTuple):
    """Several forms together.

    Args:
        kind: ``"list"`` (bare: separated by commas, semicolons, "and", "or"), ``"tuple"`` or ``"set"``.
        items: The forms.
        brackets: Of a tuple ``"()"``, ``"[]"``, ``"<>"``, or ``"(]"`` and ``"[)"``: with two items an interval.
    """

    kind: str
    items: tuple[Form, ...]
    brackets: str = ""


class Interval(NamedTuple):
    """A real interval; an end at infinity is open."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


class Union(NamedTuple):
    """A union of intervals and sets; ``minus`` holds what is taken away from it, as in R without {0}."""

    parts: tuple[Form, ...]
    minus: tuple[Form, ...] = ()


class Relation(NamedTuple):
    """A chain such as ``a = b``, ``a < b <= c`` or ``x in S``.

    Args:
        sides: n + 1 forms.
        operators: n of ``=``, ``<``, ``>``, ``<=``, ``>=``, ``!=``, ``~`` (approximately), ``in``.
    """

    sides: tuple[Form, ...]
    operators: tuple[str, ...]


class Matrix(NamedTuple):
    """A matrix, or a determinant's array; a column vector has rows of one."""

    rows: tuple[tuple[Node, ...], ...]


class Words(NamedTuple):
    """A text answer, normalised: lower case, single spaces, no punctuation at its ends."""

    text: str


class Choice(NamedTuple):
    """A multiple-choice letter, with the value that stood beside it, as in ``(B) 12``.

    Args:
        letter: A capital letter.
        value: The form beside it, or None.
    """

    letter: str
    value: Form | None = None


Form: TypeAlias = "Node | Quantity | Sequence | Interval | Union | Relation | Matrix | Words | Choice"


def subnodes(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it, without recursion.

    Example:
        >>> [type(n).__name__ for n in subnodes(Apply("negate", (Symbol("x"),)))]
        ['Apply', 'Symbol']
    """
    stack: list[Node] = [node]
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, Apply):
            stack.extend(reversed(current.arguments))


def symbols(node: Node) -> frozenset[str]:
    """Return the names of the variables in an expression.

    Example:
        >>> sorted(symbols(Apply("add", (Symbol("x"), Apply("multiply", (Number(Fraction(2)), Symbol("y")))))))
        ['x', 'y']
    """
    return frozenset(item.name for item in subnodes(node) if isinstance(item, Symbol))

"""One way to say a thing: forms brought to the shape in which they are compared.

``x = 1/2 = 0.5`` becomes the value 1/2 under the label x, ``3 < x <= 5`` an interval under the label x, ``1 ± √2`` a
list of two, ``[1, 2)`` an interval, ``x ∈ S`` the set S under the label x.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, TypeAlias

from rewardium.envs.math.verify.limits import MAX_NODES, TooLargeError
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
    Words,
    subnodes,
    symbols,
)

NEGATIVE_INFINITY = Apply("negate", (Constant("infinity"),))
INFINITY = Constant("infinity")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_NUMBER_SETS = ("integers", "naturals", "rationals", "complexes")


class Labelled(NamedTuple):
    """A value with the name it was given, as in ``x = 5`` or ``f(x) = 2x``."""

    label: Form
    value: Canonical


Canonical: TypeAlias = "Form | Labelled"


def is_node(form: Canonical) -> bool:
    """Say whether a form is an expression."""
    return isinstance(form, (Number, Constant, Symbol, Apply))


def canonical(form: Form) -> Canonical:
    """Bring a form to the shape in which it is compared.

    Args:
        form: What the parser read.

    Returns:
        The same in its canonical shape; equations that only name a value are ``Labelled``.

    Raises:
        TooLargeError: When signs that are not chosen make too many values.

    Example:
        >>> canonical(Relation((Symbol("x"), Number(Fraction(5))), ("=",)))
        Labelled(label=Symbol(name='x'), value=Number(value=Fraction(5, 1), places=None))
    """
    if isinstance(form, Relation):
        return _relation(form)
    if isinstance(form, Sequence):
        return _sequence(form)
    if isinstance(form, Quantity):
        return form
    if isinstance(form, Union):
        return _union(form)
    if isinstance(form, Choice) and form.value is not None:
        return Choice(form.letter, _unlabelled(canonical(form.value)))
    if isinstance(form, (Number, Constant, Symbol, Apply)):
        return _as_vector(form) or _with_both_signs(form)
    return form


def _unlabelled(form: Canonical) -> Form:
    return _unlabelled(form.value) if isinstance(form, Labelled) else form


# Relations.


def _relation(form: Relation) -> Canonical:
    sides, operators = form.sides, form.operators
    if "~" in operators:
        sides, operators = _without_approximation(sides, operators)
    if not operators:
        return canonical(sides[0])
    if operators == ("in",):
        return Labelled(sides[0], canonical(sides[1]))
    if all(operator == "=" for operator in operators):
        return _equation(sides)
    if operators == ("!=",):
        return _excluded(sides) or Relation(sides, operators)
    if set(operators) <= set(_FLIPPED):
        return _inequality(sides, operators)
    return Relation(sides, operators)


def _without_approximation(
    sides: tuple[Form, ...], operators: tuple[str, ...]
) -> tuple[tuple[Form, ...], tuple[str, ...]]:
    """Leave out what only approximates: ``x = 1/3 ≈ 0.33`` says 1/3, and ``x ≈ 0.33`` says 0.33."""
    at = operators.index("~")
    if at == 0 and is_label(sides[0]):
        return (
            _without_approximation(sides, ("=", *operators[1:]))
            if "~" in operators[1:]
            else (sides, ("=", *operators[1:]))
        )
    return sides[: at + 1], operators[:at]


def _equation(sides: tuple[Form, ...]) -> Canonical:
    first, last = sides[0], sides[-1]
    if is_label(first):
        return Labelled(first, canonical(last))
    if (
        is_label(last)
        and len(sides) == 2
        and not (is_node(first) and isinstance(last, Symbol) and last.name in _names(first))
    ):
        return Labelled(last, canonical(first))
    if not _names(first):
        # A calculation, such as 2 + 3 = 5, says what comes out; 7 = 11a + c is an equation.
        return canonical(last) if not _names(last) else Relation((first, last), ("=",))
    if len(sides) > 2 and not _names(last):
        return canonical(last)
    return Relation((first, last), ("=",))


def _names(form: Form) -> frozenset[str]:
    if isinstance(form, (Number, Constant, Symbol, Apply)):
        return symbols(form)
    return frozenset(("?",)) if isinstance(form, (Words, Relation)) else frozenset()


def is_label(form: Form) -> bool:
    """Say whether a side of an equation is the name of what stands on the other side.

    Names are a variable, f(x), the length AB or |AB|, a ratio of such names, (x, y), and words.

    Example:
        >>> is_label(Symbol("x")), is_label(Apply("add", (Symbol("x"), Symbol("y"))))
        (True, False)
    """
    if isinstance(form, (Symbol, Words)):
        return True
    if isinstance(form, Choice):
        return form.value is None
    if isinstance(form, Sequence):
        return form.kind == "tuple" and bool(form.items) and all(isinstance(item, Symbol) for item in form.items)
    if not isinstance(form, Apply):
        return False
    if form.operator == "call":
        return True
    if form.operator == "multiply":
        # Capital letters side by side are a segment; W(n) and P(A) are read as products.
        parts = form.arguments
        return all(isinstance(part, Symbol) for part in parts) and (
            all(part.name[0].isupper() for part in parts if isinstance(part, Symbol))
            or (len(parts) == 2 and isinstance(parts[0], Symbol) and parts[0].name[0].isupper())
        )
    if form.operator in ("abs", "divide", "ratio"):
        return all(is_label(part) for part in form.arguments)
    return False


def _excluded(sides: tuple[Form, ...]) -> Canonical | None:
    """Read ``x != 2`` as all real numbers but 2."""
    for variable, value in (sides, sides[::-1]):
        if isinstance(variable, Symbol) and is_node(value) and not _names(value):
            reals = Interval(NEGATIVE_INFINITY, INFINITY, False, False)
            return Labelled(variable, Union((reals,), (Sequence("set", (value,)),)))
    return None


def _inequality(sides: tuple[Form, ...], operators: tuple[str, ...]) -> Canonical:
    if all(operator in (">", ">=") for operator in operators):
        sides, operators = sides[::-1], tuple(_FLIPPED[operator] for operator in reversed(operators))
    elif not all(operator in ("<", "<=") for operator in operators):
        return Relation(sides, operators)
    sides, operators = _without_bars(sides, operators)
    interval = _as_interval(sides, operators)
    return interval or _outside(sides, operators) or Relation(sides, operators)


def _without_bars(sides: tuple[Form, ...], operators: tuple[str, ...]) -> tuple[tuple[Form, ...], tuple[str, ...]]:
    """Write ``|a| < b`` as ``-b < a < b``."""
    first = sides[0]
    if len(sides) == 2 and isinstance(first, Apply) and first.operator == "abs" and _is_end(sides[1]):
        low = Apply("negate", (sides[1],))  # type: ignore[arg-type]
        return (low, first.arguments[0], sides[1]), (operators[0], operators[0])
    return sides, operators


def _outside(sides: tuple[Form, ...], operators: tuple[str, ...]) -> Labelled | None:
    """Write ``|x| > a`` as what lies outside of an interval."""
    last = sides[-1]
    if not (len(sides) == 2 and isinstance(last, Apply) and last.operator == "abs" and _is_end(sides[0])):
        return None
    variable = last.arguments[0]
    if not isinstance(variable, Symbol):
        return None
    closed, bound = operators[0] == "<=", sides[0]
    low = Interval(NEGATIVE_INFINITY, Apply("negate", (bound,)), False, closed)  # type: ignore[arg-type]
    return Labelled(variable, Union((low, Interval(bound, INFINITY, closed, False))))  # type: ignore[arg-type]


def _as_interval(sides: tuple[Form, ...], operators: tuple[str, ...]) -> Labelled | None:
    closed = tuple(operator == "<=" for operator in operators)
    if len(sides) == 2:
        low, high = sides
        if _is_variable(high) and _is_end(low):
            return Labelled(high, Interval(low, INFINITY, closed[0], False))  # type: ignore[arg-type]
        if _is_variable(low) and _is_end(high):
            return Labelled(low, Interval(NEGATIVE_INFINITY, high, False, closed[0]))  # type: ignore[arg-type]
    elif len(sides) == 3 and _is_variable(sides[1]) and _is_end(sides[0]) and _is_end(sides[2]):
        low, middle, high = sides
        return Labelled(middle, Interval(low, high, *closed))  # type: ignore[arg-type]
    return None


def _is_variable(form: Form) -> bool:
    return isinstance(form, Symbol) or (isinstance(form, Apply) and form.operator == "call")


def _is_end(form: Form) -> bool:
    return is_node(form) and not _names(form)


# Sequences and unions.


def _sequence(form: Sequence) -> Canonical:
    items = tuple(canonical(item) for item in form.items)
    if form.kind == "tuple":
        interval = _tuple_as_interval(form.brackets, items)
        return interval or Sequence("tuple", tuple(_unlabelled(item) for item in items), form.brackets)
    total = _total(form, items)
    if total is not None:
        return total
    flat: list[Canonical] = []
    for item in items:
        inner = item.value if isinstance(item, Labelled) else item
        if (
            isinstance(inner, Sequence)
            and inner.kind == "list"
            and not any(isinstance(i, Labelled) for i in inner.items)
        ):
            flat += [Labelled(item.label, i) if isinstance(item, Labelled) else i for i in inner.items]
        else:
            flat.append(item)
    kept = [item for item in flat if not _is_condition(item)] or flat
    for item in flat:
        if _is_condition(item) and isinstance(item, Labelled) and isinstance(item.label, Symbol):
            kept = [_renamed(form, item.label) for form in kept]
    if len(kept) < len(flat):
        return Sequence("family", tuple(kept))  # type: ignore[arg-type]
    if len(kept) == 1 and form.kind == "list":
        return kept[0]
    if form.kind == "list" and (union := _alternatives(kept)) is not None:
        return union
    return Sequence(form.kind, tuple(kept))  # type: ignore[arg-type]  # items may be labelled here


def _total(form: Sequence, items: tuple[Canonical, ...]) -> Quantity | None:
    """Add quantities in different units of one kind: 1 hour and 30 minutes."""
    if form.kind != "list" or not all(isinstance(item, Quantity) for item in items):
        return None
    units = [item.unit for item in items if isinstance(item, Quantity)]
    if len(set(units)) < len(units) or len({unit.dimensions for unit in units}) > 1 or not units[0].dimensions:
        return None
    terms = tuple(
        Apply("multiply", (item.value, Number(item.unit.factor / units[0].factor)))
        for item in items
        if isinstance(item, Quantity)
    )
    return Quantity(Apply("add", terms), units[0])


def _alternatives(items: list[Canonical]) -> Canonical | None:
    """Read intervals of one variable, one after another, as their union."""
    values = [item.value if isinstance(item, Labelled) else item for item in items]
    labels = {item.label if isinstance(item, Labelled) else None for item in items}
    if len(labels) > 1 or not all(isinstance(value, (Interval, Union)) for value in values):
        return None
    union = Union(tuple(values))  # type: ignore[arg-type]
    label = labels.pop()
    return union if label is None else Labelled(label, union)


def _renamed(form: Canonical, name: Symbol) -> Canonical:
    """Call the integer of a family of solutions k: n pi for all n is k pi for all k."""
    if isinstance(form, Labelled):
        return Labelled(form.label, _renamed(form.value, name))
    if not is_node(form) or Symbol("k") in subnodes(form):  # type: ignore[arg-type]
        return form
    return substitute(form, name.name, Symbol("k"))  # type: ignore[arg-type]


def substitute(node: Node, name: str, value: Node) -> Node:
    """Put a value in the place of a variable.

    Example:
        >>> substitute(Apply("negate", (Symbol("x"),)), "x", Constant("pi"))
        Apply(operator='negate', arguments=(Constant(name='pi'),))
    """
    if isinstance(node, Symbol):
        return value if node.name == name else node
    if isinstance(node, Apply):
        return Apply(node.operator, tuple(substitute(argument, name, value) for argument in node.arguments))
    return node


def _is_condition(item: Canonical) -> bool:
    """Say whether an item only says what a letter stands for, as ``n ∈ Z`` behind a formula."""
    return isinstance(item, Labelled) and isinstance(item.value, Symbol) and item.value.name in _NUMBER_SETS


def _tuple_as_interval(brackets: str, items: tuple[Canonical, ...]) -> Interval | None:
    if len(items) != 2 or not all(is_node(item) for item in items):
        return None
    low, high = items
    infinite = any(INFINITY in subnodes(item) for item in items)  # type: ignore[arg-type]
    if brackets not in ("(]", "[)") and not (infinite and brackets in ("()", "[]")):
        return None
    return Interval(low, high, brackets[0] == "[", brackets[1] == "]")  # type: ignore[arg-type]


def as_interval(form: Canonical) -> Canonical:
    """Read a pair in round or square brackets as an interval; anything else stays.

    Example:
        >>> as_interval(Sequence("tuple", (Number(Fraction(1)), Number(Fraction(2))), "[]")).low_closed
        True
    """
    if isinstance(form, Sequence) and form.brackets in ("()", "[]") and len(form.items) == 2:
        low, high = form.items
        if is_node(low) and is_node(high):
            return Interval(low, high, form.brackets == "[]", form.brackets == "[]")  # type: ignore[arg-type]
    return form


def _union(form: Union) -> Canonical:
    parts = tuple(_unlabelled(as_interval(canonical(part))) for part in form.parts)
    minus = tuple(_unlabelled(as_interval(canonical(part))) for part in form.minus)
    if not minus and all(isinstance(part, Sequence) and part.kind == "set" for part in parts):
        return Sequence("set", tuple(item for part in parts for item in part.items))  # type: ignore[union-attr]
    return Union(parts, minus)


# Unit vectors.


def _as_vector(node: Node) -> Sequence | None:
    """Read ``2i + 3j``, where i and j are the unit vectors, as a tuple."""
    basis = [name for name in ("basisi", "basisj", "basisk") if name in symbols(node)]
    if not basis:
        return None
    size = 3 if "basisk" in basis else 2
    return Sequence("tuple", tuple(_component(node, at) for at in range(size)), "<>")


def _component(node: Node, at: int) -> Node:
    if isinstance(node, Symbol) and node.name.startswith("basis"):
        return Number(Fraction(int(node.name == ("basisi", "basisj", "basisk")[at])))
    if isinstance(node, Apply):
        return Apply(node.operator, tuple(_component(argument, at) for argument in node.arguments))
    return node


# Signs that are left open.


def _with_both_signs(node: Node) -> Canonical:
    if not any(isinstance(item, Apply) and item.operator in ("plus_minus", "minus_plus") for item in subnodes(node)):
        return node
    if sum(1 for _ in subnodes(node)) > MAX_NODES:
        raise TooLargeError(f"the answer has more than {MAX_NODES} operations")
    return Sequence("list", (_signed(node, True), _signed(node, False)))


def _signed(node: Node, upper: bool) -> Node:
    if not isinstance(node, Apply):
        return node
    arguments = tuple(_signed(argument, upper) for argument in node.arguments)
    if node.operator not in ("plus_minus", "minus_plus"):
        return Apply(node.operator, arguments)
    last = arguments[-1] if (node.operator == "plus_minus") == upper else Apply("negate", arguments[-1:])
    return last if len(arguments) == 1 else Apply("add", (arguments[0], last))


__all__ = ["INFINITY", "NEGATIVE_INFINITY", "Canonical", "Labelled", "Matrix", "as_interval", "canonical", "is_label"]

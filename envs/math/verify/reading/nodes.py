"""Small steps by which the parser puts expressions together."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.tree import Apply, Constant, Form, Node, Number, Quantity, Sequence, Symbol


def is_node(form: object) -> bool:
    """Say whether a form is an expression."""
    return isinstance(form, (Number, Constant, Symbol, Apply))


def as_node(form: Form) -> Node:
    """Return a form as an expression; a percentage or an angle inside an expression is its value.

    Raises:
        UnreadableError: When it is no expression.

    Example:
        >>> as_node(Symbol("x"))
        Symbol(name='x')
    """
    if isinstance(form, (Number, Constant, Symbol, Apply)):
        return form
    if isinstance(form, Quantity) and form.unit.name == "percent":
        return Apply("divide", (form.value, Number(Fraction(100))))
    if isinstance(form, Quantity) and form.unit.name == "degree":
        return Apply("degrees", (form.value,))
    raise UnreadableError("an operation on something that is no expression")


def items_of(form: Form) -> tuple[Form, ...]:
    """Return the items of a bare list, or a form as the only item."""
    return form.items if isinstance(form, Sequence) and form.kind == "list" else (form,)


def negated(node: Node) -> Node:
    """Return the negative of an expression; that of a number is a number."""
    return Number(-node.value, node.places) if isinstance(node, Number) else Apply("negate", (node,))


def product(left: Node, right: Node) -> Node:
    """Return a product without nesting it."""
    if isinstance(left, Apply) and left.operator == "multiply":
        return Apply("multiply", (*left.arguments, right))
    return Apply("multiply", (left, right))


def is_whole(node: Node) -> bool:
    """Say whether an expression is a positive integer."""
    return isinstance(node, Number) and node.places is None and node.value.denominator == 1 and node.value > 0


def is_proper_fraction(node: Node) -> bool:
    """Say whether an expression is a fraction of two positive integers that is below one."""
    if not (isinstance(node, Apply) and node.operator == "divide" and all(map(is_whole, node.arguments))):
        return False
    top, bottom = node.arguments
    return isinstance(top, Number) and isinstance(bottom, Number) and top.value < bottom.value


def applied(name: str, argument: Node, base: Node | None) -> Node:
    """Return a function of an argument, with the base of a logarithm.

    Raises:
        UnreadableError: When the function has no index, or is a determinant.
    """
    if name == "log":
        return Apply("log", (argument,) if base is None else (argument, base))
    if name == "lg":
        return Apply("log", (argument, Number(Fraction(10))))
    if base is not None or name == "det":
        raise UnreadableError(f"{name} with an index, or a determinant")
    return Apply({"ceil": "ceiling", "Re": "re", "Im": "im"}.get(name, name), (argument,))

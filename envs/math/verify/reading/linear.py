"""Arithmetic of the parser beyond single expressions: matrices and vectors that are added, scaled and multiplied."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.nodes import as_node, is_node, negated, product
from rewardium.envs.math.verify.tree import Apply, Form, Matrix, Node, Number, Quantity, Sequence


def negative(form: Form) -> Form:
    """Return the negative of an expression, a matrix or a vector.

    Raises:
        UnreadableError: When a form is none of them.
    """
    if isinstance(form, Quantity):
        return Quantity(negated(form.value), form.unit)
    return negated(as_node(form)) if is_node(form) else multiplied(Number(Fraction(-1)), form)


def added(left: Form, right: Form) -> Form:
    """Add two expressions, or two matrices or vectors of one shape.

    Raises:
        UnreadableError: When they cannot be added.

    Example:
        >>> from rewardium.envs.math.verify.tree import Symbol
        >>> added(Matrix(((Symbol("x"),),)), Matrix(((Symbol("y"),),))).rows[0][0].operator
        'add'
    """
    if is_node(left) and is_node(right):
        return _sum(as_node(left), as_node(right))
    if isinstance(left, Matrix) and isinstance(right, Matrix) and _shape(left) == _shape(right):
        rows = zip(left.rows, right.rows, strict=True)
        return Matrix(tuple(tuple(_sum(a, b) for a, b in zip(*pair, strict=True)) for pair in rows))
    if _is_vector(left) and _is_vector(right) and len(left.items) == len(right.items):  # type: ignore[union-attr]
        items = zip(left.items, right.items, strict=True)  # type: ignore[union-attr]
        return Sequence("tuple", tuple(_sum(as_node(a), as_node(b)) for a, b in items), left.brackets)  # type: ignore[union-attr]
    raise UnreadableError("a sum of things that cannot be added")


def _sum(left: Node, right: Node) -> Node:
    if isinstance(left, Apply) and left.operator == "add":
        return Apply("add", (*left.arguments, right))
    return Apply("add", (left, right))


def multiplied(left: Form, right: Form) -> Form:
    """Multiply two expressions, a matrix or a vector by an expression, or two matrices.

    Raises:
        UnreadableError: When they cannot be multiplied.

    Example:
        >>> from rewardium.envs.math.verify.tree import Symbol
        >>> multiplied(Number(Fraction(2)), Matrix(((Symbol("x"),),))).rows[0][0].operator
        'multiply'
    """
    if is_node(left) and is_node(right):
        return product(as_node(left), as_node(right))
    if is_node(right):
        left, right = right, left
    if is_node(left) and isinstance(right, Matrix):
        return Matrix(tuple(tuple(product(as_node(left), entry) for entry in row) for row in right.rows))
    if is_node(left) and _is_vector(right):
        items = tuple(product(as_node(left), as_node(item)) for item in right.items)  # type: ignore[union-attr]
        return Sequence("tuple", items, right.brackets)  # type: ignore[union-attr]
    if isinstance(left, Matrix) and isinstance(right, Matrix) and _shape(left)[1] == _shape(right)[0]:
        return _matrix_product(left, right)
    raise UnreadableError("a product of things that cannot be multiplied")


def _matrix_product(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right.rows, strict=True))

    def entry(row: tuple[Node, ...], column: tuple[Node, ...]) -> Node:
        terms = tuple(product(a, b) for a, b in zip(row, column, strict=True))
        return terms[0] if len(terms) == 1 else Apply("add", terms)

    return Matrix(tuple(tuple(entry(row, column) for column in columns) for row in left.rows))


def _shape(matrix: Matrix) -> tuple[int, int]:
    return len(matrix.rows), len(matrix.rows[0])


def _is_vector(form: Form) -> bool:
    return isinstance(form, Sequence) and form.kind == "tuple" and form.brackets in ("()", "[]", "<>")

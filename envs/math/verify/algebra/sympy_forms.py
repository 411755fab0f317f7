"""From parsed answers to sympy objects.

What has no counterpart in sympy (lists, relations as they were written, congruences, families of solutions) is one of
the small classes below. Sizes are checked before sympy calculates anything with them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from operator import add, mul
from typing import Any, NamedTuple

from rewardium.envs.math.verify.limits import MAX_EXACT_BITS, MAX_FACTORIAL, TooLargeError, UnreadableError
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
)

MAX_SYMBOLIC_EXPONENT = 10**6
"""Largest absolute exponent of an expression that is no number."""

MAX_MATRIX_EXPONENT = 64
"""Largest absolute exponent of a matrix."""

MAX_SYMBOLIC_MATRIX = 4
"""Rows of a matrix with variables of which a determinant, an inverse or a power is calculated."""

MAX_NUMERIC_MATRIX = 12
"""Rows of a matrix of numbers of which one is calculated."""

MAX_TERMS = 1000
"""Terms of a sum that sympy may add one by one."""

_BARRED = re.compile(r"(?:overline|bar)\(([A-Za-z])\)")
_SIGNS = ("plus_minus", "minus_plus")


class Many(NamedTuple):
    """A list, a tuple, a ratio or a set; ``kind`` and ``brackets`` as in ``Sequence``."""

    kind: str
    items: tuple[Any, ...]
    brackets: str = ""


class Statement(NamedTuple):
    """A chain of relations; sides and operators as in ``Relation``."""

    sides: tuple[Any, ...]
    operators: tuple[str, ...]


class Congruence(NamedTuple):
    """The difference of two sides is a multiple of the modulus."""

    difference: Any
    modulus: Any


class Family(NamedTuple):
    """All values of some expressions where a parameter runs through the integers, and the names they were given."""

    values: tuple[Any, ...]
    parameter: Any
    names: tuple[str, ...] = ()


class Measured(NamedTuple):
    """An expression with a unit."""

    value: Any
    unit: Unit


class Text(NamedTuple):
    """Words or a letter of multiple choice."""

    words: str


def transformed(value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply a function to every sympy object in a value.

    Example:
        >>> import sympy
        >>> transformed(Many("list", (sympy.Integer(2), sympy.pi)), lambda item: -item).items
        (-2, -pi)
    """
    if isinstance(value, (str, Unit)):
        return value
    if isinstance(value, tuple):
        items = [transformed(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return change(value)


class Converter:
    """Converts forms, and notes what must be known to compare them.

    Args:
        known: What some variables stand for.
        log_base: The base of a logarithm without one, as a sympy number.
        is_complex: Whether variables stand for complex numbers.
    """

    def __init__(self, known: Mapping[str, Any], log_base: Any, is_complex: bool) -> None:
        self.known = known
        self.log_base = log_base
        self.has_bare_log = False
        self.is_complex = is_complex
        self.integers: set[str] = set()

    def form(self, form: Form) -> Any:
        """Convert any form.

        Raises:
            UnreadableError: When there is no such sympy object.
            TooLargeError: When it would be too large.
        """
        import sympy

        if isinstance(form, (Number, Constant, Symbol, Apply)):
            return self._expression(form)
        if isinstance(form, Quantity):
            return self._quantity(form)
        if isinstance(form, Sequence):
            return self._sequence(form)
        if isinstance(form, Interval):
            low, high = self.node(form.low), self.node(form.high)
            return sympy.Interval(low, high, not form.low_closed, not form.high_closed)
        if isinstance(form, Union):
            return self._union(form)
        if isinstance(form, Relation):
            return Statement(tuple(self.form(side) for side in form.sides), form.operators)
        if isinstance(form, Matrix):
            return sympy.ImmutableMatrix([[self.node(entry) for entry in row] for row in form.rows])
        return self._text(form)

    def node(self, node: Node) -> Any:
        """Convert an expression, which may be a matrix."""
        import sympy

        if isinstance(node, Number):
            return sympy.Rational(node.value.numerator, node.value.denominator)
        if isinstance(node, Constant):
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "infinity": sympy.oo}[node.name]
        if isinstance(node, Symbol):
            return self._symbol(node.name)
        if node.operator == "call":
            name = node.arguments[0]
            inner = [self.node(argument) for argument in node.arguments[1:]]
            return sympy.Function(name.name if isinstance(name, Symbol) else "f")(*inner)
        return self._operation(node)

    def _symbol(self, name: str) -> Any:
        import sympy

        if name in self.known:
            return self.known[name]
        sets = {"integers": sympy.S.Integers, "naturals": sympy.S.Naturals, "rationals": sympy.S.Rationals}
        sets |= {"complexes": sympy.S.Complexes}
        barred = _BARRED.fullmatch(name)
        if barred is not None and self.is_complex:
            return sympy.conjugate(self.variable(barred[1]))
        return sets[name] if name in sets else self.variable(name)

    def variable(self, name: str) -> Any:
        """Return a variable."""
        import sympy

        return sympy.Symbol(name) if self.is_complex else sympy.Symbol(name, real=True)

    def _expression(self, node: Node) -> Any:
        """Convert an expression; both signs make a list of two, a ratio a tuple of its own kind."""
        if isinstance(node, Apply) and node.operator == "ratio":
            return Many("ratio", tuple(self.node(entry) for entry in node.arguments))
        if _has_both_signs(node):
            return Many("list", tuple(self.node(_with_sign(node, sign)) for sign in (1, -1)))
        return self.node(node)

    def _operation(self, node: Apply) -> Any:
        operator = node.operator
        values = [self.node(argument) for argument in node.arguments]
        if operator in ("factorial", "double_factorial", "binomial"):
            self._note_integers(values)
        if operator == "log" and len(values) == 1:
            self.has_bare_log = True
            values.append(self.log_base)
        if operator == "power" and isinstance(node.arguments[1], Symbol) and node.arguments[1].name == "T":
            return values[0].T if _is_matrix(values[0]) else values[0] ** values[1]
        rule = _operations().get(operator)
        if rule is None:
            raise UnreadableError(f"the operation {operator}")
        result = rule(*values)
        if operator == "power" and not _is_matrix(result) and values[0].is_negative:
            self._note_integers(values[1:])
        return result

    def _note_integers(self, values: list[Any]) -> None:
        """Note that variables stand for integers: they have a factorial, or are exponents of -1."""
        self.integers |= {symbol.name for value in values for symbol in value.free_symbols}

    def _quantity(self, form: Quantity) -> Any:
        value = self._expression(form.value)
        if form.unit.name == "percent":
            return transformed(value, lambda item: item / 100)
        return Measured(value, form.unit)

    def _sequence(self, form: Sequence) -> Any:
        import sympy

        items = tuple(self.form(item) for item in form.items)
        last = items[-1] if items else None
        if form.kind == "list" and isinstance(last, Statement) and last.sides[1:] == (sympy.S.Integers,):
            return family(items[:-1], last.sides[0])
        return Many(form.kind, items, form.brackets)

    def _union(self, form: Union) -> Any:
        import sympy

        parts = sympy.Union(*(as_set(self.form(part)) for part in form.parts))
        return sympy.Complement(parts, sympy.Union(*(as_set(self.form(part)) for part in form.minus)))

    def _text(self, form: Words | Choice) -> Any:
        if isinstance(form, Choice):
            return Text(form.letter) if form.value is None else self.form(form.value)
        meaning = as_form(form)
        return Text(form.text) if meaning is None else self.form(meaning)


def family(values: tuple[Any, ...], parameter: Any) -> Family:
    """Make a family of values with an integer parameter.

    Raises:
        UnreadableError: When the values are no expressions.
    """
    import sympy

    plain: list[Any] = []
    names = set[str]()
    for value in values:
        if isinstance(value, Statement) and value.operators == ("=",):
            names.add(str(value.sides[0]))
            value = value.sides[1]
        plain += value.items if isinstance(value, Many) else [value]
    if not plain or not all(isinstance(value, sympy.Expr) for value in plain) or not parameter.is_Symbol:
        raise UnreadableError("a family of values that are no expressions")
    return Family(tuple(plain), parameter, tuple(sorted(names)))


def as_set(value: Any) -> Any:
    """Return a value as a sympy set.

    Raises:
        UnreadableError: When it is none.

    Example:
        >>> import sympy
        >>> as_set(Many("tuple", (sympy.Integer(0), sympy.Integer(1)), "(]"))
        Interval.Lopen(0, 1)
    """
    import sympy

    if isinstance(value, sympy.Set):
        return value
    if isinstance(value, Many) and value.kind == "tuple" and len(value.items) == 2 and "<" not in value.brackets:
        return sympy.Interval(*value.items, value.brackets[0] == "(", value.brackets[1] == ")")
    if (
        isinstance(value, Many)
        and value.kind in ("set", "list")
        and all(isinstance(item, sympy.Expr) for item in value.items)
    ):
        return sympy.FiniteSet(*value.items)
    raise UnreadableError("a set of something that is no set")


def _is_matrix(value: Any) -> bool:
    return bool(getattr(value, "is_Matrix", False))


def _has_both_signs(node: Node) -> bool:
    return isinstance(node, Apply) and (node.operator in _SIGNS or any(map(_has_both_signs, node.arguments)))


def _with_sign(node: Node, sign: int) -> Node:
    """Choose the upper signs (1) or the lower ones (-1)."""
    if not isinstance(node, Apply):
        return node
    arguments = tuple(_with_sign(argument, sign) for argument in node.arguments)
    if node.operator not in _SIGNS:
        return Apply(node.operator, arguments)
    last = arguments[-1] if (node.operator == "plus_minus") == (sign > 0) else Apply("negate", (arguments[-1],))
    return Apply("add", (*arguments[:-1], last)) if len(arguments) == 2 else last


# Operations.


def power(base: Any, exponent: Any) -> Any:
    """Raise to a power, if the result is not too large.

    Raises:
        TooLargeError: When it is.

    Example:
        >>> import sympy
        >>> power(sympy.Integer(2), sympy.Integer(10))
        1024
    """
    import sympy

    if _is_matrix(base):
        if not exponent.is_Integer or abs(exponent) > MAX_MATRIX_EXPONENT:
            raise UnreadableError("a matrix with such an exponent")
        return _of_bounded_size(base) ** exponent
    if exponent.is_Rational and abs(exponent) > MAX_SYMBOLIC_EXPONENT:
        raise TooLargeError("an exponent is too large")
    if base.is_Rational and exponent.is_Rational:
        bits = max(int(base.p).bit_length(), int(base.q).bit_length())
        if bits * abs(Fraction(int(exponent.p), int(exponent.q))) > MAX_EXACT_BITS:
            raise TooLargeError("a power is too large")
    return sympy.Pow(base, exponent)


def _root(radicand: Any, index: Any) -> Any:
    """Take a root; an odd one of a negative number is negative."""
    import sympy

    if radicand.is_negative and index.is_odd:
        return -power(-radicand, sympy.Integer(1) / index)
    return power(radicand, sympy.Integer(1) / index)


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Guard a function that multiplies as many numbers as its argument says.

    Example:
        >>> import sympy
        >>> bounded(sympy.factorial)(sympy.Integer(10**9))  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        TooLargeError: a factorial of more than 3000
    """

    def guarded(*values: Any) -> Any:
        if any(value.is_Rational and abs(value) > MAX_FACTORIAL for value in values):
            raise TooLargeError(f"a factorial of more than {MAX_FACTORIAL}")
        return function(*values)

    return guarded


def determinant(matrix: Any) -> Any:
    """Calculate a determinant.

    Raises:
        TooLargeError: When the matrix is too large.

    Example:
        >>> import sympy
        >>> determinant(sympy.ImmutableMatrix([[1, 2], [3, 4]]))
        -2
    """
    return _of_bounded_size(matrix).det()


def _of_bounded_size(matrix: Any) -> Any:
    rows = MAX_SYMBOLIC_MATRIX if matrix.free_symbols else MAX_NUMERIC_MATRIX
    if max(matrix.shape) > rows:
        raise TooLargeError(f"a matrix of more than {rows} rows or columns")
    return matrix


def evaluated(expression: Any) -> Any:
    """Let sympy evaluate integrals, sums and products.

    Raises:
        TooLargeError: When sums have more than a thousand terms, which it might add one by one.

    Example:
        >>> import sympy
        >>> k, n = sympy.symbols("k n", integer=True)
        >>> evaluated(sympy.Sum(k, (k, 1, n)))
        n**2/2 + n/2
    """
    if count_terms(expression) > MAX_TERMS:
        raise TooLargeError(f"a sum of more than {MAX_TERMS} terms")
    return expression.doit()


def count_terms(expression: Any) -> int:
    """Count the terms of sums within sums; a sum whose bounds are no numbers counts for ten.

    Example:
        >>> import sympy
        >>> j, k = sympy.symbols("j k", integer=True)
        >>> count_terms(sympy.Sum(j * k, (j, 1, 20), (k, 1, 30)) + 5)
        600
    """
    import sympy

    below = max((count_terms(argument) for argument in expression.args), default=1)
    if isinstance(expression, (sympy.Sum, sympy.Product)):
        for _, low, high in expression.limits:
            below *= max(1, int(high - low) + 1) if (high - low).is_Rational else 10
    return below


def _absolute(value: Any) -> Any:
    import sympy

    return determinant(value) if _is_matrix(value) else sympy.Abs(value)


def _divide(top: Any, bottom: Any) -> Any:
    if _is_matrix(bottom):
        raise UnreadableError("a quotient of matrices")
    if bottom.is_zero:
        raise UnreadableError("a division by zero")
    return top / bottom


def _common(name: str) -> Callable[..., Any]:
    """Make the function gcd or lcm, which stays as it is where a variable is among its arguments."""

    def combined(*values: Any) -> Any:
        import sympy

        if not all(value.is_Integer for value in values):
            return sympy.Function(name)(*values)
        return sympy.Integer(getattr(math, name)(*(int(value) for value in values)))

    return combined


@lru_cache(maxsize=1)
def _operations() -> dict[str, Callable[..., Any]]:
    """Return the functions of sympy by the names of the tree's operations."""
    import sympy

    names = "sin cos tan cot sec csc sinh cosh tanh coth sech csch".split()  # noqa: SIM905
    arcs = "sin cos tan cot sec csc".split()  # noqa: SIM905
    same = {name: getattr(sympy, name) for name in (*names, "floor", "ceiling", "conjugate", "re", "im", "arg", "exp")}
    return (
        same
        | {f"arc{name}": getattr(sympy, f"a{name}") for name in arcs}
        | {"arsinh": sympy.asinh, "arcosh": sympy.acosh, "artanh": sympy.atanh, "ln": sympy.log, "log": sympy.log}
        | {"max": sympy.Max, "min": sympy.Min, "gcd": _common("gcd"), "lcm": _common("lcm"), "mod": sympy.Mod}
        | {
            "add": lambda *values: reduce(add, values),
            "multiply": lambda *values: reduce(mul, values),
            "negate": lambda value: -value,
            "divide": _divide,
            "power": power,
            "root": _root,
            "abs": _absolute,
            "degrees": lambda value: value * sympy.pi / 180,
            "factorial": bounded(sympy.factorial),
            "double_factorial": bounded(sympy.factorial2),
            "binomial": bounded(sympy.binomial),
        }
    )

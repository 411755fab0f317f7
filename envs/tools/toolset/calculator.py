"""A calculator that is exact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from rewardium.envs.tools import exact_numbers as exact
from rewardium.envs.tools.decimals import as_decimal, as_fraction, is_exact_decimal
from rewardium.envs.tools.exact_numbers import Number
from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import ToolError, Toolset, tool

MAX_LENGTH = 1000
"""Characters of an expression."""

MAX_DEPTH = 60
"""Brackets, functions, signs and powers inside each other."""

MAX_FACTORIAL = 1500
"""Largest number whose factorial is taken."""

MAX_EXPONENT = 1000
"""Largest absolute exponent of ten of a number as it is written, and of decimals that are rounded to."""

MAX_SHOWN = 1500
"""Characters of an exact result; of a longer one only the decimal is shown."""

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)|(?P<name>[A-Za-z]++|[π√])|\*\*|\S"
)
_SPELLINGS = {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**"}
_NAMES = {"π": "pi", "√": "sqrt"}
_BINARY = {"+": 10, "-": 10, "*": 20, "/": 20, "**": 40}
_SIGN = 30
_POSTFIX = 50


@register_toolset("calculator")
class Calculator(Toolset):
    """Calculates with fractions, never with floats.

    Known are ``+ - * / **`` (or ``^``), brackets, ``%`` behind a number (a hundredth of it, nothing else), ``!``,
    ``pi``, ``e``, and ``sqrt factorial comb gcd lcm min max abs round floor ceil mod``. A minus binds less than a
    power, as in -2**2 = -4, and powers group from the right. ``round(x, n)`` rounds to n decimals, halves away from
    zero; ``mod(a, b)`` has the sign of b. Nothing is ever evaluated as a program.

    Example:
        >>> Calculator().calculate("1/3 + 15% * 2")
        {'exact': '19/30', 'decimal': '0.63333333333333333333', 'note': 'the decimal is rounded to 20 digits'}
        >>> Calculator().calculate("sqrt(2) * sqrt(8)")["decimal"]
        '4'
    """

    @tool
    def calculate(self, expression: str) -> dict[str, Any]:
        """Calculate an arithmetic expression exactly.

        Known are + - * / ** ( ), % behind a number, !, pi, e, sqrt(x), factorial(n), comb(n, k), gcd(a, b), lcm(a, b),
        min(...), max(...), abs(x), round(x, decimals), floor(x), ceil(x) and mod(a, b). The result is the exact value,
        as an integer or a fraction, and a decimal; where pi, e or a root make it irrational only the decimal.

        Args:
            expression: For example (3 + 4/5) * 120 or sqrt(2)**3.
        """
        return describe(evaluate(expression))


def describe(number: Number) -> dict[str, Any]:
    """Say what a number is: exactly where that is known and short enough, and as a decimal.

    Example:
        >>> describe(exact.exact(Fraction(5, 4)))
        {'exact': '5/4', 'decimal': '1.25', 'note': 'the decimal is exact'}
    """
    digits = exact.known_digits(number)
    decimal = as_decimal(number.low, digits)
    if not number.is_exact:
        note = f"pi, e and roots are approximated; the decimal is right to {digits} digits"
        return {"exact": None, "decimal": decimal, "note": note}
    is_short = max(_digits(number.low.numerator), _digits(number.low.denominator)) <= MAX_SHOWN // 2
    note = "the decimal is exact" if is_exact_decimal(number.low) else "the decimal is rounded to 20 digits"
    if not is_short:
        return {"exact": None, "decimal": decimal, "note": f"{note}; the exact value has too many digits to show"}
    return {"exact": as_fraction(number.low), "decimal": decimal, "note": note}


def _digits(value: int) -> int:
    return abs(value).bit_length() * 3 // 10


def evaluate(expression: str) -> Number:
    """Calculate an expression.

    Args:
        expression: Anything that an agent wrote.

    Returns:
        The number.

    Raises:
        ToolError: When the text is no such expression, has no real value, or a number in it becomes too large.

    Example:
        >>> evaluate("2 ** -2 + max(1/2, 1/3)").low
        Fraction(3, 4)
    """
    if len(expression) > MAX_LENGTH:
        raise ToolError(f"an expression has at most {MAX_LENGTH} characters, this one has {len(expression)}")
    return _Parser(expression).whole()


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def _tokens(expression: str) -> list[_Token]:
    found = [
        _Token(match.lastgroup or "sign", _SPELLINGS.get(match.group(), match.group()), match.start())
        for match in _TOKEN.finditer(expression)
    ]
    return [*found, _Token("end", "the end", len(expression))]


class _Parser:
    """A Pratt parser that calculates as it reads, from left to right."""

    def __init__(self, expression: str) -> None:
        self._tokens = _tokens(expression)
        self._at = 0
        self._depth = 0

    def whole(self) -> Number:
        """Read all tokens as one expression."""
        value = self._expression(0)
        if self._peek().kind != "end":
            raise self._unexpected("an operator")
        return value

    def _expression(self, strength: int) -> Number:
        """Read operands and all operators that bind at least as strongly."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ToolError(f"the expression is nested deeper than {MAX_DEPTH} levels")
        value = self._operand()
        while True:
            sign = self._peek().text
            if sign in ("%", "!") and strength <= _POSTFIX:
                value = self._postfix(value)
            elif sign in _BINARY and _BINARY[sign] > strength:
                self._at += 1
                # One less, so that powers group from the right.
                right = self._expression(_BINARY[sign] - 1 if sign == "**" else _BINARY[sign])
                value = _OPERATIONS[sign](value, right)
            else:
                break
        self._depth -= 1
        return value

    def _postfix(self, value: Number) -> Number:
        sign = self._take().text
        follower = self._peek()
        if follower.kind in ("number", "name") or follower.text in ("(", "!"):
            hint = "for the remainder write mod(a, b)" if sign == "%" else "for a factorial of one write factorial(n!)"
            raise ToolError(f"behind {sign!r} there must be an operator or the end, not {follower.text!r}; {hint}")
        return exact.divide(value, exact.exact(100)) if sign == "%" else _factorial([value])

    def _operand(self) -> Number:
        token = self._take()
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            value = self._expression(0)
            self._expect(")")
            return value
        if token.text in ("-", "+"):
            value = self._expression(_SIGN)
            return exact.negative(value) if token.text == "-" else value
        self._at -= token.kind != "end"
        raise self._unexpected("a number")

    def _named(self, token: _Token) -> Number:
        name = _NAMES.get(token.text, token.text.lower())
        if name in exact.CONSTANTS and self._peek().text != "(":
            return exact.CONSTANTS[name]
        if name not in _FUNCTIONS:
            known = ", ".join([*exact.CONSTANTS, *_FUNCTIONS])
            raise ToolError(f"unknown name {token.text[:40]!r} at character {token.position + 1}; known: {known}")
        self._expect("(")
        arguments = [self._expression(0)]
        while self._peek().text == ",":
            self._at += 1
            arguments.append(self._expression(0))
        self._expect(")")
        low, high, function = _FUNCTIONS[name]
        if not low <= len(arguments) <= high:
            count = str(low) if low == high else f"at least {low}" if high > 9 else f"{low} or {high}"
            raise ToolError(f"{name} takes {count} numbers, got {len(arguments)}")
        return function(arguments)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _expect(self, text: str) -> None:
        if self._peek().text != text:
            raise self._unexpected(repr(text))
        self._at += 1

    def _unexpected(self, wanted: str) -> ToolError:
        token = self._peek()
        hint = "; a product needs a *" if wanted == "an operator" and token.kind != "sign" else ""
        hint = hint or ("; numbers are written without commas" if token.text == "," else "")
        shown = token.text if token.kind == "end" else repr(token.text[:40])
        return ToolError(f"expected {wanted} at character {token.position + 1}, found {shown}{hint}")


def _number(text: str) -> Number:
    mantissa, _, exponent = text.lower().partition("e")
    if exponent and (len(exponent.lstrip("+-0")) > 4 or abs(int(exponent)) > MAX_EXPONENT):
        raise ToolError(f"the exponent of a number is at most {MAX_EXPONENT}, got {text[:40]}")
    return exact.exact(Fraction(mantissa) * Fraction(10) ** int(exponent or 0))


def _subtract(a: Number, b: Number) -> Number:
    return exact.add(a, exact.negative(b))


_OPERATIONS: dict[str, Callable[[Number, Number], Number]] = {
    "+": exact.add,
    "-": _subtract,
    "*": exact.multiply,
    "/": exact.divide,
    "**": exact.power,
}


def _integers(name: str, numbers: list[Number]) -> list[int]:
    if not all(number.is_exact and number.low.denominator == 1 for number in numbers):
        raise ToolError(f"{name} takes integers")
    return [number.low.numerator for number in numbers]


def _factorial(numbers: list[Number]) -> Number:
    (n,) = _integers("factorial", numbers)
    if not 0 <= n <= MAX_FACTORIAL:
        raise ToolError(f"factorial takes an integer from 0 to {MAX_FACTORIAL}")
    return exact.exact(math.factorial(n))


def _comb(numbers: list[Number]) -> Number:
    n, k = _integers("comb", numbers)
    if n < 0 or k < 0:
        raise ToolError("comb takes integers that are not negative")
    # n over k has at most k times the bits of n.
    if k <= n and min(k, n - k) * n.bit_length() > 4 * exact.MAX_BITS:
        raise ToolError(f"comb({n}, {k}) is too large" if n < 10**20 else "comb is too large")
    return exact.exact(math.comb(n, k))


def _gcd(numbers: list[Number]) -> Number:
    return exact.exact(math.gcd(*_integers("gcd", numbers)))


def _lcm(numbers: list[Number]) -> Number:
    result = 1
    for value in _integers("lcm", numbers):
        result = math.lcm(result, value)
        exact.exact(result)
    return exact.exact(result)


def _round(numbers: list[Number]) -> Number:
    (decimals,) = _integers("round", numbers[1:]) if len(numbers) > 1 else (0,)
    if abs(decimals) > MAX_EXPONENT:
        raise ToolError(f"round takes at most {MAX_EXPONENT} decimals")
    scale = Fraction(10) ** decimals
    return exact.stepped(numbers[0], lambda value: _nearest(value * scale) / scale)


def _nearest(value: Fraction) -> Fraction:
    """Round to an integer, halves away from zero."""
    size = math.floor(abs(value) + Fraction(1, 2))
    return Fraction(size if value >= 0 else -size)


def _mod(numbers: list[Number]) -> Number:
    a, b = numbers
    if not (a.is_exact and b.is_exact):
        raise ToolError("mod takes rational numbers")
    if not b.low:
        raise ToolError("division by zero")
    return exact.exact(a.low % b.low)


_FUNCTIONS: dict[str, tuple[int, int, Callable[[list[Number]], Number]]] = {
    "sqrt": (1, 1, lambda numbers: exact.root(numbers[0], 2)),
    "factorial": (1, 1, _factorial),
    "comb": (2, 2, _comb),
    "gcd": (1, 100, _gcd),
    "lcm": (1, 100, _lcm),
    "min": (1, 100, exact.smallest),
    "max": (1, 100, exact.largest),
    "abs": (1, 1, lambda numbers: exact.absolute(numbers[0])),
    "round": (1, 2, _round),
    "floor": (1, 1, lambda numbers: exact.stepped(numbers[0], math.floor)),
    "ceil": (1, 1, lambda numbers: exact.stepped(numbers[0], math.ceil)),
    "mod": (2, 2, _mod),
}

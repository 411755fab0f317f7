r"""Sums, products, integrals, limits and derivatives in an answer's text, as sympy objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rewardium.envs.math.verify.algebra.structure_tokens import (
    body_end,
    bounds_of,
    closing,
    derivative_parts,
    group_end,
    is_differential,
    level_of,
)
from rewardium.envs.math.verify.algebra.sympy_forms import count_terms, evaluated
from rewardium.envs.math.verify.limits import TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.lexer import Token
from rewardium.envs.math.verify.reading.parser import parse
from rewardium.envs.math.verify.tree import Relation

if TYPE_CHECKING:
    from rewardium.envs.math.verify.algebra.sympy_reading import Reader

MAX_NESTED_TERMS = 10**5
"""Terms of sums within sums."""

MAX_DERIVATIVE_OPERATIONS = 500
"""Operations of a derivative."""
_ARROW = re.compile(r"\\(?:to|rightarrow|longrightarrow)(?![A-Za-z])")
_ONE_LETTER = re.compile(r"\s*+[A-Za-z]\s*+")
_SIDE = re.compile(r"\^\s*+\{?\s*+([+-])\s*+\}?\s*+$")


# Sums and products.


def repeated(reader: Reader, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
    """Read a sum or product that begins at a token; return it, and where it ends in the text."""
    import sympy

    low, high, start = bounds_of(text, tokens, at + 1)
    if low is None:
        raise UnreadableError("a sum without bounds")
    index, first, last = _range(reader, low, high)
    end = body_end(tokens, start, stops_at_differential=any(token.text == "int" for token in tokens[:at]))
    term = reader.expression(text[tokens[start].start : tokens[end].start])
    reader.notes.integers |= {symbol.name for bound in (first, last) for symbol in bound.free_symbols}
    kind = sympy.Sum if tokens[at].text == "sum" else sympy.Product
    fresh = sympy.Dummy(index.name, integer=True)
    value = kind(term.xreplace({index: fresh}), (fresh, first, last))
    if term.has(sympy.Sum, sympy.Product) and count_terms(value) > MAX_NESTED_TERMS:
        raise TooLargeError(f"sums in sums with more than {MAX_NESTED_TERMS} terms")
    return value, tokens[end].start


def _range(reader: Reader, low: str, high: str | None) -> tuple[Any, Any, Any]:
    r"""Read ``k=1`` with an upper bound, ``k \geq 1`` without one, or ``1 \leq k \leq n``."""
    import sympy

    form = parse(reader.without_structures(low))
    if not isinstance(form, Relation):
        raise UnreadableError("a sum with such an index")
    sides = [reader.notes.form(side) for side in form.sides]
    if form.operators == ("=",) and high is not None and sides[0].is_Symbol:
        return sides[0], sides[1], reader.expression(high)
    if form.operators == (">=",) and high is None and sides[0].is_Symbol:
        return sides[0], sides[1], sympy.oo
    if form.operators == ("<=", "<=") and high is None and sides[1].is_Symbol:
        return sides[1], sides[0], sides[2]
    raise UnreadableError("a sum with such an index")


# Integrals.


def integral(reader: Reader, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
    """Read an integral; returns as ``repeated``."""
    import sympy

    low, high, start = bounds_of(text, tokens, at + 1)
    if (low is None) != (high is None):
        raise UnreadableError("an integral over a region")
    integrand, variable, end = _integrand(reader, text, tokens, start)
    limits: Any = variable
    if low is not None and high is not None:
        limits = (variable, reader.expression(low), reader.expression(high))
    return sympy.Integral(integrand, limits), end


def _integrand(reader: Reader, text: str, tokens: list[Token], start: int) -> tuple[Any, Any, int]:
    """Read what is integrated, by which variable, and where it ends in the text."""
    end = group_end(tokens, start)
    outside = [at for at in range(start, end) if level_of(tokens, start, at) == 0]
    at = next((at for at in outside if is_differential(tokens, at)), None)
    if at == start:
        return _after_differential(reader, text, tokens, start)
    if at is not None:
        inside = text[tokens[start].start : tokens[at].start].rstrip().removesuffix(r"\cdot")
        return reader.expression(inside), _variable(reader, tokens[at + 1]), tokens[at + 1].end
    fraction = next((at for at in outside if tokens[at].text == "frac"), None)
    if fraction is None:
        raise UnreadableError("an integral without a variable")
    return _over_fraction(reader, text, tokens, start, fraction)


def _after_differential(reader: Reader, text: str, tokens: list[Token], start: int) -> tuple[Any, Any, int]:
    r"""Read ``\int dx f(x)``; without anything behind it, 1 is integrated."""
    import sympy

    variable = _variable(reader, tokens[start + 1])
    end = body_end(tokens, start + 2, stops_at_differential=True)
    if end == start + 2:
        return sympy.Integer(1), variable, tokens[start + 1].end
    inside = text[tokens[start + 2].start : tokens[end].start]
    return reader.expression(inside), variable, tokens[end].start


def _over_fraction(reader: Reader, text: str, tokens: list[Token], start: int, at: int) -> tuple[Any, Any, int]:
    r"""Read ``\int \frac{x dx}{...}``, where the variable stands in the numerator."""
    top = closing(tokens, at + 1)
    bottom = closing(tokens, top + 1)
    found = next((place for place in range(at + 2, top) if is_differential(tokens, place)), None)
    if found is None:
        raise UnreadableError("an integral without a variable")
    before = text[tokens[at + 2].start : tokens[found].start]
    after = text[tokens[found + 1].end : tokens[top].start]
    rest = text[tokens[top].end : tokens[bottom].end]
    inside = f"{text[tokens[start].start : tokens[at].start]}\\frac{{{before or after or '1'}}}{rest}"
    if before.strip() and after.strip():
        raise UnreadableError("an integral whose variable stands in the middle")
    return reader.expression(inside), _variable(reader, tokens[found + 1]), tokens[bottom].end


def _variable(reader: Reader, token: Token) -> Any:
    return reader.notes.variable(token.text)


# Limits and derivatives.


def limit(reader: Reader, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
    """Read a limit; returns as ``repeated``."""
    import sympy

    low, high, start = bounds_of(text, tokens, at + 1)
    arrow = _ARROW.split(low or "")
    if len(arrow) != 2 or high is not None:
        raise UnreadableError("a limit without a point")
    variable = reader.expression(arrow[0])
    side = _SIDE.search(arrow[1])
    point = reader.expression(arrow[1][: side.start()] if side else arrow[1])
    end = body_end(tokens, start, stops_at_differential=False)
    body = reader.expression(text[tokens[start].start : tokens[end].start])
    if not variable.is_Symbol:
        raise UnreadableError("a limit of something that is no variable")
    direction = side[1] if side else "+-"
    value = sympy.limit(evaluated(body), variable, point, "+" if point.is_infinite else direction)
    if isinstance(value, sympy.AccumBounds) or value in (sympy.nan, sympy.zoo):
        raise UnreadableError("a limit that does not exist")
    return value, tokens[end].start


def derivative(reader: Reader, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
    """Read a derivative; returns as ``repeated``."""
    top = closing(tokens, at + 1)
    bottom = closing(tokens, top + 1)
    order, operand, variables = derivative_parts(text, tokens, at)
    end = tokens[bottom].end
    if not operand:
        start = bottom + 1
        last = closing(tokens, start) + 1 if tokens[start].text in ("(", "[") else body_end(tokens, start, True)
        operand, end = text[tokens[start].start : tokens[last].start], tokens[last].start
    elif _ONE_LETTER.fullmatch(operand):
        below = " ".join(f"d{name}^{times or 1}" for name, times in variables)
        return reader.notes.variable(f"d^{order} {operand.strip()}/{below}"), end
    wanted = [(reader.notes.variable(name.lstrip("\\")), int(times or 1)) for name, times in variables]
    return _differentiated(evaluated(reader.expression(operand)), wanted), end


def _differentiated(expression: Any, wanted: list[tuple[Any, int]]) -> Any:
    """Differentiate step by step, as long as the result does not grow too large."""
    import sympy

    for variable, times in wanted:
        for _ in range(times):
            expression = sympy.diff(expression, variable)
            if sympy.count_ops(expression) > MAX_DERIVATIVE_OPERATIONS:
                raise TooLargeError("a derivative is too large")
    return expression

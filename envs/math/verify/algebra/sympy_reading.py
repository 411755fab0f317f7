r"""From an answer's text to sympy objects, for what the parser does not know: integrals, sums, limits, cases, sets.

Such structures are read first, the last one in the text before the others, and each is replaced by a name that the
parser takes for a variable. What is left is an expression like any other, which the parser reads; in it the names stand
for sympy objects. No text is ever given to sympy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rewardium.envs.math.verify.algebra.sympy_forms import (
    Congruence,
    Converter,
    Family,
    Many,
    Statement,
    as_set,
    bounded,
    count_terms,
    determinant,
    evaluated,
    family,
)
from rewardium.envs.math.verify.algebra.sympy_sets import condition_of, solution_set
from rewardium.envs.math.verify.limits import MAX_DEPTH, MAX_ITEMS, TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.lexer import Token, tokenise
from rewardium.envs.math.verify.reading.normalising import normalise
from rewardium.envs.math.verify.reading.notation import GREEK
from rewardium.envs.math.verify.reading.parser import parse
from rewardium.envs.math.verify.tree import Relation

MAX_STRUCTURES = 40
"""Integrals, sums, matrices and so on in one answer."""

MAX_NESTED_TERMS = 10**5
"""Terms of sums within sums."""

MAX_DERIVATIVE = 8
"""Largest order of a derivative."""

MAX_DERIVATIVE_OPERATIONS = 500
"""Operations of a derivative."""

_NAME = "aleph"  # a letter that answers do not use

_OPENING = frozenset(["{", "(", "[", r"\{", "lvert", "lfloor", "lceil", "langle"])
_CLOSING = frozenset(["}", ")", "]", r"\}", "rvert", "rfloor", "rceil", "rangle"])
_BARS = frozenset(["overline", "bar"])
_RELATIONS = frozenset(["=", "<", ">", "leq", "geq", "neq", "approx", "sim", "in", "equiv", "to"])
_BREAKS = _RELATIONS | {
    ",", ";", ":", "&", r"\\", "and", "or", "cup", "cap", "setminus", "mid", "pm", "mp", "Rightarrow", "implies", "iff",
}  # fmt: skip
_OPERATORS = frozenset(["cdot", "times", "*", "/", "^", "_", "+", "-"])
_FUNCTION_WORDS = frozenset(
    ["tr", "Tr", "trace", "rank", "rk", "adj", "sgn", "sign", "erf", "erfc", "li", "Si", "Ci", "Ei", "W", "cis"]
)
_ENVIRONMENTS = frozenset(["cases", "dcases", "rcases", "aligned", "align", "gathered", "split"])

_DIGIT_BOUND = re.compile(
    r"(\\(?:int|sum|prod)\s*+(?:_\s*+(?:\{[^{}]*+\}|\\[A-Za-z]++|[A-Za-z0-9])\s*+)?\^\s*+[0-9])(?=[0-9])"
)
_LETTER_RUN = re.compile(r"\\[A-Za-z]++(?:\s*+\{[A-Za-z ]*+\})?|[A-Za-z]{2,}+")
_PLAIN_FUNCTIONS = frozenset(["sin", "cos", "tan", "ln", "log", "exp", "sqrt", "pi", "arctan", "arcsin", "arccos"])
_INDEX_I = re.compile(r"\\(?:sum|prod)\s*+_\s*+\{\s*+i\s*+(?:=|\\geq?)")
_ROW_SPACE = re.compile(r"\s*+\[\s*+-?[0-9.]++\s*+(?:pt|em|ex|mm|cm)\s*+\]")
_IN_TEXT = re.compile(r"\\(?:text[a-z]*+|mathrm|mbox)\s*+\{([^{}]*+)\}")
_OTHERWISE = re.compile(r"(?:otherwise|else|elsewhere|in (?:all )?other cases)")
_CONDITION_WORDS = re.compile(r"(?:if|for|when|where|as|and)\b")
_CASE_WORD = re.compile(r"\\(?:text[a-z]*+|mathrm|mbox)\s*+\{\s*+(?:if|for|when|otherwise|else)\b")
_OR = re.compile(r"\bor\b|\\(?:lor|or|vee)(?![A-Za-z])")
_ARROW = re.compile(r"\\(?:to|rightarrow|longrightarrow)(?![A-Za-z])")
_END_OF_ARRAY = re.compile(r"\\end\s*+\{array\}")
_MULTIPLE_INTEGRAL = re.compile(r"\\i(i{1,2})nt(?![A-Za-z])")
_SPACE_BESIDE_SIGNS = re.compile(r"(?<![A-Za-z])\s++|\s++(?![A-Za-z])")
_ONE_LETTER = re.compile(r"\s*+[A-Za-z]\s*+")
_PARITY = re.compile(r"([A-Za-z])(?: is)? (even|odd)")
_OPEN_ARRAY = re.compile(r"\\\{\s*+\\begin\s*+\{array\}\s*+(?:\{[lcr| ]*+\})?")
_SIDE = re.compile(r"\^\s*+\{?\s*+([+-])\s*+\}?\s*+$")
_MODULUS = re.compile(r"\\(?:pmod|bmod|mod|pod)(?![A-Za-z])|\(\s*+(?:\\(?:text|mathrm|operatorname)\s*+\{\s*+)?mod")
_DIFFERENTIAL = r"(?:d|\\partial|\\mathrm\{d\})"
_DERIVATIVE_TOP = re.compile(rf"{_DIFFERENTIAL}(?:\^\{{?([0-9])\}}?)?(.*)", re.DOTALL)
_DERIVATIVE_BELOW = re.compile(rf"{_DIFFERENTIAL}([A-Za-z]|\\[a-z]+)(?:\^\{{?([0-9])\}}?)?")


class Reader:
    """Reads one answer.

    Args:
        log_base: The base of a logarithm without one, as a sympy number.
        is_complex: Whether variables stand for complex numbers.
    """

    def __init__(self, log_base: Any, is_complex: bool = False) -> None:
        self._known: dict[str, Any] = {}
        self.notes = Converter(self._known, log_base, is_complex)
        self._depth = 0

    def read(self, text: str) -> Any:
        r"""Read a text.

        Returns:
            A sympy expression, matrix or set, or one of the classes of ``sympy_forms``.

        Raises:
            UnreadableError: When the text is nothing that can be read.
            TooLargeError: When it is beyond one of the limits.

        Example:
            >>> import sympy
            >>> Reader(sympy.E).read(r"2\sum_{k=1}^{3} k + x")
            x + 2*Sum(_k, (_k, 1, 3))
        """
        text = normalise(text)
        if f"\\{_NAME}" in text or _NAME in text:
            raise UnreadableError("a name that is taken")
        text = _prepared(text)
        if _INDEX_I.search(text):
            text = self._with_index_i(text)
        return self._value(text)

    def _value(self, text: str) -> Any:
        """Read any text: a congruence, a set with a condition, an intersection, or what the parser reads."""
        if r"\equiv" in text:
            return self._congruence(text)
        tokens = tokenise(text)
        if len(tokens) > 2 and tokens[0].text == r"\{" and _close(tokens, 0) == len(tokens) - 2:
            bar = _find(tokens, frozenset(["mid", "|", ":"]), 1, len(tokens) - 2)
            if bar is not None:
                return self._set_builder(text, tokens, bar)
        cap = _find(tokens, frozenset(["cap"]), 0, len(tokens) - 1)
        if cap is not None:
            return self._intersection(text, tokens, cap)
        return self.notes.form(parse(self._without_structures(text)))

    def _expression(self, text: str) -> Any:
        """Read an expression or a matrix inside a structure."""
        import sympy

        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooLargeError("the answer is nested too deep")
        value = self._value(text)
        self._depth -= 1
        if not isinstance(value, (sympy.Expr, sympy.MatrixBase)):
            raise UnreadableError("something in an expression that is none")
        return value

    # Structures, and the names that they are replaced by.

    def _without_structures(self, text: str) -> str:
        for _ in range(MAX_STRUCTURES):
            tokens = tokenise(text)
            found = next((at for at in range(len(tokens) - 1, -1, -1) if _begins_structure(tokens, at)), None)
            if found is None:
                return text
            value, end = self._structure(text, tokens, found)
            text = f"{text[: tokens[found].start]} {self._named(value)} {text[end:]}"
        raise TooLargeError(f"the answer has more than {MAX_STRUCTURES} structures")

    def _named(self, value: Any) -> str:
        number = len(self._known) + 1
        self._known[f"{_NAME}_{number}"] = value
        return f"\\{_NAME}_{{{number}}}"

    def _with_index_i(self, text: str) -> str:
        """Give the letter i, which is an index here, a name, so that it is not the imaginary unit."""
        import sympy

        name = self._named(sympy.Symbol("i", integer=True))
        pieces, end = [], 0
        for token in tokenise(text):
            if token.kind == "letter" and token.text == "i":
                pieces += [text[end : token.start], f" {name} "]
                end = token.end
        return "".join([*pieces, text[end:]])

    def _structure(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        """Read the structure that begins at a token; return it, and where it ends in the text."""
        name = tokens[at].text
        if name in ("sum", "prod"):
            return self._repeated(text, tokens, at)
        if name == "int":
            return self._integral(text, tokens, at)
        if name == "lim":
            return self._limit(text, tokens, at)
        if name == "frac":
            return self._derivative(text, tokens, at)
        if name == "begin":
            return self._environment(text, tokens, at)
        if name in _BARS:
            return self._conjugate(text, tokens, at)
        return self._function(text, tokens, at)

    def _conjugate(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        """Read a bar over an expression; over a letter, the parser takes it for a part of the name."""
        import sympy

        end = _close(tokens, at + 1)
        return sympy.conjugate(self._expression(text[tokens[at + 1].end : tokens[end].start])), tokens[end].end

    # Sums and products.

    def _repeated(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        import sympy

        low, high, start = _bounds(text, tokens, at + 1)
        if low is None:
            raise UnreadableError("a sum without bounds")
        index, first, last = self._range(low, high)
        end = _body_end(tokens, start, stops_at_differential=any(token.text == "int" for token in tokens[:at]))
        term = self._expression(text[tokens[start].start : tokens[end].start])
        self.notes.integers |= {symbol.name for bound in (first, last) for symbol in bound.free_symbols}
        kind = sympy.Sum if tokens[at].text == "sum" else sympy.Product
        fresh = sympy.Dummy(index.name, integer=True)
        value = kind(term.xreplace({index: fresh}), (fresh, first, last))
        if term.has(sympy.Sum, sympy.Product) and count_terms(value) > MAX_NESTED_TERMS:
            raise TooLargeError(f"sums in sums with more than {MAX_NESTED_TERMS} terms")
        return value, tokens[end].start

    def _range(self, low: str, high: str | None) -> tuple[Any, Any, Any]:
        r"""Read ``k=1`` with an upper bound, ``k \geq 1`` without one, or ``1 \leq k \leq n``."""
        import sympy

        form = parse(self._without_structures(low))
        if not isinstance(form, Relation):
            raise UnreadableError("a sum with such an index")
        sides = [self.notes.form(side) for side in form.sides]
        if form.operators == ("=",) and high is not None and sides[0].is_Symbol:
            return sides[0], sides[1], self._expression(high)
        if form.operators == (">=",) and high is None and sides[0].is_Symbol:
            return sides[0], sides[1], sympy.oo
        if form.operators == ("<=", "<=") and high is None and sides[1].is_Symbol:
            return sides[1], sides[0], sides[2]
        raise UnreadableError("a sum with such an index")

    # Integrals.

    def _integral(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        import sympy

        low, high, start = _bounds(text, tokens, at + 1)
        if (low is None) != (high is None):
            raise UnreadableError("an integral over a region")
        integrand, variable, end = self._integrand(text, tokens, start)
        limits: Any = variable
        if low is not None and high is not None:
            limits = (variable, self._expression(low), self._expression(high))
        return sympy.Integral(integrand, limits), end

    def _integrand(self, text: str, tokens: list[Token], start: int) -> tuple[Any, Any, int]:
        """Read what is integrated, by which variable, and where it ends in the text."""
        end = _group_end(tokens, start)
        outside = [at for at in range(start, end) if _level(tokens, start, at) == 0]
        at = next((at for at in outside if _is_differential(tokens, at)), None)
        if at == start:
            return self._after_differential(text, tokens, start)
        if at is not None:
            inside = text[tokens[start].start : tokens[at].start].rstrip().removesuffix(r"\cdot")
            return self._expression(inside), self._variable(tokens[at + 1]), tokens[at + 1].end
        fraction = next((at for at in outside if tokens[at].text == "frac"), None)
        if fraction is None:
            raise UnreadableError("an integral without a variable")
        return self._over_fraction(text, tokens, start, fraction)

    def _after_differential(self, text: str, tokens: list[Token], start: int) -> tuple[Any, Any, int]:
        r"""Read ``\int dx f(x)``; without anything behind it, 1 is integrated."""
        import sympy

        variable = self._variable(tokens[start + 1])
        end = _body_end(tokens, start + 2, stops_at_differential=True)
        if end == start + 2:
            return sympy.Integer(1), variable, tokens[start + 1].end
        inside = text[tokens[start + 2].start : tokens[end].start]
        return self._expression(inside), variable, tokens[end].start

    def _over_fraction(self, text: str, tokens: list[Token], start: int, at: int) -> tuple[Any, Any, int]:
        r"""Read ``\int \frac{x dx}{...}``, where the variable stands in the numerator."""
        top = _close(tokens, at + 1)
        bottom = _close(tokens, top + 1)
        found = next((place for place in range(at + 2, top) if _is_differential(tokens, place)), None)
        if found is None:
            raise UnreadableError("an integral without a variable")
        before = text[tokens[at + 2].start : tokens[found].start]
        after = text[tokens[found + 1].end : tokens[top].start]
        rest = text[tokens[top].end : tokens[bottom].end]
        inside = f"{text[tokens[start].start : tokens[at].start]}\\frac{{{before or after or '1'}}}{rest}"
        if before.strip() and after.strip():
            raise UnreadableError("an integral whose variable stands in the middle")
        return self._expression(inside), self._variable(tokens[found + 1]), tokens[bottom].end

    def _variable(self, token: Token) -> Any:
        return self.notes.variable(token.text)

    # Limits and derivatives.

    def _limit(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        import sympy

        low, high, start = _bounds(text, tokens, at + 1)
        arrow = _ARROW.split(low or "")
        if len(arrow) != 2 or high is not None:
            raise UnreadableError("a limit without a point")
        variable = self._expression(arrow[0])
        side = _SIDE.search(arrow[1])
        point = self._expression(arrow[1][: side.start()] if side else arrow[1])
        end = _body_end(tokens, start, stops_at_differential=False)
        body = self._expression(text[tokens[start].start : tokens[end].start])
        if not variable.is_Symbol:
            raise UnreadableError("a limit of something that is no variable")
        direction = side[1] if side else "+-"
        value = sympy.limit(evaluated(body), variable, point, "+" if point.is_infinite else direction)
        if isinstance(value, sympy.AccumBounds) or value in (sympy.nan, sympy.zoo):
            raise UnreadableError("a limit that does not exist")
        return value, tokens[end].start

    def _derivative(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        top = _close(tokens, at + 1)
        bottom = _close(tokens, top + 1)
        order, operand, variables = _derivative_parts(text, tokens, at)
        end = tokens[bottom].end
        if not operand:
            start = bottom + 1
            last = _close(tokens, start) + 1 if tokens[start].text in ("(", "[") else _body_end(tokens, start, True)
            operand, end = text[tokens[start].start : tokens[last].start], tokens[last].start
        elif _ONE_LETTER.fullmatch(operand):
            below = " ".join(f"d{name}^{times or 1}" for name, times in variables)
            return self.notes.variable(f"d^{order} {operand.strip()}/{below}"), end
        wanted = [(self.notes.variable(name.lstrip("\\")), int(times or 1)) for name, times in variables]
        return _differentiated(evaluated(self._expression(operand)), wanted), end

    # Matrices and cases.

    def _environment(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        name_end = _close(tokens, at + 1)
        name = text[tokens[at + 1].end : tokens[name_end].start].strip().rstrip("*")
        last = next((place for place in range(at, len(tokens)) if tokens[place].text == "end"), None)
        if last is None:
            raise UnreadableError("an environment that is not closed")
        end = tokens[_close(tokens, last + 1)].end
        if name in ("vmatrix", "Vmatrix"):
            plain = text[tokens[at].start : end].replace(name, "pmatrix")
            matrix = self.notes.form(parse(plain))
            return (determinant(matrix) if name == "vmatrix" else matrix.norm()), end
        if name not in _ENVIRONMENTS:
            return self.notes.form(parse(text[tokens[at].start : end])), end
        return self._cases(text[tokens[name_end].end : tokens[last].start]), end

    def _cases(self, content: str) -> Any:
        """Read rows: values with conditions are a function by cases, relations are a system of them."""
        import sympy

        rows = [_cells(row) for row in _split(content, r"\\")]
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        if not 0 < len(rows) <= MAX_ITEMS:
            raise UnreadableError("cases without rows")
        branches = []
        for row in rows:
            value, condition = _value_and_condition(row)
            if condition is None:
                return self._system(rows)
            branches.append((self._expression(value), self._condition(condition)))
        return sympy.Piecewise(*branches, evaluate=False)

    def _system(self, rows: list[list[str]]) -> Many:
        """Read rows of relations."""
        items: list[Any] = []
        for row in rows:
            value = self._value(" ".join(row).strip().rstrip(",;. "))
            items += value.items if isinstance(value, Many) and value.kind == "list" else [value]
        return Many("list", tuple(items))

    def _condition(self, text: str) -> Any:
        """Read the condition of a case, or of a set."""
        import sympy

        plain = " ".join(_IN_TEXT.sub(r" \1 ", text).split()).strip(" ,.;")
        while (word := _CONDITION_WORDS.match(plain)) is not None:
            plain = plain[word.end() :].strip(" ,")
        if _OTHERWISE.fullmatch(plain.lower()):
            return sympy.true
        parity = _PARITY.fullmatch(plain)
        if parity:
            symbol = self.notes.variable(parity[1])
            self.notes.integers.add(parity[1])
            return sympy.Eq(sympy.Mod(symbol, 2), int(parity[2] == "odd"), evaluate=False)
        value = self._value(plain)
        join = sympy.Or if _OR.search(plain) else sympy.And
        parts = value.items if isinstance(value, Many) and value.kind == "list" else (value,)
        return join(*(condition_of(part) for part in parts))

    # Functions by name.

    def _function(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        name = tokens[at].text
        start = at + 1
        if tokens[start].text in _OPENING:
            end = _close(tokens, start)
        elif tokens[start].text == _NAME:
            end = _close(tokens, start + 2)
        else:
            raise UnreadableError(f"{name} of something without brackets")
        argument = self._expression(text[tokens[start].start : tokens[end].end])
        return _named_functions()[name](argument), tokens[end].end

    # Congruences and sets.

    def _congruence(self, text: str) -> Congruence:
        left, _, rest = text.partition(r"\equiv")
        modulus = _MODULUS.search(rest)
        if modulus is None or r"\equiv" in rest:
            raise UnreadableError("an identity, or several congruences")
        below = rest[modulus.end() :].strip(" (){}.,")
        right = rest[: modulus.start()].rstrip(" (,")
        return Congruence(self._expression(left) - self._expression(right), self._expression(below))

    def _intersection(self, text: str, tokens: list[Token], at: int) -> Any:
        import sympy

        if _find(tokens, frozenset(["cup", "setminus"]), 0, len(tokens) - 1) is not None:
            raise UnreadableError("unions and intersections without brackets")
        left, right = text[: tokens[at].start], text[tokens[at].end :]
        return sympy.Intersection(as_set(self._value(left)), as_set(self._value(right)))

    def _set_builder(self, text: str, tokens: list[Token], bar: int) -> Any:
        r"""Read ``\{x \mid condition\}``: a set of real numbers, or of values with an integer parameter."""
        import sympy

        right_text = text[tokens[bar].end : tokens[-2].start]
        domain = sympy.S.Reals
        member = _find(tokens, frozenset(["in"]), 1, bar)
        if member is not None:
            domain = as_set(self._value(text[tokens[member].end : tokens[bar].start]))
        left = self._value(text[tokens[0].end : tokens[bar if member is None else member].start])
        if not getattr(left, "is_Symbol", False):
            return self._parametric(left, right_text)
        values = self._value(right_text)
        parts = values.items if isinstance(values, Many) and values.kind == "list" else (values,)
        return sympy.Intersection(domain, *(solution_set(part, left) for part in parts))

    def _parametric(self, value: Any, condition: str) -> Family:
        import sympy

        statement = self._value(condition)
        if not isinstance(statement, Statement) or statement.sides[1:] != (sympy.S.Integers,):
            raise UnreadableError("a set with such a condition")
        return family((value,), statement.sides[0])


# Walking over tokens.


def _prepared(text: str) -> str:
    """Write what the token rules would join: a digit that is a bound, and letters beside a differential."""
    text = _DIGIT_BOUND.sub(r"\1 ", text).replace(r"\top", "T").replace(r"\intercal", "T")
    if r"\begin" in text and r"\}" not in text:
        text, count = _OPEN_ARRAY.subn(lambda match: r"\begin{cases}", text)
        text = _END_OF_ARRAY.sub(lambda match: r"\end{cases}", text) if count else text
    text = _MULTIPLE_INTEGRAL.sub(lambda match: r"\int " * (1 + len(match[1])), text)
    if r"\int" not in text:
        return text
    return _LETTER_RUN.sub(lambda match: match[0] if _is_name(match[0]) else " ".join(match[0]), text)


def _is_name(run: str) -> bool:
    return run.startswith("\\") or run in _PLAIN_FUNCTIONS


def _begins_structure(tokens: list[Token], at: int) -> bool:
    token = tokens[at]
    if token.kind == "command" and token.text in ("sum", "prod", "int", "lim", "begin", "det"):
        return True
    if token.text == "frac":
        inner = at + 2
        return tokens[min(inner, len(tokens) - 1)].text in ("d", "partial") and _derivative_order(tokens, at)
    follows = tokens[min(at + 1, len(tokens) - 1)].text
    if token.text in _BARS:
        # Digits are a period as in 0.\overline{3}, letters a segment or a name.
        return follows == "{" and any(item.text in ("+", "-", "frac") for item in tokens[at : _close(tokens, at + 1)])
    if token.text in ("Gamma", "zeta"):
        return follows == "("
    return token.kind == "words" and token.text in _FUNCTION_WORDS and (follows in _OPENING or follows == _NAME)


def _derivative_order(tokens: list[Token], at: int) -> bool:
    """Say whether a fraction is a sign of derivation: d or d^n above, dx or dx^n below."""
    try:
        top = _close(tokens, at + 1)
        _close(tokens, top + 1)
    except UnreadableError:
        return False
    below = tokens[min(top + 2, len(tokens) - 1)]
    return tokens[top + 1].text == "{" and below.text in ("d", "partial") and _is_variable(tokens[top + 3])


def _derivative_parts(text: str, tokens: list[Token], at: int) -> tuple[int, str, list[tuple[str, str]]]:
    """Return the order, what stands above behind the d, and the variables with how often each is meant."""
    top = _close(tokens, at + 1)
    bottom = _close(tokens, top + 1)
    above = _SPACE_BESIDE_SIGNS.sub("", text[tokens[at + 1].end : tokens[top].start])
    below = "".join(text[tokens[top + 1].end : tokens[bottom].start].split())
    match = _DERIVATIVE_TOP.fullmatch(above)
    variables = _DERIVATIVE_BELOW.findall(below)
    if match is None or not variables or _DERIVATIVE_BELOW.sub("", below):
        raise UnreadableError("a derivative of this kind")
    order = int(match[1] or 1)
    if order != sum(int(times or 1) for _, times in variables) or order > MAX_DERIVATIVE:
        raise UnreadableError("a derivative of this order")
    return order, match[2], variables


def _group_end(tokens: list[Token], start: int) -> int:
    """Return where the brackets around a token are closed, or the end."""
    depth = 0
    for place in range(start, len(tokens)):
        if tokens[place].kind in ("sign", "command"):
            depth += (tokens[place].text in _OPENING) - (tokens[place].text in _CLOSING)
        if depth < 0:
            return place
    return len(tokens) - 1


def _differentiated(expression: Any, wanted: list[tuple[Any, int]]) -> Any:
    """Differentiate step by step, as long as the result does not grow too large."""
    import sympy

    for variable, times in wanted:
        for _ in range(times):
            expression = sympy.diff(expression, variable)
            if sympy.count_ops(expression) > MAX_DERIVATIVE_OPERATIONS:
                raise TooLargeError("a derivative is too large")
    return expression


def _close(tokens: list[Token], at: int) -> int:
    """Return where the bracket that opens at a token is closed."""
    depth = 0
    for place in range(at, len(tokens)):
        token = tokens[place]
        if token.kind in ("sign", "command"):
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth <= 0:
            return _checked(tokens, place, at)
    raise UnreadableError("a bracket that is not closed")


def _checked(tokens: list[Token], place: int, at: int) -> int:
    if place == at:
        raise UnreadableError("a bracket is missing")
    return place


def _find(tokens: list[Token], texts: frozenset[str], start: int, end: int) -> int | None:
    """Return the first of some signs outside of brackets."""
    depth = 0
    for place in range(start, end):
        token = tokens[place]
        if token.kind in ("sign", "command"):
            if depth == 0 and token.text in texts:
                return place
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
    return None


def _level(tokens: list[Token], start: int, at: int) -> int:
    signs = [token.text for token in tokens[start:at] if token.kind in ("sign", "command")]
    return sum((sign in _OPENING) - (sign in _CLOSING) for sign in signs)


def _bounds(text: str, tokens: list[Token], at: int) -> tuple[str | None, str | None, int]:
    """Return the texts below and above a sum or an integral, and the token behind them."""
    found: dict[str, str] = {}
    while tokens[at].text in ("_", "^") and tokens[at].text not in found:
        sign, at = tokens[at].text, at + 1
        if tokens[at].text == "{":
            end = _close(tokens, at)
            found[sign] = text[tokens[at].end : tokens[end].start]
        else:
            end = at + 1 if tokens[at].text in ("-", "+") else at
            if tokens[end].text == _NAME:
                end = _close(tokens, end + 2)
            found[sign] = text[tokens[at].start : tokens[end].end]
        at = end + 1
    return found.get("_"), found.get("^"), at


def _body_end(tokens: list[Token], start: int, stops_at_differential: bool) -> int:
    """Return the token before which the operand of a sum, a limit or a derivative ends: a sign, or a relation."""
    depth, bars = 0, 0
    for place in range(start, len(tokens)):
        token = tokens[place]
        if token.kind == "end" or (not depth and token.kind == "words" and token.text not in _FUNCTION_WORDS):
            return place
        if token.kind not in ("sign", "command"):
            if stops_at_differential and not depth and place > start and _is_differential(tokens, place):
                return place
            continue
        if token.text == "|":
            bars = 1 - bars
        if token.text in _CLOSING and not depth:
            return place
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        is_sign = token.text in ("+", "-") and place > start and tokens[place - 1].text not in _OPERATORS
        if not depth and not bars and (is_sign or token.text in _BREAKS):
            return place
    return len(tokens) - 1


def _is_differential(tokens: list[Token], at: int) -> bool:
    return tokens[at].kind == "letter" and tokens[at].text == "d" and _is_variable(tokens[at + 1])


def _is_variable(token: Token) -> bool:
    return (token.kind == "letter" and token.text != "d") or (token.kind == "command" and token.text in GREEK)


def _split(text: str, sign: str) -> list[str]:
    r"""Split at a sign outside of brackets; behind ``\\`` a space such as [2pt] is left out."""
    tokens = tokenise(text)
    pieces, start, depth = [], 0, 0
    for token in tokens:
        if token.kind not in ("sign", "command"):
            continue
        if token.text == sign and not depth:
            pieces.append(text[start : token.start])
            space = _ROW_SPACE.match(text, token.end) if sign == r"\\" else None
            start = space.end() if space else token.end
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
    return [*pieces, text[start:]]


def _cells(row: str) -> list[str]:
    return _split(row, "&")


def _value_and_condition(row: list[str]) -> tuple[str, str | None]:
    """Split a row of cases: at its ``&``, before a word such as if, or at its last comma."""
    if len(row) == 2:
        return row[0].rstrip(" ,"), row[1]
    text = " ".join(row)
    word = _CASE_WORD.search(text)
    if word:
        return text[: word.start()].rstrip(" ,"), text[word.start() :]
    pieces = _split(text, ",")
    if len(pieces) > 1 and any(token.text in _RELATIONS for token in tokenise(pieces[-1])):
        return ",".join(pieces[:-1]), pieces[-1]
    return text, None


def _named_functions() -> dict[str, Callable[[Any], Any]]:
    import sympy

    return {
        "det": determinant,
        "tr": lambda value: value.trace(),
        "Tr": lambda value: value.trace(),
        "trace": lambda value: value.trace(),
        "rank": lambda value: sympy.Integer(value.rank()),
        "rk": lambda value: sympy.Integer(value.rank()),
        "adj": lambda value: value.adjugate(),
        "sgn": sympy.sign,
        "sign": sympy.sign,
        "erf": sympy.erf,
        "erfc": sympy.erfc,
        "li": sympy.li,
        "Si": sympy.Si,
        "Ci": sympy.Ci,
        "Ei": sympy.Ei,
        "W": sympy.LambertW,
        "cis": lambda value: sympy.exp(sympy.I * value),
        "Gamma": bounded(sympy.gamma),
        "zeta": bounded(sympy.zeta),
    }

r"""From an answer's text to sympy objects, for what the parser does not know: integrals, sums, limits, cases, sets.

Such structures are read first, the last one in the text before the others, and each is replaced by a name that the
parser takes for a variable. What is left is an expression like any other, which the parser reads; in it the names stand
for sympy objects. No text is ever given to sympy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rewardium.envs.math.verify.algebra import calculus_reading as calculus
from rewardium.envs.math.verify.algebra.structure_tokens import (
    BARS,
    NAME,
    OPENING,
    begins_structure,
    cells_of,
    closing,
    find_sign,
    prepared,
    split_outside,
    value_and_condition,
)
from rewardium.envs.math.verify.algebra.sympy_forms import (
    Congruence,
    Converter,
    Family,
    Many,
    Statement,
    as_set,
    bounded,
    determinant,
    family,
)
from rewardium.envs.math.verify.algebra.sympy_sets import condition_of, solution_set
from rewardium.envs.math.verify.limits import MAX_DEPTH, MAX_ITEMS, TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.lexer import Token, tokenise
from rewardium.envs.math.verify.reading.normalising import normalise
from rewardium.envs.math.verify.reading.parser import parse

MAX_STRUCTURES = 40
"""Integrals, sums, matrices and so on in one answer."""
_ENVIRONMENTS = frozenset(["cases", "dcases", "rcases", "aligned", "align", "gathered", "split"])
_INDEX_I = re.compile(r"\\(?:sum|prod)\s*+_\s*+\{\s*+i\s*+(?:=|\\geq?)")
_IN_TEXT = re.compile(r"\\(?:text[a-z]*+|mathrm|mbox)\s*+\{([^{}]*+)\}")
_OTHERWISE = re.compile(r"(?:otherwise|else|elsewhere|in (?:all )?other cases)")
_CONDITION_WORDS = re.compile(r"(?:if|for|when|where|as|and)\b")
_OR = re.compile(r"\bor\b|\\(?:lor|or|vee)(?![A-Za-z])")
_PARITY = re.compile(r"([A-Za-z])(?: is)? (even|odd)")
_MODULUS = re.compile(r"\\(?:pmod|bmod|mod|pod)(?![A-Za-z])|\(\s*+(?:\\(?:text|mathrm|operatorname)\s*+\{\s*+)?mod")


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
        if f"\\{NAME}" in text or NAME in text:
            raise UnreadableError("a name that is taken")
        text = prepared(text)
        if _INDEX_I.search(text):
            text = self._with_index_i(text)
        return self._value(text)

    def _value(self, text: str) -> Any:
        """Read any text: a congruence, a set with a condition, an intersection, or what the parser reads."""
        if r"\equiv" in text:
            return self._congruence(text)
        tokens = tokenise(text)
        if len(tokens) > 2 and tokens[0].text == r"\{" and closing(tokens, 0) == len(tokens) - 2:
            bar = find_sign(tokens, frozenset(["mid", "|", ":"]), 1, len(tokens) - 2)
            if bar is not None:
                return self._set_builder(text, tokens, bar)
        cap = find_sign(tokens, frozenset(["cap"]), 0, len(tokens) - 1)
        if cap is not None:
            return self._intersection(text, tokens, cap)
        return self.notes.form(parse(self.without_structures(text)))

    def expression(self, text: str) -> Any:
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

    def without_structures(self, text: str) -> str:
        """Give names to the structures of a text: sums, matrices, and all else that the parser does not know."""
        for _ in range(MAX_STRUCTURES):
            tokens = tokenise(text)
            found = next((at for at in range(len(tokens) - 1, -1, -1) if begins_structure(tokens, at)), None)
            if found is None:
                return text
            value, end = self._structure(text, tokens, found)
            text = f"{text[: tokens[found].start]} {self._named(value)} {text[end:]}"
        raise TooLargeError(f"the answer has more than {MAX_STRUCTURES} structures")

    def _named(self, value: Any) -> str:
        number = len(self._known) + 1
        self._known[f"{NAME}_{number}"] = value
        return f"\\{NAME}_{{{number}}}"

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
            return calculus.repeated(self, text, tokens, at)
        if name == "int":
            return calculus.integral(self, text, tokens, at)
        if name == "lim":
            return calculus.limit(self, text, tokens, at)
        if name == "frac":
            return calculus.derivative(self, text, tokens, at)
        if name == "begin":
            return self._environment(text, tokens, at)
        if name in BARS:
            return self._conjugate(text, tokens, at)
        return self._function(text, tokens, at)

    def _conjugate(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        """Read a bar over an expression; over a letter, the parser takes it for a part of the name."""
        import sympy

        end = closing(tokens, at + 1)
        return sympy.conjugate(self.expression(text[tokens[at + 1].end : tokens[end].start])), tokens[end].end

    # Matrices and cases.

    def _environment(self, text: str, tokens: list[Token], at: int) -> tuple[Any, int]:
        name_end = closing(tokens, at + 1)
        name = text[tokens[at + 1].end : tokens[name_end].start].strip().rstrip("*")
        last = next((place for place in range(at, len(tokens)) if tokens[place].text == "end"), None)
        if last is None:
            raise UnreadableError("an environment that is not closed")
        end = tokens[closing(tokens, last + 1)].end
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

        rows = [cells_of(row) for row in split_outside(content, r"\\")]
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        if not 0 < len(rows) <= MAX_ITEMS:
            raise UnreadableError("cases without rows")
        branches = []
        for row in rows:
            value, condition = value_and_condition(row)
            if condition is None:
                return self._system(rows)
            branches.append((self.expression(value), self._condition(condition)))
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
        if tokens[start].text in OPENING:
            end = closing(tokens, start)
        elif tokens[start].text == NAME:
            end = closing(tokens, start + 2)
        else:
            raise UnreadableError(f"{name} of something without brackets")
        argument = self.expression(text[tokens[start].start : tokens[end].end])
        return _named_functions()[name](argument), tokens[end].end

    # Congruences and sets.

    def _congruence(self, text: str) -> Congruence:
        left, _, rest = text.partition(r"\equiv")
        modulus = _MODULUS.search(rest)
        if modulus is None or r"\equiv" in rest:
            raise UnreadableError("an identity, or several congruences")
        below = rest[modulus.end() :].strip(" (){}.,")
        right = rest[: modulus.start()].rstrip(" (,")
        return Congruence(self.expression(left) - self.expression(right), self.expression(below))

    def _intersection(self, text: str, tokens: list[Token], at: int) -> Any:
        import sympy

        if find_sign(tokens, frozenset(["cup", "setminus"]), 0, len(tokens) - 1) is not None:
            raise UnreadableError("unions and intersections without brackets")
        left, right = text[: tokens[at].start], text[tokens[at].end :]
        return sympy.Intersection(as_set(self._value(left)), as_set(self._value(right)))

    def _set_builder(self, text: str, tokens: list[Token], bar: int) -> Any:
        r"""Read ``\{x \mid condition\}``: a set of real numbers, or of values with an integer parameter."""
        import sympy

        right_text = text[tokens[bar].end : tokens[-2].start]
        domain = sympy.S.Reals
        member = find_sign(tokens, frozenset(["in"]), 1, bar)
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

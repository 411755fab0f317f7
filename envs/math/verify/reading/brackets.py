"""What stands in brackets: groups, tuples, sets, absolute values, fractions, roots, matrices."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import MAX_ITEMS, UnreadableError
from rewardium.envs.math.verify.reading.cursor import Cursor
from rewardium.envs.math.verify.reading.lexer import Token
from rewardium.envs.math.verify.reading.nodes import as_node, items_of
from rewardium.envs.math.verify.reading.units import read_unit
from rewardium.envs.math.verify.tree import (
    Apply,
    Form,
    Matrix,
    Node,
    Number,
    Quantity,
    Relation,
    Sequence,
    Symbol,
    Unit,
)

CLOSING = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", "langle": "rangle", "lvert": "rvert", "lfloor": "rfloor",
    "lceil": "rceil"}  # fmt: skip
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array")
_TWO = Number(Fraction(2))


def unit_of(text: str) -> Unit:
    """Return a unit that the parser itself names."""
    unit = read_unit(text, in_text=True)
    if unit is None:
        raise UnreadableError(f"unknown unit {text!r}")
    return unit


class BracketParser(Cursor):
    """Reads brackets of every kind."""

    def group(self) -> Form:
        """Read what stands in braces."""
        self.expect("{")
        return self.enclosed("{")

    def enclosed(self, opening: str) -> Form:
        """Read up to the bracket that closes what was opened."""
        bars, self.bars = self.bars, 0
        self.brackets += opening != "{"
        form = self.listed(end=CLOSING[opening])
        self.expect(CLOSING[opening])
        self.brackets -= opening != "{"
        self.bars = bars
        return form

    def bracket(self, token: Token) -> Form:
        """Read what begins with an opening bracket that was taken."""
        opening = token.text
        if opening == "|" or opening == "lvert":
            return self.absolute(opening)
        if opening in ("(", "["):
            return self.parenthesised(opening)
        if opening == r"\{":
            return self.set()
        if opening == "{":
            return self.brace_group()
        if opening == "langle":
            items = self.enclosed("langle")
            return Sequence("tuple", items_of(items), "<>")
        if opening in ("lfloor", "lceil"):
            return Apply("floor" if opening == "lfloor" else "ceiling", (as_node(self.enclosed(opening)),))
        if opening == "$":
            return Quantity(as_node(self.product()), unit_of("$"))
        if opening in ("€", "£"):
            return Quantity(as_node(self.power()), unit_of(opening))
        self.at -= 1
        raise self.unreadable()

    def brace_group(self) -> Form:
        """Read ``{...}``, which only groups; several items in it are a set, as plain text writes one."""
        if self.accept("}"):
            return Sequence("set", ())
        inside = self.listed(end="}")
        if self.accept("over"):
            below = as_node(self.listed(end="}"))
            inside = Apply("divide", (as_node(inside), below))
        elif self.accept("choose"):
            inside = Apply("binomial", (as_node(inside), as_node(self.listed(end="}"))))
        self.expect("}")
        if isinstance(inside, Sequence) and inside.kind == "list":
            return Sequence("set" if not self.brackets else "list", inside.items)
        return inside

    def absolute(self, opening: str) -> Node:
        """Read an absolute value."""
        closing = "rvert" if opening == "lvert" else "|"
        outer, self.bars = self.bars, int(closing == "|")
        inside = as_node(self.sum())
        if closing == "rvert" and not self.is_sign("rvert"):
            closing = "|"
        self.expect(closing)
        self.bars = outer
        return Apply("abs", (inside,))

    def parenthesised(self, opening: str) -> Form:
        """Read a group, or several items as a tuple."""
        bars, self.bars = self.bars, 0
        self.brackets += 1
        inside = self.listed(end=")")
        if not self.is_sign(")", "]"):
            raise self.unreadable()
        closing = self.take().text
        self.brackets -= 1
        self.bars = bars
        if isinstance(inside, Sequence) and inside.kind == "list":
            return Sequence("tuple", inside.items, opening + closing)
        if opening + closing not in ("()", "[]"):
            raise UnreadableError(f"the brackets {opening}{closing} hold one item")
        return inside

    def set(self) -> Form:
        """Read a set, or the condition of a set-builder."""
        if self.accept(r"\}"):
            return Sequence("set", ())
        bars, self.bars = self.bars, 1
        outer, self.in_set = self.in_set, True
        self.brackets += 1
        inside = self.listed(end=r"\}")
        self.in_set = outer
        is_builder = self.accept("|", "mid", ":")
        inside = self.set_builder(inside) if is_builder else Sequence("set", items_of(inside))
        self.expect(r"\}")
        self.brackets -= 1
        self.bars = bars
        return inside

    def set_builder(self, general: Form) -> Form:
        """Read the condition of a set-builder: it says all where what stands before it is only a variable."""
        condition = self.listed(end=r"\}")
        is_variable = isinstance(general, Symbol) or (
            isinstance(general, Relation) and general.operators == ("in",) and isinstance(general.sides[0], Symbol)
        )
        return condition if is_variable else Sequence("list", (general, condition))

    # Commands with braces of their own.

    def fraction(self) -> Form:
        r"""Read ``\frac``; dy/dx is one name."""
        start = self.at
        top = self.fraction_part()
        bottom_start = self.at
        bottom = self.fraction_part()
        if self.is_derivative(start, bottom_start):
            return Symbol("".join(token.text for token in self.tokens[start : self.at]))
        return Apply("divide", (top, bottom))

    def fraction_part(self) -> Node:
        r"""Read one part of a fraction: a group, or a single digit as in ``\frac12``."""
        token = self.token
        if self.is_sign("{"):
            return as_node(self.group())
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            rest = token._replace(text=token.text[1:], start=token.start + 1)
            self.tokens[self.at] = rest
            return Number(Fraction(int(token.text[0])))
        return as_node(self.primary())

    def is_derivative(self, start: int, bottom: int) -> bool:
        """Say whether a fraction is a derivative such as dy/dx."""
        first = [t.text for t in self.tokens[start:bottom] if t.text not in "{}"]
        second = [t.text for t in self.tokens[bottom : self.at] if t.text not in "{}"]
        if first == ["d"] or first == ["partial"] or (len(first) > 1 and first[0] == "d" and first[1] == "^"):
            raise UnreadableError("a derivative")
        return len(first) == 2 and first[0] == "d" and len(second) == 2 and second[0] == "d"

    def root(self) -> Node:
        """Read a root with its index."""
        index: Node = _TWO
        if self.accept("["):
            index = as_node(self.sum())
            self.expect("]")
        if self.is_sign("{", "("):
            radicand = as_node(self.bracket(self.take()))
        elif self.token.kind == "number" and not self.token.spaced and "\\" in self.text and self.at:
            radicand = as_node(self.primary())
        else:
            radicand = as_node(self.signed() if self.is_sign("-") else self.primary())
        return Apply("root", (radicand, index))

    def cube_root(self) -> Node:
        """Read a cube root."""
        return Apply("root", (as_node(self.primary()), Number(Fraction(3))))

    def binomial(self) -> Node:
        """Read a binomial coefficient."""
        return Apply("binomial", (self.fraction_part(), self.fraction_part()))

    def environment(self) -> Form:
        """Read a matrix."""
        name = self.raw_group()
        if name not in _MATRICES:
            raise UnreadableError(f"a {name} environment")
        if name == "array" and self.is_sign("{"):
            self.raw_group()
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        self.brackets += 1
        while not self.is_sign("end"):
            if self.token.kind == "end":
                raise self.unreadable()
            if self.accept("hline"):
                continue
            if self.accept(r"\\"):
                rows, row = ([*rows, tuple(row)] if row else rows), []
                continue
            if self.accept("&"):
                continue
            row.append(as_node(self.sum()))
        self.brackets -= 1
        self.expect("end")
        self.raw_group()
        rows += [tuple(row)] if row else []
        if len({len(line) for line in rows}) != 1 or len(rows) * len(rows[0]) > MAX_ITEMS:
            raise UnreadableError("the rows of a matrix have different lengths, or it is too large")
        return Matrix(tuple(rows))

    def empty_set(self) -> Form:
        """Return the empty set."""
        return Sequence("set", ())

    def dots(self) -> Form:
        """Return dots that stand for further items."""
        return Symbol("dots")

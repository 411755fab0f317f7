r"""From an answer's text to its form: a recursive-descent parser for the LaTeX and plain notation that answers use.

It reads what answers are made of and nothing more: integrals, sums, limits and definitions by cases raise
``UnreadableError`` and are left to a computer algebra system. The grammar, from the loosest to the tightest::

    answer    = item ((',' | ';' | 'and' | 'or') item)*
    item      = side (relation side)* unit?
    side      = part ('∪' part | '\setminus' part)*
    part      = sum (':' sum)*
    sum       = product (('+' | '-' | '±') product)*
    product   = signed (('*' | '/' | nothing) signed)*
    signed    = '-'* power;  power = primary ('!' | '^' signed | '%' ...)*
"""

from __future__ import annotations

import re
from functools import lru_cache

from rewardium.envs.math.verify.limits import MAX_ITEMS, TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.bases import with_base_as_index
from rewardium.envs.math.verify.reading.clock import read_clock
from rewardium.envs.math.verify.reading.expressions import ORDINALS, ExpressionParser
from rewardium.envs.math.verify.reading.nodes import as_node, is_node
from rewardium.envs.math.verify.reading.normalising import normalise
from rewardium.envs.math.verify.reading.units import read_unit
from rewardium.envs.math.verify.reading.words import normalise_words, read_choice, read_words
from rewardium.envs.math.verify.tree import Apply, Choice, Form, Quantity, Relation, Sequence, Union, Words

RELATIONS = {
    "=": "=", "<": "<", ">": ">", "leq": "<=", "geq": ">=", "neq": "!=", "approx": "~", "sim": "~", "in": "in",
}  # fmt: skip


_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mbox)\s*+\{([^{}]*+)\}")
_UNIT_FRACTION = re.compile(
    r"\\[dt]?frac\s*+\{\s*+\\(?:mathrm|text)\s*+\{([A-Za-z]{1,12})\}\s*+\}"
    r"\s*+\{\s*+\\(?:mathrm|text)\s*+\{([A-Za-z]{1,12})\}\s*+((?:\^(?:\{[23]\}|[23]))?+)\s*+\}\s*+$"
)


MAX_REMEMBERED_LENGTH = 300
"""Characters of a text whose form is remembered, so that what is remembered stays small whatever a policy writes."""


def parse(text: str, group_digits: bool = True) -> Form:
    r"""Read an answer.

    Args:
        text: An answer's text, as ``extract`` finds it.
        group_digits: Whether ``1,234`` outside of brackets is one number; else it is a list of two.

    Returns:
        What it says.

    Raises:
        UnreadableError: When it is nothing that the parser knows.
        TooLargeError: When it is beyond one of the limits.

    Example:
        >>> parse(r"\frac12") == parse("1/2")
        True
        >>> parse("x > 3").operators
        ('>',)
    """
    read = _remembered if len(text) <= MAX_REMEMBERED_LENGTH else _read
    return read(text, group_digits)


def _read(text: str, group_digits: bool) -> Form:
    normalised = normalise(text)
    form = read_clock(normalised) or read_words(normalised) or _choice(normalised, group_digits)
    if form is not None:
        return form
    normalised = with_base_as_index(_UNIT_FRACTION.sub(r"\\text{\1/\2\3}", normalised))
    try:
        return _AnswerParser(normalised, group_digits).answer()
    except RecursionError:
        raise TooLargeError("the answer is nested too deep") from None


_remembered = lru_cache(maxsize=4096)(_read)


def forget() -> None:
    """Forget what was read."""
    _remembered.cache_clear()


def _choice(text: str, group_digits: bool) -> Choice | None:
    """Read a letter of multiple choice with the value beside it."""
    found = read_choice(text)
    if found is None or not found[1]:
        return None if found is None else Choice(found[0])
    try:
        return Choice(found[0], parse(found[1], group_digits))
    except UnreadableError:
        return Choice(found[0])


def _is_assignment(items: list[Form]) -> bool:
    """Say whether items give values to several variables."""
    return len(items) > 1 and all(isinstance(item, Relation) and item.operators == ("=",) for item in items)


_SEPARATING_WORDS = ("and", "or", "&", "", "and also")


class _AnswerParser(ExpressionParser):
    """Reads whole answers: lists of relations between expressions, with units."""

    def answer(self) -> Form:
        """Read the whole answer."""
        self.skip_preamble()
        form = self.listed(end="end")
        if self.token.kind != "end":
            raise self.unreadable()
        return form

    def skip_preamble(self) -> None:
        """Pass over a sign of consequence, and over leading words that only introduce, as in "about 5"."""
        while self.accept("therefore", "implies", "Rightarrow", "Longrightarrow", "approx", "sim", "="):
            pass

    def listed(self, end: str) -> Form:
        """Read items up to an end; pairs such as ``p=5, q=2; p=7, q=2`` stay together."""
        groups: list[list[Form]] = [[self.item()]]
        count = 1
        while (separators := self.separators()) and not (self.token.kind == "end" or self.is_sign(end)):
            item = self.item()
            if {";", "or"} & separators:
                groups.append([item])
            else:
                groups[-1].append(item)
            count += 1
            if count > MAX_ITEMS:
                raise TooLargeError(f"the answer has more than {MAX_ITEMS} items")
        if len(groups) > 1 and all(_is_assignment(group) for group in groups):
            return Sequence("list", tuple(Sequence("list", tuple(group)) for group in groups))
        items = tuple(item for group in groups for item in group)
        return items[0] if len(items) == 1 else Sequence("list", items)

    def separators(self) -> set[str]:
        """Take what separates two items: "," ";" "and" "or" a line's end, or several of them."""
        found: set[str] = set()
        while True:
            token = self.token
            word = token.text.strip(" ,.").lower() if token.kind == "words" else None
            if word in _SEPARATING_WORDS:
                found.add(word or ",")
            elif self.is_sign(",", ";", "and", "or", r"\\") or (found and self.is_sign(".")):
                found.add(token.text)
            else:
                return found
            self.at += 1

    def words(self) -> Form | None:
        """Read an item of a list that is nothing but words."""
        start = self.at
        while self.token.kind == "words" and self.token.text.strip(" ,.").lower() not in _SEPARATING_WORDS:
            self.at += 1
        closes = self.token.kind == "end" or self.is_sign(",", ";", ")", "]", r"\}", "and", "or")
        if self.at > start and (closes or self.token.kind == "words"):
            return Words(normalise_words(" ".join(token.text for token in self.tokens[start : self.at])))
        self.at = start
        return None

    def item(self) -> Form:
        """Read sides with the relations between them."""
        words = self.words()
        if words is not None:
            return words
        sides, operators = [self.side()], []
        while (relation := self.relation()) is not None:
            operators.append(relation)
            sides.append(self.side())
        if not operators:
            return sides[0]
        return Relation(tuple(sides), tuple(operators))

    def relation(self) -> str | None:
        """Take a relation if one follows."""
        token = self.token
        if token.kind not in ("sign", "command"):
            return None
        if token.text in ("not", "nless", "ngtr", "notin"):
            raise self.unreadable()
        name = RELATIONS.get(token.text)
        if name is not None:
            self.at += 1
            if name in ("<", ">") and self.accept("="):
                name += "="
        return name

    def side(self) -> Form:
        """Read a union."""
        first = self.part()
        if not self.is_sign("cup", "setminus"):
            return first
        parts: list[Form] = [first]
        minus: list[Form] = []
        while self.is_sign("cup", "setminus"):
            into = minus if self.take().text == "setminus" else parts
            into.append(self.part())
        return Union(tuple(parts), tuple(minus))

    def part(self) -> Form:
        """Read a ratio or an expression with its unit."""
        form = self.sum()
        if self.is_ratio() and is_node(form):
            entries = [as_node(form)]
            while self.is_ratio():
                self.at += 1
                entries.append(as_node(self.sum()))
            return Apply("ratio", tuple(entries))
        form = self.with_unit(form)
        return self.added_quantities(form) if isinstance(form, Quantity) else form

    def is_ratio(self) -> bool:
        """Say whether the sign of a ratio follows, or the word "to"."""
        return (self.is_sign(":") and not self.in_set) or (self.token.kind == "words" and self.token.text == "to")

    def added_quantities(self, first: Quantity) -> Form:
        """Read quantities that are said one after another, as ``1 hour 30 minutes``."""
        items: list[Form] = [first]
        while self.token.kind == "number":
            items.append(self.with_unit(self.sum()))
            if not isinstance(items[-1], Quantity) or len(items) > 4:
                raise self.unreadable()
        return first if len(items) == 1 else Sequence("list", tuple(items))

    def with_unit(self, form: Form) -> Form:
        """Attach the unit that stands behind an expression, if one does."""
        if self.token.kind != "words" or not is_node(form):
            return form
        start = self.at
        while not self.ends_unit():
            self.at += 1
        if self.at == start or self.tokens[start].text in ORDINALS:
            return form
        raw = self.text[self.tokens[start].start : self.tokens[self.at - 1].end]
        unit = read_unit(_TEXT.sub(r"\1", raw), in_text=True)  # in \text{m/s}^2 the exponent belongs to the second
        if unit is None:
            self.at = start
            raise self.unreadable()
        return Quantity(as_node(form), unit)

    def ends_unit(self) -> bool:
        """Say whether a unit is over."""
        token = self.token
        if token.kind == "words":
            return token.text.strip(" ,.").lower() in ("and", "or", "&", "")
        if token.kind == "number" and self.tokens[self.at - 1].text not in ("^", "{", "-"):
            return True
        return token.kind == "end" or (
            token.kind in ("sign", "command")
            and (token.text in (",", ";", ")", "]", r"\}", "cup", "and", "or", r"\\") or token.text in RELATIONS)
        )

"""Expressions: sums, products, powers, and what they are made of."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.brackets import unit_of
from rewardium.envs.math.verify.reading.linear import added, multiplied, negative
from rewardium.envs.math.verify.reading.name_parser import NameParser
from rewardium.envs.math.verify.reading.nodes import as_node, is_node, is_proper_fraction, is_whole, negated, product
from rewardium.envs.math.verify.tree import (
    Apply,
    Form,
    Interval,
    Matrix,
    Node,
    Number,
    Quantity,
    Sequence,
    Symbol,
    Union,
)

ORDINALS = ("th", "st", "nd", "rd")

_POSTFIX_UNITS = {"%": "%", "€": "€", "£": "£", "$": "$"}


class ExpressionParser(NameParser):
    """Reads expressions."""

    def sum(self) -> Form:
        """Read a sum, a difference or both signs."""
        form = self.product()
        while self.is_sign("+", "-", "pm", "mp"):
            sign = self.take().text
            right = self.product()
            if sign == "-" and isinstance(form, (Interval, Union)):
                form = Union((form,), (right,))
            elif sign in ("+", "-"):
                form = added(form, right if sign == "+" else negative(right))
            else:
                form = Apply("plus_minus" if sign == "pm" else "minus_plus", (as_node(form), as_node(right)))
        return form

    def product(self) -> Form:
        """Read factors and quotients."""
        form = self.signed()
        while True:
            if self.accept("*", "times", "cdot"):
                form = multiplied(form, self.signed())
            elif self.accept("/"):
                form = self.divided(form, as_node(self.signed()))
            elif self.is_sign("bmod", "mod"):
                self.at += 1
                form = Apply("mod", (as_node(form), as_node(self.signed())))
            elif (is_node(form) or isinstance(form, Matrix)) and self.begins_factor():
                form = self.juxtaposed(form)
            elif self.is_sign(*_POSTFIX_UNITS) and is_node(form):
                return self.postfix_unit(as_node(form))
            else:
                return form

    def divided(self, form: Form, divisor: Node) -> Form:
        """Divide an expression, or each entry of a matrix or a vector."""
        if is_node(form):
            return Apply("divide", (as_node(form), divisor))
        return multiplied(form, Apply("divide", (Number(Fraction(1)), divisor)))

    def juxtaposed(self, left: Form) -> Form:
        """Read what stands right behind a factor: the fraction of a mixed number, or another factor."""
        right = self.power()
        if not (is_node(left) and is_node(right)):
            is_point = isinstance(left, Symbol) and left.name[0].isupper() and isinstance(right, Sequence)
            return right if is_point else multiplied(left, right)  # P(1, 2) is the point, not a product
        left, right = as_node(left), as_node(right)
        if self.tokens[self.at - 1].kind == "number" and isinstance(right, Number) and self.is_mixed_tail(left, right):
            self.at += 1
            part: Node = Apply("divide", (right, as_node(self.power())))
            return Apply("add", (left, part if is_whole(left) else negated(part)))
        if is_proper_fraction(right) and isinstance(left, Number):
            if is_whole(left):
                return Apply("add", (left, right))
            if is_whole(negated(left)):
                return Apply("add", (left, negated(right)))
        if isinstance(right, Number) and isinstance(left, Number) and self.tokens[self.at - 1].kind == "number":
            raise UnreadableError("two numbers stand side by side")
        return product(left, right)

    def is_mixed_tail(self, left: Node, right: Number) -> bool:
        """Say whether ``1/2`` follows, as in ``2 1/2``."""
        below = self.peek()
        whole = isinstance(left, Number) and is_whole(Number(abs(left.value), left.places))
        if not (whole and is_whole(right) and self.is_sign("/") and below.kind == "number"):
            return False
        return below.text.isdigit() and len(below.text) < 10 and right.value < int(below.text)

    def begins_factor(self) -> bool:
        """Say whether another factor follows without a sign between."""
        token = self.token
        if token.kind in ("number", "letter"):
            return True
        if token.kind == "command":
            return token.text not in _NO_FACTOR
        if token.text == "|":
            return not self.bars
        return token.kind == "sign" and token.text in ("(", "[", "{")

    def signed(self) -> Form:
        """Read signs and what they stand before."""
        is_negative = False
        while self.is_sign("-", "+"):
            is_negative ^= self.take().text == "-"
        if self.is_sign("pm", "mp"):
            operator = "plus_minus" if self.take().text == "pm" else "minus_plus"
            inner: Form = Apply(operator, (as_node(self.product_of_signs()),))
        else:
            inner = self.power()
        return negative(inner) if is_negative else inner

    def product_of_signs(self) -> Form:
        """Read what stands behind both signs."""
        return self.product()

    def power(self) -> Form:
        """Read a factor with exponents, factorials and units behind it."""
        form = self.primary()
        while True:
            if self.is_sign("^"):
                form = self.raised(form)
            elif self.is_sign("!") and is_node(form):
                self.at += 1
                double = self.accept("!")
                form = Apply("double_factorial" if double else "factorial", (as_node(form),))
            elif self.is_sign("'") and isinstance(form, Symbol):
                self.at += 1
                form = Symbol(form.name + "'")
                if self.is_sign("("):
                    form = self.call(form)
            else:
                return form

    def postfix_unit(self, node: Node) -> Form:
        """Read a sign that is a unit."""
        return Quantity(node, unit_of(_POSTFIX_UNITS[self.take().text]))

    def raised(self, base: Form) -> Form:
        """Read an exponent; degrees, ordinals and primes stand there too."""
        self.expect("^")
        if self.is_degree():
            return self.degrees(as_node(base))
        braces = self.is_sign("{")
        if self.peek(int(braces)).text in ORDINALS:
            self.at += 1 + 2 * braces
            return base
        if isinstance(base, Symbol) and self.accept("prime"):
            return Symbol(base.name + "'")
        if isinstance(base, Symbol) and self.is_sign("*", "+", "-") and self.peek().kind != "number":
            return Symbol(base.name + "^" + self.take().text)
        return Apply("power", (as_node(base), self.exponent()))

    def exponent(self) -> Node:
        """Read what stands in an exponent."""
        if self.is_sign("{"):
            return as_node(self.group())
        if self.is_sign("-", "+"):
            return negated(self.exponent()) if self.take().text == "-" else self.exponent()
        exponent = as_node(self.primary())
        if self.is_sign("^"):
            return as_node(self.raised(exponent))
        if self.is_sign("!"):
            self.at += 1
            return Apply("factorial", (exponent,))
        return exponent

    def is_degree(self) -> bool:
        """Say whether a sign of degrees follows."""
        return self.is_sign("circ") or (self.is_sign("{") and self.peek().text == "circ" and self.peek(2).text == "}")

    def degrees(self, node: Node) -> Form:
        """Read degrees of angle or of temperature."""
        self.at += 1 if self.is_sign("circ") else 3
        scale = self.token
        if scale.text in ("C", "F") and self.peek().kind == "end":
            self.at += 1
            return Quantity(node, unit_of(f"°{scale.text}"))
        return Quantity(node, unit_of("°"))

    def primary(self) -> Form:
        """Read what has no operator outside of brackets."""
        token = self.take()
        if token.kind == "number":
            return self.number(token)
        if token.kind == "letter":
            return self.letter(token)
        if token.kind == "command":
            return self.command(token)
        if token.kind == "sign":
            return self.bracket(token)
        self.at -= token.kind != "end"
        raise self.unreadable()


_NO_FACTOR = frozenset(
    [
        "leq",
        "geq",
        "neq",
        "approx",
        "sim",
        "in",
        "not",
        "notin",
        "nless",
        "ngtr",
        "times",
        "cdot",
        "cup",
        "cap",
        "setminus",
        "and",
        "or",
        "pm",
        "mp",
        "rvert",
        "rfloor",
        "rceil",
        "rangle",
        "end",
        "circ",
        "mid",
        "over",
        "choose",
        "to",
        "equiv",
        "pmod",
        "bmod",
        "mod",
        "Rightarrow",
        "implies",
        "therefore",
        "iff",
        "Leftrightarrow",
        "<",
        ">",
        "=",
        "|",
        ":",
        "%",
        "}",
        "]",
        ")",
        "(",
        "[",
        "/",
        "prime",
        "hline",
        "€",
        "£",
        "$",
        "subset",
        "subseteq",
        "forall",
        "exists",
        "where",
    ]
)

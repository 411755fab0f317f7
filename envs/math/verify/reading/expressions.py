"""Expressions: sums, products, powers, functions, numbers and names."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.brackets import CLOSING, BracketParser, unit_of
from rewardium.envs.math.verify.reading.lexer import Token
from rewardium.envs.math.verify.reading.linear import added, multiplied, negative
from rewardium.envs.math.verify.reading.nodes import (
    applied,
    as_node,
    is_node,
    is_proper_fraction,
    is_whole,
    negated,
    product,
)
from rewardium.envs.math.verify.reading.notation import FUNCTIONS, GREEK
from rewardium.envs.math.verify.reading.numbers import decimal, in_base, repeating, thousands
from rewardium.envs.math.verify.tree import (
    Apply,
    Constant,
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

BASIS = ("basisi", "basisj", "basisk")
"""Names of the unit vectors."""

ORDINALS = ("th", "st", "nd", "rd")

_POSTFIX_UNITS = {"%": "%", "€": "€", "£": "£", "$": "$"}
_NUMBER_SETS = ("reals", "integers", "naturals", "rationals", "complexes")
_FUNCTION_LETTERS = "fghFGH"
_ACCENTS = ("vec", "hat", "bar", "tilde", "dot", "ddot", "overrightarrow", "widehat", "widetilde", "overline")
_REALS = Interval(Apply("negate", (Constant("infinity"),)), Constant("infinity"), False, False)


class ExpressionParser(BracketParser):
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

    # Numbers.

    def number(self, token: Token) -> Form:
        """Read a number in any notation."""
        digits = token.text
        if self.group_digits and not self.brackets:
            digits = self.grouped(digits)
        if "." in digits and (period := self.period(digits)) is not None:
            return period
        if self.is_sign("_") and digits.isdigit():
            return self.based(digits)
        return decimal(digits)

    def grouped(self, digits: str) -> str:
        """Take the groups of three digits that follow a comma without a space: ``1,234``."""
        pieces, at = [digits], self.at
        if self.token.kind == "number" and (spaced := self.spaced_groups(digits)) is not None:
            return spaced
        while self.tokens[at].text == "," and not self.tokens[at].spaced:
            number = self.tokens[at + 1]
            if number.kind != "number" or number.spaced or not thousands(pieces, number.text):
                break
            pieces.append(number.text)
            at += 2
        followed = (
            self.tokens[at].text == "," and self.tokens[at + 1].kind == "number" and not self.tokens[at + 1].spaced
        )
        if len(pieces) == 1 or followed:
            return digits
        self.at = at
        return "".join(pieces)

    def spaced_groups(self, digits: str) -> str | None:
        """Take groups of three digits with spaces between them, where they are the whole answer: ``12 345``."""
        pieces = [digits] + [token.text for token in self.tokens[self.at : -1]]
        if len(pieces) != len(self.tokens) - 1 - (self.at - 1):
            return None
        if not all(thousands(pieces[:at], pieces[at]) for at in range(1, len(pieces))):
            return None
        self.at = len(self.tokens) - 1
        return "".join(pieces)

    def period(self, digits: str) -> Number | None:
        r"""Read the period of a repeating decimal: ``0.\overline{3}``, ``0.(3)``, ``0.\dot{3}``, ``0.333...``."""
        if self.is_sign("overline", "bar", "dot") and self.peek().text == "{" and self.peek(2).kind == "number":
            block = self.peek(2).text
            if self.peek(3).text != "}" or not block.isdigit():
                raise self.unreadable()
            self.at += 4
            return repeating(digits, block)
        block_token = self.peek()
        if (
            self.is_sign("(")
            and not self.token.spaced
            and block_token.text.isdigit()
            and self.peek(2).text == ")"
            and block_token.kind == "number"
        ):
            self.at += 3
            return repeating(digits, block_token.text)
        if self.accept("dots"):
            return repeating(digits, None)
        return None

    def based(self, digits: str) -> Form:
        """Read a number with its base as index: ``1011_2``."""
        self.at += 1
        base = self.raw_group()
        value = in_base(digits, base)
        if value is None:
            raise UnreadableError(f"{digits!r} is no number in base {base!r}")
        return Number(Fraction(value))

    # Letters and names.

    def letter(self, token: Token) -> Form:
        """Read a letter: a constant, a variable, or a function that is called."""
        name = token.text
        if name == "e" and not self.is_sign("_", "'"):
            return Constant("e")
        if name == "i" and not self.is_sign("_", "'"):
            return Constant("i")
        symbol = Symbol(self.indexed(name))
        if name in _FUNCTION_LETTERS and [self.peek(at).text for at in range(6)] == ["^", "{", "-", "1", "}", "("]:
            self.at += 5
            return self.call(Symbol(symbol.name + "^-1"))
        if self.is_sign("(") and name in _FUNCTION_LETTERS and not self.token.spaced:
            return self.call(symbol)
        if name == "C" and self.is_choose():
            return Apply("binomial", self.arguments())
        return symbol

    def indexed(self, name: str) -> str:
        """Return a name with its index."""
        if self.accept("_"):
            name += "_" + self.raw_group()
        return name

    def call(self, function: Symbol) -> Node:
        """Read the arguments of an unknown function."""
        return Apply("call", (function, *self.arguments()))

    def arguments(self) -> tuple[Node, ...]:
        """Read arguments in brackets."""
        opening = self.take().text
        inside = self.enclosed(opening)
        items = inside.items if isinstance(inside, Sequence) and inside.kind == "list" else (inside,)
        return tuple(as_node(item) for item in items)

    def is_choose(self) -> bool:
        """Say whether (n, k) follows with n not below k, so that C(n, k) is a number and no point."""
        opening, n, comma, k, closing = (self.peek(at) for at in range(5))
        if (opening.text, comma.text, closing.text) != ("(", ",", ")") or not (n.text.isdigit() and k.text.isdigit()):
            return False
        return len(n.text) < 6 and len(k.text) < 6 and int(n.text) >= int(k.text)

    def raw_group(self) -> str:
        """Take the text of an index: one token, or what stands in braces."""
        if not self.is_sign("{"):
            return self.take().text
        start, depth = self.at + 1, 0
        while True:
            token = self.take()
            if token.kind == "end":
                raise self.unreadable()
            depth += {"{": 1, "}": -1}.get(token.text, 0) if token.kind == "sign" else 0
            if not depth:
                break
        return "".join(item.text for item in self.tokens[start : self.at - 1])

    def command(self, token: Token) -> Form:
        """Read what a LaTeX command stands for."""
        name = token.text
        if name in FUNCTIONS:
            return self.function(name)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name == "Gamma" and self.is_sign("("):
            raise UnreadableError("the gamma function")
        if name in GREEK:
            return Symbol(self.indexed(name))
        if name in BASIS:
            return Symbol(name)
        if name in _NUMBER_SETS:
            return _REALS if name == "reals" else Symbol(name)
        reader = _COMMANDS.get(name)
        if reader is not None:
            form: Form = reader(self)
            return form
        if name in ("overline", "bar") and self.is_sign("{") and not self.names_a_segment():
            return Apply("conjugate", (as_node(self.group()),))
        if name in _ACCENTS:
            return Symbol(f"{name}({self.raw_group()})")
        if name in CLOSING:
            return self.bracket(token)
        self.at -= 1
        raise self.unreadable()

    def names_a_segment(self) -> bool:
        """Say whether nothing but letters stands in the braces that follow, so that a bar over them makes a name."""
        at = 1
        while self.peek(at).kind == "letter":
            at += 1
        return self.peek(at).text == "}"

    def function(self, name: str) -> Node:
        """Read a function with its base, exponent and argument."""
        base = exponent = None
        while self.is_sign("_", "^"):
            if self.take().text == "_":
                base = self.index()
            else:
                exponent = self.exponent()
        if name in ("max", "min", "gcd", "lcm"):
            return Apply(name, self.many_arguments())
        argument = self.argument()
        if exponent == Number(Fraction(-1)) and name in _INVERSE:
            return Apply(_INVERSE[name], (argument,))
        node = applied(name, argument, base)
        if exponent is None and self.is_sign("^") and not self.is_degree_ahead():
            self.at += 1
            exponent = self.exponent()
        return node if exponent is None else Apply("power", (node, exponent))

    def is_degree_ahead(self) -> bool:
        """Say whether the exponent that follows is a sign of degrees."""
        return self.peek().text == "circ" or (self.peek().text == "{" and self.peek(2).text == "circ")

    def index(self) -> Node:
        """Read the base of a logarithm."""
        return as_node(self.group()) if self.is_sign("{") else as_node(self.primary())

    def many_arguments(self) -> tuple[Node, ...]:
        """Read the arguments of max, min, gcd and lcm."""
        if self.is_sign("(", "{", "[", r"\{"):
            return self.arguments()
        return (self.argument(),)

    def argument(self) -> Node:
        """Read the argument of a function: a group, or factors up to the next sign or function."""
        if self.is_sign("(", "[", "{", "|", "lvert"):
            return as_node(self.bracket(self.take()))
        is_negative = self.accept("-")
        node = as_node(self.power())
        while self.begins_factor() and not (self.token.kind == "command" and self.token.text in FUNCTIONS):
            if self.is_sign("(", "["):
                break
            node = product(node, as_node(self.power()))
        if self.is_sign("/") and self.peek().kind == "number" and isinstance(node, Constant):
            self.at += 1
            node = Apply("divide", (node, as_node(self.power())))
        return negated(node) if is_negative else node


_COMMANDS = {
    "frac": ExpressionParser.fraction,
    "sqrt": ExpressionParser.root,
    "cbrt": ExpressionParser.cube_root,
    "binom": ExpressionParser.binomial,
    "begin": ExpressionParser.environment,
    "emptyset": ExpressionParser.empty_set,
    "dots": ExpressionParser.dots,
}
_CONSTANTS: dict[str, Node] = {"pi": Constant("pi"), "infty": Constant("infinity"), "i": Constant("i")}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
    "sinh": "arsinh", "cosh": "arcosh", "tanh": "artanh"}  # fmt: skip
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

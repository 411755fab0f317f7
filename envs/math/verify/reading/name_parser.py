"""Letters, names and commands: constants, variables, functions with their arguments."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.brackets import CLOSING, BracketParser
from rewardium.envs.math.verify.reading.lexer import Token
from rewardium.envs.math.verify.reading.nodes import applied, as_node, negated, product
from rewardium.envs.math.verify.reading.notation import FUNCTIONS, GREEK
from rewardium.envs.math.verify.reading.number_parser import NumberParser
from rewardium.envs.math.verify.tree import Apply, Constant, Form, Interval, Node, Number, Sequence, Symbol

BASIS = ("basisi", "basisj", "basisk")
"""Names of the unit vectors."""
_NUMBER_SETS = ("reals", "integers", "naturals", "rationals", "complexes")
_FUNCTION_LETTERS = "fghFGH"
_ACCENTS = ("vec", "hat", "bar", "tilde", "dot", "ddot", "overrightarrow", "widehat", "widetilde", "overline")
_REALS = Interval(Apply("negate", (Constant("infinity"),)), Constant("infinity"), False, False)


class NameParser(NumberParser):
    """Reads letters, names and functions."""

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
    "frac": BracketParser.fraction,
    "sqrt": BracketParser.root,
    "cbrt": BracketParser.cube_root,
    "binom": BracketParser.binomial,
    "begin": BracketParser.environment,
    "emptyset": BracketParser.empty_set,
    "dots": BracketParser.dots,
}
_CONSTANTS: dict[str, Node] = {"pi": Constant("pi"), "infty": Constant("infinity"), "i": Constant("i")}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
    "sinh": "arsinh", "cosh": "arcosh", "tanh": "artanh"}  # fmt: skip

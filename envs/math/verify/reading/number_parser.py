"""Numbers in any notation: grouped digits, periods, bases."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import UnreadableError
from rewardium.envs.math.verify.reading.brackets import BracketParser
from rewardium.envs.math.verify.reading.lexer import Token
from rewardium.envs.math.verify.reading.numbers import decimal, in_base, repeating, thousands
from rewardium.envs.math.verify.tree import Form, Number


class NumberParser(BracketParser):
    """Reads numbers."""

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

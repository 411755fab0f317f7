"""Walking over the tokens of an answer."""

from __future__ import annotations

from rewardium.envs.math.verify.limits import MAX_NODES, TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.lexer import Token, tokenise
from rewardium.envs.math.verify.tree import Form, Node


class Cursor:
    """One pass over the tokens of one answer; the parsers for brackets, expressions and answers build on it.

    Args:
        text: A normalised text.
        group_digits: Whether ``1,234`` outside of brackets is one number.

    Raises:
        TooLargeError: When the text has too many tokens.
        UnreadableError: When it cannot be cut into tokens.
    """

    def __init__(self, text: str, group_digits: bool) -> None:
        self.text = text
        self.tokens = tokenise(text)
        if len(self.tokens) > MAX_NODES:
            raise TooLargeError(f"the answer has more than {MAX_NODES} symbols")
        self.at = 0
        self.group_digits = group_digits
        self.brackets = 0  # how many are open: inside of them a comma always separates
        self.bars = 0  # how many absolute values are open
        self.in_set = False  # between the braces of a set, where a colon begins the condition

    @property
    def token(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        """Return a token further on."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        """Return the token and go on."""
        token = self.tokens[self.at]
        self.at += token.kind != "end"
        return token

    def is_sign(self, *texts: str) -> bool:
        """Say whether a sign or a command comes next."""
        token = self.tokens[self.at]
        return token.kind in ("sign", "command") and token.text in texts

    def accept(self, *texts: str) -> bool:
        """Take a sign if it comes next."""
        if self.is_sign(*texts):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take a sign that must come next."""
        if not self.accept(text):
            raise self.unreadable()

    def unreadable(self) -> UnreadableError:
        """Return the error that names the place."""
        token = self.token
        what = "its end" if token.kind == "end" else repr(self.text[token.start : token.start + 20])
        return UnreadableError(f"cannot read the answer at {what}")

    # What the parsers call in one another.

    def listed(self, end: str) -> Form:
        """Read items up to a closing bracket."""
        raise NotImplementedError

    def sum(self) -> Form:
        """Read a sum."""
        raise NotImplementedError

    def product(self) -> Form:
        """Read factors and quotients."""
        raise NotImplementedError

    def signed(self) -> Form:
        """Read a factor with its signs."""
        raise NotImplementedError

    def power(self) -> Form:
        """Read a factor with its exponents."""
        raise NotImplementedError

    def exponent(self) -> Node:
        """Read what stands in an exponent."""
        raise NotImplementedError

    def begins_factor(self) -> bool:
        """Say whether another factor follows without a sign between."""
        raise NotImplementedError

    def primary(self) -> Form:
        """Read what has no operator outside of brackets."""
        raise NotImplementedError

    def raw_group(self) -> str:
        """Take the text of an index: one token, or what stands in braces."""
        raise NotImplementedError

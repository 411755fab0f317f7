"""Random arithmetic expressions with their exact values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from math import gcd
from typing import Literal, NamedTuple

import numpy as np

from rewardium.envs.errors import RewardiumError

Notation = Literal["plain", "latex"]
Split = Literal["train", "test", "all"]

OPERATORS = "+-*/"
OPERAND_KINDS = ("integer", "fraction", "square", "cube")
MAX_DRAWS = 500
"""Whole expressions that are drawn before a generator gives up."""

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_ATOM = 3


class Node(NamedTuple):
    """An operand, or an operator between two nodes.

    Args:
        symbol: An operator, or the kind of the operand.
        left: The left node; for an operand its first integer.
        right: The right node; for an operand its second integer (denominator or exponent).
        numerator: Of the exact value, in lowest terms.
        denominator: Positive.
        key: The expression in a form that no notation changes, and that is the same for a + b and b + a.
    """

    symbol: str
    left: Node | int
    right: Node | int
    numerator: int
    denominator: int
    key: str


class Expression(NamedTuple):
    """A drawn expression: its tree and how many operations it has."""

    tree: Node
    num_steps: int


@dataclass(frozen=True)
class Generator:
    """Draws expressions of one difficulty.

    An expression of s steps is a random binary tree of s operations over s + 1 operands. A division by zero, and an
    operation whose result is beyond ``max_magnitude``, is replaced by another of the operators; where none fits, one
    side is drawn again from integers, sums and differences as far as the arguments have them. Long expressions
    therefore lean towards these: with the default arguments, 3 steps hardly do, of 20 steps four in five are sums or
    differences and three in four operands are integers. A larger ``max_magnitude`` makes them lean less.

    Args:
        num_steps: Smallest and largest number of operations, drawn uniformly.
        operators: Some of ``+-*/``.
        operand_kinds: Some of ``integer``, ``fraction``, ``square`` and ``cube``.
        operand_range: Smallest and largest integer, inclusive, that operands are built from.
        max_magnitude: Bound on numerator and denominator of every intermediate and final result.
        split: Which expressions are drawn: 70 % are ``train``, 30 % ``test``, by a hash of the expression; or ``all``.

    Raises:
        RewardiumError: When an argument is wrong, or no expression fits the arguments.

    Example:
        >>> generator = Generator((1, 1), "+", ("integer",), (0, 99))
        >>> expression = generator.draw(np.random.default_rng(0))
        >>> render(expression.tree)
        '81 + 72'
    """

    num_steps: tuple[int, int] = (1, 20)
    operators: str = OPERATORS
    operand_kinds: tuple[str, ...] = OPERAND_KINDS
    operand_range: tuple[int, int] = (0, 100)
    max_magnitude: int = 10**12
    split: Split = "all"
    _simple_operators: str = field(init=False, repr=False)
    _simple_kinds: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_steps", _pair("num_steps", self.num_steps))
        object.__setattr__(self, "operand_range", _pair("operand_range", self.operand_range))
        object.__setattr__(self, "operand_kinds", tuple(self.operand_kinds))
        _check(self)
        object.__setattr__(self, "_simple_operators", "".join(o for o in self.operators if o in "+-") or self.operators)
        object.__setattr__(
            self, "_simple_kinds", ("integer",) if "integer" in self.operand_kinds else self.operand_kinds
        )
        # The first and hardest draw: arguments that exclude every expression fail here, not in the middle of a run.
        self.draw(np.random.default_rng(0), self.num_steps[1])

    def draw(self, random: np.random.Generator, num_steps: int | None = None) -> Expression:
        """Draw an expression of the split.

        Args:
            random: Where the randomness comes from.
            num_steps: The number of operations; drawn from the range by default.

        Returns:
            The expression.

        Raises:
            RewardiumError: When ``MAX_DRAWS`` draws found none that fits.
        """
        low, high = self.num_steps
        steps = low + int(random.random() * (high - low + 1)) if num_steps is None else num_steps
        for _ in range(MAX_DRAWS):
            # One call for all random numbers of a tree: single draws would cost more than everything else together.
            # A tree needs 5 s + 3 of them, the rest is for parts that are drawn again; none left ends the attempt.
            uniform = iter(random.random((5 * steps + 3) * (1 if steps < 4 else 8)).tolist())
            try:
                tree = self._grow(steps, uniform)
            except StopIteration:
                continue
            if self.split == "all" or split_of(tree) == self.split:
                return Expression(tree, steps)
        raise RewardiumError(
            f"no expression of {steps} steps was found in {MAX_DRAWS} draws for the split {self.split!r} with "
            f"operators={self.operators!r}, operand_kinds={self.operand_kinds}, operand_range={self.operand_range}, "
            f"max_magnitude={self.max_magnitude}: widen the operand range or kinds, raise max_magnitude, "
            "allow more operators, or take fewer steps"
        )

    def _grow(self, steps: int, uniform: Iterator[float], simple: bool = False) -> Node:
        """Build a tree of the given number of operations; raises StopIteration where the random numbers run out."""
        if not steps:
            return self._operand(next(uniform), next(uniform), next(uniform), simple)
        operators = self._simple_operators if simple else self.operators
        first = int(next(uniform) * len(operators))
        steps_left = int(next(uniform) * steps)
        left = self._grow(steps_left, uniform, simple)
        right = self._grow(steps - 1 - steps_left, uniform, simple)
        while True:
            for operator in operators[first:] + operators[:first]:
                node = combine(operator, left, right, self.max_magnitude)
                if node is not None:
                    return node
            # Draw the side anew that takes more of the bound, and simpler: with 20 steps, two large denominators
            # would otherwise meet again and again, and one expression in a hundred would come out.
            if _size(left) > _size(right):
                left = self._grow(steps_left, uniform, simple=True)
            else:
                right = self._grow(steps - 1 - steps_left, uniform, simple=True)

    def _operand(self, kind_draw: float, first_draw: float, second_draw: float, simple: bool) -> Node:
        kinds = self._simple_kinds if simple else self.operand_kinds
        kind = kinds[int(kind_draw * len(kinds))]
        low, high = self.operand_range
        base = low + int(first_draw * (high - low + 1))
        if kind == "integer":
            return Node(kind, base, 1, base, 1, str(base))
        if kind == "fraction":
            lowest = max(low, 1)
            below = lowest + int(second_draw * (high - lowest + 1))
            common = gcd(base, below)
            return Node(kind, base, below, base // common, below // common, f"{base}/{below}")
        exponent = 2 if kind == "square" else 3
        return Node(kind, base, exponent, base**exponent, 1, f"{base}^{exponent}")


def _size(node: Node) -> int:
    return abs(node.numerator) + node.denominator


def combine(operator: str, left: Node, right: Node, max_magnitude: int) -> Node | None:
    """Apply an operator exactly; None for a division by zero and for a result beyond the bound.

    Example:
        >>> seven = Node("integer", 7, 1, 7, 1, "7")
        >>> combine("/", seven, seven, 10).numerator
        1
    """
    a, b, c, d = left.numerator, left.denominator, right.numerator, right.denominator
    if operator == "*":
        top, bottom = a * c, b * d
    elif operator == "/":
        if not c:
            return None
        top, bottom = (a * d, b * c) if c > 0 else (-a * d, -b * c)
    else:
        top, bottom = (a * d + c * b if operator == "+" else a * d - c * b), b * d
    common = gcd(top, bottom)
    if common != 1:
        top, bottom = top // common, bottom // common
    if not -max_magnitude <= top <= max_magnitude or bottom > max_magnitude:
        return None
    first, second = left.key, right.key
    if first > second and operator in "+*":
        first, second = second, first
    return Node(operator, left, right, top, bottom, f"({first}{operator}{second})")


def split_of(tree: Node) -> Literal["train", "test"]:
    """Say which split an expression belongs to: a fixed hash sends 7 of 10 to ``train``.

    Neither notation nor prompt nor the order of summands and factors changes the split, so that no expression of one
    split is another's in disguise.

    Example:
        >>> seven, two = Node("integer", 7, 1, 7, 1, "7"), Node("integer", 2, 1, 2, 1, "2")
        >>> split_of(combine("+", seven, two, 100)) == split_of(combine("+", two, seven, 100))
        True
    """
    digest = blake2b(tree.key.encode("ascii"), digest_size=8).digest()
    return "train" if int.from_bytes(digest, "big") % 10 < 7 else "test"


def render(tree: Node, notation: Notation = "plain", compact: bool = False) -> str:
    r"""Write an expression down.

    Plain notation has the usual precedence of ``^``, ``* /`` and ``+ -``, reads from left to right, and encloses the
    right operand of equal precedence, negative integers, and a fraction that is multiplied or divided.

    Args:
        tree: The expression.
        notation: ``"plain"`` or ``"latex"``.
        compact: Whether to leave out the spaces around operators in plain notation.

    Returns:
        The text.

    Example:
        >>> six, half = Node("integer", 6, 1, 6, 1, "6"), Node("fraction", 1, 2, 1, 2, "1/2")
        >>> tree = combine("*", six, half, 100)
        >>> render(tree), render(tree, compact=True), render(tree, "latex")
        ('6 * (1/2)', '6*(1/2)', '6 \\times \\frac{1}{2}')
    """
    return _latex(tree)[0] if notation == "latex" else _plain(tree, "" if compact else " ")[0]


def _plain(node: Node, space: str) -> tuple[str, int]:
    """Return the text and its precedence."""
    left, right = node.left, node.right
    if isinstance(left, int) or isinstance(right, int):
        if node.symbol == "fraction":
            return (f"(-{-left}/{right})", _ATOM) if left < 0 else (f"{left}/{right}", 2)  # type: ignore[operator]
        base = f"({left})" if left < 0 else str(left)  # type: ignore[operator]
        return (base if node.symbol == "integer" else f"{base}^{right}"), _ATOM
    precedence = _PRECEDENCE[node.symbol]
    first, first_precedence = _plain(left, space)
    second, second_precedence = _plain(right, space)
    if first_precedence < precedence or (left.symbol == "fraction" and first_precedence == precedence):
        first = f"({first})"
    if second_precedence <= precedence:
        second = f"({second})"
    return f"{first}{space}{node.symbol}{space}{second}", precedence


def _latex(node: Node) -> tuple[str, int]:
    """Return the text and its precedence; a fraction bar needs no parentheses."""
    left, right = node.left, node.right
    if isinstance(left, int) or isinstance(right, int):
        base = rf"\left({left}\right)" if left < 0 else str(left)  # type: ignore[operator]
        if node.symbol == "fraction":
            return rf"\frac{{{left}}}{{{right}}}", _ATOM
        return (base if node.symbol == "integer" else f"{base}^{{{right}}}"), _ATOM
    first, first_precedence = _latex(left)
    second, second_precedence = _latex(right)
    if node.symbol == "/":
        return rf"\frac{{{first}}}{{{second}}}", _ATOM
    precedence = _PRECEDENCE[node.symbol]
    if first_precedence < precedence:
        first = rf"\left({first}\right)"
    if second_precedence <= precedence:
        second = rf"\left({second}\right)"
    symbol = r"\times" if node.symbol == "*" else node.symbol
    return f"{first} {symbol} {second}", precedence


def _pair(name: str, value: object) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or not all(isinstance(item, int) and not isinstance(item, bool) for item in pair)
        or pair[0] > pair[1]
    ):
        raise RewardiumError(f"{name} must be two integers, the smaller first, got {value!r}")
    return pair[0], pair[1]


def _check(generator: Generator) -> None:
    """Refuse arguments that mean nothing, one at a time."""
    low, high = generator.num_steps
    if low < 1 or high > 100:
        raise RewardiumError(f"num_steps must lie between 1 and 100, got {generator.num_steps}")
    if not generator.operators or not isinstance(generator.operators, str) or set(generator.operators) - set(OPERATORS):
        raise RewardiumError(f"operators must be some of {OPERATORS!r}, got {generator.operators!r}")
    kinds = generator.operand_kinds
    if not kinds or set(kinds) - set(OPERAND_KINDS):
        raise RewardiumError(f"operand_kinds must be some of {OPERAND_KINDS}, got {kinds!r}")
    if max(abs(bound) for bound in generator.operand_range) > 10**9:
        raise RewardiumError(f"operand_range must lie within -10**9 and 10**9, got {generator.operand_range}")
    if "fraction" in kinds and generator.operand_range[1] < 1:
        raise RewardiumError(f"fractions need a positive denominator, but operand_range is {generator.operand_range}")
    if not isinstance(generator.max_magnitude, int) or not 1 <= generator.max_magnitude <= 10**50:
        raise RewardiumError(f"max_magnitude must be an integer from 1 to 10**50, got {generator.max_magnitude!r}")
    if generator.split not in ("train", "test", "all"):
        raise RewardiumError(f"split must be 'train', 'test' or 'all', got {generator.split!r}")

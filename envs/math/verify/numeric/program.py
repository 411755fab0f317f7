"""Expressions as straight-line programs: a list of instructions, each a function of earlier ones.

A program says each common part once and holds an exact number wherever a part is one. It knows fewer operations than
the tree, and is run without recursion, so that the depth of a tree does not matter. ``building`` makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from math import log10
from typing import Any, NamedTuple

from rewardium.envs.math.verify.numeric.folding import Exact, bits_of

RATIONAL_OPERATIONS = frozenset(
    ("number", "symbol", "imaginary", "add", "multiply", "negate", "divide", "integer_power")
)
"""Operations of a field and its elements: a program of nothing else is a rational function."""

ENTIRE_OPERATIONS = RATIONAL_OPERATIONS | frozenset(("pi", "e", "exp", "sin", "cos", "call"))
"""Operations without branches: two programs of them that agree on some interval agree everywhere."""

_OF_INTEGERS = frozenset(("factorial", "double_factorial", "binomial", "gcd", "lcm"))
_INTEGER_LETTERS = frozenset("ijklmnKMN")
_COMPLEX_LETTERS = frozenset("zw")


class Instruction(NamedTuple):
    """One step of a program.

    Args:
        operator: ``number``, ``symbol``, ``pi``, ``e``, ``imaginary``, ``infinity``, ``integer_power`` and
            ``rational_power`` (exponent as payload), ``root`` (index as payload), ``call`` (name as payload), or one of
            the tree's: ``add``, ``multiply``, ``negate``, ``divide``, ``power``, ``exp``, ``ln``, ``sin``, ``cos``,
            ``arcsin``, ``arccos``, ``arctan``, ``abs``, ``floor``, ``ceiling``, ``max``, ``min``, ``gcd``, ``lcm``,
            ``factorial``, ``double_factorial``, ``binomial``, ``conjugate``, ``re``, ``im``, ``arg``.
        operands: Which earlier steps it takes.
        payload: What it takes besides.
    """

    operator: str
    operands: tuple[int, ...] = ()
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Program:
    """An expression as a list of instructions; the last one is its value.

    Args:
        instructions: At least one.
        digest: A hash that does not depend on the process; equal programs have equal ones.
        operators: The operators that occur.
        symbols: The names of the variables.
        exact: The exact value of the whole, an infinity included; None where it has none.
        is_complex: Whether the imaginary unit, a conjugate or the like occurs in the expression.
        has_open_logarithm: Whether a logarithm occurs whose base is not stated.
        decimals: 0 where no decimal number occurs, 1 where one does, 2 where one with six significant digits does.
        fault: Why it has no value, as far as that was seen; empty otherwise.
        excess: Which bound an exact part of it exceeds; empty otherwise.
        nodes: How many nodes the expression has.
    """

    instructions: tuple[Instruction, ...]
    digest: bytes
    operators: frozenset[str]
    symbols: frozenset[str]
    exact: Exact | None
    is_complex: bool
    has_open_logarithm: bool
    decimals: int
    fault: str
    excess: str
    nodes: int

    @property
    def is_constant(self) -> bool:
        """Whether neither variables nor unknown functions occur."""
        return "symbol" not in self.operators and "call" not in self.operators

    @property
    def is_rational(self) -> bool:
        """Whether it is a rational function over the Gaussian numbers."""
        return self.operators <= RATIONAL_OPERATIONS

    @property
    def integers(self) -> frozenset[str]:
        """The variables that stand for integers: of factorials and the like, of signs as in (-1)^n, n where rounded."""
        roots: list[int] = []
        rounded: list[int] = []
        for operator, operands, _ in self.instructions:
            if operator in _OF_INTEGERS:
                roots.extend(operands)
            elif operator in ("floor", "ceiling"):
                rounded.extend(operands)
            elif operator == "power":
                base, exponent = self.instructions[operands[0]], operands[1]
                if base.operator == "number" and base.payload < 0:
                    roots.append(exponent)
        names = self._names_below(roots)
        return names | {name for name in self._names_below(rounded) if name[:1] in _INTEGER_LETTERS}

    @property
    def rounded(self) -> frozenset[str]:
        """The variables inside of floors and ceilings, where whole numbers are apart from all others."""
        steps = (operands for operator, operands, _ in self.instructions if operator in ("floor", "ceiling"))
        return self._names_below([operand for operands in steps for operand in operands]) - self.integers

    def _names_below(self, roots: list[int]) -> frozenset[str]:
        steps = (self.instructions[at] for at in reached(self.instructions, roots))
        return frozenset(step.payload for step in steps if step.operator == "symbol")

    @property
    def constant_digits(self) -> float:
        """Decimal digits of all exact numbers together."""
        exact = (step.payload for step in self.instructions if isinstance(step.payload, (int, Fraction)))
        return sum(map(bits_of, exact)) * log10(2)


def digest(instructions: Sequence[Instruction]) -> bytes:
    """Hash instructions to 16 bytes.

    Example:
        >>> digest([Instruction("pi")]) == digest([Instruction("e")])
        False
    """
    lines = [f"{operator}{operands}{written(payload)}" for operator, operands, payload in instructions]
    return blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def reached(instructions: Sequence[Instruction], roots: Iterable[int]) -> list[int]:
    """Return some places and those of all that they need, in order.

    Example:
        >>> reached([Instruction("pi"), Instruction("e"), Instruction("sin", (0,))], [2])
        [0, 2]
    """
    found = set(roots)
    for at in range(max(found, default=-1), -1, -1):
        if at in found:
            found.update(instructions[at].operands)
    return sorted(found)


def written(payload: object) -> str:
    """Write the payload of an instruction, numbers in hexadecimal: Python refuses very long decimal ones.

    Example:
        >>> written(Fraction(-255, 16)), written("x")
        ('-ff/10', "'x'")
    """
    if isinstance(payload, (int, Fraction)):
        return f"{payload.numerator:x}/{payload.denominator:x}"
    return repr(payload)


def complex_names(names: Iterable[str]) -> frozenset[str]:
    """Return the variables that stand for complex numbers where complex numbers occur: z, w, z_1 and the like.

    Example:
        >>> sorted(complex_names(["x", "z_1", "zeta", "w"]))
        ['w', 'z_1']
    """
    return frozenset(name for name in names if name[:1] in _COMPLEX_LETTERS and not name[1:2].isalpha())

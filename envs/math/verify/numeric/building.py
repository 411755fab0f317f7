"""Making a program of an expression."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import inf
from typing import Any

from rewardium.envs.math.verify.limits import MAX_NODES, TooLargeError
from rewardium.envs.math.verify.numeric.decimals import is_long, may_be_rounded
from rewardium.envs.math.verify.numeric.folding import Exact, UndefinedError, bits_of, fold
from rewardium.envs.math.verify.numeric.lowering import LOWERINGS, lower
from rewardium.envs.math.verify.numeric.program import Instruction, Program, digest, reached
from rewardium.envs.math.verify.tree import Apply, Constant, Node, Number, Symbol

MAX_PROGRAM_NODES = 4 * MAX_NODES
"""Nodes of a tree that is made into a program; a difference of two answers has twice as many as an answer."""

MAX_FOLDING_WORK = 8_000.0
"""Exact arithmetic for one program, in units of a product of two numbers of 1000 bits, about a microsecond."""

_REMEMBERED = 1024
_REMEMBERED_INSTRUCTIONS = 100
_REMEMBERED_BITS = 4_000


def build_program(node: Node, log_base: int | None = None) -> Program:
    """Make a program of an expression.

    Args:
        node: The expression.
        log_base: The base of logarithms that do not state theirs; None for e.

    Returns:
        The program. Those of small trees are remembered.

    Raises:
        TooLargeError: When the tree has more than ``MAX_PROGRAM_NODES`` nodes.

    Example:
        >>> program = build_program(Apply("add", (Symbol("x"), Apply("sin", (Number(Fraction(0)),)))))
        >>> [step.operator for step in program.instructions]
        ['symbol', 'number', 'add']
    """
    # By identity, not by equality: trees are tuples, so that the symbol e equals the constant e, and comparing deep
    # ones recurses. The entry keeps its tree alive, so that no other tree can have the same id meanwhile.
    key = id(node), log_base
    known = _programs.get(key)
    if known is not None and known[0] is node:
        return known[1]
    program = _Builder(log_base).build(node)
    _remember(key, node, program)
    return program


_programs: dict[tuple[int, int | None], tuple[Node, Program]] = {}


def _remember(key: tuple[int, int | None], node: Node, program: Program) -> None:
    bits = sum(bits_of(step.payload) for step in program.instructions if step.operator == "number")
    if len(program.instructions) <= _REMEMBERED_INSTRUCTIONS and bits <= _REMEMBERED_BITS:
        # No lock, which a fork might find taken: one step each, and what two threads do at once is the same.
        if len(_programs) >= _REMEMBERED:
            _programs.clear()
        _programs[key] = node, program


class _Builder:
    """Collects the instructions of one tree."""

    def __init__(self, log_base: int | None) -> None:
        self.log_base = log_base
        self.instructions: list[Instruction] = []
        self.exact: list[Exact | None] = []
        self.known: dict[Instruction, int] = {}
        self.work = MAX_FOLDING_WORK
        self.decimals = 0
        self.is_complex = False
        self.has_open_logarithm = False
        self.fault = ""
        self.excess = ""

    def build(self, root: Node) -> Program:
        """Visit all parts, operands first."""
        places: dict[int, int] = {}  # by identity: parts that are one object are visited once
        nodes = 1
        stack: list[Node] = [root]
        while stack:
            node = stack[-1]
            if id(node) in places:
                stack.pop()
                continue
            if not isinstance(node, Apply):
                places[id(node)] = self._leaf(node)
                continue
            operands = node.arguments[1:] if node.operator == "call" else node.arguments
            missing = [operand for operand in operands if id(operand) not in places]
            if missing:
                stack.extend(reversed(missing))
            else:
                nodes += len(operands)
                places[id(node)] = self._apply(node, [places[id(operand)] for operand in operands])
            if len(places) + len(stack) > MAX_PROGRAM_NODES:
                raise TooLargeError(f"an expression has more than {MAX_PROGRAM_NODES} nodes")
        if self.decimals == 2 and not may_be_rounded(root):
            self.decimals = 1
        return self._finish(places[id(root)], nodes)

    def _leaf(self, node: Node) -> int:
        if isinstance(node, Number):
            if node.places is not None:
                self.decimals = max(self.decimals, 2 if is_long(node) else 1)
            return self.number(node.value)
        if isinstance(node, Symbol):
            return self.emit("symbol", payload=node.name)
        if isinstance(node, Constant) and node.name in ("pi", "e"):
            return self.emit(node.name)
        if isinstance(node, Constant) and node.name == "i":
            self.is_complex = True
            return self.emit("imaginary")
        if isinstance(node, Constant) and node.name == "infinity":
            return self.number(inf)
        return self.refuse(f"{type(node).__name__} has no value")

    def _apply(self, node: Apply, operands: list[int]) -> int:
        least, most = _OPERAND_COUNTS.get(node.operator, (1, 1))
        if node.operator == "call":
            if node.arguments and isinstance(node.arguments[0], Symbol):
                return self.emit("call", operands, node.arguments[0].name)
        elif least <= len(operands) <= most and (node.operator in LOWERINGS or node.operator in _KEPT):
            if node.operator == "log" and len(operands) == 1:
                self.has_open_logarithm = True
            return lower(self, node.operator, *operands)
        return self.refuse(f"{node.operator} of {len(operands)} has no value here")

    def refuse(self, fault: str) -> int:
        """Note that the whole has no value."""
        self.fault = self.fault or fault
        return self.number(0)

    def number(self, value: Exact) -> int:
        """Add an exact number."""
        if isinstance(value, Fraction) and value.denominator == 1:
            value = value.numerator
        return self._add(Instruction("infinity" if type(value) is float else "number", (), value), value)

    def emit(self, operator: str, operands: Iterable[int] = (), payload: Any = None) -> int:
        """Add an instruction, or what its exact value is."""
        operands = tuple(operands)
        value = self.folded(operator, operands) if operands and payload is None else None
        if value is not None:
            return self.number(value)
        if operator in _COMMUTATIVE:
            operands = tuple(sorted(operands))
        if operator in _COMPLEX_OPERATIONS:
            self.is_complex = True
        return self._add(Instruction(operator, operands, payload), None)

    def _add(self, instruction: Instruction, exact: Exact | None) -> int:
        at = self.known.get(instruction)
        if at is None:
            at = self.known[instruction] = len(self.instructions)
            self.instructions.append(instruction)
            self.exact.append(exact)
        return at

    def exact_at(self, place: int) -> Exact | None:
        """Return the exact value at a place, None where it has none."""
        return self.exact[place]

    def operator_at(self, place: int) -> str:
        """Return the operator at a place."""
        return self.instructions[place].operator

    def folded(self, operator: str, operands: tuple[int, ...]) -> Exact | None:
        """Calculate exactly where all operands are exact, and the result is, and is not too large."""
        values: list[Exact] = []
        for operand in operands:
            value = self.exact[operand]
            if value is None:
                return None
            values.append(value)
        try:
            self._charge(sum(map(bits_of, values)))
            result = fold(operator, values)
            self._charge(0 if result is None else bits_of(result))
        except UndefinedError as error:
            self.fault = self.fault or str(error)
            return 0
        except TooLargeError as error:
            self.excess = self.excess or str(error)
            return None
        return result

    def _charge(self, bits: int) -> None:
        self.work -= (bits / 1000) ** 2
        if self.work < 0:
            raise TooLargeError("the exact numbers take too long to calculate with")

    def _finish(self, root: int, nodes: int) -> Program:
        """Keep what the root needs."""
        kept = reached(self.instructions, [root])
        places = {old: new for new, old in enumerate(kept)}
        instructions = tuple(
            Instruction(operator, tuple([places[operand] for operand in operands]), payload)
            for operator, operands, payload in (self.instructions[old] for old in kept)
        )
        return Program(
            instructions,
            digest(instructions),
            frozenset(step.operator for step in instructions),
            frozenset(step.payload for step in instructions if step.operator == "symbol"),
            self.exact[root],
            self.is_complex,
            self.has_open_logarithm,
            self.decimals,
            self.fault,
            self.excess,
            nodes,
        )


_KEPT = frozenset(
    (
        *("negate", "divide", "exp", "ln", "sin", "cos", "arcsin", "arccos", "arctan", "abs", "floor", "ceiling"),
        *("factorial", "double_factorial", "binomial", "conjugate", "re", "im", "arg"),
    )
)
_COMMUTATIVE = frozenset(("add", "multiply", "max", "min", "gcd", "lcm"))
_COMPLEX_OPERATIONS = frozenset(("conjugate", "re", "im", "arg"))
_OPERAND_COUNTS = {
    **dict.fromkeys(("add", "multiply", "max", "min", "gcd", "lcm"), (1, MAX_PROGRAM_NODES)),
    **dict.fromkeys(("divide", "power", "root", "binomial", "mod"), (2, 2)),
    "ratio": (2, MAX_PROGRAM_NODES),
    "log": (1, 2),
}

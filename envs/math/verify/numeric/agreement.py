"""Whether two functions agree, found out by evaluating both at sampled points.

Doubles look for a point at which the functions differ, since most wrong answers differ at the first one. Where there is
none, both are evaluated in as many digits as their constants and the sizes of their parts ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.balls import EXACT, Ball, BallArithmetic, ImpreciseError, VanishingError
from rewardium.envs.math.verify.numeric.evaluation import (
    MAX_BITS,
    MAX_DIGITS,
    Budget,
    Point,
    TooMuchWorkError,
    double_cost,
    long_cost,
    run,
)
from rewardium.envs.math.verify.numeric.folding import UndefinedError
from rewardium.envs.math.verify.numeric.precision import double_arithmetic, high_precision, long_arithmetic
from rewardium.envs.math.verify.numeric.program import ENTIRE_OPERATIONS, Program, complex_names
from rewardium.envs.math.verify.numeric.sampling import sample_points
from rewardium.envs.math.verify.outcome import Identity

if TYPE_CHECKING:
    from mpmath import MPContext


POINTS = 6
"""Points at which two functions must agree to many digits; a constant is evaluated once."""

LEAST_POINTS = 3
"""Points that suffice where there are no more at which both functions are defined."""

_ENTIRE_POINTS = 8
_BRANCHING_POINTS = 16
_DOUBLE_WORK = 0.4
_PROOF_BITS = 170
_GUARD_BITS = 96
_BITS_PER_DIGIT = 3.3220


def needed_bits(programs: Iterable[Program], runs: Iterable[list[Ball]] = (), arithmetic: Any = None) -> float:
    """Return the precision at which equal values of some programs are equal.

    50 digits, twice the digits of all exact constants, and where that is more, twice the orders of magnitude between
    the smallest and the largest value that occurs.

    Args:
        programs: The programs.
        runs: Their values at a point.
        arithmetic: What the values were calculated in.

    Returns:
        Bits, which may be more than ``MAX_BITS``.
    """
    digits = sum(program.constant_digits for program in programs)
    sizes = [size for balls in runs for middle, radius in balls if (size := arithmetic.size(middle)) > radius]
    spread = max(sizes) - min(sizes) if sizes else 0.0
    return 50 * _BITS_PER_DIGIT + 2 * max(digits * _BITS_PER_DIGIT, spread)


@dataclass(frozen=True)
class _Comparison:
    """Two programs, and how they are compared.

    Args:
        left: One.
        right: The other.
        tolerance: The relative error that makes no difference.
        with_complex: Whether complex values count.
        budget: How much work is left.
    """

    left: Program
    right: Program
    tolerance: float
    with_complex: bool
    budget: Budget

    @property
    def principal(self) -> bool:
        return self.left.is_complex or self.right.is_complex

    def points(self) -> Iterator[dict[str, int | float | complex]]:
        names = self.left.symbols | self.right.symbols
        varying = complex_names(names) if self.with_complex else frozenset[str]()
        seed = self.left.digest + self.right.digest
        integers = self.left.integers | self.right.integers
        return sample_points(names, integers, varying, seed, (self.left.rounded | self.right.rounded) - integers)

    def in_doubles(self, point: Point) -> bool:
        """Say whether the functions may agree at a point, as far as doubles say."""
        arithmetic = double_arithmetic(self.with_complex, self.principal)
        left, right = (run(program, point, arithmetic) for program in (self.left, self.right))
        outcome = self._agrees(left, right, arithmetic)
        if outcome is None:
            raise ImpreciseError("the digits do not suffice")
        return outcome

    def in_long_numbers(self, point: Point, context: MPContext) -> bool:
        """Say whether the functions agree at a point."""
        needed = needed_bits((self.left, self.right))
        bits = int(needed) + _GUARD_BITS if needed <= MAX_BITS else _PROOF_BITS
        while True:
            try:
                left, right, arithmetic = self._run_long(point, context, min(bits, MAX_BITS))
            except (ImpreciseError, VanishingError):
                if bits >= min(4 * needed, MAX_BITS):
                    raise
                bits *= 2
                continue
            if self._agrees(left, right, arithmetic) is False:
                return False
            needed = max(needed, needed_bits((self.left, self.right), (left, right), arithmetic))
            if bits >= needed and self._is_precise(left, right, arithmetic, needed):
                return True
            if bits >= MAX_BITS or needed_bits((self.left, self.right)) > MAX_BITS:
                raise TooMuchWorkError(f"the comparison needs more than {MAX_DIGITS} digits")
            bits = max(int(needed) + _GUARD_BITS, 2 * bits if bits >= needed else 0)

    def _is_precise(self, left: list[Ball], right: list[Ball], arithmetic: BallArithmetic, needed: float) -> bool:
        """Say whether nearly all digits of two values that agree are known."""
        if self.tolerance:
            return self._agrees(left, right, arithmetic) is True
        largest = max(arithmetic.size(middle) for middle, _ in (*left, *right))
        return _difference(left, right, arithmetic)[1] <= max(largest, 0.0) - 0.75 * needed

    def differs_in_proof(self, point: Point, context: MPContext) -> bool:
        """Say whether the functions differ at a point, by enough digits to confirm what doubles said."""
        left, right, arithmetic = self._run_long(point, context, _PROOF_BITS)
        return self._agrees(left, right, arithmetic) is False

    def _run_long(self, point: Point, context: MPContext, bits: int) -> tuple[list[Ball], list[Ball], BallArithmetic]:
        self.budget.spend(sum(long_cost(program, bits, self.with_complex) for program in (self.left, self.right)))
        arithmetic = long_arithmetic(context, bits, self.with_complex, self.principal)
        return run(self.left, point, arithmetic), run(self.right, point, arithmetic), arithmetic

    def _agrees(self, left: list[Ball], right: list[Ball], arithmetic: BallArithmetic) -> bool | None:
        """Compare two values; None where the digits do not say."""
        middle, radius = _difference(left, right, arithmetic)
        size = arithmetic.size(middle)
        if not self.tolerance:
            return size - 1.5 <= radius + 0.5 if radius != EXACT else not middle
        allowed = self._scale(left, right, arithmetic) * self.tolerance
        error = abs(middle)
        slack = arithmetic.numbers.real(2.0) ** radius if radius > -1000 else 0.0
        if error > allowed + slack:
            return False
        return True if error + slack <= allowed else None

    def _scale(self, left: list[Ball], right: list[Ball], arithmetic: BallArithmetic) -> Any:
        """Return the largest of both values and of the terms whose sums they are."""
        scale = abs(arithmetic.numbers.real(0.0))
        for program, balls in ((self.left, left), (self.right, right)):
            root = program.instructions[-1]
            terms = root.operands if root.operator == "add" else ()
            scale = max(scale, abs(balls[-1][0]), *(abs(balls[term][0]) for term in terms))
        return scale


def _difference(left: list[Ball], right: list[Ball], arithmetic: BallArithmetic) -> Ball:
    return arithmetic.add(left[-1], arithmetic.negate(right[-1]))


def agree(left: Program, right: Program, budget: Budget, tolerance: float = 0.0) -> Identity:
    """Compare two functions at sampled points.

    Args:
        left: One function.
        right: The other.
        budget: How much work may be done.
        tolerance: The relative error that makes no difference; 0 for none.

    Returns:
        ``"equal"`` where they agree wherever both are defined, ``"different"`` where they do not at some point,
        ``"unknown"`` where there are too few points, or it takes too much work.

    Example:
        >>> from rewardium.envs.math.verify.numeric.building import build_program
        >>> from rewardium.envs.math.verify.tree import Apply, Constant, Symbol
        >>> programs = [build_program(Apply(name, (Constant("pi"),))) for name in ("sin", "cos")]
        >>> agree(*programs, Budget(1000)).status
        'different'
    """
    # In an order of their own, so that both orders of the arguments end in the same way where one is undefined.
    first, second = sorted((left, right), key=lambda program: program.digest)
    comparison = _Comparison(first, second, tolerance, left.is_complex or right.is_complex, budget)
    result = _sampled(comparison)
    if result.status == "unknown" and not comparison.with_complex:
        return _sampled(replace(comparison, with_complex=True))
    return result


class _Survey:
    """What doubles said of the points: those where the functions may agree, those left open, and what went wrong."""

    def __init__(self) -> None:
        self.agreeing: list[Point] = []
        self.open: list[Point] = []
        self.fault = ""

    def attempt(self, check: Callable[[Point, MPContext], bool], point: Point) -> bool | None:
        """Check a point in long numbers; None where that fails."""
        try:
            with high_precision() as context:
                return check(point, context)
        except (UndefinedError, ImpreciseError, TooLargeError) as error:
            self.fault = str(error)
            return None


def _sampled(comparison: _Comparison) -> Identity:
    """Look for a point that tells the functions apart, then make sure that there is none."""
    survey = _Survey()
    for point in _suspicious(comparison, survey):
        if survey.attempt(comparison.differs_in_proof, point):
            return _different(point)
    agreed, wanted = 0, POINTS if comparison.left.symbols | comparison.right.symbols else 1
    for point in survey.agreeing + survey.open:
        outcome = survey.attempt(comparison.in_long_numbers, point)
        if outcome is False:
            return _different(point)
        agreed += bool(outcome)
        if agreed == wanted or comparison.budget.left <= 0:
            break
    if agreed >= min(wanted, LEAST_POINTS):
        return Identity("equal", "the values agree" if wanted == 1 else f"the values agree at {agreed} points")
    return Identity("unknown", survey.fault or "there are too few points at which both are defined")


def _suspicious(comparison: _Comparison, survey: _Survey) -> Iterator[Point]:
    """Yield the points at which the functions differ in double precision, and note the others."""
    programs = comparison.left, comparison.right
    operators = comparison.left.operators | comparison.right.operators
    wanted = _ENTIRE_POINTS if operators <= ENTIRE_OPERATIONS else _BRANCHING_POINTS
    cost = sum(double_cost(program, comparison.with_complex) for program in programs)
    reserve = comparison.budget.left * (1 - _DOUBLE_WORK)
    for point in comparison.points():
        if len(survey.agreeing) + len(survey.open) >= wanted or comparison.budget.left - cost < reserve:
            break
        comparison.budget.spend(cost)
        try:
            if comparison.in_doubles(point):
                survey.agreeing.append(point)
            else:
                yield point
        except (ImpreciseError, ArithmeticError):  # an overflow, which long numbers do not know
            survey.open.append(point)
        except (UndefinedError, TooLargeError) as error:
            survey.fault = str(error)


def _different(point: Point) -> Identity:
    if not point:
        return Identity("different", "the values differ")
    values = ", ".join(f"{name} = {value:.6g}" for name, value in sorted(point.items()))
    return Identity("different", f"the values differ at {values}"[:200])

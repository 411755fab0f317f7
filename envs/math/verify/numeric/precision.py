"""The numbers that expressions are evaluated in: doubles, and mpmath's of any precision."""

from __future__ import annotations

import cmath
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any

from rewardium.envs.math.verify.numeric.balls import EXACT, BallArithmetic

if TYPE_CHECKING:
    from mpmath import MPContext


class Doubles:
    """Python's floats and complex numbers."""

    bits = 53
    decides_ties = False
    complex_type = complex

    def size(self, value: complex) -> float:
        """Return ``log2(abs(value))``, a little more for integers."""
        if type(value) is int:
            return float(value.bit_length()) if value else EXACT
        return math.log2(abs(value)) if value else EXACT

    def log2(self, value: complex) -> float:
        """Return ``log2(abs(value))`` of a number that is not 0."""
        return math.log2(abs(value))

    def floor(self, value: float) -> int:
        """Round down."""
        return math.floor(value)

    def real(self, value: int | float | Fraction) -> float:
        """Return the nearest float."""
        return float(value)

    def make_complex(self, real: float, imaginary: float) -> complex:
        """Return a complex number."""
        return complex(real, imaginary)

    def function(self, name: str, value: complex) -> complex:
        """Return a function's value."""
        table = _COMPLEX_FUNCTIONS if type(value) is complex else _REAL_FUNCTIONS
        result: complex = table[name](value)
        return result

    def root(self, value: float, index: int) -> float:
        """Return the root of a positive number."""
        return math.sqrt(value) if index == 2 else value ** (1 / index)

    def constant(self, name: str) -> float:
        """Return pi or e."""
        return math.pi if name == "pi" else math.e


_REAL_FUNCTIONS: dict[str, Any] = {
    "exp": math.exp,
    "ln": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "gamma": math.gamma,
}
_COMPLEX_FUNCTIONS: dict[str, Any] = {
    "exp": cmath.exp,
    "ln": cmath.log,
    "sin": cmath.sin,
    "cos": cmath.cos,
    "arctan": cmath.atan,
    "sqrt": cmath.sqrt,
}


class LongNumbers:
    """The numbers of mpmath, with the precision that its context has.

    Args:
        context: The context, which this object sets to the precision.
        bits: Bits of precision.
    """

    decides_ties = True

    def __init__(self, context: MPContext, bits: int) -> None:
        context.prec = bits
        self.context = context
        self.bits = bits
        self.complex_type = context.mpc
        self._functions = {
            "exp": context.exp,
            "ln": context.ln,
            "sin": context.sin,
            "cos": context.cos,
            "arcsin": context.asin,
            "arccos": context.acos,
            "arctan": context.atan,
            "gamma": context.gamma,
            "sqrt": context.sqrt,
        }

    def size(self, value: Any) -> float:
        """Return a bound on ``log2(abs(value))``, at most 1.5 too high."""
        if type(value) is int:
            return float(value.bit_length()) if value else EXACT
        if isinstance(value, self.complex_type):
            real, imaginary = value._mpc_
            return max(_size(real), _size(imaginary)) + 0.5
        return _size(value._mpf_)

    def log2(self, value: Any) -> float:
        """Return ``log2(abs(value))`` of a number that is not 0."""
        if isinstance(value, self.complex_type):
            value = abs(value)
        _, mantissa, exponent, bits = value._mpf_
        shift = max(0, bits - 60)
        return math.log2(int(mantissa >> shift)) + float(exponent + shift)

    def floor(self, value: Any) -> int:
        """Round down."""
        return int(self.context.floor(value))

    def real(self, value: int | float | Fraction) -> Any:
        """Return the nearest number, or one next to it."""
        if isinstance(value, Fraction):
            return self.context.mpf(value.numerator) / value.denominator
        return self.context.mpf(value)

    def make_complex(self, real: Any, imaginary: Any) -> Any:
        """Return a complex number."""
        return self.context.mpc(real, imaginary)

    def function(self, name: str, value: Any) -> Any:
        """Return a function's value."""
        return self._functions[name](value)

    def root(self, value: Any, index: int) -> Any:
        """Return the root of a positive number."""
        return self.context.sqrt(value) if index == 2 else self.context.root(value, index)

    def constant(self, name: str) -> Any:
        """Return pi or e."""
        return +self.context.pi if name == "pi" else +self.context.e


def _size(number: tuple[int, int, int, int]) -> float:
    _, mantissa, exponent, bits = number
    return float(exponent + bits) if mantissa else EXACT


class _Engine:
    """A private mpmath context, so that nobody else's precision changes, and the lock that goes with it.

    The context's precision is a setting that evaluation changes, and mpmath's caches of pi and the like are not safe to
    fill from several threads. Under the interpreter's lock only one thread computes anyway, so that waiting costs
    nothing.
    """

    def __init__(self) -> None:
        from mpmath import MPContext

        self.context = MPContext()
        self.lock = RLock()


@lru_cache(maxsize=1)
def _engine(process: int) -> _Engine:
    # One a process: a lock that another thread held during a fork would never be free again in the child.
    return _Engine()


@contextmanager
def high_precision() -> Iterator[MPContext]:
    """Hold the context in which numbers of high precision are calculated.

    Example:
        >>> from rewardium.envs.math.verify.numeric.building import build_program
        >>> from rewardium.envs.math.verify.numeric.evaluation import run
        >>> from rewardium.envs.math.verify.tree import Constant
        >>> with high_precision() as context:
        ...     value = run(build_program(Constant("pi")), {}, long_arithmetic(context, 100))[-1]
        >>> value[0] > 3.14
        True
    """
    engine = _engine(os.getpid())
    with engine.lock:
        yield engine.context


def double_arithmetic(with_complex: bool = False, with_principal_roots: bool = True) -> BallArithmetic:
    """Return arithmetic in double precision."""
    return BallArithmetic(_DOUBLES, with_complex, with_principal_roots)


_DOUBLES = Doubles()


def long_arithmetic(
    context: MPContext, bits: int, with_complex: bool = False, with_principal_roots: bool = True
) -> BallArithmetic:
    """Return arithmetic with some bits, and set the context to them."""
    return BallArithmetic(LongNumbers(context, bits), with_complex, with_principal_roots)

"""Operations on exact numbers: rational where the result is rational, nothing where it is not.

Every size is looked at before anything is computed, so that no operation takes longer than a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.verify.limits import MAX_EXACT_BITS, MAX_FACTORIAL, TooLargeError

Exact: TypeAlias = "int | Fraction | float"
"""A rational number, an ``int`` where it is an integer; of floats only the two infinities."""

MAX_ROOT_BITS = 10_000
"""Bits of a number whose exact cube root or higher root is looked for."""


class UndefinedError(RewardiumError):
    """An operation has no value where it stands, as 1/0; the message says which."""


def reduced(value: Exact) -> Exact:
    """Return an ``int`` for an integer, and check the size.

    Raises:
        TooLargeError: When the numerator or the denominator is beyond ``MAX_EXACT_BITS``.

    Example:
        >>> reduced(Fraction(4, 2)), reduced(Fraction(1, 2))
        (2, Fraction(1, 2))
    """
    if type(value) is int:
        check_bits(value.bit_length())
    elif isinstance(value, Fraction):
        check_bits(max(value.numerator.bit_length(), value.denominator.bit_length()))
        if value.denominator == 1:
            return value.numerator
    return value


def check_bits(bits: float) -> None:
    """Refuse to compute a number of so many bits.

    Raises:
        TooLargeError: When that is beyond ``MAX_EXACT_BITS``.

    Example:
        >>> check_bits(100)
    """
    if bits > MAX_EXACT_BITS:
        raise TooLargeError(f"an exact number has more than {MAX_EXACT_BITS} bits")


def bits_of(value: Exact) -> int:
    """Return the bits of numerator and denominator together.

    Example:
        >>> bits_of(7), bits_of(Fraction(1, 4)), bits_of(math.inf)
        (3, 4, 1)
    """
    if type(value) is int:
        return value.bit_length()
    if isinstance(value, Fraction):
        return value.numerator.bit_length() + value.denominator.bit_length()
    return 1


def fold(operator: str, values: Sequence[Exact]) -> Exact | None:
    """Apply an operation of the tree to exact numbers.

    Args:
        operator: The name of the operation, see ``tree.Apply``.
        values: Its operands, as many as the operation takes.

    Returns:
        The exact result; None where it is irrational or not real, or the operation is not one of exact numbers.

    Raises:
        TooLargeError: When the result is beyond the limits.
        UndefinedError: When there is no result.

    Example:
        >>> fold("root", (Fraction(4, 9), 2)), fold("power", (8, Fraction(2, 3))), fold("log", (8, 2)), fold("ln", (2,))
        (Fraction(2, 3), 4, 3, None)
    """
    if any(type(value) is float for value in values):
        return _fold_infinite(operator, values)
    function = _FOLDS.get(operator)
    result = None if function is None else function(*values)
    return None if result is None else reduced(result)


# Infinity.


def _fold_infinite(operator: str, values: Sequence[Exact]) -> Exact:
    """Calculate with infinities where that has one meaning."""
    if operator == "negate":
        return -values[0]
    infinite = [value for value in values if type(value) is float]
    if operator == "add" and len(set(infinite)) == 1:
        return infinite[0]
    if operator == "multiply" and all(values):
        return math.inf if sum(value < 0 for value in values) % 2 == 0 else -math.inf
    if operator == "divide" and len(infinite) == 1:
        top, bottom = values
        if type(top) is not float:
            return 0
        if bottom:
            return top if bottom > 0 else -top
    raise UndefinedError("infinity stands where it has no value")


# Arithmetic.


def _add(*values: Exact) -> Exact:
    total: Exact = 0
    for value in values:
        check_bits(bits_of(total) / 2)
        total += value
    return total


def _multiply(*values: Exact) -> Exact:
    check_bits(sum(bits_of(value) for value in values) / 2)
    return math.prod(values)


def _divide(top: int | Fraction, bottom: int | Fraction) -> Exact:
    if not bottom:
        raise UndefinedError("a division by zero")
    return Fraction(top, bottom)


def _mod(value: int | Fraction, modulus: int | Fraction) -> Exact:
    if not modulus:
        raise UndefinedError("a division by zero")
    return value % modulus


# Powers, roots and logarithms.


def _power(base: int | Fraction, exponent: int | Fraction) -> Exact | None:
    if type(exponent) is int:
        return _integer_power(base, exponent)
    if base < 0:
        return None
    root = _root(base, exponent.denominator)
    return None if root is None else _integer_power(root, exponent.numerator)


def _integer_power(base: int | Fraction, exponent: int) -> Exact:
    if not base and exponent < 0:
        raise UndefinedError("zero to a negative power")
    if base in (0, 1, -1):
        return 1 if exponent % 2 == 0 and (base or not exponent) else base
    check_bits(abs(exponent) * (max(abs(base.numerator), base.denominator).bit_length() - 1))
    return Fraction(base) ** exponent if exponent < 0 else base**exponent


def _root(value: int | Fraction, index: int | Fraction) -> int | Fraction | None:
    if not index:
        raise UndefinedError("a root of index zero")
    if type(index) is not int:
        return _power(value, 1 / Fraction(index))  # type: ignore[return-value]  # finite, as its operands are
    if index < 0:
        if not value:
            raise UndefinedError("a division by zero")
        return _root(1 / Fraction(value), -index)
    if value < 0:
        positive = _root(-value, index) if index % 2 else None
        return None if positive is None else -positive
    top, bottom = integer_root(value.numerator, index), integer_root(value.denominator, index)
    return None if top is None or bottom is None else Fraction(top, bottom)


def integer_root(value: int, index: int) -> int | None:
    """Return the exact root of an integer that is not negative; None where it is no integer, or too large to look.

    Example:
        >>> integer_root(10**60, 3) == 10**20, integer_root(10**60 + 1, 3)
        (True, None)
    """
    if value < 2 or index == 1:
        return value
    bits = value.bit_length()
    if index == 2:
        root = math.isqrt(value)
    elif index >= bits or bits > MAX_ROOT_BITS:
        return None
    elif bits <= 45 * index:  # the root fits into a float, with some bits to spare
        root = round(math.exp(math.log(value) / index))
    else:
        root = _newton_root(value, index)
    return root if root**index == value else None


def _newton_root(value: int, index: int) -> int:
    """Return the integer part of a large root: Newton's iteration in integers, from slightly above."""
    shift = value.bit_length() // index - 45
    root = (int(math.exp(math.log(value >> shift * index) / index) * (1 + 1e-9)) + 2) << shift
    while True:
        lower = ((index - 1) * root + value // root ** (index - 1)) // index
        if lower >= root:
            return root
        root = lower


def _ln(value: int | Fraction) -> Exact | None:
    if not value:
        raise UndefinedError("the logarithm of zero")
    return 0 if value == 1 else None


def _log(value: int | Fraction, base: int | Fraction) -> Exact | None:
    """Find p/q with ``base ** p == value ** q``, which a float guesses and integers check."""
    if not value:
        raise UndefinedError("the logarithm of zero")
    if base in (0, 1):
        raise UndefinedError(f"a logarithm to the base {base}")
    if value < 0 or base < 0:
        return None
    ratio = Fraction(_float_ln(value) / _float_ln(base)).limit_denominator(60)
    if bits_of(value) * ratio.denominator > MAX_EXACT_BITS or bits_of(base) * abs(ratio.numerator) > 2 * MAX_EXACT_BITS:
        return None
    same = Fraction(base) ** ratio.numerator == Fraction(value) ** ratio.denominator
    return ratio if same else None


def _float_ln(value: int | Fraction) -> float:
    # Both logarithms of a quotient near 1 may be the same float.
    return (math.log(value.numerator) - math.log(value.denominator)) or 1e-9


# Whole numbers.


def _factorial(value: int | Fraction) -> Exact | None:
    if type(value) is not int:
        return None
    _check_whole(value, "factorial")
    return math.factorial(value)


def _double_factorial(value: int | Fraction) -> Exact | None:
    if type(value) is not int:
        return None
    if value != -1:  # (-1)!! = 1, as an empty product
        _check_whole(value, "double factorial")
    return math.prod(range(value, 1, -2))


def _check_whole(value: int, name: str) -> None:
    if value < 0:
        raise UndefinedError(f"a {name} of a negative number")
    if value > MAX_FACTORIAL:
        raise TooLargeError(f"a {name} of a number above {MAX_FACTORIAL}")


def _binomial(top: int | Fraction, bottom: int | Fraction) -> Exact | None:
    if type(bottom) is not int:
        return None
    if bottom < 0:
        return 0
    if type(top) is int and top >= 0:
        chosen = min(bottom, top - bottom)
        if chosen < 0:
            return 0
        _check_whole(chosen, "binomial coefficient")
        # (n e / k)^k bounds the coefficient, and so does 2^n.
        check_bits(min(top, chosen * (top.bit_length() + 1.5 - math.log2(chosen)) if chosen else 0))
        return math.comb(top, bottom)
    _check_whole(bottom, "binomial coefficient")
    check_bits(bottom * bits_of(top) / 2)
    return math.prod(top - at for at in range(bottom)) / Fraction(math.factorial(bottom))


def _gcd(*values: int | Fraction) -> Exact | None:
    return math.gcd(*values) if all(type(value) is int for value in values) else None  # type: ignore[arg-type]


def _lcm(*values: int | Fraction) -> Exact | None:
    if not all(type(value) is int for value in values):
        return None
    check_bits(sum(bits_of(value) for value in values))
    return math.lcm(*values)  # type: ignore[arg-type]


def _arg(value: int | Fraction) -> Exact | None:
    if not value:
        raise UndefinedError("the argument of zero")
    return 0 if value > 0 else None


def _only_at(point: int, result: int) -> Callable[[int | Fraction], Exact | None]:
    """Return a function that is known at one point only."""
    return lambda value: result if value == point else None


_FOLDS: dict[str, Callable[..., Exact | None]] = {
    "add": _add,
    "multiply": _multiply,
    "negate": lambda value: -value,
    "divide": _divide,
    "mod": _mod,
    "power": _power,
    "root": _root,
    "ln": _ln,
    "log": _log,
    "exp": _only_at(0, 1),
    "sin": _only_at(0, 0),
    "cos": _only_at(0, 1),
    "arcsin": _only_at(0, 0),
    "arccos": _only_at(1, 0),
    "arctan": _only_at(0, 0),
    "factorial": _factorial,
    "double_factorial": _double_factorial,
    "binomial": _binomial,
    "gcd": _gcd,
    "lcm": _lcm,
    "max": max,
    "min": min,
    "abs": abs,
    "floor": math.floor,
    "ceiling": math.ceil,
    "conjugate": lambda value: value,
    "re": lambda value: value,
    "im": lambda value: 0,
    "arg": _arg,
}

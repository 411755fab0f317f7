"""The exact value of an expression."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.limits import TooLargeError
from rewardium.envs.math.verify.numeric.building import build_program
from rewardium.envs.math.verify.tree import Node, Number


def exact_value(node: Node) -> Fraction | None:
    """Calculate an expression exactly.

    Args:
        node: The expression.

    Returns:
        The value where it is rational and was found to be: sums, products, quotients, integer powers, powers, roots and
        logarithms that come out even, factorials, binomial coefficients, rounding and the like. None where it is
        irrational, symbolic, infinite or undefined.

    Raises:
        TooLargeError: When a part of it is beyond the limits, before that part is calculated.

    Example:
        >>> from rewardium.envs.math.verify.tree import Apply
        >>> exact_value(Apply("root", (Number(Fraction(4, 9)), Number(Fraction(2)))))
        Fraction(2, 3)
        >>> exact_value(Apply("power", (Number(Fraction(10)), Number(Fraction(10**10)))))
        Traceback (most recent call last):
        ...
        rewardium.envs.math.verify.limits.TooLargeError: an exact number has more than 40000 bits
    """
    if isinstance(node, Number):
        return node.value
    program = build_program(node)
    if program.fault or type(program.exact) is float:
        return None
    if program.exact is None:
        if program.excess:
            raise TooLargeError(program.excess)
        return None
    return Fraction(program.exact)

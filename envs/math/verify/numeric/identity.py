"""Whether expressions are the same: as functions, up to a factor, or by their zeros.

Example:
    >>> from fractions import Fraction
    >>> from rewardium.envs.math.verify.tree import Apply, Number
    >>> half = Apply("divide", (Number(Fraction(1)), Number(Fraction(2))))
    >>> identical(half, Number(Fraction("0.5"), 1)).status
    'equal'
"""

from rewardium.envs.math.verify.numeric.proportion import proportional
from rewardium.envs.math.verify.numeric.same_function import identical
from rewardium.envs.math.verify.numeric.values import real_value
from rewardium.envs.math.verify.numeric.zero_set import same_zero_set
from rewardium.envs.math.verify.outcome import Identity

__all__ = ["Identity", "identical", "proportional", "real_value", "same_zero_set"]

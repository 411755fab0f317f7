"""How large an answer may be: every bound is checked before anything is evaluated."""

from __future__ import annotations

from rewardium.envs.errors import RewardiumError

MAX_COMPLETION_LENGTH = 2**20
"""Characters of a completion that are searched for an answer; of a longer one, the last so many."""

MAX_ANSWER_LENGTH = 4000
"""Characters of an answer; a longer one is not read."""

MAX_DEPTH = 40
"""Nested groups in an answer; a deeper one is not read."""

MAX_NODES = 2000
"""Nodes of an answer's tree."""

MAX_NUMBER_DIGITS = 2000
"""Digits of one number as it is written."""

MAX_EXACT_BITS = 40_000
"""Bits of numerator and of denominator of an exact value; 2000! has 19 053 bits, 9^9^9 has 1.2 billion."""

MAX_FACTORIAL = 3000
"""Largest argument of an exact factorial, binomial coefficient or the like."""

MAX_ITEMS = 200
"""Items of a list, a set, a tuple or a matrix."""


class TooLargeError(RewardiumError):
    """An answer is beyond a bound; the message says which."""


class UnreadableError(RewardiumError):
    """A text is nothing that the parser knows; the message says why in words."""

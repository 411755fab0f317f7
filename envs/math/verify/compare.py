"""Whether two forms say the same: what kind of thing each is decides how they are compared.

Every comparison ends in ``equal``, ``different`` or ``unknown``, and unknown is never turned into different: where one
part of two compound answers cannot be decided and no other part differs, the whole is unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from rewardium.envs.math.verify.canonical import Canonical, Labelled, is_node
from rewardium.envs.math.verify.compare_relations import expressions, labelled, relations
from rewardium.envs.math.verify.compare_sequences import intervals, matrices, sequences
from rewardium.envs.math.verify.compare_values import choices, quantities, words_and_other
from rewardium.envs.math.verify.comparison import Compare, compare_forms
from rewardium.envs.math.verify.outcome import DIFFERENT, Identity
from rewardium.envs.math.verify.tree import Choice, Form, Interval, Matrix, Quantity, Relation, Sequence, Union, Words


def compare(gold: Form, answer: Form) -> Identity:
    """Compare two answers.

    Args:
        gold: The right answer.
        answer: Another.

    Returns:
        ``equal``, ``different`` or ``unknown``, with the reason in words.

    Raises:
        TooLargeError: When one is beyond the limits.

    Example:
        >>> from fractions import Fraction
        >>> from rewardium.envs.math.verify.tree import Apply, Number
        >>> compare(Number(Fraction(1, 2)), Apply("divide", (Number(Fraction(2)), Number(Fraction(4))))).status
        'equal'
    """
    return compare_forms(gold, answer, _compare)


def _compare(gold: Canonical, answer: Canonical) -> Identity:
    if isinstance(gold, Labelled) or isinstance(answer, Labelled):
        return labelled(gold, answer, _compare)
    if is_node(gold) and is_node(answer):
        return expressions(gold, answer)  # type: ignore[arg-type]
    for kinds, comparison in _BY_KIND:
        if isinstance(gold, kinds) or isinstance(answer, kinds):
            return comparison(gold, answer, _compare)
    return Identity(DIFFERENT, "they are answers of different kinds")


_BY_KIND: tuple[tuple[type | tuple[type, ...], Callable[[Canonical, Canonical, Compare], Identity]], ...] = (
    (Choice, choices),
    (Words, words_and_other),
    (Sequence, sequences),
    ((Interval, Union), intervals),
    (Matrix, matrices),
    (Quantity, quantities),
    (Relation, relations),
)

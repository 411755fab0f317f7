"""Templates of math problems: unlimited problems whose answers are right by construction.

A template is a function from ``Dice`` to a ``Problem``. It draws the parameters, and works out the answer exactly, with
integers and fractions, while it writes the problem. A new template is one more function in the tuple ``TEMPLATES`` of
its module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.math.templates import (
    algebra,
    arithmetic,
    calculus,
    geometry,
    inequalities,
    linear_algebra,
    measurement,
    number_theory,
    probability,
    sequences,
    trigonometry,
)
from rewardium.envs.math.templates.problem import Dice, Problem

__all__ = ["TEMPLATES", "Dice", "Problem", "distinct_problems", "draw_problem"]

Template = Callable[[Dice], Problem]

TEMPLATES: dict[str, Template] = {
    template.__name__: template
    for module in (
        arithmetic,
        measurement,
        number_theory,
        algebra,
        inequalities,
        geometry,
        trigonometry,
        sequences,
        probability,
        linear_algebra,
        calculus,
    )
    for template in module.TEMPLATES
}
"""Every template by its name, from arithmetic to calculus."""

MAX_REPEATS = 1000
"""Draws in a row without a new problem, after which a template counts as exhausted."""


def draw_problem(name: str, random: np.random.Generator) -> Problem:
    """Draw a problem of one template.

    Args:
        name: The template's name, one of ``TEMPLATES``.
        random: Where the randomness comes from.

    Returns:
        The problem with its answer.

    Raises:
        RewardiumError: When there is no such template.

    Example:
        >>> draw_problem("third_angle", np.random.default_rng(0)).form
        'angle'
    """
    if name not in TEMPLATES:
        raise RewardiumError(unknown_name_message("template", name, TEMPLATES))
    return TEMPLATES[name](Dice(random))


def distinct_problems(name: str, count: int, seed: int, *, known: Iterable[str] = ()) -> Iterator[Problem]:
    """Yield different problems of one template; fewer than asked where it has no more.

    Args:
        name: The template's name.
        count: How many at most.
        seed: Fixes them, whatever other templates there are.
        known: Texts of problems that must not come again.

    Yields:
        Problems, none of them twice.

    Raises:
        RewardiumError: When there is no such template.

    Example:
        >>> len({problem.problem for problem in distinct_problems("is_prime", 20, seed=0)})
        20
    """
    random = np.random.default_rng([seed, *name.encode("ascii")])
    seen = set(known)
    yielded = repeats = 0
    while yielded < count and repeats < MAX_REPEATS:
        problem = draw_problem(name, random)
        if problem.problem in seen:
            repeats += 1
            continue
        seen.add(problem.problem)
        yielded, repeats = yielded + 1, 0
        yield problem

"""How the parts of compound answers are compared: by whatever compares the whole."""

from __future__ import annotations

from collections.abc import Callable

from rewardium.envs.math.verify.canonical import Canonical, Labelled, canonical
from rewardium.envs.math.verify.outcome import EQUAL, Identity
from rewardium.envs.math.verify.tree import Apply, Form

Compare = Callable[[Canonical, Canonical], Identity]
"""Compares any two canonical forms; what compares compound answers is given it for their parts."""


def compare_forms(gold: Form, answer: Form, compare: Compare) -> Identity:
    """Compare two forms; equal ones need no comparison."""
    if gold == answer and not isinstance(gold, Apply):
        return Identity(EQUAL, "both say the same in the same way")
    return compare(canonical(gold), canonical(answer))


def canonical_again(form: Canonical) -> Canonical:
    """Bring the items of a form to their canonical shape, which those of a tuple do not have yet."""
    return form if isinstance(form, Labelled) else canonical(form)

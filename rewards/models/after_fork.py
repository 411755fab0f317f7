"""What must happen in a forked process: threads, locks and connections of the parent do not work there."""

from __future__ import annotations

import os
import weakref
from functools import cache
from typing import Protocol


class Renewable(Protocol):
    """Holds threads, locks or connections, and can get new ones."""

    def after_fork_in_child(self) -> None:
        """Replace what does not survive a fork. Runs in the child before anything else, with one thread alive."""


# By identity: equal judges are different objects, and each of them has to be renewed.
_ALIVE: dict[int, weakref.ref[Renewable]] = {}


def renew_after_fork(owner: Renewable) -> None:
    """Have ``owner.after_fork_in_child()`` called in every process that is forked from this one, while it is alive."""
    _register_hook()
    key = id(owner)
    _ALIVE[key] = weakref.ref(owner, lambda _: _ALIVE.pop(key, None))


@cache
def _register_hook() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_renew_all)


def _renew_all() -> None:
    for reference in list(_ALIVE.values()):
        owner = reference()
        if owner is not None:
            owner.after_fork_in_child()

"""Dataclasses that hold what they built from their parameters."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class Rebuilt:
    """A mix-in: a copy or a pickle of a dataclass carries its parameters only, and builds the rest anew.

    What a source builds from its parameters (a model, what was learned from a demonstration) may be large, and belongs
    to the process. The dataclass builds it in ``__post_init__``, in fields with ``init=False``.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Build; a dataclass overrides this."""

"""What is minimised: one file an objective, found by its registered name.

A new objective is one new file in this folder: a frozen dataclass, whose fields are its settings, with a pure method
``loss``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Protocol, TypeVar

from torch import Tensor

from rewardium.envs.errors import RewardiumError, unknown_name_message


@dataclass(frozen=True, slots=True)
class Totals:
    """The size of one optimisation step, over all its microbatches and processes.

    A loss that is divided by these, and not by the size of a microbatch, adds up to the loss of the whole step.

    Args:
        tokens: Number of sampled tokens, at least 1.
        sequences: Number of answers, at least 1.
        max_tokens: The largest number of tokens that an answer could have had.
    """

    tokens: float
    sequences: float
    max_tokens: float

    @classmethod
    def of(cls, mask_BT: Tensor) -> Totals:
        """Return the size of a single batch: the sampled tokens of bool [B, T]."""
        return cls(max(float(mask_BT.sum()), 1.0), max(float(len(mask_BT)), 1.0), float(max(mask_BT.shape[1], 1)))


class Objective(Protocol):
    """A loss over sampled tokens."""

    @property
    def needs_reference(self) -> bool:
        """Whether ``logp_ref`` is read."""

    @property
    def skips_zero_advantage(self) -> bool:
        """Whether rows whose advantage is 0 everywhere have no gradient, so that they need not be computed."""

    def loss(
        self,
        logp: Tensor,
        logp_old: Tensor,
        logp_ref: Tensor | None,
        advantage: Tensor,
        mask: Tensor,
        totals: Totals | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the part of the loss that comes from some rows of a step.

        Args:
            logp: float [B, T], log-probabilities under the policy, with gradient.
            logp_old: float [B, T], under the policy that sampled.
            logp_ref: float [B, T] under the reference, or None.
            advantage: float [B, T].
            mask: bool [B, T], the sampled tokens; all else is never read.
            totals: The size of the whole step; by default these rows are the whole step.

        Returns:
            The loss, and metrics that add up over the microbatches of a step as the loss does.
        """


O = TypeVar("O", bound=Callable[..., Objective])  # noqa: E741

_OBJECTIVES: dict[str, Callable[..., Objective]] = {}


def register_objective(name: str) -> Callable[[O], O]:
    """Register an objective's class under a name.

    Raises:
        RewardiumError: When another class has the name.
    """

    def decorate(factory: O) -> O:
        known = _OBJECTIVES.get(name)
        if known is not None and known.__module__ != factory.__module__:
            raise RewardiumError(f"the objective name {name!r} is already taken by {known.__module__}")
        _OBJECTIVES[name] = factory
        return factory

    return decorate


@cache
def _load_shipped() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def objective_names() -> list[str]:
    """Return the registered names, sorted.

    Example:
        >>> "grpo" in objective_names()
        True
    """
    _load_shipped()
    return sorted(_OBJECTIVES)


def make_objective(name: str, **settings: Any) -> Objective:
    """Build a registered objective.

    Args:
        name: Its name.
        **settings: Its fields.

    Returns:
        The objective.

    Raises:
        RewardiumError: When the name or a setting is unknown.

    Example:
        >>> make_objective("grpo", clip_high=0.28).clip_high
        0.28
    """
    _load_shipped()
    if name not in _OBJECTIVES:
        raise RewardiumError(unknown_name_message("objective", name, _OBJECTIVES))
    factory: Any = _OBJECTIVES[name]
    known = [item.name for item in fields(factory)]
    for setting in settings:
        if setting not in known:
            raise RewardiumError(f"objective {name!r}: {unknown_name_message('setting', setting, known)}")
    objective: Objective = factory(**settings)
    return objective

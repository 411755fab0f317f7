"""What is minimised: one file an objective, found by its registered name.

A new objective is one new file in this folder: a frozen dataclass, whose fields are its settings, with a pure method
``loss``. Three methods are optional. ``answer_advantage`` says what each answer is worth (a baseline of its own, a
choice of the answers to learn from), ``token_advantage`` what each token is worth; without either the trainer compares
answers as its ``credit`` and ``scale`` say. An objective that couples the answers to one prompt, as a loss over pairs
does, has ``group_loss`` in place of ``loss`` and is given whole groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from rewardium.envs.name_registry import NameRegistry, build_dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """The size of one optimisation step, over all its microbatches and processes.

    A loss that is divided by these, and not by the size of a microbatch, adds up to the loss of the whole step.

    Args:
        tokens: Number of sampled tokens, at least 1.
        sequences: Number of answers, at least 1.
        max_tokens: The largest number of tokens that an answer could have had.
        groups: Number of prompts, at least 1.
    """

    tokens: float
    sequences: float
    max_tokens: float
    groups: float = 1.0

    @classmethod
    def of(cls, mask_BT: Tensor) -> Totals:
        """Return the size of a single batch, the sampled tokens of bool [B, T], whose answers are to one prompt."""
        return cls(max(float(mask_BT.sum()), 1.0), max(float(len(mask_BT)), 1.0), float(max(mask_BT.shape[1], 1)))


@dataclass(frozen=True)
class Answers:
    """What is known of B answers besides their tokens.

    Args:
        returns: float64 [B], what each was paid in all.
        group: int64 [B], equal for the answers to one prompt.
        valid: bool [B]; an answer whose return could not be had is learnt from by nobody.
        lengths: int64 [B], sampled tokens.

    Example:
        >>> answers = Answers.of([1.0, 0.0, 0.5], [0, 0, 1])
        >>> answers.take(torch.tensor([1, 2])).returns.tolist()
        [0.0, 0.5]
        >>> Answers.cat([answers, answers]).group.tolist()
        [0, 0, 1, 2, 2, 3]
    """

    returns: Tensor
    group: Tensor
    valid: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.returns)

    @classmethod
    def of(cls, returns: Sequence[float], group: Sequence[int], lengths: Sequence[int] | None = None) -> Answers:
        """Return valid answers, each of one token unless ``lengths`` says else."""
        count = len(returns)
        return cls(
            torch.tensor(returns, dtype=torch.float64),
            torch.tensor(group, dtype=torch.int64),
            torch.ones(count, dtype=torch.bool),
            torch.tensor([1] * count if lengths is None else lengths, dtype=torch.int64),
        )

    def take(self, rows: Tensor) -> Answers:
        """Return the answers of int64 [R] rows."""
        return Answers(self.returns[rows], self.group[rows], self.valid[rows], self.lengths[rows])

    def to(self, device: torch.device) -> Answers:
        """Return the answers on a device."""
        columns = (self.returns, self.group, self.valid, self.lengths)
        return Answers(*(column.to(device) for column in columns))

    @classmethod
    def cat(cls, parts: Sequence[Answers]) -> Answers:
        """Join answers to different prompts; groups are numbered anew, so that no two parts share one."""
        groups, start = [], 0
        for part in parts:
            index: Tensor = torch.unique(part.group, return_inverse=True)[1]  # type: ignore[no-untyped-call]
            groups.append(index + start)
            start += int(index.max()) + 1 if len(index) else 0
        return cls(
            torch.cat([part.returns for part in parts]),
            torch.cat(groups),
            torch.cat([part.valid for part in parts]),
            torch.cat([part.lengths for part in parts]),
        )


class _Needs(Protocol):
    """What every objective says of itself."""

    @property
    def needs_reference(self) -> bool:
        """Whether ``logp_ref`` is read."""

    @property
    def skips_zero_advantage(self) -> bool:
        """Whether rows whose advantage is 0 everywhere have no gradient, so that they need not be computed."""


class Objective(_Needs, Protocol):
    """A loss over sampled tokens."""

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


@runtime_checkable
class AnswerAdvantage(Protocol):
    """An objective that says itself what each answer is worth."""

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Compute the advantage that all tokens of an answer get.

        Args:
            answers: All B answers of an update, of all processes, in whole groups.

        Returns:
            float [B]; where it is 0 and ``skips_zero_advantage`` holds, the answer is not computed at all.
        """


@runtime_checkable
class TokenAdvantage(Protocol):
    """An objective that says itself what each token is worth, from what was paid at which token."""

    def token_advantage(self, rewards: Tensor, mask: Tensor, answers: Answers) -> Tensor:
        """Compute the advantage of each sampled token.

        Args:
            rewards: float [B, T], what each token was paid, of all answers of this process, in whole groups.
            mask: bool [B, T], the sampled tokens.
            answers: The B answers.

        Returns:
            float32 [B, T], 0 outside of the mask and in answers that are not valid.
        """


@runtime_checkable
class GroupObjective(_Needs, Protocol):
    """A loss that couples the answers to one prompt."""

    def group_loss(
        self,
        logp: Tensor,
        logp_old: Tensor,
        logp_ref: Tensor | None,
        advantage: Tensor,
        mask: Tensor,
        totals: Totals,
        answers: Answers,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the part of the loss that comes from some groups of a step.

        Args:
            logp: float [B, T], and so on as in ``Objective.loss``.
            logp_old: float [B, T].
            logp_ref: float [B, T], or None.
            advantage: float [B, T].
            mask: bool [B, T].
            totals: The size of the whole step.
            answers: The B answers; each group is here with all of its rows that are computed.

        Returns:
            The loss, and metrics that add up as it does.
        """


AnyObjective = Objective | GroupObjective
O = TypeVar("O", bound=Callable[..., AnyObjective])  # noqa: E741

_OBJECTIVES: NameRegistry[AnyObjective] = NameRegistry("objective", __name__)


def register_objective(name: str, *, papers: tuple[str, ...] = ()) -> Callable[[O], O]:
    """Register an objective's class under a name.

    Args:
        name: What users write.
        papers: The keys of the papers whose objective this is, see ``rewardium.envs.catalogue``.

    Raises:
        RewardiumError: When another class has the name, or there is no such paper.
    """
    return _OBJECTIVES.register(name, papers)


def objective_names() -> list[str]:
    """Return the registered names, sorted.

    Example:
        >>> "grpo" in objective_names()
        True
    """
    return _OBJECTIVES.names()


def make_objective(name: str, **settings: Any) -> AnyObjective:
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
    return build_dataclass(_OBJECTIVES.get(name), settings, f"objective {name!r}")

"""What a reward model minimises: one file a loss, found by its registered name.

A loss is a frozen dataclass, whose fields are its settings, and a pure function of the scores of K responses to each of
B prompts and of what is known about them. A row's loss never depends on another row, and the loss of a batch is the
mean over its rows, so that parts of a batch add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from rewardium.envs.name_registry import NameRegistry, build_with

if TYPE_CHECKING:
    from torch import Tensor

    from rewardium.rewards.learning.preference_data.comparison import Comparison


@dataclass(frozen=True)
class Targets:
    """What is known about K responses to each of B prompts.

    Args:
        mask: bool [B, K], False where a row has fewer responses; scores there are never read.
        grades: float32 [B, K], how good each response is; NaN where that is not known.
        preference: float32 [B, K, K], the probability that the first is better than the second, 0.5 for a tie; NaN
            where two were not compared. ``preference[b, i, j] = 1 - preference[b, j, i]``.
        strength: float32 [B, K, K], by how much, at least 0; symmetric.
    """

    mask: Tensor
    grades: Tensor
    preference: Tensor
    strength: Tensor

    @classmethod
    def of(cls, comparisons: Sequence[Comparison], device: str = "cpu") -> Targets:
        """Collect the targets of B comparisons, padded to the largest number of responses.

        Grades are their scores. Two responses with a preference are compared by it, with the comparison's strength;
        others by their scores, with the strength times the distance of the scores.

        Example:
            >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
            >>> rows = [Comparison.of("1+1=", ["2", "3", "1"], scores=[1, 0, 0]), Comparison.of("?", ["a", "b"], 0.75)]
            >>> targets = Targets.of(rows)
            >>> targets.mask.sum(1).tolist(), targets.preference[0, 0].tolist(), targets.preference[1, 1, 0].item()
            ([3, 2], [nan, 1.0, 1.0], 0.25)
        """
        import torch

        B, K = len(comparisons), max(len(row.responses) for row in comparisons)
        nan = float("nan")
        targets = cls(
            torch.zeros(B, K, dtype=torch.bool),
            torch.full((B, K), nan),
            torch.full((B, K, K), nan),
            torch.ones(B, K, K),
        )
        for b, row in enumerate(comparisons):
            k = len(row.responses)
            targets.mask[b, :k] = True
            if row.scores is not None:
                grades = torch.tensor(row.scores, dtype=torch.float32)
                targets.grades[b, :k] = grades
                difference = grades[:, None] - grades[None, :]
                targets.preference[b, :k, :k] = 0.5 + 0.5 * difference.sign()
                targets.strength[b, :k, :k] = row.strength * difference.abs()
            if row.preference is not None:
                targets.preference[b, 0, 1] = row.preference
                targets.preference[b, 1, 0] = 1.0 - row.preference
                targets.strength[b, :k, :k] = row.strength
            targets.preference[b].fill_diagonal_(nan)
        parts = (targets.mask, targets.grades, targets.preference, targets.strength)
        return cls(*(part.to(device) for part in parts))


Metrics = dict[str, float]


class RewardLoss(Protocol):
    """A loss over the scores of several responses to each prompt."""

    needs: ClassVar[Literal["pairs", "scores"]]
    """What a comparison must have: two responses that are compared, or a score of each response."""

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss, a scalar, and what is worth logging.

        Args:
            scores: float32 [B, K]; what stands outside of the mask may be anything.
            targets: What is known about the responses.
        """


L = TypeVar("L", bound=Callable[..., Any])
_LOSSES: NameRegistry[RewardLoss] = NameRegistry("loss", __name__, recorded_as="reward-model loss")


def register_loss(name: str, *, papers: tuple[str, ...] = ()) -> Callable[[L], L]:
    """Register a loss's class under a name.

    Args:
        name: What users write.
        papers: The keys of the papers whose loss this is, see ``rewardium.envs.catalogue``.

    Raises:
        RewardiumError: When another class has the name, or there is no such paper.
    """
    return _LOSSES.register(name, papers)


def loss_names() -> list[str]:
    """Return every registered loss, sorted.

    Example:
        >>> {"bradley_terry", "margin", "regression"} <= set(loss_names())
        True
    """
    return _LOSSES.names()


def make_loss(name: str, settings: Mapping[str, Any] | None = None) -> RewardLoss:
    """Build a registered loss.

    Args:
        name: Its name.
        settings: Its fields.

    Raises:
        RewardiumError: When there is no such loss, or a setting is wrong.

    Example:
        >>> make_loss("margin", {"scale": 0.5}).needs
        'pairs'
    """
    return build_with(f"loss {name!r}", _LOSSES.get(name), settings)

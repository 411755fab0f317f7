"""DCPO: contrast the best and the worst answers of a group."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import group_advantage
from rewardium.agents.llm.groups import group_index
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._selection import group_rank, kept_weights
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError


@register_objective("dcpo", papers=("B18",))
@dataclass(frozen=True)
class Dcpo(Grpo):
    """GRPO on the best and the worst answers of each group; where returns are equal, short is better than long.

    Of K answers the ``ceil(share * K / 2)`` best and as many worst are kept, never more than half of them each; the
    advantage is that of GRPO among the kept ones, and a group whose kept answers are paid the same teaches nothing. To
    keep the size of a step, the kept answers' advantages are multiplied by the number of answers over the number kept.

    Source: ChatShopBuddy, https://arxiv.org/abs/2603.06065. Certainty: that half of 16 answers are kept by return and
    length, from a digest of it; the equal halves and the order among equals, reconstructed; the multiplication, ours.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``; the penalty counts for all answers.
        normalisation: As in ``Grpo``.
        share: The share of a group that is kept, above 0 and at most 1.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> answers = Answers.of([1.0, 1.0, 0.0, 0.0], [0, 0, 0, 0], lengths=[9, 5, 9, 5])
        >>> [round(value, 3) for value in Dcpo().answer_advantage(answers).tolist()]  # the short right, the long wrong
        [0.0, 1.414, -1.414, 0.0]
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.share <= 1.0:
            raise RewardiumError(f"dcpo needs share in (0, 1], got {self.share}")

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Compare the kept answers with one another; see ``AnswerAdvantage``."""
        group, valid = answers.group, answers.valid
        rank = group_rank(group, valid, -answers.returns, answers.lengths)
        index = group_index(group)
        size = torch.bincount(index, weights=valid.double())[index]
        side = torch.minimum((self.share * size / 2).ceil(), (size / 2).floor())
        kept = valid & ((rank < side) | (rank >= size - side))
        return group_advantage(answers.returns, group, kept) * kept_weights(kept, group, valid)

"""MM-DPO: preferences that count more the clearer they are."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._pairs import Choice, Pairs
from rewardium.agents.llm.objectives.dpo import Dpo
from rewardium.envs.errors import RewardiumError


@register_objective("mm_dpo", papers=("A23",))
@dataclass(frozen=True)
class MmDpo(Dpo):
    """DPO whose beta grows with the margin between the returns, ``beta * (1 + growth * (1 - exp(-rate * margin)))``.

    The factor stays between 1 and ``1 + growth``. Source: MM-RLHF, https://arxiv.org/abs/2502.10391, dynamic reward
    scaling. Certainty: the form high, ``growth`` and ``rate`` of 0.5 and beta 0.1 recalled. All pairs are used, as in
    the paper.

    Args:
        beta: As in ``Dpo``.
        pairs: As in ``Dpo``.
        growth: At least 0; 0 is ``Dpo``.
        rate: At least 0, for each unit of return.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> from rewardium.agents.llm.objectives._pairs import preferences
        >>> answers = Answers.of([4.0, 0.0], [0, 0])
        >>> round(float(MmDpo().strength(answers, preferences(answers, "all"))), 4)  # 0.1 (1 + 0.5 (1 - e^-2))
        0.1432
    """

    pairs: Choice = "all"
    growth: float = 0.5
    rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.growth >= 0.0 or not self.rate >= 0.0:
            raise RewardiumError(f"mm_dpo needs growth and rate >= 0, got {self.growth} and {self.rate}")

    def strength(self, answers: Answers, pairs: Pairs) -> Tensor:
        """Return beta of each pair, float64 [N]."""
        margin = answers.returns[pairs.first] - answers.returns[pairs.second]
        return self.beta * (1.0 + self.growth * (1.0 - (-self.rate * margin).exp()))

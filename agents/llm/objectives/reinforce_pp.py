"""REINFORCE++: advantages normalised over the whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from rewardium.agents.llm.advantage import Baseline, batch_advantage
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError


@register_objective("reinforce++")
@dataclass(frozen=True)
class ReinforcePlusPlus(Grpo):
    """PPO's clipped loss without a critic; returns are normalised by the mean and deviation of the whole batch.

    One deviation for all prompts keeps easy and hard prompts in proportion, where GRPO's makes them equal. Source:
    https://arxiv.org/abs/2501.03262 (certainty: high). Two things differ from the paper: a penalty on the distance to a
    reference (``kl_coefficient``) is part of the loss, not of the reward, and the mean and deviation are those of
    answers, not of tokens.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        baseline: ``"batch"`` is the plain algorithm; ``"group"`` the paper's variant with a baseline: the mean of the
            group is taken away, and the deviation is that of what is left, over the batch.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> advantage = ReinforcePlusPlus().answer_advantage(Answers.of([1.0, 0.0, 1.0, 1.0], [0, 0, 1, 1]))
        >>> [round(value, 2) for value in advantage.tolist()]  # a group that agrees is compared with the other
        [0.5, -1.5, 0.5, 0.5]
    """

    baseline: Baseline = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.baseline not in get_args(Baseline):
            raise RewardiumError(f"baseline must be 'batch' or 'group', got {self.baseline!r}")

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Normalise over the batch; see ``AnswerAdvantage``."""
        return batch_advantage(answers.returns, answers.group, answers.valid, baseline=self.baseline)

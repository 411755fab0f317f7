"""A reward model's scores as a further column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("score_with", "builder")
@dataclass(frozen=True)
class ScoreWith:
    """Adds a trained reward model's scores as a factor, for ``agreement``, ``vote_strength`` or ``hard_negatives``.

    Args:
        model: The folder of the reward model.
        factor: The name of the column.
        device: Where it computes; "" for the GPU where there is one, else the CPU.
    """

    model: str
    factor: str = "model"
    device: str = ""

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Score all responses at once."""
        from rewardium.rewards.learning.reward_model import RewardModel

        model = RewardModel.load(self.model, device=self.device)
        prompts = [prompt for row in comparisons for prompt in row.prompts]
        responses = [response for row in comparisons for response in row.responses]
        scores = iter(model.scores(prompts, responses).tolist())
        return [
            row.replaced(factors={**row.factors, self.factor: tuple(next(scores) for _ in row.responses)})
            for row in comparisons
        ]

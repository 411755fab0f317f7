"""The Clip refiner: no step earns anything, bad steps cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, elementwise
from rewardium.rewards.state import RewardState


def clip_steps(values: FloatArray, eta: float) -> FloatArray:
    """Return ``min(values - eta, 0)``.

    Args:
        values: float64 [K], scores of steps.
        eta: The score from which on a step costs nothing.

    Returns:
        float64 [K], at most 0.

    Example:
        >>> clip_steps(np.array([0.9, 0.5, 0.2]), eta=0.5).tolist()
        [0.0, 0.0, -0.3]
    """
    return np.minimum(values - eta, 0.0)


@register("clip_step", papers=("A1",))
@dataclass(frozen=True)
class ClipStep(Shaper):
    """PR-Clip: a step pays ``min(r - eta, 0)``, so that more steps never pay more.

    From "On Designing Effective RL Reward at Training Time for LLM Reasoning" (2024); the formula is the paper's, and
    ``eta`` depends on the scorer: choose it so that most steps clip to 0. Scores the segments of an action one by one
    where there are segments, and the step's score where there are none.

    Args:
        reward: The score of a step.
        eta: The score from which on a step costs nothing.

    Raises:
        RewardiumError: When ``eta`` is no finite number.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("0.1 * clip_step(extrinsic, 0.5)"))
        0.1 * clip_step(reward=extrinsic, eta=0.5)
    """

    reward: Reward
    eta: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "eta")

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Clip each step."""
        return elementwise(inner, lambda values: clip_steps(values, self.eta))

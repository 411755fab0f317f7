"""Clip, then Delta: the refiner that the paper found best."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.clip_step import clip_steps
from rewardium.rewards.shaping.delta import delta, pay_differences
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, elementwise
from rewardium.rewards.state import RewardState


def clip_delta(values: FloatArray, eta: float = 0.0) -> FloatArray:
    """Return ``delta(clip_steps(values, eta))``.

    Args:
        values: float64 [K], the scores of the steps of one response in order; the last is the answer's.
        eta: The score from which on a step costs nothing.

    Returns:
        float64 [K].

    Example:
        >>> import numpy as np
        >>> clip_delta(np.array([0.25, 1.0, 0.0, 1.0]), eta=0.5).tolist()
        [-0.25, 0.5, -0.5, 0.0]
    """
    return delta(clip_steps(values, eta))


@register("clip_delta", papers=("A1",))
@dataclass(frozen=True)
class ClipDelta(Shaper):
    """PR-Clip-Delta: clip each step's score to ``min(r - eta, 0)``, then pay differences as ``delta`` does.

    From "On Designing Effective RL Reward at Training Time for LLM Reasoning" (2024). The paper does not state its
    ``eta`` where it could be found; it is a threshold near the scorer's typical value. Weight the node small, 0.02 to
    0.1, beside the outcome reward.

    Args:
        reward: The score of a step.
        eta: The score from which on a step costs nothing.

    Raises:
        RewardiumError: When ``eta`` is no finite number.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("0.1 * clip_delta(extrinsic, eta=0.5)"))
        0.1 * clip_delta(reward=extrinsic, eta=0.5)
    """

    reward: Reward
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "eta")

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Clip each step and pay the differences."""
        return pay_differences(elementwise(inner, lambda values: clip_steps(values, self.eta)), batch, state)

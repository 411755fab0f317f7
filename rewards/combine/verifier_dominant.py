"""A reward model that ranks only within what a verifier has decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.bound import bound
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState

# The sigmoid of a large score rounds to 0 or 1, at which the best wrong answer would earn as much as the worst correct.
_MARGIN = 1e-6


def verifier_dominant(model: FloatArray, verifier: FloatArray, alpha: float = 0.5) -> FloatArray:
    """Return ``sigmoid(alpha * model) + (verifier - 1)``.

    Args:
        model: float64 [B], the reward model's raw scores, any finite numbers.
        verifier: float64 [B], 0 for wrong and 1 for correct; clipped to [0, 1].
        alpha: The slope, at least 0.

    Returns:
        float64 [B]: in (0, 1) where correct, in (-1, 0) where wrong. The sigmoid is kept a millionth away from 0 and
        1, so that correct earns more than wrong for every finite score, also in single precision.

    Example:
        >>> verifier_dominant(np.array([0.0, 0.0]), np.array([1.0, 0.0])).tolist()
        [0.5, -0.5]
    """
    with np.errstate(over="ignore"):
        preference = np.clip(bound(alpha * model), _MARGIN, 1.0 - _MARGIN)
    return np.asarray(preference + (np.clip(verifier, 0.0, 1.0) - 1.0), dtype=np.float64)


@register("verifier_dominant", papers=("A3",))
@dataclass(frozen=True)
class VerifierDominant(Reward):
    """Let a reward model rank correct answers among themselves, and wrong ones, never one kind against the other.

    ``sigmoid(alpha * r_model) + (r_verifier - 1)``, from the "Qwen2.5-Math Technical Report" (2024), known from notes.
    Where the model's score is missing, it is neutral: the sigmoid stands at 0.5. Without the verifier's score the row
    has none. Segments are dropped.

    Args:
        model: The reward model's score, unbounded.
        verifier: 0 for wrong, 1 for correct.
        alpha: The slope, at least 0.

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("verifier_dominant(length, verify)"))
        verifier_dominant(model=length, verifier=verify)
    """

    model: Reward
    verifier: Reward
    alpha: float = 0.5

    def __post_init__(self) -> None:
        require_reward(self, "model", "verifier")
        require_number(self, "alpha", at_least=0.0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Add the bounded score to the verdict."""
        model = self.model.fold(scores, batch, state.child(0))
        verifier = self.verifier.fold(scores, batch, state.child(1))
        score = np.where(model.valid, model.value.astype(np.float64), 0.0)
        value = verifier_dominant(score, verifier.value.astype(np.float64), self.alpha)
        return add_term(self.registered_name, (model, verifier), verifier.value, Shaped(value, verifier.valid))

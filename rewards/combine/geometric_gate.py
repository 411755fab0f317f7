"""A gate of several constraints, of which every one must hold: a smoothed geometric mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term, scaled
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def geometric_gate(scores: FloatArray, weights: FloatArray, delta: float = 1e-6) -> FloatArray:
    """Return ``prod_k (b_k + delta) ** w_k - delta``: 1 where all scores are 1, 0 where all are 0.

    ``delta`` says how much leaks through where one constraint fails: with three of equal weight, of which one scores 0
    and the others 1, the gate is 0.207 at ``delta=1e-2`` and 0.010 at ``delta=1e-6``.

    Args:
        scores: float64 [K, B], the constraints' scores; clipped to [0, 1].
        weights: float64 [K], at least 0, of sum 1.
        delta: The smoothing, at least 0.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> equal = np.full(3, 1 / 3)
        >>> geometric_gate(np.array([[1.0], [1.0], [0.0]]), equal, delta=1e-2).round(3).tolist()
        [0.207]
    """
    powers = (np.clip(scores, 0.0, 1.0) + delta) ** weights[:, None]
    return np.asarray(np.clip(powers.prod(axis=0) - delta, 0.0, 1.0), dtype=np.float64)


@register("geometric_gate", papers=("B72",))
@dataclass(frozen=True)
class GeometricGate(Reward):
    """Multiply a reward by the smoothed geometric mean of constraints in [0, 1].

    From "Aligning Large Language Models with Searcher Preferences" (SearchLLM, 2026). The structure is known from
    secondary notes; ``delta`` and the weights are reconstructed. A row has a score where the reward and every
    constraint have one. Segments are scaled.

    Args:
        conditions: The constraints, at least one; their values are clipped to [0, 1].
        reward: What is multiplied.
        weights: One number a constraint, at least 0, scaled to sum 1; empty for equal weights.
        delta: The smoothing, at least 0; the smaller, the harder the gate.

    Raises:
        RewardiumError: When a parameter is no reward or out of range, or the lengths differ.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("geometric_gate([format, length], verify, weights=[2.0, 1.0])"))
        geometric_gate(conditions=[format, length], reward=verify, weights=[2.0, 1.0])
    """

    conditions: tuple[Reward, ...]
    reward: Reward
    weights: tuple[float, ...] = ()
    delta: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("conditions", "weights"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)):
                raise RewardiumError(f"geometric_gate: {name!r} must be a list, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        require_reward(self, "reward")
        require_number(self, "delta", at_least=0.0)
        if not self.conditions or not all(isinstance(condition, Reward) for condition in self.conditions):
            raise RewardiumError(f"geometric_gate: 'conditions' must be a list of rewards, got {self.conditions!r}")
        if self.weights:
            self._check_weights()

    def _check_weights(self) -> None:
        numbers = [
            weight for weight in self.weights if isinstance(weight, (int, float)) and not isinstance(weight, bool)
        ]
        proper = len(numbers) == len(self.weights) == len(self.conditions)
        if not proper or not all(0.0 <= weight < np.inf for weight in numbers) or not 0.0 < sum(numbers) < np.inf:
            raise RewardiumError(
                f"geometric_gate: 'weights' must hold {len(self.conditions)} numbers of at least 0, one a condition, "
                f"and not all 0, got {list(self.weights)}"
            )

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Multiply the reward by the gate."""
        conditions = [
            condition.fold(scores, batch, state.child(index)) for index, condition in enumerate(self.conditions)
        ]
        reward = self.reward.fold(scores, batch, state.child(len(conditions)))
        weights = np.array(self.weights or [1.0] * len(conditions), dtype=np.float64)
        gate = geometric_gate(
            np.stack([condition.value for condition in conditions]).astype(np.float64),
            weights / weights.sum(),
            self.delta,
        )
        value, valid, segments = scaled(reward, gate)
        known = valid & np.all([condition.valid for condition in conditions], axis=0)
        return add_term(self.registered_name, (*conditions, reward), reward.value, Shaped(value, known, segments))

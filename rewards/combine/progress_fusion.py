"""Fuse two measures of progress and the changes between steps into one steady progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_number, require_reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def hop(before: FloatArray, after: FloatArray) -> FloatArray:
    """Return the relative hop between two progresses: the share of what was left, or of what was there.

    ``(q - p) / (1 - p)`` where ``q >= p``, else ``(q - p) / p``.

    Args:
        before: float64 [B] in [0, 1], p.
        after: float64 [B] in [0, 1], q.

    Returns:
        float64 [B] in [-1, 1]; 0 where nothing was left and nothing lost.

    Example:
        >>> hop(np.array([0.5, 0.5, 1.0]), np.array([0.75, 0.25, 1.0])).tolist()
        [0.5, -0.5, 0.0]
    """
    room = np.where(after >= before, 1.0 - before, before)
    return np.divide(after - before, room, out=np.zeros_like(before), where=room > 0.0)


def advanced(progress: FloatArray, step: FloatArray) -> FloatArray:
    """Return the progress after a relative hop: ``Phi + (1 - Phi) * H`` upwards, ``Phi + Phi * H`` downwards.

    Args:
        progress: float64 [B] in [0, 1].
        step: float64 [B] in [-1, 1], H.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> advanced(np.array([0.5, 0.5]), np.array([0.5, -0.5])).tolist()
        [0.75, 0.25]
    """
    return progress + np.where(step >= 0.0, 1.0 - progress, progress) * step


def consistency(forward: FloatArray, backward: FloatArray, sharpness: float, eps: float = 1e-6) -> FloatArray:
    """Return ``exp(-sharpness * D^2)`` with ``D = |backward - forward| / (mean of both + eps)``.

    Args:
        forward: float64 [B] in [0, 1].
        backward: float64 [B] in [0, 1].
        sharpness: At least 0; 0 trusts everything.
        eps: Keeps D finite where both are 0.

    Returns:
        float64 [B] in (0, 1]; 1 where both agree.

    Example:
        >>> consistency(np.array([0.5, 0.75]), np.array([0.5, 0.25]), 1.0).round(4).tolist()
        [1.0, 0.3679]
    """
    gap = np.abs(backward - forward) / (0.5 * (forward + backward) + eps)
    return np.asarray(np.exp(-sharpness * gap * gap), dtype=np.float64)


def fused(previous: FloatArray, earlier: FloatArray, mean: FloatArray, trust: FloatArray) -> FloatArray:
    """Return ``Phi + (w / 2) * (mean - Phi + dPhi)``: half what is measured now, half what the hop since last adds.

    Args:
        previous: float64 [B] in [0, 1], the fused progress Phi of the step before.
        earlier: float64 [B] in [0, 1], the mean that was measured then.
        mean: float64 [B] in [0, 1], the mean that is measured now.
        trust: float64 [B] in [0, 1], w.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> half = np.array([0.5])
        >>> fused(half, half, np.array([1.0]), np.array([1.0])).tolist(), fused(half, half, half, half).tolist()
        ([1.0], [0.5])
    """
    change = advanced(previous, hop(earlier, mean)) - previous
    return previous + 0.5 * trust * (mean - previous + change)


@register("progress_fusion")
@dataclass(frozen=True)
class ProgressFusion(Reward):
    """Fuse forward and backward progress with the hop since the step before, as far as the two agree.

    "Robo-Dopamine: General Process Reward Modeling for High-Precision Robotic Manipulation" (2025), from an annotated
    copy of its method section::

        D       = |backward - forward| / ((forward + backward) / 2 + eps)      w = exp(-sharpness * D^2)
        Phi_t   = Phi_{t-1} + (w / 2) * (mean_t - Phi_{t-1} + dPhi_I)

    ``dPhi_I`` is what a relative hop adds to ``Phi_{t-1}``. In the paper a model judges that hop from both frames; here
    it is the hop between the two means, which is ours, as are the default of ``sharpness`` and a start at the first
    mean that is measured. Where the two measures contradict each other (a frame that left the start without coming
    nearer to the goal), the progress stays what it was. A step on which one of them has no score is invalid and changes
    nothing. Segments are dropped.

    Pay it as a potential: ``potential(progress_fusion(progress(measure='forward', ...), progress(measure='backward',
    ...)))``. Each of the two sources looks at the frames once.

    Args:
        forward: Progress since the start, in [0, 1]; values outside are cut.
        backward: Progress towards the goal, in [0, 1]; values outside are cut.
        sharpness: How fast trust falls with the contradiction, at least 0.

    Raises:
        RewardiumError: When a parameter is no reward or out of range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("potential(progress_fusion(graded, verify), gamma=0.95)"))
        potential(reward=progress_fusion(forward=graded, backward=verify), gamma=0.95)
    """

    forward: Reward
    backward: Reward
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        require_reward(self, "forward", "backward")
        require_number(self, "sharpness", at_least=0.0)

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Fuse, and remember the fused progress and the mean."""
        forward = self.forward.fold(scores, batch, state.child(0))
        backward = self.backward.fold(scores, batch, state.child(1))
        known = forward.valid & backward.valid
        memory = state.episode_arrays(batch, progress=np.nan, mean=np.nan)
        one, other = (np.clip(side.value.astype(np.float64), 0.0, 1.0) for side in (forward, backward))
        mean = 0.5 * (one + other)
        first = np.isnan(memory["progress"][batch.env])
        previous = np.where(first, mean, memory["progress"][batch.env])
        earlier = np.where(first, mean, memory["mean"][batch.env])
        value = fused(previous, earlier, mean, consistency(one, other, self.sharpness))
        memory["progress"][batch.env[known]] = value[known]
        memory["mean"][batch.env[known]] = mean[known]
        raw = mean.astype(np.float32)
        return add_term(self.registered_name, (forward, backward), raw, Shaped(value, known))

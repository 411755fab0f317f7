"""The Delta refiner: differences of step scores, which repeated steps cannot add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, values_of, with_values
from rewardium.rewards.source import Segments
from rewardium.rewards.state import RewardState


def delta(values: FloatArray) -> FloatArray:
    """Return the differences that the K steps of one response pay.

    With steps counted from 1 to K, where step K is the one that gives the answer::

        r_k     = p_k - p_{k+1}    for k < K - 1
        r_{K-1} = p_{K-1}
        r_K     = 0                the answer is judged by the outcome reward, not as a step

    What follows from step k on adds up to ``p_k``, for every k < K and any K.

    Args:
        values: float64 [K], the scores ``p_1 .. p_K`` of the steps in order.

    Returns:
        float64 [K].

    Example:
        >>> delta(np.array([0.75, 0.5, 1.0, 0.25])).tolist()
        [0.25, -0.5, 1.0, 0.0]
        >>> delta(np.array([0.75])).tolist()
        [0.0]
    """
    paid = np.zeros(len(values), dtype=np.float64)
    steps = values[:-1]
    paid[: len(steps)] = steps
    paid[: max(len(steps) - 1, 0)] -= steps[1:]
    return paid


@register("delta", papers=("A1",))
@dataclass(frozen=True)
class Delta(Shaper):
    """PR-Delta: pay differences of step scores, so that the return is bounded for any number of steps.

    From "On Designing Effective RL Reward at Training Time for LLM Reasoning" (2024). Two forms:

    - Where an action has segments, all its steps are known at once, and they are paid in the paper's form, the function
      ``delta`` above; the last segment is taken as the answer and pays nothing. The segments add up to ``p_1``.
    - Across the steps of an environment, the next score is not known when a step must be paid. There the node departs
      from the paper and pays the causal difference ``p_t - p_{t-1}``, with ``p_{-1} = 0`` at each episode's start. What
      an episode has paid so far is the newest score, for any number of steps.

    An episode of several actions with segments joins both: the first segment of an action also gives back what the
    episode has paid so far, so that the episode's return is the ``p_1`` of its newest action. An action of one segment
    is an answer; it pays nothing and changes nothing. A missing score is skipped: the next known one pays its
    difference to the last known one.

    Args:
        reward: The score of a step.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("delta(extrinsic)"))
        delta(reward=extrinsic)
    """

    reward: Reward

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Pay the differences."""
        return pay_differences(Shaped.of(inner), batch, state)


def pay_differences(scored: Shaped, batch: TransitionBatch, state: RewardState) -> Shaped:
    """Turn step scores into the differences that ``Delta`` pays.

    Args:
        scored: The steps' scores.
        batch: The transitions, at most one an environment.
        state: The node's memory: what each episode has paid so far.

    Returns:
        The differences.
    """
    paid_so_far = state.episode_arrays(batch, paid_so_far=0.0)["paid_so_far"]
    rows: list[Segments] = [()] * len(batch) if scored.segments is None else list(scored.segments)
    has_segments = np.array([bool(parts) for parts in rows], dtype=np.bool_)
    plain = scored.valid & ~has_segments
    value = scored.value.copy()
    value[plain] -= paid_so_far[batch.env[plain]]
    paid_so_far[batch.env[plain]] = scored.value[plain]
    for row in np.flatnonzero(scored.valid & has_segments).tolist():
        before = values_of(rows[row])
        after = delta(before)
        if len(before) > 1:
            after[0] -= paid_so_far[batch.env[row]]
            paid_so_far[batch.env[row]] = before[0]
        value[row] += after.sum() - before.sum()
        rows[row] = with_values(rows[row], after)
    return Shaped(value, scored.valid, None if scored.segments is None else rows)

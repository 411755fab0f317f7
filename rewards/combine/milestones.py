"""Several rewards, each paid once an episode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.shaping.shaper import Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState

Pays = Literal["new", "total"]


@register("milestones")
@dataclass(frozen=True)
class Milestones(Reward):
    """Pay each of several rewards the first time that it earns something in an episode, and not again.

    The once-per-episode rule of CALM, "Assessing the Zero-Shot Capabilities of LLMs for Action Evaluation in RL"
    (2024), where each reward stands for a subgoal. With ``v_k`` what reward k says of a step, and ``e_k`` what it has
    earned before in the episode (0 for nothing)::

        r = sum_k v_k * 1[e_k = 0]          pays="new": what this step reaches
        r = sum_k e_k + v_k * 1[e_k = 0]    pays="total": all that the episode has reached so far, a potential

    ``potential(milestones([...], pays='total'))`` is the potential form; its sum over an episode does not depend on
    what was reached, so that it can only guide, and a judge's mistakes leave the optimal policy as it is.

    A reward whose score is missing adds nothing to the sum, as in ``+``, and its milestone stays open; once it has been
    earned, its further scores no longer matter, and it counts as known without one. The row has no score where nothing
    is known of any milestone. Segments are dropped: a milestone belongs to a step.

    Args:
        rewards: One reward a milestone; a score of 0 says that it was not reached.
        pays: Whether a step pays what it newly reaches, or the sum so far.

    Raises:
        RewardiumError: When there are no rewards, something else stands among them, or ``pays`` is something else.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("0.5 * milestones([extrinsic, 2.0 * verify])"))
        0.5 * milestones(rewards=[extrinsic, 2.0 * verify])
    """

    rewards: tuple[Reward, ...]
    pays: Pays = "new"

    def __post_init__(self) -> None:
        given = (self.rewards,) if isinstance(self.rewards, Reward) else self.rewards
        if not isinstance(given, (list, tuple)) or not all(isinstance(reward, Reward) for reward in given):
            raise RewardiumError(f"milestones: 'rewards' must be a list of rewards, got {self.rewards!r}")
        if not given:
            raise RewardiumError("milestones: 'rewards' needs at least one reward")
        object.__setattr__(self, "rewards", tuple(given))
        require_choice(self, "pays", get_args(Pays))

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Pay what is reached, and remember it."""
        outcomes = tuple(reward.fold(scores, batch, state.child(k)) for k, reward in enumerate(self.rewards))
        earned = state.episode_arrays(batch, **{f"earned_{k}": 0.0 for k in range(len(outcomes))})
        raw, new, before = np.zeros((3, len(batch)), dtype=np.float64)
        valid = np.zeros(len(batch), dtype=np.bool_)
        for k, outcome in enumerate(outcomes):
            memory = earned[f"earned_{k}"]
            so_far = memory[batch.env]
            is_open = so_far == 0.0
            value = np.where(outcome.valid, outcome.value, 0.0).astype(np.float64)
            raw += value
            new += np.where(is_open, value, 0.0)
            before += so_far
            valid |= outcome.valid | ~is_open
            memory[batch.env] = np.where(is_open, value, so_far)
        paid = new if self.pays == "new" else before + new
        return add_term(self.registered_name, outcomes, raw.astype(np.float32), Shaped(paid, valid))

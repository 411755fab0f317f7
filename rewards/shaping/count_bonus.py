"""Pay for what has not been seen often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.count_table import count_visit
from rewardium.rewards.shaping.leaf import Leaf, require_whole
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped
from rewardium.rewards.shaping.state_keys import StateKey, needs_of, require_some, state_keys
from rewardium.rewards.state import RewardState

Scope = Literal["lifetime", "episode"]
Form = Literal["sqrt", "explors", "inverse", "first"]


def novelty(before: FloatArray, form: Form = "sqrt", scale: float = 1.0, maximum: float = 1.0) -> FloatArray:
    """Return the bonus for a visit, from the number ``before`` of earlier visits; ``N = before + 1``.

    ===========  ==================================================================
    ``sqrt``     ``scale / sqrt(N)``
    ``inverse``  ``scale / N``
    ``first``    ``scale`` where ``N = 1``, else 0
    ``explors``  ``scale / sqrt((scale / maximum) ** 2 + before)``
    ===========  ==================================================================

    Args:
        before: float64 [B], at least 0.
        form: How the bonus falls.
        scale: The factor, above 0.
        maximum: No bonus is larger; above 0. In the form ``explors`` it is the bonus of the first visit.

    Returns:
        float64 [B] in [0, maximum].

    Example:
        >>> novelty(np.array([0.0, 3.0, 8.0])).round(4).tolist()
        [1.0, 0.5, 0.3333]
        >>> novelty(np.array([0.0, 3.0, 8.0]), "explors", scale=2.0).round(4).tolist()
        [1.0, 0.7559, 0.5774]
    """
    if form == "explors":
        return np.asarray(scale / np.sqrt((scale / maximum) ** 2 + before), dtype=np.float64)
    visits = before + 1.0
    falls = {"sqrt": 1.0 / np.sqrt(visits), "inverse": 1.0 / visits, "first": (visits == 1.0).astype(np.float64)}
    return np.asarray(np.minimum(scale * falls[form], maximum), dtype=np.float64)


@register("count_bonus")
@dataclass(frozen=True)
class CountBonus(Leaf):
    """Pay for reaching a state that has been reached seldom: the oldest reward for exploring.

    The form ``sqrt`` is the bonus of Bellemare et al., "Unifying Count-Based Exploration and Intrinsic Motivation"
    (2016); ``explors`` is ``R_explore`` of "Exploration-Guided Reward Shaping for Reinforcement Learning under Sparse
    Rewards" (2022) with the constants of the authors' code (scale and maximum 1, nothing for a terminal state);
    ``first`` with ``scope="episode"`` is the first-visit rule of NovelD and AGAC (2021), as a reward of its own or as
    the condition of a ``gate``. The authors of ``explors`` count the state that is left, not the one that is reached;
    the two differ in the first state of each episode, which is not counted here.

    The environments of a vector share the counts of a lifetime. Rows of one time step are counted in the order of
    their environments, so that of two that reach a new state together the first is paid for a new one. The counts are
    bounded: ``capacity`` keys are exact, and later ones go into a hashed sketch, which may take a new state for an
    old one, but never an old one for new.

    A row without a key is invalid; where the first step already has none, an error says what the environment lacks.
    ``position`` is read from the observation: ``blstats`` or ``position`` in it, the features beside an image of a
    NetHack environment, or the Status line of a caption.

    Args:
        key: What makes two states the same: "message", "position", "observation" or "caption".
        scope: Whether visits of the whole training count, or those of the episode.
        form: How the bonus falls with the visits: "sqrt", "explors", "inverse" or "first".
        scale: The factor (lambda of the papers), above 0.
        maximum: No bonus is larger; above 0.
        capacity: The number of keys that are counted exactly, for the lifetime or for each environment's episode.

    Raises:
        RewardiumError: When a parameter is out of range; at the first step, when no row has such a key.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> from rewardium.rewards import RewardState, parse
        >>> reward, state = parse("extrinsic + 0.5 * count_bonus(key='message')"), RewardState()
        >>> for step, text in enumerate(["You see a key.", "It's a wall.", "You see a key."]):
        ...     batch = TransitionBatch.from_transitions([Transition("", "", 0, text=text, step=step)])
        ...     print(round(float(reward.evaluate(batch, state).value[0]), 3))
        0.5
        0.5
        0.354
    """

    key: StateKey = "message"
    scope: Scope = "lifetime"
    form: Form = "sqrt"
    scale: float = 1.0
    maximum: float = 1.0
    capacity: int = 100_000

    def __post_init__(self) -> None:
        for name, kind in (("key", StateKey), ("scope", Scope), ("form", Form)):
            require_choice(self, name, get_args(kind))
        require_number(self, "scale", above=0.0)
        require_number(self, "maximum", above=0.0)
        require_whole(self, "capacity")

    @property
    def own_needs(self) -> frozenset[str]:
        """What the key is made of."""
        return needs_of(self.key)

    def pay(self, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Count each row's state and pay for it."""
        keys = state_keys(batch, self.key)
        require_some(self.registered_name, self.key, keys, state.memory)
        if self.scope == "lifetime":
            tables = [state.memory.setdefault("lifetime", {})] * len(batch)
        else:
            tables = state.episode_dicts(batch)
        unpaid = batch.terminated if self.form == "explors" else np.zeros(len(batch), dtype=np.bool_)
        before = np.zeros(len(batch), dtype=np.float64)
        for row in np.argsort(batch.env, kind="stable").tolist():
            key = keys[row]
            if key is not None and not unpaid[row]:
                before[row] = count_visit(tables[row], key, self.capacity)
        value = np.where(unpaid, 0.0, novelty(before, self.form, self.scale, self.maximum))
        return Shaped(value, np.array([key is not None for key in keys], dtype=np.bool_))

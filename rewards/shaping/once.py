"""Pay each text once an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.shaping.shaper import Shaped, Shaper, scaled
from rewardium.rewards.shaping.texts import Part, text_keys
from rewardium.rewards.state import RewardState


@register("once")
@dataclass(frozen=True)
class Once(Shaper):
    """Pay for a text the first time it earns something in an episode, and 0 from then on.

    The once-per-episode rule of CALM, "Assessing the Zero-Shot Capabilities of LLMs for Action Evaluation in RL"
    (2024), for which a text stands for an achieved subgoal. A missing score, or one of 0, does not use up the text. A
    row without a text is paid in full. Segments are scaled with their row.

    Args:
        reward: What is paid once.
        part: What is remembered: of a game's caption the "message", of any other text the whole; or the whole "text".

    Raises:
        RewardiumError: When ``part`` is something else.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("once(extrinsic)"))
        once(reward=extrinsic)
    """

    reward: Reward
    part: Part = "message"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "part", get_args(Part))

    @property
    def own_needs(self) -> frozenset[str]:
        """The text, which is remembered."""
        return frozenset({"text"})

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Pay the texts that have not been paid yet."""
        unpaid = np.ones(len(batch), dtype=np.float64)
        earns = (inner.valid & (inner.value != 0.0)).tolist()
        for row, (key, paid) in enumerate(zip(text_keys(batch, self.part), state.episode_dicts(batch), strict=True)):
            if key is not None and key in paid:
                unpaid[row] = 0.0
            elif key is not None and earns[row]:
                paid[key] = True
        return scaled(inner, unpaid)

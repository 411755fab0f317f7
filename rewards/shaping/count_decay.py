"""Pay less each time the same text comes again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, Shaper, scaled
from rewardium.rewards.shaping.texts import Part, text_keys
from rewardium.rewards.state import RewardState


def count_decay(counts: FloatArray, beta: float = 3.0) -> FloatArray:
    """Return ``1 / counts ** beta``.

    Args:
        counts: float64 [B], how often each row's text has come in its episode, this time included; at least 1.
        beta: The exponent, at least 0.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> count_decay(np.array([1.0, 2.0, 4.0]), beta=3.0).tolist()
        [1.0, 0.125, 0.015625]
    """
    with np.errstate(under="ignore"):
        return np.asarray(np.power(counts, -float(beta)), dtype=np.float64)


@register("count_decay")
@dataclass(frozen=True)
class CountDecay(Shaper):
    """Divide a reward by ``N ** beta``, where N counts how often the step's text has come within the episode.

    From "Online Intrinsic Rewards for Decision Making Agents from LLM Feedback" (2024), with the constant of the
    authors' code, ``beta=3``. It keeps an agent from farming one well-paid message. Every visit counts, also one whose
    score is missing: N is about what the agent saw, not about what the annotator has got to. A row without a text is
    paid in full and not counted. Segments are scaled with their row.

    Args:
        reward: What is divided.
        beta: The exponent, at least 0.
        part: What counts: of a game's caption the "message", of any other text the whole; or the whole "text".

    Raises:
        RewardiumError: When ``beta`` is no finite number of at least 0, or ``part`` is something else.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("0.4 * count_decay(extrinsic)"))
        0.4 * count_decay(reward=extrinsic)
    """

    reward: Reward
    beta: float = 3.0
    part: Part = "message"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "beta", at_least=0.0)
        require_choice(self, "part", get_args(Part))

    @property
    def own_needs(self) -> frozenset[str]:
        """The text, which is counted."""
        return frozenset({"text"})

    def shape(self, inner: Outcome, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Count each row's text and divide."""
        counts = np.ones(len(batch), dtype=np.float64)
        for row, (key, seen) in enumerate(zip(text_keys(batch, self.part), state.episode_dicts(batch), strict=True)):
            if key is not None:
                counts[row] = seen[key] = seen.get(key, 0) + 1
        return scaled(inner, count_decay(counts, self.beta))

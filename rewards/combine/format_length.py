"""Reinforcement learning without answers: the form and the length of a response."""

from __future__ import annotations

from typing import Literal

from rewardium.envs.math.rational import AnswerFrom
from rewardium.rewards.combine.choose import Choose
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward
from rewardium.rewards.shaping.clip import Clip
from rewardium.rewards.sources.format import Format
from rewardium.rewards.sources.length import Length


@register("format_length", papers=("A24",))
def format_length(
    maximum: int = 512,
    target: float = 0.5,
    unit: Literal["characters", "words"] = "characters",
    shape: Literal["hump", "polyline"] = "hump",
    where: AnswerFrom = "boxed",
) -> Reward:
    r"""Build ``f + l`` where the format is right, else ``min(0, f + l)``: no reference answer is read.

    ``f`` is ``format``, 0 or 1, and ``l`` is ``length``, in [-1, 1]. From "Surrogate Signals from Format and Length:
    Reinforcement Learning for Solving Mathematical Problems without Ground Truth Answers" (2025), as in the paper's
    text, with its target of 0.5; the paper's maximum is 3072 tokens, ours counts characters or words. The sum is in
    [-1, 2], and a response whose answer cannot be read never earns anything.

    Args:
        maximum: See ``length``.
        target: See ``length``; the paper finds 0.4 to 0.8 equally good, 1 leading to truncated and 0.1 to collapsed
            responses.
        unit: See ``length``.
        shape: See ``length``.
        where: Where the answer stands: in the last ``\boxed{...}``, or on the last line.

    Returns:
        The reward: a ``choose`` between the sum and the capped sum.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> reward = parse("format_length(maximum=3072)")
        >>> print(reward.reward)
        format + length(maximum=3072)
        >>> print(reward.condition, "/", reward.otherwise)
        format / clip(reward=format + length(maximum=3072), high=0.0)
    """
    form = Format(where)
    total = form + Length(maximum, target, unit, shape)
    return Choose(form, total, Clip(total, low=-1.0, high=0.0))

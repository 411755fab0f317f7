"""The schedules of ToolRL: first the form counts most, then the match."""

from __future__ import annotations

from typing import Literal

from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward
from rewardium.rewards.shaping.anneal import Anneal
from rewardium.rewards.sources._call_matching import Level
from rewardium.rewards.sources._tool_turns import AnyStyle, Scope
from rewardium.rewards.sources.tool_rl import ToolRL


@register("tool_rl_schedule", papers=("B15",))
def tool_rl_schedule(
    steps: float,
    kind: Literal["linear", "exponential", "cosine", "switch"] = "linear",
    format_weight: tuple[float, float] = (2.0, 1.0),
    scale: tuple[float, float] = (2.0, 3.0),
    level: Level = "fine",
    scope: Scope = "turn",
    think: bool = True,
    call_style: AnyStyle = "hermes",
) -> Reward:
    """Build ``tool_rl`` whose two parts change weight while training goes on.

    From "ToolRL: Reward is All Tool Learning Needs" (2025): the weight of the form falls from 2 to 1 while the scale of
    the match rises from 2 to 3, over 150 training steps, or at once at step 30 with ``kind="switch"``. The smooth
    schedule's numbers and the step of the switch are as in the authors' code; the values on either side of the switch
    are assumed to be the same as the smooth one's ends. ``anneal`` counts transitions, not training steps: a training
    step of 64 episodes of up to 4 turns is up to 256 transitions, and 150 such steps are ``steps=38400``.

    Args:
        steps: The transitions over which the weights change, or after which they switch, above 0.
        kind: The curve; see ``anneal``.
        format_weight: What the right form is worth at the beginning and in the end.
        scale: What a perfect match is worth, and a missing one costs, at the beginning and in the end.
        level: See ``tool_rl``.
        scope: See ``tool_rl``.
        think: See ``tool_rl``.
        call_style: See ``tool_rl``.

    Returns:
        The sum of the two annealed parts.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("tool_rl_schedule(steps=38400)"))
        anneal(reward=tool_rl(scale=0.0), steps=38400, start=2.0, end=1.0) + \
anneal(reward=tool_rl(format_weight=0.0, scale=1.0), steps=38400, start=2.0, end=3.0)
    """
    form = ToolRL(level, scope, format_weight=1.0, scale=0.0, think=think, call_style=call_style)
    match = ToolRL(level, scope, format_weight=0.0, scale=1.0, think=think, call_style=call_style)
    return Anneal(form, steps, *format_weight, kind=kind) + Anneal(match, steps, *scale, kind=kind)

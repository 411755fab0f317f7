"""The decision between using tools and answering directly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._tool_turns import NOT_YET, STYLES, AnyStyle, Episode, Judged, score_episodes

STRATEGIES = ("tool", "direct")


@register("tool_decision", papers=("A48",))
@dataclass(frozen=True)
class ToolDecision(RewardSource):
    """1 for the right strategy and success, ``partial`` for the right strategy alone, 0 for the wrong strategy.

    The decision reward of "Visual Programmability: A Guide for Code-as-Thought in Chart Understanding" (2025), where
    the strategy is code or no code and annotated in advance. The structure and the weights of the whole reward,
    ``0.8 * accuracy + 0.3 * decision + 0.15 * data + 0.05 * format``, are as in the paper's text; ``partial`` is not
    given there, 0.5 is assumed. With tools the whole reward may read
    ``0.8 * extrinsic + 0.3 * tool_decision + 0.15 * clip(tool_rl(scope='episode', format_weight=0.0, scale=1.0), low=0)
    + 0.05 * format``.

    The strategy was to use tools where some turn of the episode makes a call, also one that cannot be read. The right
    one is ``task.fields["strategy"]``, ``"tool"`` or ``"direct"``; without the field it is tools where the task has
    gold calls, which is our own reading. Success is an environment's reward of at least ``success``. All is paid at the
    episode's last turn; an earlier turn is worth 0.

    Score: value float32 [B] in {0, partial, 1}, valid bool [B], False where the right strategy is not known, or the
    environment's last reward is not finite.

    Args:
        partial: What the right strategy is worth without success, in [0, 1].
        success: The smallest of the environment's rewards that counts as success.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("1 + 1?", reference="2", fields={"strategy": "direct"})
        >>> call = Transition("", "", '<tool_call>{"name": "add", "arguments": {}}</tool_call>', task=task)
        >>> rows = [Transition("", "", "3", task=task, terminated=True), Transition("", "", "2", task=task,
        ...         reward=1.0, terminated=True, history=(call,))]
        >>> ToolDecision().score(TransitionBatch.from_transitions(rows)).value.tolist()
        [0.5, 0.0]
    """

    partial: float = 0.5
    success: float = 0.5
    call_style: AnyStyle = "hermes"

    needs = frozenset({"action", "task", "history"})

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)
        require_number(self, "partial", at_least=0.0, at_most=1.0)
        require_number(self, "success")

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns."""
        return score_episodes(batch, self.needs, self.call_style, self._judge)

    def _judge(self, episode: Episode) -> Judged:
        right = right_strategy(episode)
        if right is None:
            return Judged(None, "the task names no strategy and has no gold calls that can be read")
        if not episode.done:
            return Judged(0.0, NOT_YET)
        if not np.isfinite(episode.reward):
            return Judged(None, "the environment's reward is not finite")
        chosen = "tool" if episode.items else "direct"
        if chosen != right:
            return Judged(0.0, f"the strategy was {chosen!r}, right is {right!r}")
        succeeded = episode.reward >= self.success
        return Judged(1.0 if succeeded else self.partial, f"{right!r} is right, {'and' if succeeded else 'no'} success")


def right_strategy(episode: Episode) -> str | None:
    """Return the strategy that the task asks for, ``"tool"`` or ``"direct"``, or None where it is not known."""
    named = episode.task.fields.get("strategy")
    if isinstance(named, str) and named in STRATEGIES:
        return named
    gold = episode.gold
    return None if gold is None else "tool" if gold else "direct"

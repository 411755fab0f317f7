"""A ladder of tool use, on which each rung counts only where the rungs below hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._call_matching import match_calls
from rewardium.rewards.sources._tool_turns import (
    NEVER_RAN,
    NO_GOLD,
    NO_RESULTS,
    NOT_YET,
    STYLES,
    AnyStyle,
    Episode,
    Judged,
    score_episodes,
)

RUNGS = ("parses", "valid", "arguments", "executes", "answer", "efficient")
# The last rung has no threshold and closes nothing.
_CLOSED = (*(f"closed at {name}" for name in RUNGS[:-1]), "closed at no rung")


def climb(levels: Sequence[float], weights: Sequence[float], thresholds: Sequence[float]) -> float:
    """Return ``sum_i w_i r_i prod_{j<i} 1[r_j >= tau_j]``.

    Args:
        levels: The scores ``r``, from the lowest rung to the highest.
        weights: One weight a rung.
        thresholds: One threshold a rung but the last: the score from which on the next rung counts.

    Returns:
        The sum.

    Example:
        >>> climb([1.0, 0.5, 1.0], weights=[0.1, 0.2, 1.0], thresholds=[1.0, 1.0])
        0.2
    """
    reached = closed_at(levels, thresholds) + 1
    return sum([weight * level for level, weight in zip(levels[:reached], weights[:reached], strict=True)], 0.0)


def closed_at(levels: Sequence[float], thresholds: Sequence[float]) -> int:
    """Return the index of the first rung below its threshold, and the number of thresholds where there is none.

    Example:
        >>> closed_at([1.0, 0.5, 1.0], thresholds=[1.0, 1.0]), closed_at([1.0, 1.0, 0.0], thresholds=[1.0, 1.0])
        (1, 2)
    """
    for index, threshold in enumerate(thresholds):
        if levels[index] < threshold:
            return index
    return len(thresholds)


@register("tool_ladder", papers=("B1", "B2"))
@dataclass(frozen=True)
class ToolLadder(RewardSource):
    """Six rungs, each of which counts only where all below it reach their thresholds.

    ``r = sum_i w_i r_i prod_{j<i} 1[r_j >= tau_j]`` over the calls of all turns so far, with the rungs

    1. ``parses``: the share of calls that can be read;
    2. ``valid``: the share of calls that fit a tool, so that it was run;
    3. ``arguments``: the match with the gold calls, ``S / S_max`` of ``tool_rl``;
    4. ``executes``: the share of calls whose tool answered;
    5. ``answer``: the environment's reward at the last turn, clipped to [0, 1];
    6. ``efficient``: ``min(max(gold calls / calls, floor), 1)``.

    Without any call rungs 1 to 4 are 1 where no gold call is wanted and 0 otherwise; calls where none is wanted have
    0 on the third. The two sources are "TIGeR: Tool-Integrated Geometric Reasoning in Vision-Language Models for
    Robotics" (2025), of which the five kinds of checks are known from notes, and "ChipSeek-R1" (2025), of which a
    published script gives 0 / 0.2 / 1 for failing, running and right, and above that a quality ``max(0.1, ratio)``;
    that is ``weights=[0.0, 0.0, 0.0, 0.2, 0.8, 1.0], thresholds=[1.0, 1.0, 0.0, 1.0, 1.0]`` here. The form of the sum,
    the default weights and thresholds and the weight of the last rung are reconstructed or our own, none is a paper's.
    So is counting calls as the cost, and the bound of the ratio at 1.

    With the default thresholds one call that fails closes the rungs above for the whole episode, also where a later
    turn puts it right; lower thresholds leave room for mistakes, and for variance within a group of samples.

    Score: value float32 [B] in [0, sum of the weights], valid bool [B], False where the task has no readable
    ``fields["gold_calls"]``, an observation does not say what came of each call of its turn, or the
    environment's last reward is not finite.

    Args:
        scope: ``"episode"``: paid at the last turn, and an earlier turn is worth 0. ``"so_far"``: the ladder of all
            calls so far, at every turn, with 0 on the fifth rung before the end; ``delta`` around it pays each turn
            the rungs that it climbs.
        weights: Six numbers of at least 0.
        thresholds: Five numbers, for all rungs but the last.
        floor: The least efficiency, in [0, 1]; 0.1 in ChipSeek-R1's script.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.tools.calls import parse_turn
        >>> from rewardium.envs.tools.execution import CallOutcome
        >>> from rewardium.envs.tools.observations import write_observation
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("Time?", fields={"gold_calls": [{"name": "now", "arguments": {}}]})
        >>> said = '<tool_call>{"name": "now", "arguments": {}}</tool_call>'
        >>> seen = write_observation([CallOutcome(parse_turn(said).calls[0], "ok", "12:00")])
        >>> past = Transition(seen, "", said, task=task)
        >>> last = Transition("", seen, "12:00", task=task, reward=1.0, terminated=True, history=(past,))
        >>> ToolLadder().score(TransitionBatch.from_transitions([last])).value.astype(float).round(3).tolist()
        [1.9]
    """

    scope: Literal["so_far", "episode"] = "episode"
    weights: tuple[float, ...] = (0.1, 0.2, 0.2, 0.2, 1.0, 0.2)
    thresholds: tuple[float, ...] = (1.0, 1.0, 0.5, 1.0, 1.0)
    floor: float = 0.1
    call_style: AnyStyle = "hermes"

    needs = frozenset({"action", "observation", "task", "history"})

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)
        require_choice(self, "scope", ("so_far", "episode"))
        require_number(self, "floor", at_least=0.0, at_most=1.0)
        for name, count in (("weights", len(RUNGS)), ("thresholds", len(RUNGS) - 1)):
            values = getattr(self, name)
            if not isinstance(values, (list, tuple)) or len(values) != count or not all(map(_is_number, values)):
                raise RewardiumError(f"tool_ladder: {name!r} must be {count} numbers, got {values!r}")
            object.__setattr__(self, name, tuple(values))
        if min(self.weights) < 0.0:
            raise RewardiumError(f"tool_ladder: 'weights' must be at least 0, got {list(self.weights)}")

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns; the reasons name the first rung that closed."""
        return score_episodes(batch, self.needs, self.call_style, self._judge)

    def _judge(self, episode: Episode) -> Judged:
        if episode.gold is None:
            return Judged(None, NO_GOLD)
        if self.scope == "episode" and not episode.done:
            return Judged(0.0, NOT_YET)
        if episode.done and not math.isfinite(episode.reward):
            return Judged(None, "the environment's reward is not finite")
        levels = rungs(episode, self.floor)
        if levels is None:
            return Judged(None, NO_RESULTS)
        reached = closed_at(levels, self.thresholds)
        return Judged(climb(levels, self.weights, self.thresholds), _CLOSED[reached])


def rungs(episode: Episode, floor: float) -> tuple[float, ...] | None:
    """Return the scores of the six rungs for the turns of an episode; None where they cannot be had."""
    gold, results, items = episode.gold, episode.results, episode.items
    if gold is None or results is None:
        return None
    calls = episode.calls
    strangers = len(items) - len(calls)
    answer = min(max(episode.reward, 0.0), 1.0) if episode.done else 0.0
    efficient = min(max(len(gold) / len(items), floor), 1.0) if items else 1.0
    if not items:
        return (*[0.0 if gold else 1.0] * 4, answer, efficient)
    matched = match_calls(gold, calls, "fine", strangers).share if gold else 0.0
    ran = len([result for result in results if result.status not in NEVER_RAN])
    answered = len([result for result in results if result.status == "ok"])
    return 1.0 - strangers / len(items), ran / len(items), matched, answered / len(items), answer, efficient


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

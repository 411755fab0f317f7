"""A dense proxy of tool use: do the calls fit the tools."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._tool_turns import (
    NEVER_RAN,
    NO_RESULTS,
    STYLES,
    AnyStyle,
    Episode,
    Judged,
    by_call,
    score_episodes,
)


@register("valid_calls")
@dataclass(frozen=True)
class ValidCalls(RewardSource):
    """The share of a turn's calls that are valid: ``r = valid calls / calls``, and 0 for a turn without calls.

    A call is valid where a tool was run for it: it could be read, there is such a tool, and the arguments fit. With
    ``executes`` the tool must also have answered. No gold solution is needed, and whether the call was of any use plays
    no part: a policy that is paid this alone makes valid calls for ever, so bound it, for instance with ``clip_step``.
    A proxy of our own; the first two rungs of ``tool_ladder`` are its relatives from the literature.

    Score: value float32 [B] in [0, 1], valid bool [B], False where there are calls and the observation does not say
    what came of each, as that of ``rewardium/ToolUse-v0`` does.

    Args:
        executes: Whether a call whose tool failed or took too long counts as invalid too.
        by_call: Whether each call's part, ``1 / calls``, is placed on its block in the response.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.tools.calls import parse_turn
        >>> from rewardium.envs.tools.execution import execute
        >>> from rewardium.envs.tools.observations import write_observation
        >>> from rewardium.envs.tools.tool import Toolbox, tool
        >>> from rewardium.envs.transition import Transition
        >>> @tool
        ... def double(number: int) -> int:
        ...     '''Return twice a number.'''
        ...     return 2 * number
        >>> said = "".join('<tool_call>{"name": "%s", "arguments": {"number": 4}}</tool_call>' % name
        ...                for name in ("double", "treble"))
        >>> seen = write_observation(execute(parse_turn(said), Toolbox([double])))
        >>> row = Transition(seen, "", said, task=Task("Twice 4?"))
        >>> ValidCalls().score(TransitionBatch.from_transitions([row])).value.tolist()
        [0.5]
    """

    executes: bool = False
    by_call: bool = False
    call_style: AnyStyle = "hermes"

    needs = frozenset({"action", "observation", "task"})

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns."""
        return score_episodes(batch, self.needs, self.call_style, self._judge)

    def _judge(self, episode: Episode) -> Judged:
        results = episode.turn.results
        if results is None:
            return Judged(None, NO_RESULTS)
        if not results:
            return Judged(0.0, "no calls")
        valid = [result.status == "ok" if self.executes else result.status not in NEVER_RAN for result in results]
        value = sum(valid) / len(valid)
        reason = f"{sum(valid)} of {len(valid)} calls are valid"
        shares = tuple(is_valid / len(valid) for is_valid in valid)
        return Judged(value, reason, by_call(episode.turn, value, shares) if self.by_call else ())

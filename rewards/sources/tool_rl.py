"""The reward of ToolRL: the form of a turn, and how well its calls match the gold calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import CallFault, ToolCall
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._call_matching import LEVELS, Level, Match, match_calls
from rewardium.rewards.sources._identity_cache import IdentityCache
from rewardium.rewards.sources._tool_turns import (
    NO_GOLD,
    NOT_YET,
    STYLES,
    AnyStyle,
    Episode,
    Judged,
    Scope,
    Turn,
    by_call,
    has_form,
    score_episodes,
)


@register("tool_rl", papers=("B15",))
@dataclass(frozen=True)
class ToolRL(RewardSource):
    r"""Form plus match: ``r = format_weight * F + scale * (2 * S / S_max - 1)``, within -3 and 4 by default.

    From "ToolRL: Reward is All Tool Learning Needs" (2025), as in the authors' code. ``F`` is 1 where the turn has the
    form that is due: calls while gold calls are left, else an answer. A match of calls with n gold calls scores::

        fine          S = N + sum over gold calls of (J + V),    S_max = 1 + sum of (1 + number of parameters)
        refined       the same, with N and each J counted only where they are 1
        intermediate  S = N + number of gold calls that some call equals,    S_max = 1 + n
        coarse        S = 1 where calls and gold calls are the same, else 0,    S_max = 1

    ``N`` is the Jaccard index of the multisets of tools' names; each gold call in turn takes the best call of its name
    that is left, where ``J`` is the Jaccard index of the parameters' names and ``V`` counts equal values. Without a
    call, or with one that cannot be read, ``S = 0``. Where no gold call is due, the second summand is 0.

    In the paper are formula and constants of ``fine``, and ``coarse``; that ``intermediate`` keeps ``N``, and how
    strict ``refined`` is, is recalled. The paper judges one response against its gold calls (``scope="response"``), in
    which the other scopes agree on an episode of one turn. What they make of several turns is our own:

    - ``"turn"``: a gold call counts as paid for once it was given a call of its name, right or wrong, in a turn whose
      calls could be read (``coarse``: once a turn matched all that was left). So nothing is paid twice, and a call
      repeated or put right later earns nothing; but calls spread over turns earn more in sum than in one turn, and a
      turn that rightly makes one of three dependent calls is judged as one of three.
    - ``"so_far"``: all calls up to now, at every turn. ``delta(tool_rl(scope='so_far'))`` pays each turn what it adds,
      the choice for dependent calls: an episode earns the score of all its calls. A call that cannot be read counts as
      one of a tool that is not there. ``F`` is 1 where every turn was either well-formed calls or an answer.
    - ``"episode"``: the same, paid at the last turn.

    Schedules over training are ``tool_rl_schedule``; the length reward is
    ``length(maximum=512, target=1.0, unit='words', shape='polyline')``, which is ``min(1, words / 512)``.

    Score: value float32 [B] in [-scale, format_weight + scale], valid bool [B], False where the task has no readable
    ``fields["gold_calls"]``.

    Args:
        level: How finely a match is graded.
        scope: Which calls are judged, and when; see above.
        format_weight: What the right form is worth, at least 0; 1 in the paper.
        scale: What a perfect match is worth, and a missing one costs, at least 0; 3 in the paper, 1 in a variant.
        think: Whether the form demands ``<think>...</think>`` and then nothing but calls or an answer, as in the
            paper. Otherwise any text may stand before the calls.
        by_call: Whether what a call earned by its arguments is placed on its block, ``2 * scale * (J + V) / S_max``,
            and the rest at the response's end; for the scopes ``"response"`` and ``"turn"``.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("6 * 7?", fields={"gold_calls": [{"name": "multiply", "arguments": {"a": 6, "b": 7}}]})
        >>> said = '<think>So.</think>\n<tool_call>{"name": "multiply", "arguments": {"a": 6, "b": %s}}</tool_call>'
        >>> rows = [Transition("", "", action, task=task) for action in (said % 7, said % 8, said % "x", "42")]
        >>> ToolRL(scope="response").score(TransitionBatch.from_transitions(rows)).value.tolist()
        [4.0, 2.5, -2.0, -3.0]
    """

    level: Level = "fine"
    scope: Scope = "turn"
    format_weight: float = 1.0
    scale: float = 3.0
    think: bool = True
    by_call: bool = False
    call_style: AnyStyle = "hermes"

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)
        require_choice(self, "level", LEVELS)
        require_choice(self, "scope", ("response", "turn", "so_far", "episode"))
        require_number(self, "format_weight", at_least=0.0)
        require_number(self, "scale", at_least=0.0)
        if self.by_call and self.scope not in ("response", "turn"):
            raise RewardiumError("tool_rl: 'by_call' goes with scope='response' or scope='turn'")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """Action and task, and the history where earlier turns count."""
        return frozenset({"action", "task"} | (set() if self.scope == "response" else {"history"}))

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns; the reasons say what was missing."""
        return score_episodes(batch, self.needs, self.call_style, self._judge)

    def _judge(self, episode: Episode) -> Judged:
        gold = episode.gold
        if gold is None:
            return Judged(None, NO_GOLD)
        if self.scope == "episode" and not episode.done:
            return Judged(0.0, NOT_YET)
        if self.scope in ("so_far", "episode"):
            return self._judge_all(episode, gold)
        return self._judge_turn(episode.turn, self._left(episode, gold))

    def _left(self, episode: Episode, gold: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
        """Return the gold calls that no earlier turn was paid for."""
        for turn in episode.turns[:-1] if self.scope == "turn" else ():
            if gold and not turn.has_faults:
                gold = _matched(gold, turn, self.level).left
        return gold

    def _judge_turn(self, turn: Turn, gold: tuple[ToolCall, ...]) -> Judged:
        form = has_form(turn, bool(gold), self.think)
        matched = _matched(gold, turn, self.level) if gold and turn.calls and not turn.has_faults else None
        match = None if matched is None else matched.match
        value = self._value(form, bool(gold), match)
        reason = _reason(form, bool(gold), match)
        if not self.by_call or match is None:
            return Judged(value, reason)
        return Judged(value, reason, by_call(turn, value, tuple(2.0 * self.scale * part for part in match.credits)))

    def _judge_all(self, episode: Episode, gold: Sequence[ToolCall]) -> Judged:
        due = bool(gold) and not episode.items
        form = all(has_form(turn, due or bool(turn.items), self.think) for turn in episode.turns)
        strangers = sum(isinstance(item, CallFault) for item in episode.items)
        match = match_calls(gold, episode.calls, self.level, strangers) if gold and episode.calls else None
        return Judged(self._value(form, bool(gold), match), _reason(form, bool(gold), match))

    def _value(self, form: bool, due: bool, match: Match | None) -> float:
        correct = 2.0 * match.share - 1.0 if match is not None else -1.0 if due else 0.0
        return self.format_weight * form + self.scale * correct


class _Matched(NamedTuple):
    """How a turn's calls match gold calls, and the gold calls that it leaves."""

    match: Match
    left: tuple[ToolCall, ...]


_MATCHES: IdentityCache[_Matched] = IdentityCache(8192)


def _matched(gold: tuple[ToolCall, ...], turn: Turn, level: Level) -> _Matched:
    """Match a turn once: later turns of its episode ask again what it left."""
    return _MATCHES.get((gold, turn), level, lambda: _match_turn(gold, turn, level))


def _match_turn(gold: tuple[ToolCall, ...], turn: Turn, level: Level) -> _Matched:
    match = match_calls(gold, turn.calls, level)
    left = tuple(call for call, is_taken in zip(gold, match.taken, strict=True) if not is_taken)
    return _Matched(match, left)


def _reason(form: bool, due: bool, match: Match | None) -> str:
    shown = "no call was due" if not due else "no calls that can be read"
    matched = shown if match is None else f"{match.share:.0%} of the match"
    return f"{matched}, {'in' if form else 'not in'} the right form"

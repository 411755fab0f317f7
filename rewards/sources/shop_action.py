"""The action reward of Shop-R1: partial credit for a predicted action, with the hard parts scaled up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._call_matching import same_value
from rewardium.rewards.sources._tool_turns import NO_GOLD, STYLES, AnyStyle, Episode, Judged, score_episodes

_WORD = re.compile(r"\w+")
_MAX_WORDS = 500
"""Words of a text that are compared: the longest common subsequence takes the product of two lengths."""


def rouge_l(text: str, gold: str) -> float:
    """Return ROUGE-L: the F1 score of the longest common subsequence of words, in lower case.

    Args:
        text: A text; only its first 500 words are compared.
        gold: What it should say, likewise.

    Returns:
        A number in [0, 1]; where either has no words, whether the texts are equal.

    Example:
        >>> rouge_l("buy the red shoes", "the shoes")
        0.6666666666666666
    """
    a, b = (_WORD.findall(words.lower())[:_MAX_WORDS] for words in (text, gold))
    if not a or not b:
        return float(text == gold)
    return 2.0 * _common(a, b) / (len(a) + len(b))


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for word in a:
        previous = 0
        for index, other in enumerate(b, 1):
            kept = row[index]
            row[index] = previous + 1 if word == other else max(row[index], row[index - 1])
            previous = kept
    return row[-1]


@register("shop_action", papers=("B8",))
@dataclass(frozen=True)
class ShopAction(RewardSource):
    """Credit for form, kind, parameters and their values of one action, of which the hard values count ``dars`` times.

    From "Shop-R1: Rewarding LLMs to Simulate Human Behavior in Online Shopping via Reinforcement Learning" (2025),
    known from notes on the paper, its numbers included. A response is one action: a call, or no call, which ends the
    episode. With the action that is due at this turn, a call with the parameters ``P``::

        r = form * 1[the response is one readable action] + kind * 1[the tool is the one due]
            + sum over P that are there of (present / |P| + c_p * similarity),    c_p = dars if p is hard, else easy

    ``similarity`` is ROUGE-L for texts, and equality for any other value. Ending where ending is due earns ``form +
    kind`` and no more: the scale of the hard values is what keeps an easy ending from being the better bargain. The
    paper's ``click(name)`` and ``type_and_submit(name, text)`` are calls with these parameters, and its ``terminate``
    is a turn without a call. The paper's self-certainty of the rationale is no part of this.

    Our own are three choices. The action due at the t-th turn is the t-th gold call, and after the last the ending; a
    response of several calls is no action; and where nothing is named ``hard``, it is the last parameter of each gold
    call, which is so for both of the paper's actions.

    Score: value float32 [B], from 0 to ``form + kind + present + dars * (hard parameters) + easy * (the others)``;
    valid bool [B], False where the task has no readable ``fields["gold_calls"]``.

    Args:
        form: What a readable action is worth, at least 0.
        kind: What the right tool is worth, at least 0.
        present: What naming all parameters is worth, at least 0.
        easy: The factor of an easy value's similarity, at least 0.
        dars: The factor of a hard value's similarity ("difficulty-aware reward scaling"), at least 0.
        hard: The names of the parameters with hard values; empty for the last one of each gold call.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("Shop.", fields={"gold_calls": [{"name": "click", "arguments": {"name": "red shoes"}}]})
        >>> said = '<tool_call>{"name": "click", "arguments": {"name": "%s"}}</tool_call>'
        >>> past = (Transition("", "", said % "red shoes", task=task),)
        >>> rows = [Transition("", "", said % "red shoes", task=task), Transition("", "", said % "blue", task=task),
        ...         Transition("", "", "I leave.", task=task), Transition("", "", "I leave.", task=task, history=past)]
        >>> ShopAction(dars=10.0).score(TransitionBatch.from_transitions(rows)).value.astype(float).round(3).tolist()
        [11.0, 1.0, 0.5, 0.8]
    """

    form: float = 0.5
    kind: float = 0.3
    present: float = 0.2
    easy: float = 0.1
    dars: float = 1000.0
    hard: tuple[str, ...] = ()
    call_style: AnyStyle = "hermes"

    needs = frozenset({"action", "task", "history"})

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)
        for name in ("form", "kind", "present", "easy", "dars"):
            require_number(self, name, at_least=0.0)
        if not isinstance(self.hard, (list, tuple)) or not all(isinstance(name, str) for name in self.hard):
            raise RewardiumError(f"shop_action: 'hard' must be a list of names, got {self.hard!r}")
        object.__setattr__(self, "hard", tuple(self.hard))

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns; the reasons say how far the action was right."""
        return score_episodes(batch, self.needs, self.call_style, self._judge)

    def _judge(self, episode: Episode) -> Judged:
        gold = episode.gold
        if gold is None:
            return Judged(None, NO_GOLD)
        turn, number = episode.turn, len(episode.turns) - 1
        due = gold[number] if number < len(gold) else None
        if turn.has_faults or len(turn.items) > 1 or not turn.text.strip():
            return Judged(0.0, "the response is not one action that can be read")
        made = turn.calls[0] if turn.calls else None
        if (made.name if made else None) != (due.name if due else None):
            return Judged(self.form, "another action is due")
        if made is None or due is None:
            return Judged(self.form + self.kind, "the ending is due")
        return Judged(self.form + self.kind + self._values(made, due), "the tool is right")

    def _values(self, made: ToolCall, due: ToolCall) -> float:
        """Credit the parameters of a call of the right tool."""
        hard = self.hard or tuple(due.arguments)[-1:]
        credit = 0.0
        for name, value in due.arguments.items():
            if name in made.arguments:
                factor = self.dars if name in hard else self.easy
                credit += self.present / len(due.arguments) + factor * _similarity(made.arguments[name], value)
        return credit


def _similarity(value: Any, gold: Any) -> float:
    if isinstance(value, str) and isinstance(gold, str):
        return rouge_l(value, gold)
    return float(same_value(value, gold))

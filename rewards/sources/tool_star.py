"""The reward of Tool-Star: the answer, and a little more where several tools led to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.math_verify import check_timeout
from rewardium.envs.math.rational import boxed
from rewardium.envs.math.verify import Verdict, verify_batch
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_REFERENCE, references, responses
from rewardium.rewards.sources._tool_turns import NOT_YET, STYLES, AnyStyle, Episode, Judged, score_episodes

Verdicts = Mapping[tuple[str, str], Verdict]

_WORD = re.compile(r"\w+")
_THINK = re.compile(r"</?think>")
_ARTICLES = {"a", "an", "the"}


def token_f1(answer: str, gold: str) -> float:
    """Return the harmonic mean of precision and recall of words, in lower case, without articles and punctuation.

    Args:
        answer: A text.
        gold: What it should say.

    Returns:
        A number in [0, 1]; where either has no words, whether neither has.

    Example:
        >>> token_f1("The river Aare", "aare"), token_f1("Rhine", "Aare")
        (0.6666666666666666, 0.0)
    """
    said, wanted = _words(answer), _words(gold)
    if not said or not wanted:
        return float(said == wanted)
    return 2.0 * (said & wanted).total() / (said.total() + wanted.total())


def _words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(text.lower()) if word not in _ARTICLES)


@register("tool_star", papers=("B3",))
@dataclass(frozen=True)
class ToolStar(RewardSource):
    r"""-1 for a bad form, else how well the boxed answer fits, plus a bonus where every tool of a set was used.

    From "Tool-Star: Empowering LLM-Brained Multi-Tool Reasoner via Reinforcement Learning" (2025), as in the public
    code of its reward. For questions, with ``f`` the F1 score of the answer's words::

        bad form -> -1      f = 0 -> 0      otherwise -> f, and + bonus where all of ``tools`` were called

    For mathematics: 0 for a bad form, 0.1 for a wrong answer in good form, 1 for an answer that is verified as equal,
    without a bonus. The form over several turns is our own reading of the paper's, which is of one text: every call
    can be read, the tags ``<think>`` and ``</think>`` take turns within each response, and the last turn makes no call
    and holds one closed, non-empty ``\boxed{...}``. So an episode that ends without an answer is in bad form. All is
    paid at the episode's last turn; an earlier turn is worth 0.

    Score: value float32 [B] in [-1, 1 + bonus], or in {0, 0.1, 1}; valid bool [B], False where the task has no
    reference, or the verification took too long.

    Args:
        kind: ``"question"`` or ``"math"``.
        tools: The names of the tools that earn the bonus together. The paper's are a search and a Python interpreter;
            the default are the search and the calculator of ``rewardium/ToolUse-v0``.
        bonus: What using them all is worth, at least 0; 0.1 in the paper.
        timeout: Seconds for verifying one mathematical answer.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("On which river lies Bern?", reference="the Aare")
        >>> call = '<tool_call>{"name": "%s", "arguments": {}}</tool_call>'
        >>> past = tuple(Transition("", "", call % name, task=task) for name in ("search_documents", "calculate"))
        >>> rows = [Transition("", "", action, task=task, terminated=True, history=past)
        ...         for action in (r"\boxed{Aare}", r"\boxed{Rhine}", "Aare")]
        >>> ToolStar().score(TransitionBatch.from_transitions(rows)).value.astype(float).round(3).tolist()
        [1.1, 0.0, -1.0]
    """

    kind: Literal["question", "math"] = "question"
    tools: tuple[str, ...] = ("search_documents", "calculate")
    bonus: float = 0.1
    timeout: float = 1.0
    call_style: AnyStyle = "hermes"

    needs = frozenset({"action", "task", "history"})

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)
        require_choice(self, "kind", ("question", "math"))
        require_number(self, "bonus", at_least=0.0)
        check_timeout(self.timeout)
        if not isinstance(self.tools, (list, tuple)) or not all(isinstance(name, str) for name in self.tools):
            raise RewardiumError(f"tool_star: 'tools' must be a list of names, got {self.tools!r}")
        object.__setattr__(self, "tools", tuple(self.tools))
        if not self.tools:
            raise RewardiumError("tool_star: 'tools' needs at least one name; for no bonus set bonus=0.0")

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns; mathematical answers are verified in one batch."""
        verdicts = self._verdicts(batch) if self.kind == "math" else {}
        return score_episodes(batch, self.needs, self.call_style, partial(self._judge, verdicts))

    def _verdicts(self, batch: TransitionBatch) -> Verdicts:
        rows = zip(references(batch), responses(batch) or [], batch.dones.tolist(), strict=False)
        pairs = [
            (gold, text) for gold, text, done in rows if done and gold and gold.strip() and text.count("\\boxed") == 1
        ]
        return dict(zip(pairs, verify_batch(pairs, timeout=self.timeout), strict=True))

    def _judge(self, verdicts: Verdicts, episode: Episode) -> Judged:
        gold = episode.task.reference
        if gold is None or not gold.strip():
            return Judged(None, NO_REFERENCE)
        if not episode.done:
            return Judged(0.0, NOT_YET)
        fault = form_fault(episode)
        if self.kind == "math":
            return _judge_math(fault, verdicts.get((gold, episode.turn.text)))
        if fault is not None:
            return Judged(-1.0, fault)
        overlap = token_f1(boxed(episode.turn.text) or "", gold)
        used = {call.name for call in episode.calls} >= set(self.tools)
        earned = self.bonus if used and overlap > 0.0 else 0.0
        return Judged(overlap + earned, f"F1 {overlap:.3f}{', with every tool' if used else ''}")


def _judge_math(fault: str | None, verdict: Verdict | None) -> Judged:
    if fault is not None or verdict is None:
        return Judged(0.0, fault or "the answer was not found")
    if verdict.status == "timeout":
        return Judged(None, verdict.reason)
    return Judged(1.0 if verdict else 0.1, verdict.reason)


def form_fault(episode: Episode) -> str | None:
    r"""Return what is wrong with the form of a finished episode, or None."""
    if any(turn.has_faults for turn in episode.turns):
        return "a call cannot be read"
    for turn in episode.turns:
        tags = _THINK.findall(turn.text)
        if len(tags) % 2 or any(tag != ("<think>", "</think>")[index % 2] for index, tag in enumerate(tags)):
            return "the tags <think> and </think> do not take turns"
    if episode.turn.items:
        return "the episode ends without an answer"
    if episode.turn.text.count("\\boxed") != 1 or not (boxed(episode.turn.text) or "").strip():
        return r"the answer does not stand in one closed \boxed{...}"
    return None

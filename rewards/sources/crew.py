"""CRew: the probability that a model gives to the tokens of the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request, Span, TokenScores
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.sources._likelihood import Credit, Credited, LikelihoodSource, Tokens, told, within

WHERE = ("boxed", "last_line", "calls", "response")
_BRACES = re.compile(r"\\boxed\s*+\{|\\.|[{}]", re.DOTALL)
_CALL, _CALL_END = "<tool_call>", "</tool_call>"


@register("crew", papers=("A42",))
@dataclass(frozen=True)
class Crew(LikelihoodSource):
    r"""The mean probability of the tokens of the final answer, under a judging model.

    From "Confidence as a Reward: Transforming LLMs into Reward Models" (2025)::

        c = mean_j p(a_j | q, rationale, a_<j)        over the tokens inside of \boxed{}

    a mean of probabilities, not of their logarithms; read in the paper's text. Only the answer inside of the box is the
    paper's; the other places, and that a response without an answer has no confidence, 0, are ours. A policy that is
    trained on confidence alone learns to be sure of wrong answers: gate it with an outcome, or log it.

    Score: value float32 [B] in [0, 1]; 0 for a response without an answer, invalid where action or observation is no
    text or they are too long.

    Args:
        model: The judging model, a folder or a name on the hub.
        where: The answer: what stands in the last ``"boxed"``, on the ``"last_line"``, in the tool ``"calls"`` between
            ``<tool_call>`` and ``</tool_call>``, or the whole ``"response"``.

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", text) for text in (r"so \boxed{4}", "4")])
        >>> score = Crew.example(context="turn").score(batch)
        >>> bool(0 < score.value[0] < 1), float(score.value[1]), score.reasons[1]
        (True, 0.0, 'there is no answer')
    """

    model: str
    where: Literal["boxed", "last_line", "calls", "response"] = "boxed"

    def __post_init__(self) -> None:
        require_choice(self, "where", WHERE)
        self.load_models("model")

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        said = self.ask(self._models[0], requests)
        rows = zip(said, batch.actions, strict=True)
        return Credited([self._credit(row, text) for row, text in rows], [said])

    def _credit(self, row: TokenScores | str, text: str) -> Credit:
        if isinstance(row, str):
            return Credit(None, row)
        answer = within(Tokens(row.spans, np.exp(row.log_probabilities)), answer_spans(text, self.where))
        if not len(answer.values):
            return Credit(0.0, "there is no answer")
        return Credit(float(answer.values.mean()), told(answer.values))


def answer_spans(text: str, where: str) -> list[Span]:
    r"""Find where the answer of a response stands.

    Args:
        text: The response.
        where: ``"boxed"``, ``"last_line"``, ``"calls"`` or ``"response"``.

    Returns:
        Pairs of start and end, in order; none where there is no answer. Takes time linear in the text.

    Example:
        >>> answer_spans(r"\boxed{1} no, \boxed{23}", "boxed"), answer_spans("so\n 42 \n", "last_line")
        ([(21, 23)], [(4, 6)])
    """
    if where == "boxed":
        return _last_box(text)
    if where == "calls":
        return _calls(text)
    stripped = text.rstrip()
    start = stripped.rfind("\n") + 1 if where == "last_line" else 0
    line = stripped[start:] if where == "last_line" else text
    begin = start + len(line) - len(line.lstrip()) if where == "last_line" else 0
    return [(begin, start + len(line))] if begin < start + len(line) else []


def _last_box(text: str) -> list[Span]:
    """Find the content of the last box that is closed; of two nested ones the inner."""
    stack: list[tuple[bool, int]] = []
    best = (-1, -1)
    for match in _BRACES.finditer(text):
        token = match.group()
        if token.endswith("{") and token != "\\{":
            stack.append((token != "{", match.end()))
        elif token == "}" and stack:
            is_box, start = stack.pop()
            if is_box and start > best[0]:
                best = (start, match.start())
    return [best] if best[0] < best[1] else []


def _calls(text: str) -> list[Span]:
    spans: list[Span] = []
    end = 0
    while (start := text.find(_CALL, end)) >= 0:
        start += len(_CALL)
        end = text.find(_CALL_END, start)
        if end < 0:
            break
        spans.append((start, end))
    return spans

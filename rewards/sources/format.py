"""A reward for an answer that can be read, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.rational import AnswerFrom, read_answer
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, WHERE, no_score, require_one_of, responses


@register("format")
@dataclass(frozen=True)
class Format(RewardSource):
    r"""1.0 where the response ends in an answer that reads as a number, else 0.0; whether it is right plays no part.

    ``r = 1[the last \boxed{...} is closed and holds a rational number]``: the label-free format reward of "Surrogate
    Signals from Format and Length" (2025), as in the paper's text, which reads the box with SymPy where this reads
    rational numbers. With ``think`` the response must also hold ``<think>`` and ``</think>`` once each, in this order,
    before its answer.

    Score: value float32 [B] in {0, 1}, valid bool [B].

    Args:
        where: Where the answer stands: in the last ``\boxed{...}``, or on the last line.
        once: Also require that ``\boxed`` stands there only once, so that a response commits to one answer.
        think: Also require one ``<think>...</think>`` before the answer.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> actions = (r"so \boxed{1/2}", r"so \boxed{half}", r"\boxed{1/2")
        >>> batch = TransitionBatch.from_transitions([Transition("", "", action) for action in actions])
        >>> Format().score(batch).value.tolist()
        [1.0, 0.0, 0.0]
    """

    where: AnswerFrom = "boxed"
    once: bool = False
    think: bool = False

    needs = frozenset({"action"})

    def __post_init__(self) -> None:
        require_one_of("where", self.where, WHERE)
        if self.once and self.where != "boxed":
            raise RewardiumError("once counts boxes: it goes with where='boxed'")

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses; the reasons say what was wrong with the format."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        faults = [self._fault(text) for text in texts]
        return Score.of([float(fault is None) for fault in faults], reasons=faults)

    def _fault(self, text: str) -> str | None:
        """Return what is wrong with the format, or None."""
        if self.once and text.count("\\boxed") > 1:
            return r"the response has more than one \boxed"
        if self.think:
            before, opened, rest = text.partition("<think>")
            _, closed, after = rest.partition("</think>")
            if not opened or not closed or "</think>" in before + after or "<think>" in rest:
                return "the response has not exactly one <think>...</think>"
            text = after
        return read_answer(text, self.where).fault or None

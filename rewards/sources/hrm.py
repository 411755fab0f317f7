"""Hierarchical reward model: is a step good, and is it together with the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.preference_data.contexts import with_earlier_steps
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score
from rewardium.rewards.sources._step_model import StepModelSource
from rewardium.rewards.sources._unit_values import Part, rows_with_texts, score_of, spans_of, values_of

Join = Literal["mean", "max", "step", "pair"]
JOINS: tuple[Join, ...] = ("mean", "max", "step", "pair")


@register("hrm", papers=("B5",))
@dataclass(frozen=True)
class Hrm(StepModelSource):
    r"""The probability that a step is good, judged alone and together with the step before it.

    "Towards Hierarchical Multi-Step Reward Models for Enhanced Reasoning in Large Language Models" (2025): for step k
    the model says ``P(good | steps before k, step k)`` and ``P(good | steps before k-1, steps k-1 and k)``, so that a
    correction is credited and not counted with the error. Train the model on the data of ``hierarchical_steps`` with
    ``outcome_cross_entropy``, and use the same unit and separator here. The labels and both questions are the authors'
    code's, certainty high; how both answers become one number is not known, so that it is a parameter. The paper ranks
    responses by their last, lowest or mean step: ``pay="last"``, ``"min"`` or ``"mean"``.

    All steps of all rows are scored in one call.

    Score: value float32 [B]; invalid where the action is no text or empty, or the row lacks what ``prompt`` names.

    Args:
        join: ``"mean"`` or ``"max"`` of both answers, or that of the ``"step"`` or the ``"pair"`` alone; the first step
            has no pair.

    The other parameters, and what is raised, are those of all sources with a model of steps, see ``StepModelSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "1+2+3=", "1+2=3\n3+3=6")])
        >>> steps = Hrm.example().score(batch).segments[0]
        >>> [(start, end) for start, end, _ in steps], all(0.0 < value < 1.0 for _, _, value in steps)
        ([(0, 6), (6, 11)], True)
    """

    join: Join = "mean"

    def __post_init__(self) -> None:
        require_choice(self, "join", JOINS)
        self.load_model(scale="probability")

    def score(self, batch: TransitionBatch) -> Score:
        """Judge the steps of B responses."""
        if batch.actions is None:
            return no_score(batch, NO_RESPONSE)
        spans = spans_of(batch, self.unit, self.separator)
        asked = [
            [(batch.actions[row], begin, end) for begin in self._beginnings(own, step)]
            for row, own in enumerate(spans)
            for step, (_, end) in enumerate(own)
        ]
        rows = [row for row, own in enumerate(spans) for _ in own]
        texts = [
            (row, with_earlier_steps(text[:begin], text[begin:end]))
            for row, questions in zip(rows, asked, strict=True)
            for text, begin, end in questions
        ]
        scored = self._model.score(rows_with_texts(batch, texts)) if texts else Score.of([])
        answers = iter(values_of(scored, "raw"))
        joined = iter([self._joined([next(answers) for _ in questions]) for questions in asked])
        return score_of([[Part(span, next(joined)) for span in own] for own in spans], self.pay, scored.cost)

    def _beginnings(self, spans: list[tuple[int, int]], step: int) -> list[int]:
        """Return where that begins which is judged for a step: at the step, and at the one before it."""
        alone = [] if self.join == "pair" and step else [spans[step][0]]
        return alone + ([spans[step - 1][0]] if step and self.join != "step" else [])

    def _joined(self, answers: list[float | None]) -> float | None:
        known = [answer for answer in answers if answer is not None]
        if not known:
            return None
        return float(np.max(known) if self.join == "max" else np.mean(known))

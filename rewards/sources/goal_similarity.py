"""How alike what happened and what was wanted are, by the similarity of two sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.caption import message_of
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.sentence_encoder import SentenceEncoder, make_sentence_encoder
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import require_one_of
from rewardium.rewards.sources._sentences import sentences

PARTS = ("message", "text")
_MAX_GOALS = 1_000


@register("goal_similarity")
@dataclass(frozen=True)
class GoalSimilarity(RewardSource):
    """The largest cosine similarity of a step's text with one of the goals, where it reaches a threshold; else 0.

    From "Guiding Pretraining in Reinforcement Learning with Large Language Models" (2023, ELLM)::

        r = max_g cos(E(text), E(goal_g))    where that reaches the threshold, else 0

    The formula is known from the paper; the authors' thresholds belong to their encoder and their captions, and the
    default here is ours: choose it for the encoder at hand. With ``encoder="bow"`` this is the baseline ELLM-BoW of
    "Online Intrinsic Rewards for Decision Making Agents from LLM Feedback" (2024). ELLM pays a goal once an episode;
    so does ``milestones([goal_similarity(goals=['a']), goal_similarity(goals=['b'])])``.

    Score: value float32 [B] in [0, 1] for thresholds of at least 0. A text that says nothing is a valid 0, a row
    without a text, or without a goal, is invalid.

    Args:
        goals: The goals, one sentence each; by default the goal of each row's task.
        encoder: ``"bow"`` (shared words), ``"hash"`` (shared pieces of words), or the folder or hub name of a sentence
            encoder, which needs the extra ``llm``.
        threshold: The smallest similarity that pays, in [-1, 1].
        part: What is compared: of a game's caption the ``"message"``, of any other text the whole; or the whole
            ``"text"``.

    Raises:
        RewardiumError: When a parameter is out of range, or there is no such encoder.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> from rewardium.envs.transition import Transition
        >>> texts = [Caption("This door is locked.").text(), Caption("You wait.").text(), Caption().text()]
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "", text=text) for text in texts])
        >>> score = GoalSimilarity(["unlock the door", "find a locked door"]).score(batch)
        >>> [round(value, 3) for value in score.value.tolist()], score.valid.tolist()
        ([0.816, 0.0, 0.0], [True, True, True])
    """

    goals: tuple[str, ...] = ()
    encoder: str = "bow"
    threshold: float = 0.5
    part: str = "message"

    def __post_init__(self) -> None:
        object.__setattr__(self, "goals", sentences("goal_similarity: 'goals'", self.goals, _MAX_GOALS))
        require_one_of("goal_similarity: 'part'", self.part, PARTS)
        number = isinstance(self.threshold, (int, float)) and not isinstance(self.threshold, bool)
        if not number or not -1.0 <= self.threshold <= 1.0:
            raise RewardiumError(f"goal_similarity: 'threshold' must be a number in [-1, 1], got {self.threshold!r}")
        self._encoder()  # a wrong name fails here, before the long work starts

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The text, and the task where no goals are given."""
        return frozenset({"text"} if self.goals else {"text", "task"})

    def score(self, batch: TransitionBatch) -> Score:
        """Compare B texts with their goals."""
        texts = [None if text is None else self._said(text) for text in batch.texts or [None] * len(batch)]
        goals = self._goals(batch)
        values: list[float | None] = [None] * len(batch)
        rows_of: dict[tuple[str, ...], list[int]] = {}
        for row, (text, wanted) in enumerate(zip(texts, goals, strict=True)):
            if text is not None and wanted:
                rows_of.setdefault(wanted, []).append(row)
        for wanted, rows in rows_of.items():
            table = self._encoder().similarities([texts[row] or "" for row in rows], wanted)
            for row, best in zip(rows, np.max(table, axis=1).tolist(), strict=True):
                values[row] = best if best >= self.threshold and texts[row] else 0.0
        reasons = [_reason(text, wanted, value) for text, wanted, value in zip(texts, goals, values, strict=True)]
        return Score.of(values, reasons=reasons)

    def _encoder(self) -> SentenceEncoder:
        return make_sentence_encoder(self.encoder)

    def _said(self, text: str) -> str:
        return (message_of(text) if self.part == "message" else text).strip()

    def _goals(self, batch: TransitionBatch) -> list[tuple[str, ...]]:
        if self.goals:
            return [self.goals] * len(batch)
        tasks = batch.tasks or [None] * len(batch)
        return [() if task is None or not task.goal.strip() else (task.goal,) for task in tasks]


def _reason(text: str | None, goals: tuple[str, ...], value: float | None) -> str | None:
    if text is None:
        return "the row has no text"
    if not goals:
        return "the task has no goal"
    return "nothing was said" if not text else None if value else "no goal is near"

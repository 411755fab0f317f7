"""A reward for the look of reasoning, without any check of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.rational import AnswerFrom
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import (
    NO_RESPONSE,
    WHERE,
    answer_of,
    no_score,
    require_one_of,
    require_positive_int,
    responses,
)
from rewardium.rewards.sources.repetition import repeated_share, word_letters

PHRASES = (
    # the order of the work
    "first,", "second,", "then,", "next,", "finally,", "to begin", "step 1", "step by step", "at last",
    # looking at the problem
    "we need to", "we know that", "we are given", "let us", "let's", "suppose", "assume", "consider", "recall that",
    # drawing a conclusion
    "therefore", "thus", "hence", "because", "since", "it follows", "this means", "which gives", "in total", "so the",
    # weighing cases
    "if we", "in that case", "on the other hand", "however", "alternatively", "another way", "otherwise",
    # looking back
    "wait", "let me check", "double-check", "to verify", "make sure", "going back", "that is not right",
)  # fmt: skip
"""Turns of speech of written reasoning, lower case: our own list, as long as the paper's."""


@register("phrases", papers=("A2",))
@dataclass(frozen=True)
class Phrases(RewardSource):
    r"""How many different reasoning phrases a response uses, less its repetitions: the reasoning pattern reward.

    On the lower-cased response after its first ``<think>`` (all of it where there is none):
    ``r = max(0, min(1, distinct phrases / enough) - repeated share of n-grams - extra "user: " turns)``; a response
    without an answer scores ``no_answer``. From "The Climb Carves Wisdom Deeper Than the Summit: On the Noisy Rewards
    in Learning to Reason" (2025); enough = 20 and n = 20 words as in the authors' code, the phrases are our own. There
    it lifts a policy that can reason already, and repairs the false negatives of a reward model; it knows nothing of
    truth and is easily hacked, so watch the success beside it.

    Score: value float32 [B] in [0, 1], valid bool [B].

    Args:
        phrases: What is looked for, each at most once; case is ignored.
        enough: Number of different phrases that pays in full.
        n: Words in an n-gram of the repetition penalty.
        no_answer: The score of a response without an answer; None makes it invalid.
        where: Where the answer stands: in the last ``\boxed{...}``, or on the last line.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> actions = (r"First, 2 + 2 = 4. Therefore \boxed{4}", r"\boxed{4}", "Wait, therefore 4")
        >>> batch = TransitionBatch.from_transitions([Transition("", "", action) for action in actions])
        >>> Phrases(enough=4).score(batch).value.tolist()
        [0.5, 0.0, 0.0]
    """

    phrases: tuple[str, ...] = PHRASES
    enough: int = 20
    n: int = 20
    no_answer: float | None = 0.0
    where: AnswerFrom = "boxed"

    needs = frozenset({"action"})

    def __post_init__(self) -> None:
        if isinstance(self.phrases, str) or not all(isinstance(phrase, str) and phrase for phrase in self.phrases):
            raise RewardiumError(f"phrases must be a list of non-empty strings, got {self.phrases!r}")
        if not self.phrases:
            raise RewardiumError("phrases must hold at least one phrase")
        # One phrase in two spellings would count twice.
        object.__setattr__(self, "phrases", tuple(dict.fromkeys(phrase.lower() for phrase in self.phrases)))
        require_positive_int("enough", self.enough)
        require_positive_int("n", self.n)
        require_one_of("where", self.where, WHERE)
        known = isinstance(self.no_answer, (int, float)) and not isinstance(self.no_answer, bool)
        if self.no_answer is not None and not (known and isfinite(self.no_answer)):
            raise RewardiumError(f"no_answer must be a finite number or None, got {self.no_answer!r}")

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        return Score.of([self._score_one(text) for text in texts])

    def _score_one(self, text: str) -> float | None:
        if answer_of(text, self.where) is None:
            return self.no_answer
        thoughts = text.lower().split("<think>", 1)[-1]
        found = sum(phrase in thoughts for phrase in self.phrases)
        penalty = repeated_share(word_letters(thoughts), self.n) + thoughts.count("user: ")
        return max(0.0, min(1.0, found / self.enough) - penalty)

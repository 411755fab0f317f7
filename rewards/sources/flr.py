"""FLR: a response is good where people would go on to say that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request, TokenScores
from rewardium.rewards.registry import register
from rewardium.rewards.sources._likelihood import Credit, Credited, LikelihoodSource
from rewardium.rewards.sources._sentences import sentences

_MAX_FOLLOW_UPS = 1_000

POSITIVE = (
    "Yes, this is exactly what I asked for.",
    "You understood my question.",
    "Thank you, that answers it.",
    "Good, everything I wanted to know is there.",
    "That is clear to me now.",
    "You explained this very well.",
    "Now I can follow every step.",
    "That is easy to understand.",
    "This is correct.",
    "I checked it and you are right.",
    "Every step of it holds.",
    "I trust this answer.",
    "This helps me a lot.",
    "Great, I can use that.",
    "With this I can go on.",
    "That solves my problem.",
    "I like talking to you about this.",
    "How interesting, tell me more!",
    "What a good idea!",
    "I would gladly ask you again.",
)
NEGATIVE = (
    "No, this is not what I asked for.",
    "You misunderstood my question.",
    "That does not answer it.",
    "What I wanted to know is missing.",
    "I do not understand this.",
    "You explained this badly.",
    "I cannot follow your steps.",
    "That is confusing.",
    "This is wrong.",
    "I checked it and you made a mistake.",
    "One of the steps does not hold.",
    "I do not believe this answer.",
    "This does not help me.",
    "Sorry, I cannot use that.",
    "With this I cannot go on.",
    "My problem is still there.",
    "I do not want to talk to you about this.",
    "How boring, please stop.",
    "What a bad idea!",
    "I will ask somebody else.",
)
"""Four on each of relevance, clarity, correctness, use and engagement; the project's own."""


@register("flr", papers=("A7",))
@dataclass(frozen=True)
class Flr(LikelihoodSource):
    """How much likelier content follow-ups of the user are after a response than discontented ones.

    From "Aligning Language Models Using Follow-up Likelihood as Reward Signal" (2024)::

        s(f) = mean_j log P(f_j | dialogue, y, f_<j)        r(y) = mean_{f in F+} s(f) - mean_{f in F-} s(f)

    The two lists of twenty follow-ups a side, by aspect, are the authors' idea and known from their code; the contrast
    is recalled. Their public script reads the numbers of all tokens of a follow-up at one position; this follows the
    formula. The sentences are ours: write lists for the domain at hand, in a game for instance its messages. A
    follow-up is the next turn of the user, or of whatever answers the policy.

    All follow-ups of a response share its context, which a model of plain attention reads once.

    Score: value float32 [B], unbounded; invalid where action or observation is no text, or one of the follow-ups makes
    the text too long.

    Args:
        model: The language model, a folder or a name on the hub.
        positive: What a content user says; at least one sentence.
        negative: What a discontented user says; without any, the likelihood of the positive ones counts alone.

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", action) for action in ("4", "5")])
        >>> source = Flr.example(positive=["Thanks!"], negative=["Wrong."], context="turn")
        >>> four, five = source.score(batch).value
        >>> bool(four != five)
        True
    """

    model: str
    positive: tuple[str, ...] = POSITIVE
    negative: tuple[str, ...] = NEGATIVE

    example_settings: ClassVar[Mapping[str, Any]] = {"positive": ["Thanks!", "Good."], "negative": ["Wrong.", "No!"]}

    def __post_init__(self) -> None:
        for name in ("positive", "negative"):
            object.__setattr__(self, name, sentences(f"flr: {name!r}", getattr(self, name), _MAX_FOLLOW_UPS))
        if not self.positive:
            raise RewardiumError("flr: 'positive' needs at least one sentence")
        self.load_models("model")

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses with all follow-ups in one call."""
        follow_ups = (*self.positive, *self.negative)
        said = self.ask(self._models[0], [_after(request, text) for request in requests for text in follow_ups])
        count = len(follow_ups)
        rows = [said[start : start + count] for start in range(0, len(said), count)]
        return Credited([self._credit(row) for row in rows], [said])

    def _credit(self, row: list[TokenScores | str]) -> Credit:
        means: list[float] = []
        for scores in row:
            if isinstance(scores, str) or not len(scores.spans):
                return Credit(None, scores if isinstance(scores, str) else "a follow-up has no tokens")
            means.append(float(scores.log_probabilities.mean()))
        positive = float(np.mean(means[: len(self.positive)]))
        negative = float(np.mean(means[len(self.positive) :])) if self.negative else 0.0
        return Credit(positive - negative, f"positive {positive:.4g}, negative {negative:.4g}")


def _after(request: Request | str, follow_up: str) -> Request | str:
    """Make a follow-up the turn after the response."""
    return request if isinstance(request, str) else Request((*request.turns, request.target), follow_up)

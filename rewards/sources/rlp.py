"""RLP: how much a thought helps to predict what comes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request, TokenScores
from rewardium.rewards.registry import register
from rewardium.rewards.sources._columns import NO_REFERENCE, references, require_positive_int
from rewardium.rewards.sources._likelihood import Credit, Credited, LikelihoodSource, before, told


@register("rlp", papers=("A13",))
@dataclass(frozen=True)
class Rlp(LikelihoodSource):
    r"""The information that a response brings about the task's reference: what it adds to its log-likelihood.

    From "RLP: Reinforcement as a Pretraining Objective" (2025). A thought ``c_t`` is written before the next token
    ``x_t`` of a text, and is paid what it makes that token likelier::

        r(c_t) = log p_theta(x_t | x_<t, c_t) - log p_teacher(x_t | x_<t)

    Here the prompt is the text so far, the response the thought, and the reference what comes next. The formula is that
    of the authors' code. There ``p_theta`` is the policy itself and the teacher its moving average; a source has no
    policy, so that both are frozen models in folders, by default the same. One token of horizon is the paper's; a sum
    over more is ours. Group advantages with a factor ``G / (G - 1)`` and the clipped surrogate belong to the trainer.

    A thought that contains the answer explains it perfectly. In the paper it cannot know the answer; where a response
    goes on to answer, ``until`` ends the thought before.

    Score: value float32 [B], unbounded, the same for all tokens of the thought; exactly 0 for an empty thought where
    teacher and model are one. Invalid where there is no reference, action or observation is no text, or they are too
    long.

    Args:
        model: The model that reads the thought, a folder or a name on the hub.
        teacher: The model that does not; empty for the same. Their tokenizers must be equal.
        horizon: Tokens of the reference that count; None for all.
        until: The mark at which a thought ends; a response without it counts as a whole. Empty for no mark.
        lead: What stands between the thought and the reference, and before the reference where there is no thought.

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "2*3+4=", text, task=Task("", reference="10")) for text in ("6+4", "")]
        >>> score = Rlp.example(context="turn").score(TransitionBatch.from_transitions(rows))
        >>> bool(score.value[0] != 0.0), float(score.value[1])
        (True, 0.0)
    """

    model: str
    teacher: str = ""
    horizon: int | None = 1
    until: str = ""
    lead: str = ""

    def __post_init__(self) -> None:
        if self.horizon is not None:
            require_positive_int("rlp: 'horizon'", self.horizon)
        for name in ("until", "lead"):
            if not isinstance(getattr(self, name), str):
                raise RewardiumError(f"rlp: {name!r} must be a text, got {getattr(self, name)!r}")
        self.load_models("model", *(["teacher"] if self.teacher else []))

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The response, what stands before it, and the reference."""
        return super().needs | {"task"}

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B thoughts; what comes next without a thought is scored once for all thoughts of a prompt."""
        wanted = references(batch)
        pairs = [self._pair(request, text) for request, text in zip(requests, wanted, strict=True)]
        said = [
            self.ask(self._models[0], [pair if isinstance(pair, str) else pair[0] for pair in pairs]),
            self.ask(self._models[-1], [pair if isinstance(pair, str) else pair[1] for pair in pairs]),
        ]
        return Credited([self._credit(*rows) for rows in zip(*said, strict=True)], said)

    def _pair(self, request: Request | str, wanted: str | None) -> tuple[Request, Request] | str:
        if isinstance(request, str):
            return request
        if not wanted:
            return NO_REFERENCE
        thought = before(request.target, self.until)
        return Request(request.turns, wanted, thought + self.lead), Request(request.turns, wanted, self.lead)

    def _credit(self, thought: TokenScores | str, without: TokenScores | str) -> Credit:
        if isinstance(thought, str) or isinstance(without, str):
            return Credit(None, thought if isinstance(thought, str) else str(without))
        gains = (thought.log_probabilities - without.log_probabilities)[: self.horizon]
        return Credit(float(np.sum(gains)), told(gains)) if len(gains) else Credit(None, "the reference has no tokens")

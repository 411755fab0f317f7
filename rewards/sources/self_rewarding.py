"""Self-Rewarding PPO: what fine-tuning on demonstrations made likelier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.sources._likelihood import (
    REDUCTIONS,
    UNITS,
    Credited,
    LikelihoodSource,
    Reduce,
    Tokens,
    Unit,
    log_ratios,
    token_credits,
)


@register("self_rewarding", papers=("B39",))
@dataclass(frozen=True)
class SelfRewarding(LikelihoodSource):
    """The log-ratio of a model fine-tuned on demonstrations to the model that it was before, token by token.

    From "Self-Rewarding PPO: Aligning Large Language Models with Demonstrations Only" (2025)::

        r_t = log pi_SFT(y_t | x, y_<t) - log pi_base(y_t | x, y_<t)

    whose sum is the reward of the response. The formula is certain. The guards are reconstructed: ``clip`` bounds the
    ratio of a token, ``normalize(self_rewarding(...))`` divides by a running deviation, and special tokens do not
    count, since the text has none. The policy that is trained starts from the fine-tuned model.

    Score: value float32 [B], unbounded, with segments, which sum to it; 0 for an empty response (no score for its
    mean), invalid where action or observation is no text or they are too long.

    Args:
        tuned: The model after fine-tuning, a folder or a name on the hub.
        base: The model before; the tokenizers must be equal, unless the sum over the response counts as a whole.
        clip: Bound of a token's ratio in either direction, above 0; None for none.
        reduce: The ``"sum"`` of the tokens, or their ``"mean"``, which does not grow with the length.
        unit: Where the credit stands: at each ``"token"``, at the end of each line (``"step"``), or with the
            ``"response"`` as a whole.

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", "4!")])
        >>> score = SelfRewarding.example(clip=0.5, context="turn").score(batch)
        >>> [(start, end, abs(credit) <= 0.5) for start, end, credit in score.segments[0]]
        [(0, 1, True), (1, 2, True)]
    """

    tuned: str
    base: str
    clip: float | None = None
    reduce: Reduce = "sum"
    unit: Unit = "token"

    example_models = 2
    example_settings: ClassVar[Mapping[str, Any]] = {"clip": 0.02}

    def __post_init__(self) -> None:
        if self.clip is not None:
            require_number(self, "clip", above=0.0)
        require_choice(self, "reduce", REDUCTIONS)
        require_choice(self, "unit", UNITS)
        self.load_models(
            "tuned", "base", same_tokens=self.unit != "response" or self.reduce != "sum" or self.clip is not None
        )

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        said = [self.ask(model, requests) for model in self._models]
        rows = [self._bounded(row) for row in log_ratios(*said)]
        return Credited(token_credits(rows, batch, reduce=self.reduce, unit=self.unit), said)

    def _bounded(self, row: Tokens | str) -> Tokens | str:
        if isinstance(row, str) or self.clip is None:
            return row
        return Tokens(row.spans, np.clip(row.values, -self.clip, self.clip))

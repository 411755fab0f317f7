"""Self-certainty: how far a model's predictions are from guessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request, TokenScores
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.sources._likelihood import (
    UNITS,
    Credited,
    LikelihoodSource,
    Tokens,
    Unit,
    before,
    token_credits,
    within,
)

DIRECTIONS = ("from_uniform", "to_uniform")


@register("self_certainty", papers=("B8",))
@dataclass(frozen=True)
class SelfCertainty(LikelihoodSource):
    """The mean divergence of a model's predictions from the uniform distribution, over the tokens of a response.

    From "Shop-R1: Rewarding LLMs to Simulate Human Behavior in Online Shopping via Reinforcement Learning" (2025),
    which pays it for the rationale, with weight 0.005 beside the reward of the action::

        s = 1 / (N |V|) sum_j sum_i p_ij log(p_ij |V|) = 1 / |V| mean_j KL(p_j || U)

    The formula and the weight are known from notes on the paper. ``over_vocabulary=False`` leaves out the factor
    ``1 / |V|``, which for vocabularies of today makes the number very small. ``direction="to_uniform"`` is the other
    divergence, ``KL(U || p_j)``, by which "Scalable Best-of-N Selection for Large Language Models via Self-Certainty"
    (2025) ranks answers; that is recalled. In the paper the model is the policy itself; here it is a frozen one, so
    that the policy cannot make itself more certain.

    Score: value float32 [B] of at least 0, with segments, which sum to it; invalid where no token is counted, action or
    observation is no text, or they are too long.

    Args:
        model: The language model, a folder or a name on the hub.
        until: The mark at which the rationale ends; a response without it counts as a whole. Empty for no mark.
        direction: ``"from_uniform"`` for ``KL(p || U)``, ``"to_uniform"`` for ``KL(U || p)``.
        over_vocabulary: Whether to divide by the number of tokens that the model chooses from.
        unit: Where the credit stands: with the ``"response"`` as a whole, at each ``"token"``, or at the end of each
            line (``"step"``).

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", action) for action in ("so 4", "")])
        >>> score = SelfCertainty.example(context="turn").score(batch)
        >>> bool(score.value[0] > 0), score.valid.tolist()
        (True, [True, False])
    """

    model: str
    until: str = ""
    direction: Literal["from_uniform", "to_uniform"] = "from_uniform"
    over_vocabulary: bool = True
    unit: Unit = "response"

    def __post_init__(self) -> None:
        if not isinstance(self.until, str) or not isinstance(self.over_vocabulary, bool):
            raise RewardiumError(
                "self_certainty: 'until' must be a text and 'over_vocabulary' true or false, "
                f"got {self.until!r} and {self.over_vocabulary!r}"
            )
        require_choice(self, "direction", DIRECTIONS)
        require_choice(self, "unit", UNITS)
        self.load_models("model")

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        said = self.ask(self._models[0], requests, distribution=True)
        counted = [self._counted(row, text) for row, text in zip(said, batch.actions, strict=True)]
        return Credited(token_credits(counted, batch, reduce="mean", unit=self.unit), [said])

    def _counted(self, row: TokenScores | str, text: str) -> Tokens | str:
        if isinstance(row, str):
            return row
        divergences = uniform_divergences(row, self.direction)
        tokens = Tokens(row.spans, divergences / (row.vocabulary if self.over_vocabulary else 1))
        return within(tokens, [(0, len(before(text, self.until)))])


def uniform_divergences(scores: TokenScores, direction: Literal["from_uniform", "to_uniform"]) -> NDArray[np.float64]:
    """Return the divergence of each prediction from the uniform distribution.

    Args:
        scores: What a model says, with entropies.
        direction: ``"from_uniform"`` for ``KL(p || U) = log |V| - H(p)``, ``"to_uniform"`` for
            ``KL(U || p) = -log |V| - mean_v log p_v``.

    Returns:
        float64 [T], at least 0.

    Raises:
        RewardiumError: When there are no entropies.
    """
    if scores.entropies is None or scores.mean_log_probabilities is None:
        raise RewardiumError("the scores have no entropies: ask for the distribution")
    size = np.log(scores.vocabulary)
    divergences = size - scores.entropies if direction == "from_uniform" else -size - scores.mean_log_probabilities
    # Rounding may bring a uniform distribution below it.
    return np.asarray(np.maximum(divergences, 0.0), dtype=np.float64)

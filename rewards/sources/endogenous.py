"""The reward inside of a language model: its logits, read as the values of an inverse reinforcement learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

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
    token_credits,
)


def endogenous_rewards(
    log_probabilities: NDArray[np.float64], log_normalizers: NDArray[np.float64], alpha: float = 1.0
) -> NDArray[np.float64]:
    """Return ``r_t = alpha (log pi(a_t | s_t) + Z_t - Z_{t+1})``, with ``Z = 0`` behind the last token.

    Args:
        log_probabilities: float64 [T], of the tokens.
        log_normalizers: float64 [T], ``Z_t = log sum_v exp(logit_v)`` where each token is predicted.
        alpha: The temperature.

    Returns:
        float64 [T]; they sum to ``alpha (sum_t log pi(a_t | s_t) + Z_1)``.

    Example:
        >>> endogenous_rewards(np.array([-1.0, -2.0]), np.array([5.0, 3.0])).tolist()
        [1.0, 1.0]
    """
    following = np.append(log_normalizers[1:], 0.0)[: len(log_normalizers)]
    return np.asarray(alpha * (log_probabilities + log_normalizers - following), dtype=np.float64)


@register("endogenous", papers=("B30",))
@dataclass(frozen=True)
class Endogenous(LikelihoodSource):
    """What a language model that learned to predict text would have been rewarded for, token by token.

    From "Generalist Reward Models: Found Inside Large Language Models" (2025): with ``Q(s, a) = alpha logit(a | s)``
    and ``V(s) = alpha log sum_a exp(Q(s, a) / alpha)``, which is 0 at the end::

        r_t = Q(s_t, a_t) - V(s_{t+1}) = alpha log pi(a_t | s_t) + V(s_t) - V(s_{t+1})

    The sum over a response is ``alpha log pi(y | x) + V(x)``: the log-likelihood plus a potential that the responses to
    one prompt share. The equations are known from notes on the paper; ``alpha`` is a scale of one's choice. As every
    likelihood, it falls with the length of a response and likes repetition; the reasons in the score say how long and
    how likely a response was.

    Score: value float32 [B], unbounded, with segments, which sum to it; 0 for an empty response (no score for its
    mean), invalid where action or observation is no text or they are too long.

    Args:
        model: The language model, a folder or a name on the hub.
        alpha: The temperature, above 0.
        reduce: The ``"sum"`` of the tokens, or their ``"mean"``.
        unit: Where the credit stands: at each ``"token"``, at the end of each line (``"step"``), or with the
            ``"response"`` as a whole.

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", "4!")])
        >>> score = Endogenous.example(context="turn").score(batch)
        >>> [(start, end) for start, end, _ in score.segments[0]], score.reasons[0].split(",")[0]
        ([(0, 1), (1, 2)], '2 tokens')
    """

    model: str
    alpha: float = 1.0
    reduce: Reduce = "sum"
    unit: Unit = "token"

    example_settings: ClassVar[Mapping[str, Any]] = {"alpha": 0.02}

    def __post_init__(self) -> None:
        require_number(self, "alpha", above=0.0)
        require_choice(self, "reduce", REDUCTIONS)
        require_choice(self, "unit", UNITS)
        self.load_models("model")

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        said = self.ask(self._models[0], requests)
        rewards = [
            row
            if isinstance(row, str)
            else Tokens(row.spans, endogenous_rewards(row.log_probabilities, row.log_normalizers, self.alpha))
            for row in said
        ]
        return Credited(token_credits(rewards, batch, reduce=self.reduce, unit=self.unit), [said])

"""Implicit PRM: process rewards from the ratio of two language models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.sources._likelihood import (
    UNITS,
    Credit,
    Credited,
    LikelihoodSource,
    Tokens,
    Unit,
    log_ratios,
    parts_of,
    token_credit,
    told,
)

REDUCTIONS = ("sum", "min", "min_prefix")


@register("implicit_prm", papers=("A11",))
@dataclass(frozen=True)
class ImplicitPrm(LikelihoodSource):
    r"""The step rewards of an outcome reward model that is a ratio of likelihoods, credited where each step ends.

    From "Free Process Rewards without Process Labels" (2024). A language model ``pi`` that was trained on outcomes as
    ``r(y) = beta log pi(y | x) / pi_ref(y | x)`` has a value for every prefix, and the step rewards are its
    differences::

        q_t = sum_{i <= t} beta log( pi(y_i | x, y_<i) / pi_ref(y_i | x, y_<i) )        r_t = q_t - q_{t-1}

    The formulas, ``beta=0.05`` in training, and the lowest step as the score of a response in best-of-N are the
    authors' code's, certainty high; there the coefficient in evaluation is 0.001. The steps here end with a separator
    of one's choice. ``model`` is whatever was trained so, by cross-entropy on outcomes, DPO or otherwise; any other
    pair of models gives numbers too, but no process rewards.

    Score: value float32 [B], unbounded, with segments for ``reduce="sum"``, which sum to it; 0 for an empty response,
    invalid where action or observation is no text or they are too long.

    Args:
        model: The trained model ``pi``, a folder or a name on the hub.
        reference_model: The model ``pi_ref`` that it was trained from; their tokenizers must be equal.
        beta: The coefficient.
        unit: What a step is: every ``"token"``, what ends with the separator (``"step"``), or the whole ``"response"``.
        reduce: ``"sum"`` of the steps, the lowest step (``"min"``), or the lowest value of a prefix (``"min_prefix"``).
        separator: What ends a step.

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> source = ImplicitPrm.example(unit="step", context="turn")
        >>> batch = TransitionBatch.from_transitions([Transition("", "1+2+3=", "1+2=3\n3+3=6")])
        >>> score = source.score(batch)
        >>> [(start, end) for start, end, _ in score.segments[0]]
        [(0, 6), (6, 11)]
        >>> bool(abs(sum(credit for _, _, credit in score.segments[0]) - score.value[0]) < 1e-6)
        True
    """

    model: str
    reference_model: str
    beta: float = 0.05
    unit: Unit = "token"
    reduce: Literal["sum", "min", "min_prefix"] = "sum"
    separator: str = "\n"

    example_models = 2

    def __post_init__(self) -> None:
        require_number(self, "beta", above=0.0)
        require_choice(self, "unit", UNITS)
        require_choice(self, "reduce", REDUCTIONS)
        if not isinstance(self.separator, str) or not self.separator:
            raise RewardiumError(f"implicit_prm: 'separator' must be a text, got {self.separator!r}")
        self.load_models("model", "reference_model", same_tokens=self.unit != "response")

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        said = [self.ask(model, requests) for model in self._models]
        rows = zip(log_ratios(*said), batch.actions, strict=True)
        return Credited([self._credit(row, text) for row, text in rows], said)

    def _credit(self, row: Tokens | str, text: str) -> Credit:
        if self.reduce == "sum" or isinstance(row, str):
            return token_credit(row, text, factor=self.beta, unit=self.unit, separator=self.separator)
        scaled = Tokens(row.spans, self.beta * row.values)
        steps = np.array([part.value for part in parts_of(scaled, text, self.unit, self.separator)])
        if not len(steps):
            return Credit(None, "the response is empty, so that no step is the lowest")
        return Credit(float(np.min(steps if self.reduce == "min" else np.cumsum(steps))), told(row.values))

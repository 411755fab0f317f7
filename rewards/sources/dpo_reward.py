"""The reward that a model trained by DPO has inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._likelihood import (
    LikelihoodSource,
    Unit,
    as_score,
    example_model,
    log_ratios,
    token_credit,
)


@register("dpo_reward", papers=("B58",))
@dataclass(frozen=True)
class DpoReward(LikelihoodSource):
    """DPO's implicit reward ``beta log( pi(y | x) / pi_ref(y | x) )``, a sum over the tokens of the response.

    From "Direct Preference Optimization: Your Language Model is Secretly a Reward Model" (2023). The reward is
    determined up to a term ``beta log Z(x)`` that all responses to one prompt share, so that only differences between
    them mean something; a baseline a prompt, as in GRPO, cancels it. The formula is well known; ``beta=0.1`` is
    recalled, and should be the one that ``model`` was trained with. The token that ends a response is not in the text
    and does not count.

    Score: value float32 [B], unbounded; 0 for an empty response, invalid where action or observation is no text or they
    are too long. With ``unit="token"`` it has segments, which sum to it.

    Args:
        model: The model ``pi`` that DPO trained, a folder or a name on the hub.
        reference_model: The model ``pi_ref`` that it was trained from. Their tokenizers must be equal unless the
            response counts as a whole.
        beta: The coefficient.
        unit: Where the credit stands: the ``"response"`` as a whole, or each ``"token"``.
        context: ``"episode"`` or ``"turn"``: what stands before the response.
        chat: Whether to use the tokenizer's chat template, where it has one.
        max_tokens: The most tokens of a text with its context.
        tokens_a_pass: Tokens that a model reads at once.
        device: E.g. ``"cuda:0"``.
        dtype: E.g. ``"bfloat16"``.

    Raises:
        RewardiumError: When a parameter is out of its range, or a model cannot be loaded.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", action) for action in ("4", "")])
        >>> four, nothing = DpoReward.example(context="turn").score(batch).value
        >>> bool(four != 0.0), float(nothing)
        (True, 0.0)
    """

    model: str
    reference_model: str
    beta: float = 0.1
    unit: Unit = "response"

    def __post_init__(self) -> None:
        require_number(self, "beta", above=0.0)
        require_choice(self, "unit", ("response", "token"))
        self.load_models("model", "reference_model")

    @classmethod
    def example(cls, **changes: Any) -> DpoReward:
        """Return a small one, on two models with random weights in temporary folders."""
        return cls(example_model(0).name, example_model(1).name, **{"dtype": "float64", **changes})

    @property
    def needs_same_tokens(self) -> bool:
        """Whether there is anything to compare below the response as a whole."""
        return self.unit != "response"

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses."""
        requests = self.answers(batch)
        if isinstance(requests, Score):
            return requests
        said = [self.ask(model, requests) for model in self._models]
        rows = zip(log_ratios(*said), batch.actions, strict=True)
        return as_score([token_credit(row, text, factor=self.beta, unit=self.unit) for row, text in rows], said)

"""The reward that a model trained by DPO has inside."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.sources._likelihood import Credited, LikelihoodSource, Unit, log_ratios, token_credits


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

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

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

    example_models = 2

    def __post_init__(self) -> None:
        require_number(self, "beta", above=0.0)
        require_choice(self, "unit", ("response", "token"))
        self.load_models("model", "reference_model", same_tokens=self.unit != "response")

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        said = [self.ask(model, requests) for model in self._models]
        return Credited(token_credits(log_ratios(*said), batch, factor=self.beta, unit=self.unit), said)

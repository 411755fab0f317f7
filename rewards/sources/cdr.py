"""CDR: how much likelier a response is to a strong model than to a weak one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import Request
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.sources._likelihood import (
    REDUCTIONS,
    UNITS,
    Credited,
    LikelihoodSource,
    Reduce,
    Unit,
    log_ratios,
    token_credits,
)


@register("cdr", papers=("A21",))
@dataclass(frozen=True)
class Cdr(LikelihoodSource):
    """The log-density ratio of a better aligned model over a less aligned one, the first of which is told a criterion.

    From "CDR: Customizable Density Ratios of Strong-over-weak LLMs for Preference Annotation" (2024)::

        r(q, y) = log pi_strong(y | c, q) - log pi_weak(y | q)

    with sums over the tokens of the response. The formula is recalled. The criterion ``c`` is an instruction of a
    domain with some examples of what is preferred; in the paper a router picks it for each question. Here it is one
    text for all, or what the task says under ``criterion_field``, so that a task set can do the routing. It stands
    before the first prompt. The paper finds: the wider the gap in alignment between the models, the better the reward.

    Score: value float32 [B], unbounded; 0 for an empty response (no score for its mean), invalid where action or
    observation is no text or they are too long. Segments where ``unit`` is not ``"response"``; they sum to the value.

    Args:
        strong: The better aligned model, a folder or a name on the hub.
        weak: The less aligned model. Their tokenizers must be equal, unless the sum over the response counts as a
            whole.
        criterion: What the strong model is told before the conversation; empty for nothing.
        criterion_field: The entry of ``task.fields`` that holds a task's own criterion; a task without one gets
            ``criterion``. Empty for none.
        reduce: The ``"sum"`` over the tokens, or their ``"mean"``, which does not grow with the length.
        unit: Where the credit stands: with the ``"response"`` as a whole, at each ``"token"``, or at the end of each
            line (``"step"``).

    Other parameters, and what is raised, are those of all sources of likelihoods, see ``LikelihoodSource``.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", action) for action in ("4", "5")])
        >>> plain = Cdr.example(context="turn").score(batch).value
        >>> told = Cdr.example(criterion="Be exact.", context="turn").score(batch).value
        >>> bool((plain != told).all())
        True
    """

    strong: str
    weak: str
    criterion: str = ""
    criterion_field: str = ""
    reduce: Reduce = "sum"
    unit: Unit = "response"

    example_models = 2
    example_settings: ClassVar[Mapping[str, Any]] = {"reduce": "mean"}

    def __post_init__(self) -> None:
        for name in ("criterion", "criterion_field"):
            if not isinstance(getattr(self, name), str):
                raise RewardiumError(f"cdr: {name!r} must be a text, got {getattr(self, name)!r}")
        require_choice(self, "reduce", REDUCTIONS)
        require_choice(self, "unit", UNITS)
        self.load_models("strong", "weak", same_tokens=self.unit != "response" or self.reduce != "sum")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The response and what stands before it, and the task where it says the criterion."""
        return super().needs | ({"task"} if self.criterion_field else frozenset())

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Score B responses."""
        told = [_told(request, text) for request, text in zip(requests, self._criteria(batch), strict=True)]
        said = [self.ask(self._models[0], told), self.ask(self._models[1], requests)]
        return Credited(token_credits(log_ratios(*said), batch, reduce=self.reduce, unit=self.unit), said)

    def _criteria(self, batch: TransitionBatch) -> list[str]:
        if not self.criterion_field or batch.tasks is None:
            return [self.criterion] * len(batch)
        own = [None if task is None else task.fields.get(self.criterion_field) for task in batch.tasks]
        return [text if isinstance(text, str) else self.criterion for text in own]


def _told(request: Request | str, criterion: str) -> Request | str:
    if isinstance(request, str) or not criterion:
        return request
    first, *others = request.turns
    return request._replace(turns=(f"{criterion}\n\n{first}", *others))

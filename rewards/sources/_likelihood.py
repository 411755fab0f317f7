"""What sources with a language model's likelihoods share; the leading underscore says that this file is no source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import CausalModel, Request, TokenScores, load_causal_model
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score, require_positive_int
from rewardium.rewards.sources._example_model import example_model
from rewardium.rewards.sources._token_credit import (
    REDUCTIONS,
    UNITS,
    Credit,
    Credited,
    Reduce,
    Tokens,
    Unit,
    as_score,
    before,
    log_ratios,
    parts_of,
    split_steps,
    token_credit,
    token_credits,
    told,
    within,
)

__all__ = [
    "REDUCTIONS",
    "UNITS",
    "Credit",
    "Credited",
    "LikelihoodSource",
    "Reduce",
    "Tokens",
    "Unit",
    "as_score",
    "before",
    "example_model",
    "log_ratios",
    "parts_of",
    "split_steps",
    "token_credit",
    "token_credits",
    "told",
    "within",
]

NO_HISTORY = "the batch has no histories, which context='episode' reads"
NO_OBSERVATION = "the batch has no observations"
NO_PROMPT = "the observation is no text"
NO_TEXT = "the action is no text"


@dataclass(frozen=True)
class LikelihoodSource(Rebuilt, RewardSource):
    """A source that asks frozen language models how likely texts are.

    A model is a folder or a name on the hub; it is loaded when the source is built, once a process. The model that is
    being trained cannot be named: a source keeps no memory and sees texts only. A checkpoint of it can, by its folder.

    Args:
        context: What stands before the response: the whole ``"episode"`` so far, or the observation of this ``"turn"``
            alone. The environment speaks as the user of the chat template.
        chat: Whether to use the tokenizer's chat template, where it has one.
        max_tokens: The most tokens of a text with its context; a longer one has no score. Never above what the model
            can read.
        tokens_a_pass: Tokens that a model reads at once, padding counted; None for 4,096 on a CPU, 32,768 on a GPU.
        device: E.g. ``"cuda:0"``; None for the GPU where there is one, else the CPU.
        dtype: E.g. ``"bfloat16"``; None for the one that the model was saved in, and float32 on the CPU.

    Raises:
        RewardiumError: When a parameter is out of its range, or a model cannot be loaded.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.
    """

    context: Literal["episode", "turn"] = field(default="episode", kw_only=True)
    chat: bool = field(default=True, kw_only=True)
    max_tokens: int = field(default=4096, kw_only=True)
    tokens_a_pass: int | None = field(default=None, kw_only=True)
    device: str | None = field(default=None, kw_only=True)
    dtype: str | None = field(default=None, kw_only=True)
    _models: tuple[CausalModel, ...] = field(init=False, repr=False, compare=False, default=())

    example_models: ClassVar[int] = 1
    """How many models the source names, as its first parameters."""
    example_settings: ClassVar[Mapping[str, Any]] = {}
    """Parameters of the example that are not the usual ones."""

    @classmethod
    def example(cls, **changes: Any) -> Self:
        """Return a small one, on models with random weights in temporary folders.

        Args:
            **changes: Parameters, in place of ``example_settings``.
        """
        build: Any = cls
        folders = [example_model(seed).name for seed in range(cls.example_models)]
        source: Self = build(*folders, **{"dtype": "float64", **cls.example_settings, **changes})
        return source

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The response and what stands before it."""
        return frozenset({"action", "observation"} | ({"history"} if self.context == "episode" else set()))

    def load_models(self, *parameters: str, same_tokens: bool = True) -> None:
        """Check what all sources share, and load the models that some parameters name.

        Args:
            *parameters: Names of the fields that name a model.
            same_tokens: Whether the models must cut texts into the same tokens.

        Raises:
            RewardiumError: When a parameter is wrong, a model cannot be loaded, or the tokenizers do not fit.
        """
        require_choice(self, "context", ("episode", "turn"))
        if not isinstance(self.chat, bool):
            raise RewardiumError(f"{self.registered_name}: 'chat' must be true or false, got {self.chat!r}")
        require_positive_int(f"{self.registered_name}: 'max_tokens'", self.max_tokens)
        if self.tokens_a_pass is not None:
            require_positive_int(f"{self.registered_name}: 'tokens_a_pass'", self.tokens_a_pass)
        for name in parameters:
            value = getattr(self, name)
            if not isinstance(value, (str, Path)) or not str(value).strip():
                raise RewardiumError(
                    f"{self.registered_name}: {name!r} must be the folder of a language model or a name on the hub, "
                    f"got {value!r}"
                )
            object.__setattr__(self, name, str(value))
        models = [load_causal_model(getattr(self, name), device=self.device, dtype=self.dtype) for name in parameters]
        object.__setattr__(self, "_models", tuple(models))
        if same_tokens and len({model.tokens_key for model in models}) > 1:
            named = " and ".join(f"{name}={getattr(self, name)!r}" for name in parameters)
            raise RewardiumError(
                f"{self.registered_name}: the tokenizers of {named} differ, and likelihoods are compared token by "
                "token: take two models with one tokenizer"
            )

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses."""
        requests = self.answers(batch)
        return requests if isinstance(requests, Score) else as_score(*self.credits(requests, batch))

    def credits(self, requests: list[Request | str], batch: TransitionBatch) -> Credited:
        """Ask the models and say what each row is worth; a source overrides this, or ``score`` as a whole.

        Args:
            requests: Length B, the response after its context, or why there is nothing to score.
            batch: The B transitions, with every column that the source needs.
        """
        raise NotImplementedError(f"{type(self).__name__} needs the method 'credits'")

    def answers(self, batch: TransitionBatch) -> list[Request | str] | Score:
        """Return what is to be scored in each row, the response after its context, or why there is nothing.

        Args:
            batch: B transitions.

        Returns:
            Length B; or a score in which no row is valid, where the batch lacks a column.
        """
        columns = {
            "action": (batch.actions, NO_RESPONSE),
            "observation": (batch.previous_observations, NO_OBSERVATION),
            "history": (batch.histories, NO_HISTORY),
            "task": (batch.tasks, "the batch has no tasks"),
        }
        for need in sorted(self.needs):
            column, reason = columns[need]
            if column is None:
                return no_score(batch, reason)
        pasts = batch.histories if self.context == "episode" and batch.histories is not None else [()] * len(batch)
        rows = zip(pasts, batch.previous_observations, batch.actions, strict=True)
        return [_request(past, prompt, action) for past, prompt, action in rows]

    def ask(
        self, model: CausalModel, requests: Sequence[Request | str], *, distribution: bool = False
    ) -> list[TokenScores | str]:
        """Let a model score the targets of B requests.

        Args:
            model: The model.
            requests: Length B; a reason in place of a request is handed through.
            distribution: Whether the entropies are wanted.

        Returns:
            Length B; in place of what has no score the reason.
        """
        rows = [row for row, request in enumerate(requests) if not isinstance(request, str)]
        asked = [request for request in requests if not isinstance(request, str)]
        found: list[TokenScores | str] = [request if isinstance(request, str) else "" for request in requests]
        encoded = model.encode(asked, max_tokens=self.max_tokens, chat=self.chat)
        known = [(row, item) for row, item in zip(rows, encoded, strict=True) if not isinstance(item, str)]
        for row, item in zip(rows, encoded, strict=True):
            found[row] = item if isinstance(item, str) else found[row]
        scores = model.score([item for _, item in known], distribution=distribution, tokens_a_pass=self.tokens_a_pass)
        for (row, _), score in zip(known, scores, strict=True):
            found[row] = "the memory does not suffice for the text" if score is None else score
        return found


def _request(past: Sequence[Any], prompt: Any, action: Any) -> Request | str:
    if not isinstance(action, str):
        return NO_TEXT
    turns = [turn for step in past for turn in (step.previous_observation, step.action)]
    if not isinstance(prompt, str):
        return NO_PROMPT
    # Earlier turns may be anything; the episode went on, so that they have a place in the conversation.
    said = [turn if isinstance(turn, str) else "" for turn in turns]
    return Request((*said, prompt), action)

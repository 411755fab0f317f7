"""RLFR: how far the hidden states of a response stray from those of good responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.flow_model import FlowModel, FlowSettings, load_flow
from rewardium.rewards.models.causal_model import Request
from rewardium.rewards.models.token_states import token_states
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._likelihood import (
    REDUCTIONS,
    LikelihoodSource,
    Reduce,
    Tokens,
    as_score,
    example_model,
    token_credit,
)


@register("rlfr", papers=("A29",))
@dataclass(frozen=True)
class Rlfr(LikelihoodSource):
    """The deviation of a flow's velocity at each token: low where a response looks like the good ones.

    From "RLFR: Extending Reinforcement Learning for LLMs with Flow Environment" (2025). A flow learns the hidden states
    of a language model on expert or verified responses (``fit_flow``); at a token with the state ``z``::

        s = t / (1 - t) * mean_d (v(t z + (1 - t) e, t, neighbour, depth) - (z - e))^2

    with the score at t = 0.8, as in the authors' code, the neighbouring token's state as condition, and states at some
    depths of the model. That ``e`` is the same for all tokens, so that scores can be compared and repeated, and that
    states are standardised first, is ours. In the paper the model is the policy as it is, and the flow learns on from
    its correct answers; here both are frozen.

    The number is the raw deviation, larger where a response strays. The paper's reward keeps its largest places and
    takes them off the outcome: ``verify + top_segments(rlfr(path='...'))``.

    Score: value float32 [B] of at least 0, with a segment for each token, which sum to it; invalid for an empty
    response, or where action or observation is no text or they are too long.

    Args:
        path: The folder of the flow.
        model: The language model whose states are read; empty for the one that the flow was trained with.
        time: t, in (0, 1).
        draws: Over how much noise the mean is taken, at least 1.
        reduce: Whether the value is the ``"mean"`` over the tokens or their ``"sum"``.
        context: ``"episode"`` or ``"turn"``: what stands before the response.
        chat: Whether to use the tokenizer's chat template, where it has one.
        max_tokens: The most tokens of a text with its context.
        tokens_a_pass: Tokens that a model reads at once.
        device: E.g. ``"cuda:0"``.
        dtype: E.g. ``"bfloat16"``.

    Raises:
        RewardiumError: When a parameter is out of its range, or a model or the flow cannot be loaded, or they do not
            belong together.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "2+2=", action) for action in ("so 4", "")])
        >>> score = Rlfr.example(context="turn").score(batch)
        >>> bool(score.value[0] > 0), len(score.segments[0]), score.valid.tolist()
        (True, 4, [True, False])
    """

    path: str
    model: str = ""
    time: float = 0.8
    draws: int = 4
    reduce: Reduce = "mean"
    _flow: FlowModel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, (str, Path)) or not str(self.path).strip():
            raise RewardiumError(f"rlfr: 'path' must be the folder of a flow, got {self.path!r}")
        object.__setattr__(self, "path", str(self.path))
        require_number(self, "time", above=0.0, at_most=0.999)
        require_positive_int("rlfr: 'draws'", self.draws)
        require_choice(self, "reduce", REDUCTIONS)
        flow = load_flow(self.path)
        object.__setattr__(self, "_flow", flow)
        object.__setattr__(self, "model", self.model or flow.base)
        self.load_models("model")
        width = int(self._models[0].model.config.get_text_config().hidden_size)
        if width != flow.size:
            raise RewardiumError(
                f"rlfr: the flow in {self.path} reads states of width {flow.size}, those of {self.model} have {width}"
            )

    @classmethod
    def example(cls, **changes: Any) -> Rlfr:
        """Return a small one, on a model with random weights and a flow that has learnt nothing."""
        return cls(_example_folder().name, **{"dtype": "float64", **changes})

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses."""
        requests = self.answers(batch)
        if isinstance(requests, Score):
            return requests
        rows = self._deviations(requests)
        pairs = zip(rows, batch.actions, strict=True)
        score = as_score([token_credit(row, text, reduce=self.reduce) for row, text in pairs])
        read = sum(len(row.values) for row in rows if not isinstance(row, str))
        return replace(score, cost={"tokens": float(read)})

    def _deviations(self, requests: Sequence[Request | str]) -> list[Tokens | str]:
        model = self._models[0]
        found: list[Tokens | str] = [request if isinstance(request, str) else "" for request in requests]
        asked = [row for row, request in enumerate(requests) if not isinstance(request, str)]
        texts = [request for request in requests if not isinstance(request, str)]
        known = []
        for row, item in zip(asked, model.encode(texts, max_tokens=self.max_tokens, chat=self.chat), strict=True):
            found[row] = item if isinstance(item, str) else Tokens(item.spans, np.zeros(0))
            if not isinstance(item, str) and item.target:
                known.append((row, item))
        self._flow.network.to(model.device)
        read = token_states(model, [item for _, item in known], self._flow.settings.depths, self.tokens_a_pass)
        for place, states in read:
            row, item = known[place]
            found[row] = Tokens(item.spans, self._flow.deviations(states, self.time, self.draws).cpu().numpy())
        return found


@cache
def _example_folder() -> TemporaryDirectory[str]:
    """Build once a process; the folder goes when the process ends."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-flow-")
    FlowModel(example_model().name, 16, FlowSettings(depths=(0.5, 1.0), width=16, blocks=1)).save(folder.name)
    return folder

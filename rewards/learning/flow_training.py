"""Training of flows on the hidden states of good responses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.flow_model import FlowModel, FlowSettings
from rewardium.rewards.learning.one_thread import one_thread
from rewardium.rewards.models.causal_model import Request, load_causal_model
from rewardium.rewards.models.token_states import token_states

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FlowTraining:
    """How a flow is trained.

    Args:
        steps: Steps of AdamW.
        batch_tokens: Tokens of a step, about.
        learning_rate: 1e-4 is that of the paper's code; small flows take more.
        max_tokens: Tokens of a text with its context; longer ones are left out.
        chat: Whether to use the tokenizer's chat template, where it has one.
        seed: Of network, noise and order.

    Raises:
        RewardiumError: When a number is out of its range.
    """

    steps: int = 1_000
    batch_tokens: int = 1_024
    learning_rate: float = 1e-3
    max_tokens: int = 4_096
    chat: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_tokens", "max_tokens"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RewardiumError(f"{name} must be a whole number of at least 1, got {value!r}")
        if not (self.learning_rate > 0.0 and math.isfinite(self.learning_rate)):
            raise RewardiumError(f"learning_rate must be above 0, got {self.learning_rate}")


def fit_flow(
    base: str,
    prompts: Sequence[str],
    responses: Sequence[str],
    settings: FlowSettings | None = None,
    training: FlowTraining | None = None,
    *,
    device: str | None = None,
    dtype: str | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> FlowModel:
    """Learn what a language model's states look like in responses that are good.

    Each step minimises ``mean (v(x_t, t, neighbour, depth) - (z - e))^2`` over tokens, with ``t`` even in [0, 1] and
    normal noise ``e``.

    Args:
        base: The language model, a folder or a name on the hub.
        prompts: Length N.
        responses: Length N: written by experts, or found right by a verifier.
        settings: What the flow reads and how large it is.
        training: How it is trained.
        device: Of the language model and the flow.
        dtype: Of the language model.
        progress: Called after each step with the steps done and the loss.

    Returns:
        The flow, frozen, on the CPU.

    Raises:
        RewardiumError: When a model cannot be loaded, or there is nothing to learn from.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.
    """
    import torch

    training = training or FlowTraining()
    settings = settings or FlowSettings()
    model = load_causal_model(base, device=device, dtype=dtype)
    requests = [Request((prompt,), response) for prompt, response in zip(prompts, responses, strict=True)]
    encoded = model.encode(requests, max_tokens=training.max_tokens, chat=training.chat)
    readable = [row for row in encoded if not isinstance(row, str) and row.target]
    if not readable:
        raise RewardiumError(f"of {len(responses)} responses none can be read by {base!r}: there is nothing to learn")
    states = {row: part.float().clone() for row, part in token_states(model, readable, settings.depths)}
    everything = torch.cat([part[:, 1:] for part in states.values()], dim=1)
    flow = FlowModel(
        base,
        everything.shape[-1],
        settings,
        seed=training.seed,
        mean=everything.mean(1).cpu(),
        deviation=everything.std(1, correction=0).clamp(min=1e-6).cpu(),
    )
    flow.network.to(everything.device).requires_grad_(True)
    pairs = [flow.standardised(states[row]) for row in sorted(states)]
    own, other = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
    _descend(flow, own, other, training, progress)
    flow.network.cpu().requires_grad_(False)
    return flow


def _descend(
    flow: FlowModel, own: Tensor, other: Tensor, training: FlowTraining, progress: Callable[[int, float], None] | None
) -> None:
    """Take the steps of AdamW; noise and order come from a generator of their own."""
    import torch

    generator = torch.Generator().manual_seed(training.seed)
    optimizer = torch.optim.AdamW(flow.network.parameters(), lr=training.learning_rate, weight_decay=0.0)
    with one_thread():
        for step in range(training.steps):
            rows = torch.randint(own.shape[1], (min(training.batch_tokens, own.shape[1]),), generator=generator)
            part, neighbours = own[:, rows.to(own.device)], other[:, rows.to(own.device)]
            noise = torch.randn(part.shape, generator=generator).to(part)
            time = torch.rand(*part.shape[:2], 1, generator=generator).to(part)
            loss = flow.losses(part, neighbours, noise, time).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if progress is not None:
                progress(step + 1, float(loss.detach()))

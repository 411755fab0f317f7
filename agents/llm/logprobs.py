"""The log-probabilities that a policy gives to tokens it has sampled, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from rewardium.agents.llm.policy import Policy, logits_at
from rewardium.agents.llm.sampling import pad_right
from rewardium.rewards.models.plain_attention import pads_freely


def token_logprobs(
    policy: Policy,
    prompt_ids: Sequence[Sequence[int]],
    tokens_BT: Tensor,
    mask_BT: Tensor,
    *,
    temperature: float = 1.0,
    share_prompts: bool = True,
) -> Tensor:
    """Compute the log-probability of each sampled token given all before it.

    Nothing is computed twice. The rows of a GRPO group begin with one prompt: with ``share_prompts`` it is read once
    and the rows attend to its keys and values, through which the gradient flows back. Equal answers to one prompt,
    which a small or confident policy gives often, are one row for the model. Values and gradients stay the same.

    Args:
        policy: The policy.
        prompt_ids: The B prompts, at least one token each.
        tokens_BT: int64 [B, T], what follows the prompts; anything after a row's end.
        mask_BT: bool [B, T], the tokens whose log-probabilities are wanted.
        temperature: What the logits are divided by, as in sampling; 0 counts as 1.
        share_prompts: Whether to read equal prompts once, where the model's cache allows it.

    Returns:
        float32 [B, T]; 0 where the mask is False.
    """
    if not bool(mask_BT.any()):
        return torch.zeros(mask_BT.shape, device=policy.device)
    width = int(mask_BT.any(0).nonzero().max()) + 1  # what follows the last wanted token changes nothing
    numbers, rows = _distinct(prompt_ids, tokens_BT[:, :width], mask_BT[:, :width])
    prompts, tokens, mask = [prompt_ids[row] for row in rows], tokens_BT[rows, :width], mask_BT[rows, :width]
    # Recomputed activations leave no keys and values to share.
    shared = share_prompts and not policy.recompute and pads_freely(policy.model)
    with policy.autocast():
        logits_NV = (_logits_shared if shared else _logits_plain)(policy, prompts, tokens, mask)
    logits_NV = logits_NV.float() / (temperature or 1.0)
    chosen_N = logits_NV.gather(1, tokens[mask][:, None]).squeeze(1) - logits_NV.logsumexp(1)
    logprobs_RT = torch.zeros(mask.shape, device=policy.device).index_put((mask,), chosen_N)
    return torch.nn.functional.pad(logprobs_RT, (0, mask_BT.shape[1] - width))[numbers]


def _distinct(prompt_ids: Sequence[Sequence[int]], tokens_BT: Tensor, mask_BT: Tensor) -> tuple[list[int], list[int]]:
    """Return for each row the number of its like among the distinct rows, and one row for each of those."""
    numbers: list[int] = []
    rows: list[int] = []
    known: dict[Any, int] = {}
    for row, key in enumerate(
        zip(map(tuple, prompt_ids), map(tuple, tokens_BT.tolist()), map(tuple, mask_BT.tolist()), strict=True)
    ):
        if key not in known:
            known[key] = len(rows)
            rows.append(row)
        numbers.append(known[key])
    return numbers, rows


def _logits_plain(policy: Policy, prompt_ids: Sequence[Sequence[int]], tokens_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Read each row as one sequence, padded on the right; returns the logits before each wanted token [N, V]."""
    rows = [[*prompt, *tokens] for prompt, tokens in zip(prompt_ids, tokens_BT.tolist(), strict=True)]
    ids_BS, _ = pad_right(rows, policy.pad_id, policy.device)
    places_BS = torch.zeros_like(ids_BS, dtype=torch.bool)
    row_N, token_N = mask_BT.nonzero(as_tuple=True)
    lengths_B = torch.tensor([len(prompt) for prompt in prompt_ids], device=policy.device)
    places_BS[row_N, lengths_B[row_N] + token_N - 1] = True
    return logits_at(policy.model, places_BS, input_ids=ids_BS, use_cache=False)


def _logits_shared(policy: Policy, prompt_ids: Sequence[Sequence[int]], tokens_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Read the distinct prompts up to their last token, then the rest of each row; returns the same logits [N, V]."""
    device = policy.device
    distinct = list(dict.fromkeys(tuple(prompt[:-1]) for prompt in prompt_ids))
    index = {prompt: number for number, prompt in enumerate(distinct)}
    rows_B = torch.tensor([index[tuple(prompt[:-1])] for prompt in prompt_ids], device=device)
    ids_UP, lengths_U = pad_right(distinct, policy.pad_id, device)
    cache = _prompt_cache(policy, ids_UP, rows_B)
    last_B1 = torch.tensor([prompt[-1] for prompt in prompt_ids], device=device)[:, None]
    offset_T = torch.arange(tokens_BT.shape[1], device=device)
    seen_BS = None
    if len({len(prompt) for prompt in distinct}) > 1:
        seen_UP = torch.arange(ids_UP.shape[1], device=device) < lengths_U[:, None]
        seen_BS = torch.cat([seen_UP[rows_B], seen_UP.new_ones(tokens_BT.shape)], dim=1)
    return logits_at(
        policy.model,
        mask_BT,
        input_ids=torch.cat([last_B1, tokens_BT[:, :-1]], dim=1),
        attention_mask=seen_BS,
        position_ids=lengths_U[rows_B][:, None] + offset_T,
        past_key_values=cache,
        use_cache=True,
    )


def _prompt_cache(policy: Policy, ids_UP: Tensor, rows_B: Tensor) -> Any:
    """Return the keys and values of each row's prompt, or None where all prompts are empty."""
    if ids_UP.shape[1] == 0:
        return None
    cache = DynamicCache(config=policy.model.config)
    # Only the keys and values matter: one logit is the fewest that every model can be asked for.
    policy.model(input_ids=ids_UP, past_key_values=cache, use_cache=True, logits_to_keep=1)
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys.index_select(0, rows_B), layer.values.index_select(0, rows_B)
    return cache

"""Generalised advantage estimation over sampled tokens: a pure function of rewards and values."""

from __future__ import annotations

import torch
from torch import Tensor


def generalised_advantage(
    rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, *, discount: float = 1.0, decay: float = 0.95
) -> Tensor:
    """Weigh what each token still earned against what was expected of it (https://arxiv.org/abs/1506.02438).

    With the sampled tokens of a row numbered t = 1 .. n, whatever stands between them,

        delta_t = r_t + discount * V_{t+1} - V_t,    A_t = delta_t + discount * decay * A_{t+1},

    where ``V_{n+1} = A_{n+1} = 0``: after its last token an episode earns nothing, also where a limit ended it.
    ``decay`` 1 compares the whole reward-to-go with the value, 0 one step alone. Certainty: high.

    Args:
        rewards_BT: float [B, T], each reward at the token that earned it.
        values_BT: float [B, T], what was expected before each sampled token.
        mask_BT: bool [B, T], the sampled tokens.
        discount: Of a reward one token later, in [0, 1].
        decay: The paper's lambda, in [0, 1].

    Returns:
        float64 [B, T]; 0 outside of the mask. The target of the values is this plus ``values_BT``.

    Example:
        >>> rewards, mask = torch.tensor([[0.0, 9.0, 1.0]]), torch.tensor([[True, False, True]])
        >>> generalised_advantage(rewards, torch.tensor([[0.5, 0.0, 0.25]]), mask, decay=0.0).tolist()
        [[-0.25, 0.0, 0.75]]
        >>> generalised_advantage(rewards, torch.tensor([[0.5, 0.0, 0.25]]), mask, decay=1.0).tolist()
        [[0.5, 0.0, 0.75]]
    """
    rewards_BT, values_BT = rewards_BT.double(), values_BT.double()
    advantage_BT = torch.zeros_like(rewards_BT)
    ahead_B = torch.zeros_like(rewards_BT[:, 0]) if rewards_BT.shape[1] else rewards_BT.new_zeros(len(rewards_BT))
    next_value_B = torch.zeros_like(ahead_B)
    for token in reversed(range(rewards_BT.shape[1])):
        here_B = mask_BT[:, token]
        delta_B = rewards_BT[:, token] + discount * next_value_B - values_BT[:, token]
        ahead_B = torch.where(here_B, delta_B + discount * decay * ahead_B, ahead_B)
        next_value_B = torch.where(here_B, values_BT[:, token], next_value_B)
        advantage_BT[:, token] = torch.where(here_B, ahead_B, 0.0)
    return advantage_BT

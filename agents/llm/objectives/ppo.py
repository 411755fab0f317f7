"""Proximal policy optimisation with a value of each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rewardium.agents.llm.objectives import register_objective
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("ppo")
@dataclass(frozen=True)
class Ppo(Grpo):
    """PPO: the clipped surrogate of GRPO on advantages against a learnt value, not against other answers.

    ``-min(r * A, clip(r, 1 - clip_low, 1 + clip_high) * A)`` per token, where A is the generalised advantage estimate
    of ``credit="value_head"``, without which this objective is refused. Answers need not share a prompt.

    Source: Proximal Policy Optimization Algorithms, https://arxiv.org/abs/1707.06347, equation 7 (certainty: high);
    the mean over all tokens, and advantages centred and scaled over the batch, are what implementations do.

    Args:
        clip_low: As in GRPO.
        clip_high: As in GRPO.
        kl_coefficient: As in GRPO; where InstructGPT takes the distance to the reference off the reward, here it is in
            the loss.
        normalisation: As in GRPO.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 1)
        >>> round(float(Ppo().loss(one * 0.5, one * 0.0, None, one * 2.0, one.bool())[0]), 3)
        -2.4
    """

    needs_values: ClassVar[bool] = True

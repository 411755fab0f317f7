"""What a causal language model thinks of texts: the parts that others use, in one place."""

from __future__ import annotations

from rewardium.rewards.models.causal_loading import load_causal_model
from rewardium.rewards.models.causal_scoring import TOKENS_A_PASS, CausalModel
from rewardium.rewards.models.token_scores import NO_CONTEXT, Encoded, Request, Span, TokenScores

__all__ = [
    "NO_CONTEXT",
    "TOKENS_A_PASS",
    "CausalModel",
    "Encoded",
    "Request",
    "Span",
    "TokenScores",
    "load_causal_model",
]

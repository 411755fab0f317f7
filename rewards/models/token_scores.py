"""What is asked of a causal language model, and what it says: requests as tokens, and numbers for each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

FloatVector = NDArray[np.float64]
Span = tuple[int, int]

_CHUNK_BYTES = 64 * 2**20
"""Bytes of logits that are turned into probabilities at once."""

NO_CONTEXT = "nothing stands before the text, and the tokenizer has no token to begin with"


class Request(NamedTuple):
    """A text that is to be scored as the next turn of a conversation.

    Args:
        turns: What was said before, the environment first; the target is the answer after an odd number of turns, and
            the environment's word after an even number.
        target: The text whose tokens are scored.
        opening: What stands before the target in its own turn; it is context.
    """

    turns: tuple[str, ...]
    target: str
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request as tokens.

    Args:
        context: The tokens before the target, at least one.
        target: The T tokens of the target.
        spans: T pairs: where a token's characters start and end in the target.
    """

    context: tuple[int, ...]
    target: tuple[int, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class TokenScores:
    """What a model says of the T tokens of a target.

    Args:
        spans: T pairs: where a token's characters start and end in the target.
        log_probabilities: float64 [T], of each token after all before it.
        log_normalizers: float64 [T], ``log sum_v exp(logit_v)`` where the token is predicted.
        entropies: None, or float64 [T], of the distribution that the token was predicted with.
        mean_log_probabilities: None, or float64 [T], the mean over the vocabulary of the log-probabilities there.
        vocabulary: Number of tokens that the model chooses from.
    """

    spans: tuple[Span, ...]
    log_probabilities: FloatVector
    log_normalizers: FloatVector
    entropies: FloatVector | None
    mean_log_probabilities: FloatVector | None
    vocabulary: int


def joined(context: tuple[int, ...], target: tuple[int, ...], spans: tuple[Span, ...], limit: int) -> Encoded | str:
    """Join the tokens of a context and a target, or say why they are no request that can be scored."""
    if not context:
        return NO_CONTEXT
    if len(context) + len(target) > limit:
        return f"the text has {len(context) + len(target)} tokens, more than {limit}"
    return Encoded(context, target, spans)


def as_scores(spans: tuple[Span, ...], measured: NDArray[Any] | None, vocabulary: int) -> TokenScores | None:
    """Name the rows of what was measured at a target's tokens, float [2 or 4, T]; None where nothing was."""
    if measured is None:
        return None
    rows = [np.asarray(row, dtype=np.float64) for row in measured]
    entropies, means = (rows[2], rows[3]) if len(rows) > 2 else (None, None)
    return TokenScores(spans, rows[0], rows[1], entropies, means, vocabulary)


def measured_tokens(logits_NV: torch.Tensor, chosen_N: torch.Tensor, distribution: bool) -> torch.Tensor:
    """Measure the predictions of N tokens.

    Args:
        logits_NV: float [N, V].
        chosen_N: int64 [N], the tokens.
        distribution: Whether the last two rows are wanted.

    Returns:
        float [2 or 4, N]: log-probabilities, log-normalizers; entropies, means of the log-probabilities.
    """
    import torch

    precise = torch.float64 if logits_NV.dtype == torch.float64 else torch.float32
    step = max(1, _CHUNK_BYTES // (4 * logits_NV.shape[1]))
    parts = []
    for start in range(0, len(logits_NV), step):
        logits = logits_NV[start : start + step].to(precise)
        normalizer = logits.logsumexp(1)
        chosen = logits.gather(1, chosen_N[start : start + step, None]).squeeze(1)
        measures = [chosen - normalizer, normalizer]
        if distribution:
            logs = logits - normalizer[:, None]
            # A token that cannot be drawn has a log-probability of -inf, and adds nothing to the entropy.
            measures += [torch.special.entr(logs.exp()).sum(1), logs.mean(1)]
        parts.append(torch.stack(measures))
    return torch.cat(parts, dim=1)

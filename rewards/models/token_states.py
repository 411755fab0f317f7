"""The hidden states of a language model at the tokens of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rewardium.rewards.learning.text_encoding import batches_by_length
from rewardium.rewards.models.causal_model import TOKENS_A_PASS, CausalModel, Encoded

if TYPE_CHECKING:
    from torch import Tensor


def token_states(
    model: CausalModel, encoded: Sequence[Encoded], depths: Sequence[float], tokens_a_pass: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Read B texts and yield what the model makes of each token of their targets.

    Texts of about one length share a pass, padded on the right, which a causal model does not see.

    Args:
        model: The model.
        encoded: Length B.
        depths: L parts of the model's depth, in [0, 1]: 0 is the embedding, 1 what the output layer reads.
        tokens_a_pass: Tokens of one pass, padding counted; None for what ``CausalModel.score`` takes.

    Yields:
        In any order, once for each text, its row and its states, float [L, T + 1, D]: first the one of the last token
        before the target, then those of the target's T tokens.

    Raises:
        RewardiumError: When the process was forked.
    """
    import torch

    model.score([])  # refuses where the process was forked
    sequences = [(*row.context, *row.target) for row in encoded]
    budget = tokens_a_pass or TOKENS_A_PASS.get(model.device.type, TOKENS_A_PASS["cuda"])
    for rows in batches_by_length([len(sequence) for sequence in sequences], budget):
        width = max(len(sequences[row]) for row in rows)
        ids = torch.tensor([[*sequences[row], *[0] * (width - len(sequences[row]))] for row in rows])
        with torch.inference_mode():
            found = model.model.base_model(
                input_ids=ids.to(model.device), output_hidden_states=True, use_cache=False
            ).hidden_states
            chosen = torch.stack([found[round(depth * (len(found) - 1))] for depth in depths], dim=1)
        for place, row in enumerate(rows):
            start = len(encoded[row].context) - 1
            yield row, chosen[place, :, start : start + 1 + len(encoded[row].target)]

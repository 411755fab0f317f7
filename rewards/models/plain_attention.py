"""Whether a language model reads a text in the same way wherever padding stands."""

from __future__ import annotations

from typing import Any


def pads_freely(model: Any) -> bool:
    """Say whether every layer of the model's cache is plain attention, which padding can be masked out of.

    A sliding window counts padding as distance and a recurrent layer reads it. Such models get prompts of one length
    in a batch, and no context is read once for texts of several lengths.

    Args:
        model: A causal language model of ``transformers``.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer

    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)

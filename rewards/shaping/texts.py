"""What the nodes share that remember which texts an episode has shown."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

from rewardium.envs.caption import message_of
from rewardium.envs.transition import TransitionBatch

Part = Literal["message", "text"]
"""What of a row's text counts: a caption's message (of any other text the whole), or the whole text with its map."""


def text_keys(batch: TransitionBatch, part: Part = "message") -> list[str | None]:
    """Return a short key for each row's text, equal for equal texts.

    A digest and not the text itself, so that memory and checkpoints stay small however long a policy writes.

    Args:
        batch: The transitions.
        part: Which part of the text counts.

    Returns:
        Length B; None where a row has no text.
    """
    if batch.texts is None:
        return [None] * len(batch)
    whole = part == "text"
    return [None if text is None else _digest(text if whole else message_of(text)) for text in batch.texts]


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

"""What the nodes share that remember which texts an episode has shown."""

from __future__ import annotations

from hashlib import blake2b

from rewardium.envs.transition import TransitionBatch


def text_keys(batch: TransitionBatch) -> list[str | None]:
    """Return a short key for each row's text, equal for equal texts.

    A digest and not the text itself, so that memory and checkpoints stay small however long a policy writes.

    Args:
        batch: The transitions.

    Returns:
        Length B; None where a row has no text.
    """
    if batch.texts is None:
        return [None] * len(batch)
    return [None if text is None else _digest(text) for text in batch.texts]


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

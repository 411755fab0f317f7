"""A game's messages as the students read them: cleaned, bounded, and turned into numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.caption import message_of
from rewardium.envs.transition import TransitionBatch

MAX_CHARACTERS = 1_000
"""Longer messages are cut: a judge's prompt, a cache and a model must stay bounded whatever a game or a policy says."""

ALPHABET = 257
"""The numbers that ``encode`` gives: 0 for nothing, and a byte plus one."""

PAD_MULTIPLE = 27
"""The length of encoded messages is a multiple of this: the network halves it three times, by three each time."""


def clean_message(text: str) -> str:
    r"""Return the message of a caption (of any other text, all of it) in the form under which it is labelled.

    White space becomes single blanks, a lone surrogate becomes a question mark, and what is too long is cut.

    Args:
        text: A caption, a tool's reply, a chat turn; anything.

    Returns:
        At most ``MAX_CHARACTERS`` characters, valid Unicode; "" where there is no message.

    Example:
        >>> clean_message("Action: east\nMessage: You see  here a key.")
        'You see here a key.'
        >>> clean_message("\ud800")
        '?'
    """
    # The cut before the split bounds the work on a text of one endless line.
    words = message_of(text)[: 4 * MAX_CHARACTERS].split()
    return " ".join(words)[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def message_column(batch: TransitionBatch) -> list[str | None]:
    """Return the cleaned message of each row.

    Args:
        batch: B transitions.

    Returns:
        Length B; None where a row has no text, "" where its text has no message.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "", 0, text=text) for text in ("Message: (none)", None, "a")]
        >>> message_column(TransitionBatch.from_transitions(rows))
        ['', None, 'a']
    """
    if batch.texts is None:
        return [None] * len(batch)
    return [clean_message(text) if isinstance(text, str) else None for text in batch.texts]


def encode(messages: Sequence[str], max_bytes: int = 256) -> NDArray[np.int64]:
    """Turn messages into rows of numbers: the UTF-8 bytes plus one, then zeros.

    Args:
        messages: Length B, in valid Unicode.
        max_bytes: Where a message is cut.

    Returns:
        int64 [B, L] in [0, 256]; L is the smallest multiple of ``PAD_MULTIPLE``, above 0, that holds the longest row.

    Example:
        >>> rows = encode(["ab", ""])
        >>> rows.shape, rows[0, :3].tolist(), int(rows[1].max())
        ((2, 27), [98, 99, 0], 0)
    """
    rows = [np.frombuffer(message.encode("utf-8", "replace")[:max_bytes], dtype=np.uint8) for message in messages]
    longest = max((len(row) for row in rows), default=0)
    ids = np.zeros((len(rows), PAD_MULTIPLE * max(1, -(-longest // PAD_MULTIPLE))), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row.astype(np.int64) + 1
    return ids

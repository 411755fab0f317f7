"""Which sampled token wrote which character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.rewards.source import Segment

# Tokens decoded together: longer than any character (4 bytes of UTF-8, so at most 4 tokens), short enough to be cheap.
_WINDOW = 16
# Tokens of context before a window, for decoders that write a token differently at the start of a text.
_CONTEXT = 4
_INCOMPLETE = "\ufffd"


def answer_text(tokenizer: Any, token_ids: Sequence[int]) -> str:
    """Decode an answer: special tokens are left out, spaces are left as they are."""
    return str(tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def token_ends(tokenizer: Any, token_ids: Sequence[int]) -> NDArray[np.int64]:
    r"""Count the characters of an answer that are complete after each of its tokens.

    The tokens are the sampled ones; the text is never tokenised again, which could cut it elsewhere. A character that
    takes several tokens is complete with the last of them.

    Args:
        tokenizer: The tokenizer.
        token_ids: The K sampled tokens.

    Returns:
        int64 [K], not decreasing; the last is ``len(answer_text(tokenizer, token_ids))``. The time is linear in K.

    Example:
        >>> from rewardium.agents.llm.character import character_tokenizer
        >>> tokenizer = character_tokenizer()
        >>> token_ends(tokenizer, tokenizer.encode(r"= \boxed{4")).tolist()
        [1, 2, 9, 10]
    """
    token_ids = list(token_ids)
    if not token_ids:
        return np.zeros(0, dtype=np.int64)
    text = answer_text(tokenizer, token_ids)
    pieces = tokenizer.batch_decode(
        [[token] for token in token_ids], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    if _INCOMPLETE not in text and "".join(pieces) == text:  # every token stands for itself
        return np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    ends = np.minimum.accumulate(np.minimum(_ends_by_window(tokenizer, token_ids), len(text))[::-1])[::-1].copy()
    ends[-1] = len(text)
    return ends


def _ends_by_window(tokenizer: Any, token_ids: list[int]) -> NDArray[np.int64]:
    """Decode growing windows; each starts where a character has just been completed, after some context."""
    ends = np.zeros(len(token_ids), dtype=np.int64)
    start, known, before = 0, 0, 0  # the window's first token; characters complete before it; of these, its context's
    complete = 0
    for index in range(len(token_ids)):
        decoded = answer_text(tokenizer, token_ids[start : index + 1])
        pending = decoded.endswith(_INCOMPLETE) and index + 1 - start < 2 * _WINDOW
        if not pending:
            complete = known + len(decoded) - before
        ends[index] = complete
        if not pending and index + 1 - start >= _WINDOW:
            start, before = _context(tokenizer, token_ids, index + 1)
            known = complete
    return ends


def _context(tokenizer: Any, token_ids: list[int], end: int) -> tuple[int, int]:
    """Return where the context before ``end`` starts, and its characters; it must not start within a character."""
    for start in range(end - _CONTEXT, end):
        text = answer_text(tokenizer, token_ids[start:end])
        if _INCOMPLETE not in text:
            return start, len(text)
    return end, 0


def segment_tokens(ends: NDArray[np.int64], segments: Sequence[Segment]) -> NDArray[np.int64]:
    """Find the token that each segment is paid at: the one that holds its last character.

    Args:
        ends: int64 [K], what ``token_ends`` returned, K at least 1.
        segments: S segments; spans outside of the text count as its nearest end.

    Returns:
        int64 [S], indices of tokens.

    Example:
        >>> segment_tokens(np.array([1, 3, 3]), [Segment(0, 1, 1.0), Segment(0, 3, 1.0), Segment(2, 9, 1.0)]).tolist()
        [0, 1, 2]
    """
    last = np.array([max(segment.end, 1) for segment in segments], dtype=np.int64)
    return np.minimum(np.searchsorted(ends, last, side="left"), len(ends) - 1).astype(np.int64)

"""A prompt and a response as the tokens that a reward model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

CHARACTERS_A_TOKEN = 32
"""Of longer texts only so many characters for each token that can be read are tokenised at all."""


class Encoded(NamedTuple):
    """The tokens of a prompt and a response.

    Args:
        ids: All tokens.
        start: The index of the response's first token; it always has one, if only the token that ends it.
        spans: Of each token of the response, where its characters begin and end in the response.
    """

    ids: tuple[int, ...]
    start: int
    spans: tuple[tuple[int, int], ...]


def encode(tokenizer: Any, prompt: str, response: str, max_length: int) -> Encoded:
    """Tokenise a prompt and a response, each for itself, so that a response's tokens do not depend on its prompt.

    Where the tokenizer has a chat template, the prompt is the user's turn of a conversation. The response is ended by
    the end-of-sequence token. Of what is too long the end of the prompt and the beginning of the response are kept, of
    the prompt at least half of the room where it has as much. A text cannot spell special tokens.

    Args:
        tokenizer: A fast tokenizer of ``transformers``.
        prompt: Any text.
        response: Any text.
        max_length: Tokens at most, at least 4.

    Returns:
        The tokens.
    """
    most = CHARACTERS_A_TOKEN * max_length
    asked = _prompt_ids(tokenizer, _valid(prompt[-most:]))
    said = _tokens(tokenizer, _valid(response[:most]), offsets=True)
    if not asked:  # the first token of the response needs something before it
        asked = [_start_id(tokenizer)]
    room = max_length - 1
    of_prompt = min(len(asked), max(room // 2, room - len(said["input_ids"])))
    ids = list(said["input_ids"])[: room - of_prompt]
    spans = [(int(start), int(end)) for start, end in said["offset_mapping"][: len(ids)]]
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else _start_id(tokenizer)
    here = spans[-1][1] if spans else 0
    asked = asked[len(asked) - of_prompt :]
    return Encoded((*asked, *ids, end), len(asked), (*spans, (here, here)))


def _valid(text: str) -> str:
    """Replace lone surrogates, one character each, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _tokens(tokenizer: Any, text: str, *, offsets: bool = False) -> Any:
    return tokenizer(
        text,
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=offsets,
        return_attention_mask=False,
        verbose=False,
    )


def _prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    if getattr(tokenizer, "chat_template", None) is None:
        return list(_tokens(tokenizer, prompt)["input_ids"])
    turns = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _start_id(tokenizer: Any) -> int:
    for known in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        if known is not None:
            return int(known)
    return 0


def batches_by_length(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Put rows of about one length together, so that a padded batch has at most so many tokens.

    Args:
        lengths: Of each row, in tokens.
        token_budget: Rows times the longest row of a batch; a single longer row is a batch of its own.

    Returns:
        The indices of the rows of each batch, the longest first: what does not fit into memory fails at once.

    Example:
        >>> batches_by_length([3, 10, 4, 2], 12)
        [[1], [2, 0, 3]]
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches: list[list[int]] = []
    for row in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= token_budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches

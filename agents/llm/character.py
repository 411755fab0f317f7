"""A small character-level language model, built from nothing: what stands in for a real model offline.

It is an ordinary ``transformers`` folder (config, safetensors, tokenizer), so whatever loads a policy by name loads
this one too, without a network. It shows that the machinery works, and says nothing about ability.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.learning.small_text_base import save_model, small_llama

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CHARACTERS = "\n" + "".join(chr(code) for code in range(32, 127))
"""What the tokenizer can spell: the newline and printable ASCII."""

# The opening of an answer is one token: it costs one sampling step in place of seven, and cannot be misspelled.
BOX = r"\boxed{"

# The brackets are outside of the alphabet, so no text over it can spell a special token.
PAD, BOS, EOS, UNKNOWN = "⟨pad⟩", "⟨bos⟩", "⟨eos⟩", "⟨unk⟩"


def character_tokenizer(max_length: int = 512, words: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    r"""Build the tokenizer: one token for each character of printable ASCII, the newline, ``\boxed{``, and each word.

    Encoding adds no special tokens, and decoding is exact: ``decode(encode(text)) == text`` for every text over
    the alphabet. Any other character becomes the unknown token. There is no chat template.

    Args:
        max_length: Number of tokens that the model is built for.
        words: Texts over the alphabet that are one token each, for formats that are long and always the same. Where
            several begin at one place, the longest counts.

    Returns:
        The tokenizer; it pads on the left, which is the side that generation needs.

    Raises:
        RewardiumError: When a word is no text over the alphabet, is shorter than two characters, or comes twice.
        MissingExtraError: When ``transformers`` is not installed.

    Example:
        >>> tokenizer = character_tokenizer()
        >>> ids = tokenizer.encode(r"7+5= \boxed{12}")
        >>> len(ids), tokenizer.decode(ids)
        (9, '7+5= \\boxed{12}')
        >>> len(character_tokenizer(words=["<tool_call>"]).encode("<tool_call>{"))
        2
    """
    words = _checked_words(words)
    try:
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("transformers", "llm") from error

    vocabulary = {token: index for index, token in enumerate([PAD, BOS, EOS, UNKNOWN, BOX, *CHARACTERS, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    pieces = "|".join(re.escape(word) for word in sorted([BOX, *words], key=len, reverse=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(rf"{pieces}|[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=max_length,
    )


def _checked_words(words: Sequence[str]) -> list[str]:
    if isinstance(words, str) or len({BOX, *words}) != 1 + len(words):
        raise RewardiumError(f"words must be different texts, none of them {BOX!r}, got {words!r}")
    for word in words:
        if not isinstance(word, str) or len(word) < 2 or not set(word) <= set(CHARACTERS):
            raise RewardiumError(f"a word must have at least two characters, of printable ASCII, got {word!r}")
    return list(words)


def build_character_policy(
    folder: str | Path | None = None,
    *,
    seed: int = 0,
    hidden_size: int = 128,
    num_layers: int = 4,
    num_heads: int = 4,
    max_length: int = 512,
    words: Sequence[str] = (),
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Build an untrained character-level Llama; with the defaults it has 0.87 million parameters.

    Args:
        folder: Where to save model (safetensors) and tokenizer, or None to save nothing.
        seed: Seed of the initial weights; torch's global generator is left as it was.
        hidden_size: Width; the feed-forward layers are three times as wide.
        num_layers: Number of decoder layers.
        num_heads: Number of attention heads; divides ``hidden_size`` into even parts.
        max_length: Largest number of positions.
        words: Texts that are one token each; see ``character_tokenizer``.

    Returns:
        The model, float32 on the CPU in evaluation mode, and its tokenizer.

    Raises:
        RewardiumError: When the sizes do not fit together, or a word is wrong.
        MissingExtraError: When ``transformers`` is not installed.

    Example:
        >>> model, tokenizer = build_character_policy(hidden_size=32, num_layers=1, num_heads=2)
        >>> model.num_parameters(), len(tokenizer)
        (16640, 101)
    """
    tokenizer = character_tokenizer(max_length, words)
    model = small_llama(
        tokenizer,
        seed=seed,
        hidden_size=hidden_size,
        num_layers=num_layers,
        num_heads=num_heads,
        max_length=max_length,
    )
    if folder is not None:
        save_policy(folder, model, tokenizer)
    return model, tokenizer


def save_policy(folder: str | Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write a policy in the ordinary format, see ``save_model``."""
    save_model(folder, model, tokenizer, "policy")

"""A small language model over bytes, built from nothing: a base for reward models where there is no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rewardium.envs.errors import MissingExtraError, RewardiumError

PAD, END = "<|pad|>", "<|end|>"


def byte_tokenizer(max_length: int) -> Any:
    """Build a tokenizer with one token for each byte of UTF-8, so that it reads every text.

    Args:
        max_length: Number of tokens that the model is built for.

    Returns:
        A fast tokenizer of ``transformers`` with 258 tokens.

    Raises:
        MissingExtraError: When ``transformers`` is not installed.

    Example:
        >>> tokenizer = byte_tokenizer(64)
        >>> len(tokenizer), len(tokenizer("a²")["input_ids"])
        (258, 3)
    """
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("transformers", "llm") from error
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([PAD, END, *bytes_])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="right", model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def build_byte_base(
    folder: str | Path,
    *,
    seed: int = 0,
    hidden_size: int = 128,
    num_layers: int = 4,
    num_heads: int = 4,
    max_length: int = 1024,
) -> None:
    """Write an untrained byte-level Llama to a folder, as ``transformers`` reads it.

    Args:
        folder: Created where it is missing.
        seed: Of the weights; torch's global generator is left as it was.
        hidden_size: Width.
        num_layers: Number of layers.
        num_heads: Number of attention heads; divides ``hidden_size`` into even parts.
        max_length: Largest number of positions.

    Raises:
        RewardiumError: When the sizes do not fit together, or the folder cannot be written.
        MissingExtraError: When ``transformers`` is not installed.
    """
    tokenizer = byte_tokenizer(max_length)
    model = small_llama(
        tokenizer,
        seed=seed,
        hidden_size=hidden_size,
        num_layers=num_layers,
        num_heads=num_heads,
        max_length=max_length,
        bos_token_id=tokenizer.eos_token_id,
    )
    save_model(folder, model, tokenizer)


def small_llama(
    tokenizer: Any,
    *,
    seed: int,
    hidden_size: int,
    num_layers: int,
    num_heads: int,
    max_length: int,
    **settings: Any,
) -> Any:
    """Build an untrained Llama for a tokenizer, float32 on the CPU in evaluation mode.

    Args:
        tokenizer: Of ``transformers``.
        seed: Of the weights; torch's global generator is left as it was.
        hidden_size: Width; the feed-forward layers are three times as wide.
        num_layers: Number of decoder layers.
        num_heads: Number of attention heads; divides ``hidden_size`` into even parts.
        max_length: Largest number of positions.
        **settings: Of ``LlamaConfig``, in place of what follows from the others.

    Raises:
        RewardiumError: When the sizes do not fit together.

    Example:
        >>> model = small_llama(byte_tokenizer(64), seed=0, hidden_size=8, num_layers=1, num_heads=2, max_length=64)
        >>> model.num_parameters()
        2920
    """
    sizes = {"hidden_size": hidden_size, "num_layers": num_layers, "num_heads": num_heads, "max_length": max_length}
    if any(size < 1 for size in sizes.values()) or hidden_size % (2 * num_heads):
        raise RewardiumError(f"sizes must be positive and hidden_size a multiple of 2 * num_heads, got {sizes}")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    usual = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden_size,
        "intermediate_size": 3 * hidden_size,
        "num_hidden_layers": num_layers,
        "num_attention_heads": num_heads,
        "num_key_value_heads": num_heads,
        "max_position_embeddings": max_length,
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(LlamaConfig(**{**usual, **settings})).eval()


def save_model(folder: str | Path, model: Any, tokenizer: Any, what: str = "model") -> None:
    """Write model and tokenizer in the ordinary format, for ``AutoModelForCausalLM`` and ``AutoTokenizer`` to load.

    Args:
        folder: Created where it is missing.
        model: Its weights are written as safetensors.
        tokenizer: Written beside it.
        what: What the message calls the model.

    Raises:
        RewardiumError: When the folder cannot be written.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except OSError as error:
        raise RewardiumError(f"cannot write the {what} to {folder}: {error}") from error

"""A language model that costs nothing, for the examples of sources; no source itself."""

from __future__ import annotations

from functools import cache
from tempfile import TemporaryDirectory

from rewardium.rewards.learning.small_text_base import save_model, small_llama

_CHARACTERS = "\n" + "".join(chr(code) for code in range(32, 127))


@cache
def example_model(seed: int = 0) -> TemporaryDirectory[str]:
    """Build a tiny model of characters with random weights once a process; its folder goes when the process ends.

    Args:
        seed: Of the weights; models of all seeds have one tokenizer.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate(["<|end|>", "<|unknown|>", *_CHARACTERS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", unk_token="<|unknown|>")
    model = small_llama(
        tokenizer,
        seed=seed,
        hidden_size=16,
        num_layers=1,
        num_heads=2,
        max_length=512,
        intermediate_size=32,
        initializer_range=0.5,  # far from uniform, so that models of two seeds differ
        tie_word_embeddings=False,
        pad_token_id=0,
    )
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-likelihood-")
    save_model(folder.name, model, tokenizer)
    return folder

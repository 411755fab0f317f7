from __future__ import annotations

import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.agents.llm.character import character_tokenizer
from rewardium.agents.llm.credit import answer_text, segment_tokens, token_ends
from rewardium.rewards.source import Segment

CORPUS = [
    "The quick brown fox jumps over the lazy dog. " * 3,
    "Ein größerer Bär läßt süße Früchte übrig, naïve café déjà vu. " * 3,
    "numbers 12 345 6789 and \\boxed{42} and √2 ≈ 1.41\n\n" * 3,
]
KINDS = ("characters", "bytes", "metaspace")


@cache
def tokenizer(kind):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    if kind == "characters":
        return character_tokenizer()
    special = ["<s>", "</s>", "<unk>"]
    if kind == "bytes":
        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        # As SentencePiece models are converted: spaces as marks, one put before the text, unknown bytes as <0xNN>.
        raw = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        raw.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        alphabet = []
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(CORPUS, trainer)
    if kind == "metaspace":
        import json

        plain = json.loads(raw.to_str())  # bytes are ordinary tokens: decoding must not skip them
        plain["added_tokens"] = [token for token in plain["added_tokens"] if not token["content"].startswith("<0x")]
        raw = Tokenizer.from_str(json.dumps(plain))
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def check_against_prefixes(fast, ids):
    """Wherever a prefix of the tokens decodes to a prefix of the text, that is how many characters are complete."""
    ends = token_ends(fast, ids)
    text = answer_text(fast, ids)
    assert ends.shape == (len(ids),)
    assert (np.diff(ends) >= 0).all()
    if len(ids):
        assert ends[-1] == len(text)
    for index in range(len(ids)):
        prefix = answer_text(fast, ids[: index + 1])
        if text.startswith(prefix) and "\ufffd" not in prefix:
            assert ends[index] == len(prefix), (index, prefix, text, ids)


TEXTS = st.text(
    st.one_of(
        st.sampled_from(list(" \n\\{}aeiouäöüßéï√≈😀👩🏽‍🚀日本0123456789theboxed")),
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
    ),
    max_size=60,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_ends_agree_with_decoding_prefixes(kind, text):
    fast = tokenizer(kind)
    check_against_prefixes(fast, fast(text, add_special_tokens=False).input_ids)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_sampled_tokens_have_ends(kind, data):
    """A policy samples what no tokenizer writes: halves of characters, special tokens in the middle."""
    fast = tokenizer(kind)
    ids = data.draw(st.lists(st.integers(0, len(fast) - 1), max_size=50))
    ends = token_ends(fast, ids)
    assert ends.shape == (len(ids),)
    assert (np.diff(ends) >= 0).all()
    assert not len(ids) or ends[-1] == len(answer_text(fast, ids))


def test_a_character_of_several_tokens_belongs_to_the_last():
    fast = tokenizer("bytes")
    ids = fast("a😀b", add_special_tokens=False).input_ids
    assert len(ids) == 6  # 'a', four bytes, 'b'
    assert token_ends(fast, ids).tolist() == [1, 1, 1, 1, 2, 3]


def test_special_tokens_hold_no_characters():
    fast = tokenizer("bytes")
    ids = [*fast("ab", add_special_tokens=False).input_ids, fast.eos_token_id]
    assert token_ends(fast, ids).tolist()[-2:] == [2, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_long_answers_take_linear_time(kind):
    fast = tokenizer(kind)

    def seconds(copies):
        ids = fast("größer √2 word 😀 " * copies, add_special_tokens=False).input_ids
        start = time.perf_counter()
        assert token_ends(fast, ids)[-1] == len(answer_text(fast, ids))
        return (time.perf_counter() - start) / len(ids)

    seconds(20)
    # Ten times the length; quadratic time would be ten times as long a token.
    assert min(seconds(400) for _ in range(3)) < 4 * max(seconds(40) for _ in range(3))


def test_segments_are_paid_at_the_token_of_their_last_character():
    ends = np.array([2, 2, 5, 6])
    segments = [Segment(0, 1, 1.0), Segment(0, 2, 1.0), Segment(1, 3, 1.0), Segment(5, 6, 1.0), Segment(0, 99, 1.0)]
    assert segment_tokens(ends, segments).tolist() == [0, 0, 2, 3, 3]
    assert segment_tokens(ends, [Segment(0, 0, 1.0), Segment(3, -5, 1.0)]).tolist() == [0, 0]

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models import sentence_encoder
from rewardium.rewards.models.sentence_encoder import (
    BagOfWords,
    HashedNGrams,
    TransformerEncoder,
    cosine,
    make_sentence_encoder,
    words,
)

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "see", "here", "a", "key", "the", "door", "opens", "is"),
    *("locked", "this", "open", "pick", "up", ".", "wait"),
]
TEXTS = ["You see here a key.", "The door opens.", "", "This door is locked. " * 30, "You wait."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of the architecture of the MiniLM encoders, with random weights."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path = tmp_path_factory.mktemp("encoder")
    (path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    BertModel(config).save_pretrained(path)
    BertTokenizerFast(vocab=str(path / "vocab.txt"), do_lower_case=True).save_pretrained(path)
    return path


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"open": 1, "door": 1}, {"door": 1, "locked": 1}, 0.5),
        ({"key": 2}, {"key": 1}, 1.0),
        ({"key": 3, "door": 4}, {"key": 1}, 0.6),
        ({"key": 1}, {"door": 1}, 0.0),
        ({}, {"door": 1}, 0.0),
        ({}, {}, 0.0),
    ],
)
def test_cosine_by_hand(left, right, expected):
    assert cosine(left, right) == pytest.approx(expected)
    assert cosine(right, left) == pytest.approx(expected)


def test_function_words_do_not_count():
    assert words("The door is LOCKED; you can't open_it!") == ["door", "locked", "can", "open"]


def test_words_are_read_to_a_bounded_length():
    assert len(words("key " * 1_000_000)) == 1000


@pytest.mark.parametrize(
    "encoder", [BagOfWords(), HashedNGrams(), HashedNGrams(dimensions=7)], ids=["bow", "hash", "collisions"]
)
def test_shapes_and_range(encoder):
    table = encoder.similarities(TEXTS, ["open the door", "pick up the key", ""])
    assert table.shape == (5, 3)
    assert table.dtype == np.float32
    assert (np.abs(table) <= 1.0).all()
    assert not table[:, 2].any()
    assert not table[2].any()
    assert encoder.similarities([], ["open the door"]).shape == (0, 1)


@given(st.lists(st.text(max_size=30), max_size=6), st.lists(st.text(max_size=30), min_size=1, max_size=3))
def test_a_text_is_compared_alike_in_any_batch(texts, goals):
    for encoder in (BagOfWords(), HashedNGrams(64)):
        table = encoder.similarities(texts, goals)
        for row, text in enumerate(texts):
            np.testing.assert_allclose(encoder.similarities([text], goals)[0], table[row], atol=1e-6)
            if words(text):
                assert encoder.similarities([text], [text])[0, 0] == pytest.approx(1.0, abs=1e-5)


def test_pieces_of_words_see_inflections():
    table = HashedNGrams().similarities(["The doors opened."], ["open the door", "eat an apple"])[0]
    assert BagOfWords().similarities(["The doors opened."], ["open the door"])[0, 0] == 0.0
    assert table[0] > 0.4 > 0.2 > table[1]


def test_mean_pooling_leaves_out_the_padding(folder):
    import torch

    encoder = TransformerEncoder(str(folder), device="cpu")
    vectors = encoder.encode(TEXTS)
    for text, vector in zip(TEXTS[:2], vectors[:2], strict=True):
        tokens = encoder.tokenizer([text], return_tensors="pt")
        with torch.inference_mode():
            mean = encoder.model(**tokens).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_vectors_have_length_one_and_are_cut_to_what_the_model_reads(folder):
    encoder = TransformerEncoder(str(folder), device="cpu")
    assert encoder.max_tokens == 40
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (5, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0, 1, 1], atol=1e-5)
    assert encoder.encode([]).shape == (0, 16)


def test_a_text_is_read_once(folder, monkeypatch):
    encoder = TransformerEncoder(str(folder), device="cpu", batch_size=2)
    read = []
    forward = encoder._forward
    monkeypatch.setattr(encoder, "_forward", lambda texts: read.append(list(texts)) or forward(texts))
    first = encoder.encode([*TEXTS, *TEXTS])
    assert sorted(text for batch in read for text in batch) == sorted(text.strip() for text in TEXTS)
    assert max(map(len, read)) == 2
    np.testing.assert_array_equal(encoder.encode(TEXTS), first[:5])
    assert len(read) == 3


def test_the_memory_is_bounded(folder):
    encoder = TransformerEncoder(str(folder), device="cpu", capacity=2)
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (5, 16)
    encoder.encode(["You wait.", "key", "door"])
    assert list(encoder._known) == ["key", "door"]


def test_nothing_is_trained(folder):
    encoder = TransformerEncoder(str(folder), device="cpu")
    assert not encoder.model.training
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


def test_hostile_texts(folder):
    encoder = TransformerEncoder(str(folder), device="cpu")
    for text in ("\ud800 key \udfff", "\x00", "key " * 100_000, "🙂", "[PAD] [PAD]"):
        assert np.isfinite(encoder.encode([text])).all()


def test_similarities_of_the_model(folder):
    encoder = TransformerEncoder(str(folder), device="cpu")
    table = encoder.similarities(["pick up the key", "", "you wait"], ["pick up the key", "the door opens"])
    assert table.shape == (3, 2)
    assert table[0, 0] == pytest.approx(1.0, abs=1e-5)
    assert not table[1].any()
    assert table[2, 0] < 0.999


def test_an_encoder_is_loaded_once_in_a_process(folder):
    barrier = threading.Barrier(4)

    def load(_):
        barrier.wait()
        return make_sentence_encoder(str(folder))

    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(load, range(4)))
    assert all(encoder is loaded[0] for encoder in loaded)
    sentence_encoder._made.cache_clear()


@pytest.mark.parametrize("name", ["", "  ", "no/such/folder"])
def test_no_such_encoder(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RewardiumError, match="sentence encoder"):
        make_sentence_encoder(name)


def test_pickled_weights_are_not_read(folder, tmp_path):
    import torch
    from transformers import BertModel

    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    torch.save(BertModel.from_pretrained(folder).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(RewardiumError, match="safetensors"):
        make_sentence_encoder(str(tmp_path))


@pytest.mark.parametrize("setting", ["batch_size", "max_tokens", "capacity"])
def test_settings(folder, setting):
    with pytest.raises(RewardiumError, match="positive"):
        TransformerEncoder(str(folder), **{setting: 0})


def test_bags_of_words_need_no_model():
    code = (
        "import sys; from rewardium.rewards import parse; parse('goal_similarity(goals=[\"open the door\"])'); "
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]

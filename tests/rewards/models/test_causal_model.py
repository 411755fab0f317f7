from __future__ import annotations

import copy
import gc
import os
from functools import cache

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.causal_model import NO_CONTEXT, CausalModel, Request, load_causal_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from rewardium.agents.llm.character import build_character_policy  # noqa: E402

SIZES = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "max_length": 128}
TEXTS = ["4", "12 + 7 = 19", r"so \boxed{19}", "", "no", "a much longer answer, of more tokens than the others have"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("likelihood") / "one"
    build_character_policy(path, seed=1, **SIZES)
    return path


@pytest.fixture(scope="session")
def model(folder):
    return load_causal_model(str(folder), device="cpu")


@cache
def by_hand(model, prompt, target, opening=""):
    """One row, no padding, all logits."""
    ids = [model.tokenizer(text, add_special_tokens=False).input_ids for text in (prompt + opening, target)]
    with torch.inference_mode():
        logits = model.model(torch.tensor([ids[0] + ids[1]])).logits[0].double()
    logs = logits.log_softmax(-1)
    places = range(len(ids[0]) - 1, len(ids[0]) + len(ids[1]) - 1)
    chosen = [logs[place, token].item() for place, token in zip(places, ids[1], strict=True)]
    return np.array(chosen), logs[list(places)], logits[list(places)].logsumexp(-1).numpy()


def requests_of(pairs):
    return [Request((prompt,), target) for prompt, target in pairs]


def scored(model, requests, **options):
    encoded = model.encode(requests, max_tokens=1000)
    assert not [row for row in encoded if isinstance(row, str)]
    return model.score(encoded, **options)


def test_log_probabilities_normalizers_and_entropies_are_those_of_a_plain_forward(model):
    rows = scored(model, requests_of([("1+1=", text) for text in TEXTS]), distribution=True)
    for text, row in zip(TEXTS, rows, strict=True):
        chosen, logs, normalizers = by_hand(model, "1+1=", text)
        np.testing.assert_allclose(row.log_probabilities, chosen, atol=1e-5)
        np.testing.assert_allclose(row.log_normalizers, normalizers, atol=1e-5)
        np.testing.assert_allclose(row.entropies, -(logs.exp() * logs).sum(-1).numpy(), atol=1e-5)
        np.testing.assert_allclose(row.mean_log_probabilities, logs.mean(-1).numpy(), atol=1e-5)
        assert row.vocabulary == logs.shape[-1]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["1+1=", "what is 3*4? ", "x"]), st.sampled_from(TEXTS)), max_size=14),
    st.integers(1, 300),
)
def test_neither_order_nor_size_of_the_passes_matters(model, pairs, budget):
    for (prompt, target), row in zip(pairs, scored(model, requests_of(pairs), tokens_a_pass=budget), strict=True):
        np.testing.assert_allclose(row.log_probabilities, by_hand(model, prompt, target)[0], atol=1e-5)


@pytest.mark.parametrize("shares", [True, False])
def test_a_shared_context_changes_nothing(model, shares, monkeypatch):
    monkeypatch.setattr(model, "shares_contexts", shares)
    calls = []
    monkeypatch.setattr(
        model, "_logits_shared", lambda rows, plain=model._logits_shared: calls.append(1) or plain(rows)
    )
    prompts = ["the first of two long prompts, 1+2+3+4=", "a second prompt: 7*8="]
    pairs = [(prompt, text) for prompt in prompts for text in TEXTS[:3] + TEXTS[4:5]]
    for (prompt, target), row in zip(pairs, scored(model, requests_of(pairs), tokens_a_pass=300), strict=True):
        np.testing.assert_allclose(row.log_probabilities, by_hand(model, prompt, target)[0], atol=1e-5)
    assert bool(calls) == shares


def test_what_opens_a_turn_is_context(model):
    row = scored(model, [Request(("1+1=",), "2", "so it is ")])[0]
    np.testing.assert_allclose(row.log_probabilities, by_hand(model, "1+1=", "2", "so it is ")[0], atol=1e-5)


def test_spans_are_places_in_the_target(model):
    text = r"ab\boxed{4}"  # the opening of a box is one token
    row = scored(model, [Request(("1+1=",), text)])[0]
    assert [text[start:end] for start, end in row.spans] == ["a", "b", r"\boxed{", "4", "}"]


def test_a_text_that_is_too_long_has_a_reason(model):
    requests = [Request(("1+1=",), text) for text in ("2", "2" * 125, "2" * 100_000)]
    fits, above, far_above = model.encode(requests, max_tokens=1000)  # the model reads 128
    assert not isinstance(fits, str)
    assert above == "the text has 129 tokens, more than 128"
    assert far_above == "the text has more than 128 tokens"
    assert isinstance(model.encode(requests[:1], max_tokens=4)[0], str)


def test_hostile_texts_are_read_letter_by_letter(model):
    end = model.tokenizer.eos_token
    row, _ = model.encode([Request(("p",), f"{end}4"), Request(("p",), "\ud800x")], max_tokens=100)
    assert model.tokenizer.eos_token_id not in row.target
    assert len(row.target) == len(end) + 1


def test_an_empty_context_begins_with_the_token_that_begins_a_text(model):
    assert model.encode([Request(("",), "4")], max_tokens=9)[0].context == (model.tokenizer.bos_token_id,)
    without = CausalModel(model.model, copy.deepcopy(model.tokenizer), "without")
    without.tokenizer.bos_token = without.tokenizer.eos_token = None
    assert without.encode([Request(("",), "4")], max_tokens=9) == [NO_CONTEXT]


def test_a_pass_without_memory_is_cut_in_two(model, monkeypatch):
    plain = model._logits_plain

    def few(rows):
        if len(rows) > 2 or any(len(target) > 20 for _, target in rows):
            raise torch.OutOfMemoryError
        return plain(rows)

    monkeypatch.setattr(model, "shares_contexts", False)
    monkeypatch.setattr(model, "_logits_plain", few)
    rows = scored(model, requests_of([("1+1=", text) for text in TEXTS]))
    assert [row is None for row in rows] == [len(text) > 20 for text in TEXTS]
    np.testing.assert_allclose(rows[1].log_probabilities, by_hand(model, "1+1=", TEXTS[1])[0], atol=1e-5)


def test_a_model_is_loaded_once_and_forgotten_when_nobody_uses_it(folder, model):
    assert load_causal_model(str(folder), device="cpu") is model
    other = load_causal_model(str(folder), device="cpu", dtype="float64")
    assert other is not model
    assert other.model.dtype == torch.float64
    number = id(other)
    del other
    gc.collect()
    from rewardium.rewards.models import causal_loading

    assert number not in {id(known) for known in causal_loading._LOADED.values()}


def test_models_of_one_kind_have_one_key_of_tokens(model, tmp_path):
    build_character_policy(tmp_path / "same", seed=7, **SIZES)
    build_character_policy(tmp_path / "other", seed=7, words=["<tool_call>"], **SIZES)
    assert load_causal_model(str(tmp_path / "same")).tokens_key == model.tokens_key
    assert load_causal_model(str(tmp_path / "other")).tokens_key != model.tokens_key


@pytest.mark.parametrize("name", ["./nowhere", "", "  ", 7, "/no/such/folder"])
def test_a_wrong_name_is_one_error(name):
    with pytest.raises(RewardiumError, match="language model"):
        load_causal_model(name)


def test_a_wrong_dtype_is_one_error(folder):
    with pytest.raises(RewardiumError, match="dtype"):
        load_causal_model(str(folder), dtype="bloat16")


def test_a_folder_without_weights_is_one_error(folder, tmp_path):
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(RewardiumError, match="cannot load the language model"):
        load_causal_model(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_says_that_it_cannot(model):
    encoded = model.encode([Request(("1+1=",), "2")], max_tokens=9)
    child = os.fork()
    if child == 0:
        try:
            model.score(encoded)
        except RewardiumError:
            os._exit(3)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3

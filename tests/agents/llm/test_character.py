import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rewardium.agents.llm.character import (
    BOX,
    CHARACTERS,
    EOS,
    PAD,
    build_character_policy,
    character_tokenizer,
    save_policy,
)
from rewardium.envs.errors import RewardiumError

TOKENIZER = character_tokenizer()
SMALL = {"hidden_size": 32, "num_layers": 1, "num_heads": 2}


@given(st.text(alphabet=CHARACTERS))
def test_decoding_returns_every_text_over_the_alphabet(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == text, "no text may spell a special token"


@given(st.text())
def test_any_text_can_be_encoded(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert all(0 <= token < len(TOKENIZER) for token in TOKENIZER.encode(text))


def test_a_box_is_one_token_and_everything_else_one_a_character() -> None:
    assert len(TOKENIZER.encode("12" + BOX + "3}")) == 5
    assert len(TOKENIZER.encode(r"\boxed")) == 6
    assert TOKENIZER.encode("é") == [TOKENIZER.unk_token_id]


def test_spaces_before_punctuation_survive() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("a , b . don 't !")) == "a , b . don 't !"


def test_special_tokens_differ_and_none_is_added() -> None:
    specials = [TOKENIZER.pad_token_id, TOKENIZER.bos_token_id, TOKENIZER.eos_token_id, TOKENIZER.unk_token_id]
    assert len(set(specials)) == 4
    assert not set(TOKENIZER.encode("47+85=")) & set(specials)
    assert (TOKENIZER.pad_token, TOKENIZER.eos_token) == (PAD, EOS)
    assert TOKENIZER.chat_template is None


def test_padding_is_on_the_left() -> None:
    batch = TOKENIZER(["1", "123"], padding=True)
    assert batch["attention_mask"] == [[0, 0, 1], [1, 1, 1]]


def test_the_default_policy_has_under_a_million_parameters() -> None:
    model, tokenizer = build_character_policy()
    assert 800_000 < model.num_parameters() < 1_000_000
    assert model.config.vocab_size == len(tokenizer)
    assert (model.config.eos_token_id, model.config.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert not model.training


def test_a_seed_fixes_the_weights_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (build_character_policy(seed=seed, **SMALL)[0].state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_saved_policy_loads_offline_and_is_the_same(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = build_character_policy(tmp_path / "policy", **SMALL)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= {f.name for f in (tmp_path / "policy").iterdir()}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    loaded_tokenizer = AutoTokenizer.from_pretrained(tmp_path / "policy")
    text = "47+85= \\boxed{132} , x"
    ids = tokenizer.encode(text)
    assert loaded_tokenizer.encode(text) == ids
    assert loaded_tokenizer.decode(ids) == text
    assert (loaded_tokenizer.padding_side, loaded_tokenizer.chat_template) == ("left", None)
    with torch.no_grad():
        assert torch.equal(model(torch.tensor([ids])).logits, loaded(torch.tensor([ids])).logits)


def test_the_saved_generation_settings_end_at_the_end_token(tmp_path) -> None:
    _, tokenizer = build_character_policy(tmp_path, **SMALL)
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    assert settings["eos_token_id"] == tokenizer.eos_token_id


@pytest.mark.parametrize("sizes", [{"hidden_size": 30, "num_heads": 4}, {"num_layers": 0}, {"max_length": -1}])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(RewardiumError, match="hidden_size"):
        build_character_policy(**sizes)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    model, tokenizer = build_character_policy(**SMALL)
    with pytest.raises(RewardiumError, match="cannot write the policy"):
        save_policy(tmp_path / "file", model, tokenizer)

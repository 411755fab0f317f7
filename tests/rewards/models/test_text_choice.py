"""P(yes) from a model's logits, and a model of random weights as a judge that writes."""

from __future__ import annotations

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.models.text_choice import make_word_chooser, spellings

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = ["yes", " yes", "Yes", " Yes", "YES", " YES", "no", " no", "No", " No", "NO", " NO"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;'\"<>\n?!-+*/=(){}[]\\_"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny Llama with random weights, one token a character and one for each way to write yes and no."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = {token: index for index, token in enumerate(["⟨pad⟩", "⟨eos⟩", "⟨unk⟩", *LETTERS, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="⟨unk⟩"))
    pieces = Regex(r" ?(?:yes|Yes|YES|no|No|NO)\b|[\s\S]")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pieces, behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="⟨pad⟩", eos_token="⟨eos⟩", unk_token="⟨unk⟩",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    config = transformers.LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=2048, pad_token_id=0, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)


def batch_of(*actions, reference="4", **fields):
    task = Task("2 + 2", reference, fields)
    return TransitionBatch.from_transitions([Transition("", "", action, task=task) for action in actions])


def shares_by_hand(folder, prompt):
    """Return P(yes) and P(no) among all tokens, straight from the logits."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(tokenizer(prompt, return_tensors="pt").input_ids).logits[0, -1].double().softmax(-1)
    index = tokenizer.get_vocab()
    return [sum(float(logits[index[text]]) for text in spellings(word)) for word in ("yes", "no")]


def test_the_probability_of_yes_is_that_of_the_logits(folder):
    source = rewards.make("judge_yes", f"transformers:{folder}#device=cpu", least=0.0)
    batch = batch_of("It is 4.", "It is 5.", "Solution:")
    score = source.score(batch)
    assert score.valid.all()
    assert score.value[2] == 0.0
    from rewardium.rewards.sources._judged_text import judged_rows

    for row, value in list(zip(judged_rows(batch, "response"), score.value, strict=True))[:2]:
        (prompt,) = source.prompts(row)
        yes, no = shares_by_hand(folder, prompt)
        assert value == pytest.approx(yes / (yes + no), rel=1e-4)
    among_all = rewards.make("judge_yes", f"transformers:{folder}#device=cpu", least=0.0, among_words=False)
    assert among_all.score(batch).value[1] == pytest.approx(yes, rel=1e-4)


def test_both_orders_are_antisymmetric(folder):
    judge = f"transformers:{folder}#device=cpu"
    source = rewards.make("judge_yes", judge, against="response", least=0.0)
    there = source.score(batch_of("It is 4.", reference_responses=["It is 5."])).value[0]
    back = source.score(batch_of("It is 5.", reference_responses=["It is 4."])).value[0]
    assert there + back == pytest.approx(1.0, abs=1e-5)
    single = rewards.make("judge_yes", judge, against="response", least=0.0, both_orders=False)
    assert single.score(batch_of("It is 4.", reference_responses=["It is 5."])).cost == {"calls": 1.0}


def test_words_that_the_model_hardly_says_are_no_answer(folder):
    score = rewards.make("judge_yes", f"transformers:{folder}#device=cpu", least=0.9).score(batch_of("4"))
    assert not score.valid[0]


def test_a_prompt_that_is_too_long_for_the_model_has_no_answer(folder):
    score = rewards.make("judge_yes", f"transformers:{folder}#device=cpu", least=0.0).score(batch_of("4" * 5_000, "4"))
    assert score.valid.tolist() == [False, True]


@pytest.mark.parametrize("name", ["judge_reference", "judge_critique", "judge_tools", "judge_rubric"])
def test_the_nonsense_of_random_weights_is_unknown(folder, name):
    source = rewards.make(name, f"transformers:{folder}#device=cpu&max_tokens=8")
    score = source.score(batch_of("It is 4.", "It is 5.", ":"))
    assert score.valid.tolist() == [False, False, True]
    assert score.cost["tokens"] > 0
    source.close()


def test_sources_share_a_model_in_this_process(folder):
    spec = f"transformers:{folder}#device=cpu&max_tokens=8"
    one, other = rewards.make("judge_reference", spec), rewards.make("judge_critique", spec)
    assert one._asking._judge is other._asking._judge
    one.close()
    assert not other.score(batch_of("4")).valid[0]


def test_words_of_a_rule_are_certain():
    chooser = make_word_chooser("scripted:nonsense")
    assert set(map(str, chooser.choose(["a", "b", "c"], ["yes", "no"]))) == {"None"}
    with pytest.raises(JudgeError):
        make_word_chooser("scripted:dead").choose(["a"], ["yes", "no"])
    chooser.close()


def test_spellings_are_distinct():
    assert len(set(spellings("yes"))) == 6
    assert np.all([text.strip().lower() == "yes" for text in spellings("yes")])

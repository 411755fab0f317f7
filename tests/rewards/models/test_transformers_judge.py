from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import shutil
import threading

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.questions import HELPFUL
from rewardium.rewards.models.judge import Judge, JudgeError
from rewardium.rewards.models.spec import make_judge
from rewardium.rewards.models.transformers_judge import TransformersJudge

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,:;'\"<>\n?!-(){}\\_/"
TEMPLATE = (
    "{% for message in messages %}U:{{ message['content'] }}\n{% endfor %}{% if add_generation_prompt %}A:{% endif %}"
)


def save_model(folder, seed=0, chat=False):
    """Save a tiny Llama with one token a character, in the ordinary format."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate(["⟨pad⟩", "⟨eos⟩", "⟨unk⟩", *LETTERS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="⟨unk⟩"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="⟨pad⟩", eos_token="⟨eos⟩", unk_token="⟨unk⟩",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    if chat:
        fast.chat_template = TEMPLATE
    config = transformers.LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=1024, pad_token_id=0, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.LlamaForCausalLM(config)
        for parameter in model.parameters():
            parameter.data.mul_(4.0)  # far from ties, so that greedy answers do not hang on the last bit
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def chatty(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("chatty"), chat=True)


PROMPTS = ["a", "You see here a key.\nAnswer:", "It is a wall", "b" * 70, "Is it helpful? " * 10]


def test_batches_padded_on_the_left_answer_like_single_prompts(base):
    judge = TransformersJudge(base, batch_size=3, device="cpu")
    assert isinstance(judge, Judge)
    single = [judge.complete([prompt])[0] for prompt in PROMPTS]
    assert judge.complete(PROMPTS) == single
    assert judge.complete(PROMPTS) == single
    assert [answer.prompt_tokens for answer in single] == [len(prompt) for prompt in PROMPTS]
    assert all(1 <= answer.completion_tokens <= 8 for answer in single)
    assert len({answer.text for answer in single}) > 1
    assert judge.complete([]) == []


def test_an_answer_is_what_the_model_itself_would_write(base):
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    ids = tokenizer(PROMPTS[1], return_tensors="pt").input_ids
    written = []
    with torch.inference_mode():
        for _ in range(8):
            token = model(torch.cat([ids, torch.tensor([written], dtype=torch.long)], dim=1)).logits[0, -1].argmax()
            if token == tokenizer.eos_token_id:
                break
            written.append(int(token))
    expected = tokenizer.decode(written, skip_special_tokens=True)
    assert TransformersJudge(base, device="cpu").complete([PROMPTS[1]])[0].text == expected


def test_a_chat_template_is_used_where_there_is_one(chatty, base):
    judge = TransformersJudge(chatty, device="cpu")
    bare = TransformersJudge(base, device="cpu")
    assert judge.name.endswith("#chat")
    assert bare.name.endswith("#completions")
    assert judge.complete(["key"])[0].text == bare.complete(["U:key\nA:"])[0].text
    completing = make_judge(f"transformers:{chatty}#completions&max_tokens=3&batch=2&device=cpu&dtype=float32")
    assert completing.complete(["key"])[0].completion_tokens <= 3
    assert completing.name.endswith("#completions&max_tokens=3")
    with pytest.raises(RewardiumError, match="no chat template"):
        TransformersJudge(base, endpoint="chat")


def test_a_prompt_that_is_too_long_has_no_answer(base):
    judge = TransformersJudge(base, device="cpu")
    answers = judge.complete(["short", "x" * 3000, "x" * 1016, "x" * 1017])
    assert [answer is None for answer in answers] == [False, True, False, True]


def test_other_weights_have_another_name(base, tmp_path):
    copied = shutil.copytree(base, tmp_path / "copied")
    retrained = save_model(tmp_path / "moved" / "copied", seed=1)
    first, second, third = (
        TransformersJudge(folder, device="cpu").name for folder in (str(copied), retrained, str(copied))
    )
    assert first == third != second
    assert first.startswith("copied@")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("transformers:", "needs a folder"),
        ("transformers:/no/such/folder", "no such folder"),
        ("transformers:./nothing", "no such folder"),
        ("transformers:base#device=abacus", "cannot load"),
        ("transformers:base#dtype=float7", "dtype"),
        ("transformers:base#dtype=load", "dtype"),
        ("transformers:base#batch=0", "at least 1"),
        ("transformers:base#quick", "unknown option"),
    ],
)
def test_a_wrong_judge_is_refused(spec, message, base):
    with pytest.raises(RewardiumError, match=message):
        make_judge(spec.replace(":base", f":{base}"))


def test_a_folder_without_weights_is_refused(base, tmp_path):
    folder = shutil.copytree(base, tmp_path / "empty")
    (folder / "model.safetensors").unlink()
    with pytest.raises(RewardiumError, match="cannot load the judge"):
        TransformersJudge(str(folder))


def test_close_stops_the_writing(base):
    judge = TransformersJudge(base, max_tokens=1000, batch_size=1, device="cpu")
    errors = []

    def ask():
        try:
            judge.complete(["x"] * 1000)
        except JudgeError as error:
            errors.append(str(error))

    asker = threading.Thread(target=ask)
    asker.start()
    judge.close()
    asker.join(60)
    assert not asker.is_alive()
    assert "closed" in errors[0]


def test_a_judge_is_a_value(base):
    judge = TransformersJudge(base, device="cpu")
    copied = pickle.loads(pickle.dumps(judge))  # noqa: S301
    assert copied == judge == copy.deepcopy(judge)
    assert copied.name == judge.name
    assert copied.complete(PROMPTS) == judge.complete(PROMPTS)


def ask_as_child(judge, results):
    try:
        judge.complete(["x"])
    except JudgeError as error:
        results.put(str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX")
def test_a_forked_process_says_that_it_cannot_use_the_model(base):
    judge = TransformersJudge(base, device="cpu")
    judge.complete(["x"])
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=ask_as_child, args=(judge, results))
    child.start()
    assert "after a fork" in results.get(timeout=60)
    child.join(60)


def test_an_annotator_of_an_untrained_model_labels_nothing(chatty):
    with Annotator(HELPFUL, f"transformers:{chatty}#device=cpu") as annotator:
        annotator.labels([("You see here a key.",)])
        assert annotator.wait(120)
        assert annotator.labels([("You see here a key.",)]) == [None]
        assert annotator.statistics.calls == 2
        assert annotator.statistics.tokens > 500

"""A judge of frames in this process: a tiny model of a real architecture, loaded from a folder as a large one is."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.frame_judge import make_frame_judge
from rewardium.rewards.models.frame_questions import YES_NO, better_than_reference, shows_goal, which_is_better
from rewardium.rewards.models.frame_transformers import FrameTransformersJudge
from rewardium.rewards.models.judge import JudgeError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("PIL")
pytest.importorskip("torchvision")

WORDS = ["<pad>", "<eos>", "<unk>", "<image>", "yes", "no", "Yes", "No", "maybe", "the", "goal", "picture", "is", "a"]
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %} {{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %} a {% endif %}"
)


def save_llava(folder, favourite=None, seed=0):
    """Save a tiny LLaVA whose likeliest token is yes or no, or one that always says ``favourite``."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=16,
            patch_size=8,
        ),
        text_config=transformers.LlamaConfig(
            vocab_size=len(fast), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, eos_token_id=1,
        ),
        image_token_index=WORDS.index("<image>"), image_seq_length=4, vision_feature_layer=-1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.LlavaForConditionalGeneration(config)
        for parameter in model.parameters():
            parameter.data.mul_(8.0)  # far from a uniform answer, and sensitive to the pictures
    head = model.lm_head.weight.data
    yes = torch.randn(16, generator=torch.Generator().manual_seed(seed)) * 0.5
    head.zero_()
    head[WORDS.index("yes")], head[WORDS.index("no")] = yes, -yes  # one of them is above 0, where all others are
    if favourite is not None:
        hidden = torch.full((16,), 1.0)
        head[WORDS.index(favourite)] = hidden * 50.0
        model.model.language_model.norm.weight.data.abs_()
    size = {"height": 16, "width": 16}
    images = transformers.CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=size)
    processor = transformers.LlavaProcessor(
        image_processor=images, tokenizer=fast, patch_size=8, vision_feature_select_strategy="default",
        chat_template=TEMPLATE, image_token="<image>", num_additional_image_tokens=1,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def judge(folder):
    return make_frame_judge(f"transformers:{folder}#device=cpu&batch=3")


def frame(seed, side=16):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_the_answers_are_probabilities_that_depend_on_the_pictures(judge):
    questions = [shows_goal("the goal", frame(seed)) for seed in range(5)]
    answers = judge.choose(questions, YES_NO)
    assert all(answer is not None and (answer >= 0).all() and answer.sum() <= 1 + 1e-9 for answer in answers)
    assert len({round(float(answer[0]), 6) for answer in answers}) == 5


def test_batches_padded_on_the_left_answer_like_single_questions(judge):
    questions = [
        shows_goal("the goal", frame(0)),
        better_than_reference("the goal is the goal is the goal", frame(1), frame(2)),
        shows_goal("a", frame(3, side=24)),
        better_than_reference("a", frame(2), frame(1)),
    ]
    together = judge.choose(questions, YES_NO)
    for question, answer in zip(questions, together, strict=True):
        np.testing.assert_allclose(judge.choose([question], YES_NO)[0], answer, atol=1e-5)
    assert judge.choose([], YES_NO) == []


def test_they_are_the_softmax_of_the_model_itself(judge, folder):
    model = transformers.LlavaForConditionalGeneration.from_pretrained(folder).eval()
    processor = transformers.LlavaProcessor.from_pretrained(folder)
    question = shows_goal("the goal", frame(7))
    text = f"<image> {question.parts[1]}  a "
    inputs = processor(text=[text], images=[[frame(7)]], return_tensors="pt")
    with torch.inference_mode():
        shares = model(**inputs).logits[0, -1].double().softmax(dim=-1).numpy()
    yes = shares[WORDS.index("yes")] + shares[WORDS.index("Yes")]
    np.testing.assert_allclose(judge.choose([question], YES_NO)[0][0], yes, atol=1e-6)


def test_a_likeliest_token_that_is_neither_is_unknown(tmp_path):
    judge = FrameTransformersJudge(save_llava(tmp_path, favourite="maybe"), device="cpu")
    answers = judge.choose([shows_goal("the goal", frame(seed)) for seed in range(6)], YES_NO)
    assert None in answers


def test_words_without_a_token_are_refused_before_the_work(judge):
    judge.check_words(YES_NO)
    with pytest.raises(RewardiumError, match="no token for the word '1'"):
        judge.choose([which_is_better("a", frame(0), frame(1))], ("1", "2", "0"))


def test_copies_share_the_model_and_a_closed_judge_answers_nothing(judge, folder):
    for other in (copy.deepcopy(judge), pickle.loads(pickle.dumps(judge))):  # noqa: S301
        assert other == judge
        assert other._loaded is judge._loaded
    assert judge.name.endswith("#frames")
    assert "@" in judge.name
    other = FrameTransformersJudge(folder, device="cpu", batch_size=3)
    other.close()
    with pytest.raises(JudgeError, match="closed"):
        other.choose([shows_goal("a", frame(0))], YES_NO)


@pytest.mark.parametrize(
    ("model", "words"),
    [("", "needs a folder or a name"), ("./nowhere", "no such folder"), ("someone/unknown-model-2", "cannot load")],
)
def test_models_that_cannot_be_loaded_are_one_clear_error(model, words, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RewardiumError, match=words):
        FrameTransformersJudge(model, device="cpu")


def test_a_damaged_folder_is_one_clear_error(folder, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RewardiumError, match="cannot load"):
        FrameTransformersJudge(str(broken), device="cpu")

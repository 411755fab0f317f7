from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.heads import HeadSettings
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings, extrapolate
from rewardium.rewards.learning.reward_trainer import RewardTrainer, TrainingConfig, split_by_prompt
from rewardium.rewards.learning.small_text_base import build_byte_base
from rewardium.rewards.learning.text_encoding import batches_by_length

KINDS = ["last", "mean", "log_ratio"]
PROMPTS = ["2+2=", "", "a long prompt " * 20, "ñ\ud800 <|end|>", "x"]
RESPONSES = ["4", "", "five " * 30, "🙂\udfff", "y" * 5000]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    build_byte_base(folder, hidden_size=32, num_layers=1, num_heads=2, max_length=96)
    return folder


def new(base, kind="last"):
    model = RewardModel.from_base(base, RewardModelSettings(HeadSettings(kind), max_length=96), dtype="float64")
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in [*model.head.double().parameters(), *model.base.parameters()]:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_scores(base, tmp_path, kind):
    model = new(base, kind)
    scores = model.scores(PROMPTS, RESPONSES)
    assert np.isfinite(scores).all()
    assert len(set(scores.round(6))) == len(scores)
    alone = [model.scores([p], [r])[0] for p, r in zip(PROMPTS, RESPONSES, strict=True)]
    np.testing.assert_allclose(scores, alone, atol=1e-9)
    np.testing.assert_allclose(scores, model.scores(PROMPTS, RESPONSES, token_budget=1), atol=1e-9)
    parts = model.token_rewards(PROMPTS, RESPONSES)
    np.testing.assert_allclose([sum(part for _, _, part in row) for row in parts], scores, atol=1e-9)
    for row, response in zip(parts, RESPONSES, strict=True):
        assert all(0 <= start <= end <= len(response) for start, end, _ in row)
    model.save(tmp_path / "model", "# card\n")
    again = RewardModel.load(tmp_path / "model", dtype="float64")
    np.testing.assert_allclose(again.scores(PROMPTS, RESPONSES), scores, atol=1e-9)
    model.save(tmp_path / "model")  # one that is there is replaced


def test_a_new_head_says_nothing_yet(base):
    for kind in KINDS:
        model = RewardModel.from_base(base, RewardModelSettings(HeadSettings(kind), max_length=96))
        assert (model.scores(PROMPTS, RESPONSES) == 0).all()


def test_a_classifier_of_transformers(base, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    classifier = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float64)
    tokenizer = AutoTokenizer.from_pretrained(base)
    classifier.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ids = [*tokenizer("2+2=4")["input_ids"], tokenizer.eos_token_id]
    expected = classifier(input_ids=torch.tensor([ids[:-1]])).logits.shape
    assert expected == (1, 1)
    model = RewardModel.load(tmp_path, dtype="float64")
    with torch.no_grad():
        states = classifier.base_model(input_ids=torch.tensor([ids])).last_hidden_state
        wanted = classifier.score(states[:, -1])[0, 0].item()
    assert model.scores(["2+2="], ["4"])[0] == pytest.approx(wanted, abs=1e-9)


def test_damaged_folders(base, tmp_path):
    with pytest.raises(RewardiumError, match="there is no reward model"):
        RewardModel.load(tmp_path / "nowhere")
    new(base).save(tmp_path / "model")
    settings = json.loads((tmp_path / "model" / "model.json").read_text())
    for change, message in (({"format": 9}, "format 1"), ({"kind": "x"}, "kind"), ({"settings": {}}, "no settings")):
        (tmp_path / "model" / "model.json").write_text(json.dumps({**settings, **change}))
        with pytest.raises(RewardiumError, match=message):
            RewardModel.load(tmp_path / "model")
    (tmp_path / "model" / "model.json").write_text(json.dumps(settings))
    (tmp_path / "model" / "base" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RewardiumError, match="cannot load the model"):
        RewardModel.load(tmp_path / "model")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    with pytest.raises(RewardiumError, match="no reward model"):
        new(base).save(tmp_path / "thesis")


def planted(number=120):
    """Prompts with a kind and an unkind answer: one letter tells them apart."""
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("abcdef"), 4)) for _ in range(2 * number)]
    return [
        Comparison.of(f"q{i}", [f"{letters[2 * i]}y", f"{letters[2 * i + 1]}n"], scores=[1, 0]) for i in range(number)
    ]


CONFIG = {"steps": 40, "batch_size": 16, "learning_rate": 5e-3, "held_out": 0.2, "eval_every": 0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "loss"),
    [("last", "bradley_terry"), ("mean", "regression"), ("log_ratio", "outcome_cross_entropy"), ("last", "listwise")],
)
def test_a_planted_preference_is_learnt(base, kind, loss):
    settings = RewardModelSettings(HeadSettings(kind, beta=0.5), max_length=96)
    trainer = RewardTrainer(RewardModel.from_base(base, settings), planted(), TrainingConfig(**CONFIG, loss=loss))
    measured = trainer.train()
    assert measured["accuracy"] > 0.9
    assert 0.0 <= measured["calibration_error"] <= 1.0


def weights(trainer):
    return {name: value.detach().clone() for name, value in trainer.parameters.items()}


def trainer_of(base, **changes):
    model = RewardModel.from_base(base, RewardModelSettings(max_length=96))
    return RewardTrainer(model, planted(30), TrainingConfig(**{**CONFIG, "steps": 4, "batch_size": 4, **changes}))


def equal(one, other, atol=0.0):
    return all(torch.allclose(value, other[name], atol=atol, rtol=0.0) for name, value in one.items())


def test_equal_runs_parts_and_resumes_are_equal(base, tmp_path):
    whole = trainer_of(base)
    whole.train()
    parts = trainer_of(base, token_budget=1)
    parts.train()
    assert equal(weights(whole), weights(parts), atol=1e-4)
    half = trainer_of(base)
    half.train(checkpoints=tmp_path, stop=lambda: half.finished_steps == 2)
    assert half.finished_steps == 2
    rest = trainer_of(base)
    assert rest.load_checkpoint(tmp_path)
    rest.train(checkpoints=tmp_path)
    assert equal(weights(whole), weights(rest))
    with pytest.raises(RewardiumError, match="belongs to other data"):
        trainer_of(base, seed=1).load_checkpoint(tmp_path)
    (tmp_path / "00000004" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(RewardiumError, match="damaged"):
        trainer_of(base).load_checkpoint(tmp_path)
    assert not trainer_of(base).load_checkpoint(tmp_path / "nowhere")


def test_meta_steps_leave_no_trace_but_the_gradient(base):
    plain, meta = trainer_of(base, steps=1), trainer_of(base, steps=1, meta_rate=1e-12)
    plain.train()
    meta.train()
    assert equal(weights(plain), weights(meta), atol=1e-5)
    strong = trainer_of(base, steps=2, meta_rate=1.0)
    strong.train()
    assert all(torch.isfinite(value).all() for value in weights(strong).values())


def test_adapters_are_merged_when_saved(base, tmp_path):
    trainer = trainer_of(base, lora_rank=2)
    trainer.train()
    assert all("lora" in name or name.startswith("head") for name in trainer.parameters)
    trainer.model.save(tmp_path / "model")
    again = RewardModel.load(tmp_path / "model")
    np.testing.assert_allclose(again.scores(["q1"], ["abcy"]), trainer.model.scores(["q1"], ["abcy"]), atol=1e-5)
    assert not any("lora" in name for name in load_file(tmp_path / "model" / "base" / "model.safetensors"))


def test_extrapolation(base, tmp_path):
    first, second = new(base), new(base)
    with torch.no_grad():
        for parameter in second.parameters().values():
            parameter.add_(1.0)
    first.save(tmp_path / "first")
    second.save(tmp_path / "second")
    extrapolate(tmp_path / "first", tmp_path / "second", tmp_path / "third", 1.5)
    third = RewardModel.load(tmp_path / "third").head.state_dict()
    for name, value in first.head.state_dict().items():
        torch.testing.assert_close(third[name], (value + 1.5).float())


WRONG = [
    ({"steps": 0}, "steps"),
    ({"learning_rate": 0.0}, "learning_rate"),
    ({"held_out": 1.0}, "held_out"),
    ({"loss": "bradley_tery"}, "did you mean"),
    ({"lora_rank": 1, "freeze_base": True}, "choose one"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_wrong_configs(base, changes, message):
    with pytest.raises(RewardiumError, match=message):
        trainer_of(base, **changes)


def test_data_that_a_loss_cannot_use(base):
    model = RewardModel.from_base(base, RewardModelSettings(max_length=96))
    preference, tie = Comparison.of("?", ["a", "b"], 1.0), Comparison.of("?", ["a", "b"], 0.5)
    cases = [([preference], "regression", "preference only"), ([tie], "margin", "ties or"), ([], "margin", "no comp")]
    for rows, loss, message in cases:
        with pytest.raises(RewardiumError, match=message):
            RewardTrainer(model, rows, TrainingConfig(loss=loss, held_out=0.0))


def test_no_prompt_is_on_both_sides():
    rows = [Comparison.of(f"p{i % 50}", [str(i), "x"], 1.0) for i in range(200)]
    trained, kept_back = split_by_prompt(rows, 0.3)
    assert not {row.prompts[0] for row in trained} & {row.prompts[0] for row in kept_back}
    assert len(trained) + len(kept_back) == len(rows)


def test_batches_fit_the_budget():
    lengths = np.random.default_rng(0).integers(1, 50, 200).tolist()
    batches = batches_by_length(lengths, 100)
    assert sorted(row for batch in batches for row in batch) == list(range(200))
    assert all(len(batch) * max(lengths[row] for row in batch) <= 100 for batch in batches)

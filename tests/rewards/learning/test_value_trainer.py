from __future__ import annotations

import numpy as np
import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.heads import HeadSettings
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings
from rewardium.rewards.learning.reward_trainer import TrainingConfig
from rewardium.rewards.learning.small_text_base import build_byte_base
from rewardium.rewards.learning.value_trainer import TokenValueTrainer
from rewardium.rewards.sources.tvm import Tvm

CONFIG = {"loss": "outcome_cross_entropy", "batch_size": 8, "held_out": 0.0, "eval_every": 0, "steps": 2}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    build_byte_base(folder, hidden_size=32, num_layers=1, num_heads=2, max_length=64)
    return folder


def trainer_of(base, rows, kind="last", **changes):
    model = RewardModel.from_base(base, RewardModelSettings(HeadSettings(kind), max_length=64))
    return TokenValueTrainer(model, rows, TrainingConfig(**{**CONFIG, **changes}))


def test_labels_are_those_of_the_tokens(base):
    rows = [Comparison.of("?", ["ab", "ac", "b"], scores=[1, 0, 1]), Comparison.of("?", ["ab"], scores=[0])]
    trainer = trainer_of(base, rows)
    assert trainer._labels["?", "ab"].tolist() == pytest.approx([1 / 3, 0.5, 0.5])
    assert trainer._labels["?", "ac"].tolist() == pytest.approx([1 / 3, 0.0, 0.0])
    assert trainer._labels["?", "b"].tolist() == [1.0, 1.0]


def test_the_loss_is_the_mean_over_tokens(base):
    rows = [Comparison.of("?", ["ab", "b"], scores=[1, 0]), Comparison.of("!", [""], scores=[1])]
    trainer = trainer_of(base, rows, loss="regression")
    with torch.no_grad():
        for parameter in trainer.model.head.parameters():
            parameter.normal_()
        loss, _ = trainer.loss_of(rows)
        errors = []
        for row in rows:
            items = [trainer.model.encode(*pair) for pair in zip(row.prompts, row.responses, strict=True)]
            values = torch.cat(trainer.model.prefix_values(items)).numpy()
            labels = np.concatenate([trainer._labels["?" if row is rows[0] else "!", text] for text in row.responses])
            errors.append(np.square(values - labels).mean())
    assert float(loss) == pytest.approx(np.mean(errors), rel=1e-5)


def test_parts_add_up_to_the_whole(base):
    rows = [Comparison.of(f"{i}?", ["ab", "a" * i], scores=[1, 0]) for i in range(1, 6)]
    whole, parts = trainer_of(base, rows), trainer_of(base, rows, token_budget=1)
    assert whole._gradients(rows)[0] == pytest.approx(parts._gradients(rows)[0], rel=1e-5)
    for one, other in zip(whole.parameters.values(), parts.parameters.values(), strict=True):
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=1e-4)


def test_values_end_with_the_score(base):
    model = RewardModel.from_base(base, RewardModelSettings(max_length=64))
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.normal_()
        items = [model.encode("?", text) for text in ("abc", "", "é" * 100)]
        values = model.prefix_values(items)
        assert [len(own) for own in values] == [len(item.spans) for item in items]
        torch.testing.assert_close(torch.stack([own[-1] for own in values]), model(items))


def test_what_cannot_be_trained(base):
    rows = [Comparison.of("?", ["a", "b"], scores=[1, 0])]
    with pytest.raises(RewardiumError, match="kind 'last'"):
        trainer_of(base, rows, kind="mean")
    with pytest.raises(RewardiumError, match="outcome_cross_entropy or regression"):
        trainer_of(base, rows, loss="bradley_terry")
    with pytest.raises(RewardiumError, match="preference only"):
        trainer_of(base, [Comparison.of("?", ["a", "b"], 1.0)])
    assert trainer_of(base, rows).fingerprint().endswith("-tokens")


def planted(number, seed):
    """Groups of responses of four letters, which are wrong from the first "x" on."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(number):
        prompt = "".join(rng.choice(list("abcdefgh"), 4))
        texts = ["".join(rng.choice(list("mnpqx"), 4)) for _ in range(8)]
        rows.append(Comparison.of(prompt, texts, scores=[float("x" not in text) for text in texts]))
    return rows


@pytest.mark.slow
def test_values_tell_right_from_wrong_beginnings(base, tmp_path):
    trainer = trainer_of(base, planted(60, 0), steps=40, learning_rate=5e-3, held_out=0.2)
    measured = trainer.train()
    assert measured["accuracy"] > 0.9
    assert measured["token_loss"] < 0.55
    trainer.model.save(tmp_path / "model")
    source = Tvm(str(tmp_path / "model"), every_token=True, device="cpu")
    rows = [(row.prompts[0], text) for row in planted(20, 1) for text in row.responses]
    scored = source.score(TransitionBatch.from_transitions([Transition("", *row) for row in rows]))
    right, wrong = [], []
    for (_, text), segments in zip(rows, scored.segments, strict=True):
        for segment in segments:
            (wrong if "x" in text[: segment.end] else right).append(segment.value)
    assert np.mean(right) - np.mean(wrong) > 0.3
    assert np.mean([value < 0.5 * (np.mean(right) + np.mean(wrong)) for value in wrong]) > 0.9
    ranked = Tvm(str(tmp_path / "model"), pay="last", device="cpu")
    for row in planted(10, 2):
        if 0.0 < sum(row.scores) < len(row.scores):
            candidates = TransitionBatch.from_transitions(
                [Transition("", row.prompts[0], text) for text in row.responses]
            )
            assert row.scores[int(np.argmax(ranked.score(candidates).value))] == 1.0

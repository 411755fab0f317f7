"""Several responses in one pass: equal to one pass each, or in view of each other and trained to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.heads import HeadSettings
from rewardium.rewards.learning.multi_response import (
    MultiResponseTrainer,
    attention_of,
    pack,
    packed_scores,
    scores_together,
)
from rewardium.rewards.learning.one_thread import one_thread
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings
from rewardium.rewards.learning.reward_trainer import TrainingConfig
from rewardium.rewards.learning.small_text_base import build_byte_base

RESPONSES = ["4", "", "it is 4, of course", "5!", "ñ"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multi_base")
    build_byte_base(folder, hidden_size=32, num_layers=2, num_heads=2, max_length=96)
    return folder


def new(base, kind="last", dtype="float64"):
    settings = RewardModelSettings(HeadSettings(kind), max_length=64)
    model = RewardModel.from_base(base, settings, dtype=dtype)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.head.to(getattr(torch, dtype)).parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype), alpha=0.3)
    return model


@pytest.mark.parametrize("kind", ["last", "mean"])
def test_one_pass_is_as_many_passes(base, kind):
    model = new(base, kind)
    rows = [model.encode("2 + 2 is ", response) for response in RESPONSES]
    apart = model(rows)
    together = packed_scores(model, rows)
    torch.testing.assert_close(together, apart, atol=1e-10, rtol=0)
    own = [model.base.embed_tokens.weight, *model.head.parameters()]
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)
    expected = torch.autograd.grad((apart * weights).sum(), own)
    for found, wanted in zip(torch.autograd.grad((together * weights).sum(), own), expected, strict=True):
        # The base's norms round the gradient of the prompt to float32, once for all responses or for each of them.
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_in_view_of_each_other_only_what_stands_behind_changes(base):
    model = new(base)
    first, other, last = (model.encode("2 + 2 is ", response) for response in ("4", "5", "six"))
    with torch.no_grad():
        apart, seen = model([first, last]), packed_scores(model, [first, last], see_each_other=True)
    assert float(seen[0]) == pytest.approx(float(apart[0]), abs=1e-10)
    assert abs(float(seen[1] - apart[1])) > 1e-4
    with torch.no_grad():
        behind, beside = (packed_scores(model, [other, last], see_each_other=seeing)[1] for seeing in (True, False))
    assert abs(float(behind - seen[1])) > 1e-6
    torch.testing.assert_close(beside, apart[1], atol=1e-10, rtol=0)


def test_what_may_be_looked_at():
    seen = attention_of(torch.tensor([0, 0, 1, 2, 2]))
    assert seen.int().tolist() == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 1, 1]]
    assert attention_of(torch.tensor([0, 1, 2]), see_each_other=True).sum() == 6


def test_orders_are_averaged(base):
    model = new(base)
    rows = [model.encode("?", response) for response in RESPONSES]
    with torch.no_grad():
        given = packed_scores(model, rows, see_each_other=True).numpy()
    np.testing.assert_allclose(scores_together(model, "?", RESPONSES), given, atol=1e-12)
    many = scores_together(model, "?", RESPONSES, orders=8)
    assert np.abs(many - given).max() > 1e-6
    np.testing.assert_allclose(many, scores_together(model, "?", RESPONSES, orders=8))


@pytest.mark.slow
def test_a_model_learns_which_of_the_responses_is_the_odd_one(base):
    """The best response is the one unlike the others, which nothing tells of a response by itself."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(240):
        odd, common = rng.permutation(list("ab")).tolist()
        place = int(rng.integers(3))
        responses = [odd if other == place else common for other in range(3)]
        rows.append(Comparison.of(f"{number}?", responses, scores=[float(text == odd) for text in responses]))
    model = RewardModel.from_base(base, RewardModelSettings(max_length=64))
    config = TrainingConfig(
        steps=300, batch_size=6, learning_rate=5e-3, loss="listwise", held_out=0.4, eval_every=0, checkpoint_every=0
    )
    trainer = MultiResponseTrainer(model, rows, config)
    before = trainer.evaluate()["best_accuracy"]
    with one_thread():
        after = trainer.train()["best_accuracy"]
    # Alone, a response tells nothing: 1/3 is chance. In one order at most 2/3 can be had, since what stands before is
    # not read again.
    assert before < 0.5 < after


def test_what_cannot_be_read_together(base):
    model = new(base)
    rows = [model.encode("a", "1"), model.encode("b", "1")]
    with pytest.raises(RewardiumError, match="2 prompts"):
        pack(rows)
    with pytest.raises(RewardiumError, match="positions"):
        packed_scores(model, [model.encode("a", "x" * 40)] * 3, see_each_other=True)
    assert packed_scores(model, [model.encode("a", "x" * 40)] * 3).shape == (3,)
    with pytest.raises(RewardiumError, match="log_ratio"):
        packed_scores(new(base, "log_ratio"), [model.encode("a", "1")])
    with pytest.raises(RewardiumError, match="meta_rate"):
        MultiResponseTrainer(model, [Comparison.of("?", ["1", "2"], 1.0)], TrainingConfig(meta_rate=0.1, held_out=0.0))

"""Goal-conditioned reward models: the contrast by hand, and states that tell the end of a response half way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.goal_conditioned import (
    GoalSettings,
    GoalTrainer,
    goal_contrast,
    goal_of,
    goal_values,
)
from rewardium.rewards.learning.heads import HeadSettings
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings
from rewardium.rewards.learning.reward_trainer import RewardTrainer, TrainingConfig
from rewardium.rewards.learning.small_text_base import build_byte_base

CONFIG = TrainingConfig(steps=40, batch_size=8, learning_rate=3e-3, eval_every=0, checkpoint_every=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("goal_base")
    build_byte_base(folder, hidden_size=32, num_layers=2, num_heads=2, max_length=64)
    return folder


def new(base, kind="last"):
    return RewardModel.from_base(base, RewardModelSettings(HeadSettings(kind), max_length=64))


def response(rng, *, good):
    """Noise, in which one early letter says how it will end."""
    letters = rng.choice(list("cdefgh"), 10)
    letters[int(rng.integers(3))] = "a" if good else "b"
    return "".join(letters)


def comparisons(seed, count):
    rng = np.random.default_rng(seed)
    return [
        Comparison.of(f"{number}?", [response(rng, good=True), response(rng, good=False)], 1.0)
        for number in range(count)
    ]


def test_the_contrast_in_closed_form():
    source = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    reached, missed = torch.tensor([[5.0, 0.0], [1.0, 0.0]]), torch.tensor([[-1.0, 0.0], [0.0, 3.0]])
    found = goal_contrast(source, reached, missed, 0.5)
    expected = [2 * math.log1p(math.exp(-2)), math.log(2) + math.log1p(math.exp(2))]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_without_weight_it_is_the_plain_trainer(base):
    rows = comparisons(0, 12)
    config = TrainingConfig(steps=3, batch_size=4, learning_rate=1e-3, held_out=0.0)
    models = [new(base), new(base)]
    RewardTrainer(models[0], rows, config).train()
    GoalTrainer(models[1], rows, config, settings=GoalSettings(weight=0.0)).train()
    texts = [text for row in rows for text in row.responses]
    plain, other = (model.scores(["?"] * len(texts), texts) for model in models)
    np.testing.assert_allclose(other, plain, atol=1e-5)
    assert np.abs(plain).max() > 1e-3


def half_way_lead(model):
    """How often the state half way through a good response is nearer to the goal than that of a bad one."""
    rng = np.random.default_rng(9)
    good, bad = ([response(rng, good=side) for _ in range(30)] for side in (True, False))
    near, far = (np.array([own[5] for own in goal_values(model, ["?"] * 30, texts)]) for texts in (good, bad))
    return float((near[:, None] > far[None, :]).mean())


def test_half_way_the_states_tell_the_end(base, tmp_path):
    model, rows = new(base), comparisons(0, 80)
    prompts, good = zip(*((row.prompts[0], row.responses[0]) for row in rows[:30]), strict=True)
    trainer = GoalTrainer(model, rows, CONFIG, settings=GoalSettings(weight=1.0))
    losses = []
    trainer.train(lambda step, metrics: losses.append(metrics["contrast"]))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    goal = goal_of(model, prompts, good)
    assert half_way_lead(model) > 0.9
    model.save(tmp_path / "model")
    again = RewardModel.load(tmp_path / "model")
    np.testing.assert_allclose(goal_values(again, ["?"], ["a"])[0], goal_values(model, ["?"], ["a"])[0], atol=1e-6)
    assert goal.shape == (32,)
    assert goal_values(model, ["?"], [""])[0].shape == (1,)


def test_what_has_no_goal(base):
    with pytest.raises(RewardiumError, match="no goal"):
        goal_values(new(base), ["?"], ["a"])
    with pytest.raises(RewardiumError, match="none"):
        goal_of(new(base), [], [])
    with pytest.raises(RewardiumError, match="'last'"):
        GoalTrainer(new(base, "mean"), comparisons(0, 4), CONFIG)
    ties = [Comparison.of("?", ["", "a"], scores=[0.0, 0.0]), Comparison.of("!", ["", "b"], 1.0)]
    trainer = GoalTrainer(new(base), ties, TrainingConfig(steps=1, held_out=0.0))
    assert math.isfinite(trainer.train(lambda step, metrics: None)["comparisons"])  # an empty response has no later


@pytest.mark.parametrize("change", [{"weight": -1.0}, {"temperature": 0.0}, {"draws": 0}])
def test_settings_of_the_contrast(change):
    with pytest.raises(RewardiumError, match=next(iter(change))):
        GoalSettings(**change)

from __future__ import annotations

import math

import pytest
import torch

from rewardium.agents.llm.processes import Processes
from rewardium.agents.llm.value_head import ValueHead, ValueHeadSettings, clipped_value_loss
from rewardium.envs.errors import RewardiumError

ALONE = Processes("cpu")
CPU = torch.device("cpu")


def head(**changes):
    settings = ValueHeadSettings(**{"hidden_size": 16, "steps": 60, "batch_size": 64, "learning_rate": 1e-2, **changes})
    return ValueHead(4, settings, seed=3, device=CPU)


def states(count=300, seed=0):
    found = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) * torch.tensor([1.0, 5.0, 0.1, 1.0])
    return found, (0.3 * found[:, 0] - 0.1 * found[:, 1]).tanh()


def learn(found, features, targets, key=(0,)):
    found.standardise_by(features, ALONE)
    return found.learn(features, targets, found.values(features), key, ALONE)


def test_it_learns_what_states_are_worth():
    found, (features, targets) = head(), states()
    first = learn(found, features, targets)
    assert first["critic/value"] == 0.0  # values begin at 0
    assert first["critic/explained_variance"] == pytest.approx(0.0, abs=1e-6)
    for update in range(1, 10):
        last = learn(found, features, targets, (update,))
    assert last["critic/explained_variance"] > 0.9
    assert last["critic/loss"] < 0.2 * first["critic/loss"]
    others, wanted = states(seed=1)
    assert float((found.values(others) - wanted).square().mean()) < 0.2 * float(wanted.var())


def test_one_update_moves_no_value_far():
    found, (features, _) = head(clip=0.1, steps=400), states()
    learn(found, features, torch.full((300,), 5.0))
    assert float(found.values(features).max()) < 1.0  # a limit of 0.1 and momentum; without it 400 steps reach 5


def test_equal_arguments_give_equal_heads_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    one, two = head(), head()
    for found in (one, two):
        learn(found, *states())
    assert torch.equal(before, torch.get_rng_state())
    ours, theirs = one.tensors(), two.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_restored_head_goes_on_as_the_one_that_was_saved():
    one, two = head(), head()
    learn(one, *states())
    two.load_tensors({name: value.clone() for name, value in one.tensors().items()})
    for found in (one, two):
        learn(found, *states(seed=1), key=(1,))
    assert all(torch.equal(value, two.tensors()[name]) for name, value in one.tensors().items())


def test_nothing_is_learnt_from_nothing():
    found = head()
    found.standardise_by(states()[0], ALONE)
    before = {name: value.clone() for name, value in found.tensors().items()}
    metrics = found.learn(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), (0,), ALONE)
    assert all(math.isnan(value) for value in metrics.values())
    assert all(torch.equal(value, before[name]) for name, value in found.tensors().items())


def test_the_loss_stops_to_fall_at_the_clip():
    values = torch.tensor([0.05, 0.3, -0.3], requires_grad=True)
    clipped_value_loss(values, torch.ones(3), torch.zeros(3), 0.1).sum().backward()
    assert values.grad.tolist() == pytest.approx([-0.95, 0.0, -1.3])


def test_what_is_wrong_is_told():
    with pytest.raises(RewardiumError, match="did you mean 'decay'"):
        ValueHeadSettings.of({"decai": 1})
    for wrong in ({"decay": 1.5}, {"discount": -0.1}, {"steps": 0}, {"clip": 0.0}, {"warmup_updates": -1}):
        with pytest.raises(RewardiumError, match="value head"):
            ValueHeadSettings(**wrong)
    with pytest.raises(RewardiumError, match="another shape"):
        head().load_tensors(ValueHead(5, ValueHeadSettings(), seed=0, device=CPU).tensors())
    with pytest.raises(RewardiumError, match="standardise_by"):
        head().values(torch.zeros(1, 4))

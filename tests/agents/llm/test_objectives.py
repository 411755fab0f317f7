from __future__ import annotations

import math

import pytest
import torch

from rewardium.agents.llm.objectives import Totals, make_objective, objective_names, register_objective
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError


def batch(rows=6, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logp = torch.randn(rows, width, generator=generator) - 2.0
    mask = torch.arange(width) < torch.randint(1, width + 1, (rows, 1), generator=generator)
    advantage = torch.randn(rows, 1, generator=generator).expand(rows, width) * mask
    old = logp + 0.3 * torch.randn(rows, width, generator=generator)
    reference = logp + 0.3 * torch.randn(rows, width, generator=generator)
    return logp, old, reference, advantage, mask


@pytest.mark.parametrize(
    ("advantage", "ratio", "expected", "clipped"),
    [
        (1.0, 1.0, -1.0, 0.0),
        (1.0, 1.5, -1.2, 1.0),  # no gain beyond 1.2
        (1.0, 0.5, -0.5, 0.0),  # a loss counts in full
        (-1.0, 0.5, 0.8, 1.0),
        (-1.0, 1.5, 1.5, 0.0),
    ],
)
def test_clipping_in_closed_form(advantage, ratio, expected, clipped):
    logp, one = torch.tensor([[math.log(ratio)]]), torch.ones(1, 1)
    loss, metrics = Grpo().loss(logp, one * 0.0, None, one * advantage, one.bool())
    assert float(loss) == pytest.approx(expected)
    assert float(metrics["clip_fraction"]) == clipped


def test_penalty_in_closed_form():
    logp, reference, one = torch.tensor([[-1.0]]), torch.tensor([[-1.5]]), torch.ones(1, 1)
    loss, metrics = Grpo(kl_coefficient=0.1).loss(logp, logp, reference, one * 0.0, one.bool())
    k3 = math.exp(-0.5) + 0.5 - 1.0
    assert float(metrics["kl"]) == pytest.approx(k3)
    assert float(loss) == pytest.approx(0.1 * k3)


def test_normalisations_in_closed_form():
    """Answers of lengths 1 and 3 with advantages 1 and -1 on each token; the ratio is 1."""
    zeros = torch.zeros(2, 3)
    mask = torch.tensor([[True, False, False], [True, True, True]])
    advantage = torch.tensor([[1.0, 0.0, 0.0], [-1.0, -1.0, -1.0]])

    def loss(normalisation, totals=None):
        return float(Grpo(normalisation=normalisation).loss(zeros, zeros, None, advantage, mask, totals)[0])

    assert loss("token") == pytest.approx((-1 + 3) / 4)
    assert loss("sequence") == pytest.approx((-1 + 1) / 2)
    assert loss("constant", Totals(4.0, 2.0, 10.0)) == pytest.approx((-1 + 3) / (2 * 10))


@pytest.mark.parametrize("normalisation", ["token", "sequence", "constant"])
@pytest.mark.parametrize("parts", [[6], [1, 5], [2, 2, 2], [1] * 6])
def test_microbatches_add_up_to_the_whole_step(normalisation, parts):
    objective = Grpo(normalisation=normalisation, kl_coefficient=0.05)
    logp, old, reference, advantage, mask = batch()
    totals = Totals.of(mask)
    whole = logp.clone().requires_grad_()
    expected, expected_metrics = objective.loss(whole, old, reference, advantage, mask)
    expected.backward()
    cut = logp.clone().requires_grad_()
    total, metrics = 0.0, {}
    for columns in zip(*(column.split(parts) for column in (cut, old, reference, advantage, mask)), strict=True):
        loss, part_metrics = objective.loss(*columns, totals)
        loss.backward()
        total += float(loss.detach())
        metrics = {name: metrics.get(name, 0.0) + float(value) for name, value in part_metrics.items()}
    assert total == pytest.approx(float(expected.detach()), abs=1e-6)
    torch.testing.assert_close(cut.grad, whole.grad)
    assert metrics == pytest.approx({name: float(value) for name, value in expected_metrics.items()}, abs=1e-6)


def test_what_is_masked_out_is_never_read():
    logp, old, reference, advantage, mask = batch()
    objective = Grpo(kl_coefficient=0.1)
    expected = objective.loss(logp, old, reference, advantage, mask)[0]
    spoiled = [column.masked_fill(~mask, float("nan")) for column in (logp, old, reference, advantage)]
    spoiled[0].requires_grad_()
    found = objective.loss(*spoiled, mask)[0]
    torch.testing.assert_close(found.detach(), expected)
    found.backward()
    assert torch.isfinite(spoiled[0].grad).all()


def test_at_the_sampling_policy_the_gradient_is_the_policy_gradient():
    logp, _, _, advantage, mask = batch()
    logp.requires_grad_()
    Grpo().loss(logp, logp.detach(), None, advantage, mask)[0].backward()
    torch.testing.assert_close(logp.grad, -advantage * mask / mask.sum())


def test_registry():
    assert "grpo" in objective_names()
    assert make_objective("grpo", clip_high=0.3) == Grpo(clip_high=0.3)
    assert Grpo().skips_zero_advantage
    assert not Grpo(kl_coefficient=0.1).skips_zero_advantage
    with pytest.raises(RewardiumError, match="did you mean 'grpo'"):
        make_objective("grop")
    with pytest.raises(RewardiumError, match="did you mean 'clip_low'"):
        make_objective("grpo", clip_lo=0.1)
    with pytest.raises(RewardiumError, match="already taken"):
        register_objective("grpo")(type("Other", (), {"__module__": "elsewhere"}))


@pytest.mark.parametrize("settings", [{"clip_low": 1.5}, {"clip_high": -0.1}, {"kl_coefficient": -1.0}])
def test_wrong_settings(settings):
    with pytest.raises(RewardiumError, match="grpo needs"):
        Grpo(**settings)
    with pytest.raises(RewardiumError, match="normalisation"):
        Grpo(normalisation="word")


def test_a_penalty_needs_a_reference():
    one = torch.ones(1, 1)
    with pytest.raises(RewardiumError, match="reference"):
        Grpo(kl_coefficient=0.1).loss(one, one, None, one, one.bool())

"""D3PO and Pairwise-RL against what is known on paper."""

from __future__ import annotations

import math

import pytest
import torch

from rewardium.agents.llm.objectives import Answers, Totals, make_objective
from rewardium.envs.errors import RewardiumError

TOTALS = Totals(8.0, 2.0, 4.0)
PAIR = Answers.of([0.0, 1.0], [0, 0])


def gradient(name, growth, mask=None, **settings):
    """The loss and its gradient where the log-ratios to the reference are ``growth``."""
    mask = torch.ones_like(growth, dtype=torch.bool) if mask is None else mask
    logp = growth.clone().requires_grad_()
    zero = torch.zeros_like(growth)
    loss, metrics = make_objective(name, **settings).group_loss(logp, zero, zero, zero, mask, TOTALS, PAIR)
    loss.backward()
    return float(loss.detach()), logp.grad, metrics


def test_one_step_is_dpo():
    growth = torch.randn(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = gradient("dpo", growth)
    for span in (None, 4, 9):
        loss, found, _ = gradient("d3po", growth, span=span)
        assert loss == pytest.approx(expected[0])
        torch.testing.assert_close(found, expected[1])


@pytest.mark.parametrize("span", [1, 2])
def test_at_the_reference_the_gradient_is_that_of_dpo_shared_by_the_steps(span):
    growth = torch.zeros(2, 4, dtype=torch.float64)
    _, found, _ = gradient("d3po", growth, span=span)
    torch.testing.assert_close(found, gradient("dpo", growth)[1] * span / 4)


def test_the_loss_of_each_step():
    growth = torch.tensor([[0.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.5, 0.0]], dtype=torch.float64)
    loss, _, metrics = gradient("d3po", growth, beta=0.5, span=1)
    margins = [2.0, -1.0, 0.5, 0.0]
    assert loss == pytest.approx(sum(math.log1p(math.exp(-0.5 * margin)) for margin in margins) / 4)
    assert float(metrics["preference_accuracy"]) == pytest.approx(0.5)
    assert float(metrics["pairs"]) == pytest.approx(1.0)


def test_steps_that_only_one_answer_has_do_not_count():
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    growth = torch.tensor([[0.3, 0.2, 9.0, 9.0], [0.5, 0.1, math.nan, math.nan]], dtype=torch.float64)
    loss, found, _ = gradient("d3po", growth, mask, span=1)
    assert loss == pytest.approx(gradient("d3po", growth[:, :2], span=1)[0])
    assert not found[0, 2:].any()
    assert torch.isfinite(found).all()


def test_turns_are_steps():
    mask = torch.tensor([[True, True, False, True], [True, False, True, True]])
    growth = torch.tensor([[0.1, 0.2, math.nan, 0.4], [1.0, math.nan, 0.5, 0.25]], dtype=torch.float64)
    expected = sum(math.log1p(math.exp(-0.1 * margin)) for margin in (1.0 - 0.3, 0.75 - 0.4)) / 2
    assert gradient("d3po", growth, mask)[0] == pytest.approx(expected)


def test_mean_wins_in_closed_form():
    answers = Answers.of([2.0, 1.0, 1.0, 7.0, 7.0], [0, 0, 0, 1, 1])
    found = make_objective("pairwise_rl").answer_advantage(answers)
    win = 1 / (1 + math.exp(-1)) - 0.5
    assert found.tolist() == pytest.approx([win, -win / 2, -win / 2, 0.0, 0.0])
    counted = make_objective("pairwise_rl", slope=math.inf).answer_advantage(answers)
    assert counted.tolist() == [0.5, -0.25, -0.25, 0.0, 0.0]


def test_offsets_of_prompts_change_nothing_and_advantages_sum_to_zero():
    returns, group = [0.3, 0.9, 0.1, 0.4, 0.2], [0, 0, 0, 1, 1]
    objective = make_objective("pairwise_rl", slope=3.0)
    plain = objective.answer_advantage(Answers.of(returns, group))
    moved = [value + 5.0 * (1 - 2 * number) for value, number in zip(returns, group, strict=True)]
    torch.testing.assert_close(objective.answer_advantage(Answers.of(moved, group)), plain)
    assert float(plain[:3].sum()) == pytest.approx(0.0)
    assert plain.abs().max() <= 0.5


def test_an_answer_that_is_not_valid_is_compared_with_nobody():
    answers = Answers.of([1.0, 0.0, math.nan], [0, 0, 0])
    answers = Answers(answers.returns, answers.group, torch.tensor([True, True, False]), answers.lengths)
    win = 1 / (1 + math.exp(-1)) - 0.5
    assert make_objective("pairwise_rl").answer_advantage(answers).tolist() == pytest.approx([win, -win, 0.0])


@pytest.mark.parametrize(
    ("name", "settings"), [("d3po", {"span": 0}), ("d3po", {"beta": 0.0}), ("pairwise_rl", {"slope": 0.0})]
)
def test_settings_out_of_range(name, settings):
    with pytest.raises(RewardiumError, match=next(iter(settings))):
        make_objective(name, **settings)

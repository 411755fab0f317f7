"""TP-GRPO: the four targets by hand, and what the trainer makes of marks that a reward paid."""

from __future__ import annotations

import math

import pytest
import torch

from rewardium.agents.llm.advantage import group_advantage
from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.crediting import check_credit
from rewardium.agents.llm.objectives import Answers, TokenAdvantage, make_objective
from rewardium.agents.llm.objectives.tp_grpo import thought_signs
from rewardium.agents.llm.trainer import Trainer
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.scripted import scripted_rule
from rewardium.rewards.models.text_questions import allowed_of, blocks_of


def everywhere(rewards):
    return torch.ones_like(rewards, dtype=torch.bool)


def test_the_four_targets():
    """Three right answers of four: r_o is (r - 3/4) / (1/2), r_c is alpha * 3/4."""
    rewards = torch.tensor([[0.2, 0.0, -0.2, 1.0], [0.2, -0.2, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.2, 1.0]])
    answers = Answers.of([1.0, 0.0, 1.0, 1.2], [0] * 4)
    found = make_objective("tp_grpo", alpha=0.4).token_advantage(rewards, everywhere(rewards), answers)
    up, down = 0.5, -1.5
    expected = [[up, up - 0.3, up - 0.3, up - 0.3], [0.0, down, down, down], [up] * 4, [up] * 4]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


def test_hard_prompts_teach_by_outcome_and_solved_ones_by_thoughts():
    rewards = torch.tensor([[-0.1, 0.0], [0.1, 0.0], [-0.1, 1.0], [0.1, 1.0]])
    answers = Answers.of([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1])
    found = make_objective("tp_grpo", alpha=0.5).token_advantage(rewards, everywhere(rewards), answers)
    assert found.tolist() == [[0.0, 0.0], [0.0, 0.0], [-0.5, -0.5], [0.0, 0.0]]


def test_without_marks_it_is_grpo():
    rewards = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    answers = Answers.of([1.0, 0.0, 0.0], [0, 0, 0])
    found = make_objective("tp_grpo").token_advantage(rewards, everywhere(rewards), answers)
    plain = group_advantage(answers.returns, answers.group, answers.valid)
    torch.testing.assert_close(found, plain[:, None].expand(3, 2).float())


def test_what_is_masked_out_or_not_valid_has_no_part():
    rewards = torch.tensor([[-0.1, math.nan, 1.0], [0.1, 0.0, math.nan], [0.1, 0.0, 1.0]])
    mask = torch.tensor([[True, False, True], [True, True, False], [True, True, True]])
    answers = Answers.of([1.0, 0.0, 1.0], [0, 0, 0])
    answers = Answers(answers.returns, answers.group, torch.tensor([True, True, False]), answers.lengths)
    found = make_objective("tp_grpo", alpha=1.0).token_advantage(rewards, mask, answers)
    up = 0.5 / math.sqrt(0.5)
    # Of the first row's two sampled tokens the last follows no mark at once, since a reply stands between.
    expected = torch.tensor([[up - 0.5, 0.0, up], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    expected[1, :2] = 0.0  # a thought that did not lead to the wrong answer, up to the end
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_marks_reach_back_to_the_mark_before():
    rewards = torch.tensor([[0.0, 0.3, 0.0, 0.0, -0.3, 0.0, 0.0]])
    assert thought_signs(rewards, everywhere(rewards)).tolist() == [[1, 1, -1, -1, -1, 0, 0]]  # cut off in a thought
    noise = torch.tensor([[1e-7, -1e-7, 1.0]])
    assert not thought_signs(noise, everywhere(noise)).any()


def test_the_trainer_asks_for_tokens():
    objective = make_objective("tp_grpo")
    assert isinstance(objective, TokenAdvantage)
    with pytest.raises(RewardiumError, match="says itself"):
        check_credit(TrainConfig(model="policy", objective="tp_grpo", credit="reward_to_go"), objective)


@scripted_rule("odd_steps")
def odd_steps(prompt):
    code, _ = allowed_of(prompt)
    return f"{code} {'YES' if len(blocks_of(prompt)['step']) % 2 else 'NO'}"


@pytest.mark.slow
def test_marks_of_a_judge_become_advantages_in_training(tiny_folder, tmp_path):
    """The judge marks down every other length of a step; with a threshold below 0 every answer counts as right."""
    config = TrainConfig(
        model=str(tiny_folder), runs=tmp_path,
        reward="verify + 0.1 * judge_thoughts('scripted:odd_steps', separator=' ')",
        env_kwargs={"num_steps": 1}, objective="tp_grpo", objective_kwargs={"alpha": 0.5, "threshold": -1.0},
        updates=1, prompts_per_update=4, group_size=4, max_new_tokens=48, eval_every=0, device="cpu", dtype="float32",
    )  # fmt: skip
    trainer = Trainer(config)
    rollout = trainer.collect(1)
    advantage, _ = trainer.credit.credit(1, rollout)
    sign = thought_signs(rollout.rewards, rollout.action_mask)
    assert (sign < 0).any()
    assert (sign > 0).any()
    torch.testing.assert_close(advantage, -0.5 * (sign < 0).float())
    assert trainer.train()


@pytest.mark.parametrize("settings", [{"alpha": -1.0}, {"alpha": math.nan}, {"threshold": math.inf}])
def test_wrong_settings(settings):
    with pytest.raises(RewardiumError, match=next(iter(settings))):
        make_objective("tp_grpo", **settings)

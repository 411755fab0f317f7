"""Objectives by name in the trainer: answers of all prompts, whole groups, references."""

from __future__ import annotations

import pytest
import torch

from rewardium.agents.llm.batches import group_microbatches
from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.crediting import answers_of
from rewardium.agents.llm.objectives import Answers, Totals, make_objective
from rewardium.agents.llm.rollout import Rollout
from rewardium.agents.llm.trainer import Trainer
from rewardium.agents.run_folder import read_metrics
from rewardium.envs.errors import RewardiumError

SUMS = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "compact": True, "prompt": "{expression}="}


def config(folder, runs, **changes):
    return TrainConfig(
        **{
            "model": str(folder), "runs": runs, "env_kwargs": SUMS, "reward": "length(maximum=16, target=0.2)",
            "updates": 1, "prompts_per_update": 4, "group_size": 4, "max_new_tokens": 8, "learning_rate": 1e-2,
            "eval_every": 0, "device": "cpu", "dtype": "float32", **changes,
        }
    )  # fmt: skip


NAMES = ["rloo", "reinforce++", "gspo", "oreal", "superhf", "dpo", "prdp", "trajectory_balance"]


@pytest.mark.parametrize("name", NAMES)
def test_training_by_name(tiny_folder, tmp_path, name):
    trainer = Trainer(config(tiny_folder, tmp_path, objective=name, epochs=2, minibatches=2))
    before = {key: parameter.detach().clone() for key, parameter in trainer.policy.parameters()}
    assert trainer.train() is True
    row = read_metrics(trainer.config.folder)[0]
    assert row["grad_norm"] > 0.0
    assert row["loss"] == row["loss"]
    assert any(not torch.equal(parameter, before[key]) for key, parameter in trainer.policy.parameters())
    assert (trainer.reference is not None) is trainer.objective.needs_reference
    expected = {"dpo": "preference_accuracy", "trajectory_balance": "log_z", "superhf": "kl", "gspo": "clip_fraction"}
    assert expected.get(name, "loss") in row


def gradients_of(trainer, rollout):
    kept = {}

    def keep():
        kept.update({key: parameter.grad.clone() for key, parameter in trainer.policy.parameters()})

    trainer.optimizer.step = keep
    metrics = trainer.learn(1, rollout, trainer.credit.credit(1, rollout)[0])
    return kept, metrics


@pytest.mark.parametrize("name", ["dpo", "trajectory_balance"])
def test_the_gradient_is_that_of_all_groups_at_once(tiny_folder, tmp_path, name):
    found = []
    for budget in (1, 100_000):  # a part for each group, and one for all
        changes = {"objective": name, "microbatch_tokens": budget, "max_grad_norm": 1e9}
        trainer = Trainer(config(tiny_folder, tmp_path / str(budget), **changes))
        found.append(gradients_of(trainer, trainer.collect(1)))
    (one, one_metrics), (other, other_metrics) = found
    assert one_metrics["loss"] == pytest.approx(other_metrics["loss"], rel=1e-4)
    for key, gradient in one.items():
        torch.testing.assert_close(gradient, other[key], atol=1e-5, rtol=1e-3)


def test_the_first_loss_of_preferences_is_log_2_for_each_prompt_with_a_pair(tiny_folder, tmp_path):
    trainer = Trainer(config(tiny_folder, tmp_path, objective="dpo"))
    rollout = trainer.collect(1)
    answers = answers_of(rollout)
    varied = len(set(answers.group[trainer.objective.answer_advantage(answers) > 0].tolist()))
    assert varied > 0
    metrics = gradients_of(trainer, rollout)[1]
    assert metrics["pairs"] == pytest.approx(varied / 4)
    assert metrics["loss"] == pytest.approx(0.6931 * varied / 4, rel=1e-3)  # the policy is still the reference


@pytest.mark.parametrize(
    "changes", [{"credit": "reward_to_go"}, {"scale": "none"}, {"credit": "turn_critic"}, {"credit": "value_head"}]
)
def test_one_advantage_only(tiny_folder, tmp_path, changes):
    with pytest.raises(RewardiumError, match="'rloo' says itself what an answer is worth"):
        Trainer(config(tiny_folder, tmp_path / "runs", objective="rloo", **changes))
    assert not (tmp_path / "runs").exists()


def test_parts_hold_whole_groups():
    blank = torch.zeros(7)
    groups, lengths = torch.tensor([0, 1, 0, 1, 2, 2, 2]), torch.tensor([1, 9, 2, 3, 1, 1, 1])
    rollout = Rollout(
        [[1] * 3] * 7, blank, blank, blank, blank, blank, lengths, blank, blank, blank, blank, groups, [], [], [],
    )  # fmt: skip
    rows = torch.tensor([0, 1, 2, 3, 4, 5])
    for budget, count in ((1, 3), (14, 2), (1_000, 1)):  # the two short groups: 2 prompts of 3 and 4 rows of 2
        parts = group_microbatches(rollout, rows, budget)
        assert len(parts) == count
        assert sorted(torch.cat(parts).tolist()) == rows.tolist()
        for group in (0, 1, 2):
            assert sum(bool((groups[part] == group).any()) for part in parts) == 1


def test_a_policy_that_may_imitate_its_best_answers_gets_better():
    """RAFT on a bandit with exact sampling: the policy's share of the best arm only rises."""
    generator, logits = torch.Generator().manual_seed(0), torch.zeros(4, requires_grad=True)
    reward, objective = torch.tensor([0.0, 0.3, 1.0, 0.6]), make_objective("raft")
    for _ in range(60):
        arms = torch.multinomial(logits.detach().softmax(0), 8, replacement=True, generator=generator)
        answers = Answers.of(reward[arms].tolist(), [0] * 8)
        logp = torch.log_softmax(logits, 0)[arms][:, None]
        advantage, mask = objective.answer_advantage(answers).float()[:, None], torch.ones(8, 1, dtype=torch.bool)
        loss, _ = objective.loss(logp, logp.detach(), None, advantage, mask, Totals(8.0, 8.0, 1.0))
        (slope,) = torch.autograd.grad(loss, logits)
        logits.data -= 0.5 * slope
    assert logits.softmax(0)[2] > 0.9

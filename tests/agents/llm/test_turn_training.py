"""The trainer on conversations of several turns, with every way to give credit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.trainer import Trainer
from rewardium.agents.run_folder import read_metrics
from rewardium.envs.errors import RewardiumError
from tests.agents.llm.conversations import Carry, Lengths, registered

# Every way to give credit, and its share of the episode's.
CREDITS = [
    ("episode", 0.0),
    ("reward_to_go", 0.0),
    *((name, share) for name in ("turn", "turn_critic") for share in (0, 0.5)),
    ("value_head", 0.0),
]
OF_TOKENS = ("reward_to_go", "value_head")
HEAD = {"steps": 5, "batch_size": 16, "hidden_size": 16}
CRITIC = {"warmup_updates": 1, "steps": 5, "batch_size": 16, "hidden_size": 16, "replay_turns": 100}


def config(folder, runs, env=Lengths, **changes):
    return TrainConfig(
        **{
            "model": str(folder),
            "runs": runs,
            "env": registered(env),
            "updates": 4,
            "prompts_per_update": 4,
            "group_size": 4,
            "max_new_tokens": 4,
            "learning_rate": 3e-3,
            "eval_every": 2,
            "eval_env_kwargs": {},
            "eval_tasks": 3,
            "checkpoint_every": 2,
            "device": "cpu",
            "dtype": "float32",
            "critic_kwargs": {"turn_critic": CRITIC, "value_head": HEAD}.get(changes.get("credit"), {}),
            **changes,
        }
    )


def metrics_of(run):
    """The metrics without the times, which no two runs share."""
    times = ("seconds", "tokens_per_second")
    return [{name: row[name] for name in sorted(row) if not name.startswith(times)} for row in read_metrics(run)]


def weights(trainer):
    return {name: parameter.detach().clone() for name, parameter in trainer.policy.parameters()}


@pytest.mark.parametrize(
    "changes",
    [
        {"credit": "turn", "turn_discount": 0.5, "episode_weight": 0.3, "scale": "none"},
        {"credit": "turn_critic", "epochs": 2, "minibatches": 2},
        {"credit": "turn_critic", "lora_rank": 2, "objective_kwargs": {"kl_coefficient": 0.1}, "episode_weight": 0.5},
        {"credit": "value_head", "objective": "ppo", "epochs": 2, "minibatches": 2},
    ],
    ids=["turn", "critic", "critic and adapter", "value head"],
)
def test_a_resumed_run_is_the_run_that_never_stopped(tiny_folder, tmp_path, changes):
    whole = Trainer(config(tiny_folder, tmp_path / "whole", **changes))
    whole.train()
    settings = config(tiny_folder, tmp_path / "stopped", **changes)
    Trainer(replace(settings, updates=2)).train()
    resumed = Trainer(settings, resume=True)
    assert resumed.finished_updates == 2
    resumed.train()
    assert metrics_of(settings.folder) == metrics_of(whole.config.folder)
    for name, parameter in weights(whole).items():
        assert torch.equal(parameter, weights(resumed)[name])
    if whole.credit.critic is not None:
        ours, theirs = whole.credit.critic.tensors(), resumed.credit.critic.tensors()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
        rows = read_metrics(settings.folder)
        assert {"critic/loss", "critic/value", "critic/explained_variance"} <= set(rows[-1])
        assert rows[-1]["critic/loss"] > 0.0


def sampled_places(trainer):
    """Note what is sampled: where an answer begins, and the tokens of the conversation up to its end."""
    noted = []
    generate = trainer.sampler.generate

    def record(prompt_ids, settings, **arguments):
        completions = generate(prompt_ids, settings, **arguments)
        for prompt, completion in zip(prompt_ids, completions, strict=True):
            noted.append((len(prompt), [*prompt, *completion.token_ids]))
        return completions

    trainer.sampler.generate = record
    return noted


@pytest.mark.parametrize(("credit", "share"), CREDITS)
def test_what_the_environment_said_never_enters_the_loss(tiny_folder, tmp_path, credit, share):
    """The gradient is that of the sampled tokens alone, whatever stands as advantage at the replies."""
    trainer = Trainer(
        config(tiny_folder, tmp_path, credit=credit, episode_weight=share, eval_every=0, max_grad_norm=1e9)
    )
    noted = sampled_places(trainer)
    rollout = trainer.collect(1)
    advantage, _ = trainer.credit.credit(1, rollout)
    gradients = {}

    def keep():
        gradients.update({name: parameter.grad.clone() for name, parameter in trainer.policy.parameters()})

    trainer.optimizer.step = keep
    loss, tokens, said = 0.0, 0, 0
    for row, prompt in enumerate(rollout.prompt_ids):
        ids = prompt + rollout.token_ids[row, : rollout.lengths[row]].tolist()
        logprobs = torch.log_softmax(trainer.policy.model(input_ids=torch.tensor([ids])).logits[0], dim=-1)
        spans = {(start, len(whole)) for start, whole in noted if ids[: len(whole)] == whole}
        for start, end in spans:
            own = advantage[row, start - len(prompt) : end - len(prompt)]
            assert len(set(own.tolist())) == 1 or credit in OF_TOKENS
            loss = loss - (logprobs[range(start - 1, end - 1), ids[start:end]] * own).sum()
            tokens += end - start
        said += len(ids) - len(prompt) - sum(end - start for start, end in spans)
    assert said > 0
    assert tokens == int(rollout.action_mask.sum())
    assert not advantage[~rollout.action_mask].any()
    trainer.learn(1, rollout, torch.where(rollout.action_mask, advantage, torch.nan))
    trainer.policy.model.zero_grad()
    (loss / tokens).backward()
    assert max(float(gradient.abs().max()) for gradient in gradients.values()) > 1e-4
    for name, parameter in trainer.policy.parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("scale", ["std", "none"])
def test_with_one_turn_an_episode_turns_learn_what_episodes_learn(tiny_folder, tmp_path, scale):
    reward = "length(maximum=16, target=0.2)"
    runs = []
    for credit in ("episode", "turn"):
        settings = config(
            tiny_folder, tmp_path / credit, credit=credit, scale=scale, reward=reward, max_turns=1, eval_every=0
        )
        trainer = Trainer(settings)
        trainer.train()
        runs.append((metrics_of(settings.folder), weights(trainer)))
    assert runs[0][0] == runs[1][0]
    for name, parameter in runs[0][1].items():
        assert torch.equal(parameter, runs[1][1][name])


def test_undiscounted_outcomes_are_the_same_at_every_turn(tiny_folder, tmp_path):
    trainer = Trainer(config(tiny_folder, tmp_path, Carry, credit="turn", turn_discount=1.0))
    rollout = trainer.collect(1)
    places = torch.arange(rollout.rewards.shape[1]) == rollout.lengths[:, None] - 1
    outcome = torch.arange(len(rollout)).float().sin()
    outcomes = replace(rollout, rewards=torch.where(places, outcome[:, None], 0.0), returns=outcome.double())
    advantage = trainer.credit.credit(1, outcomes)[0]
    for row in range(len(rollout)):
        values = {round(float(value), 6) for value in advantage[row][rollout.action_mask[row]]}
        assert len(values) == 1
        assert values != {0.0}


@pytest.mark.parametrize("objective", [{}, {"kl_coefficient": 0.1}], ids=["plain", "penalty"])
def test_the_policy_waits_while_the_critic_warms_up(tiny_folder, tmp_path, objective):
    settings = config(
        tiny_folder, tmp_path, credit="turn_critic", critic_kwargs={**CRITIC, "warmup_updates": 2}, updates=3,
        objective_kwargs=objective, weight_decay=0.1, eval_every=0,
    )  # fmt: skip
    trainer = Trainer(settings)
    before, heads = weights(trainer), {name: tensor.clone() for name, tensor in trainer.credit.critic.tensors().items()}
    moved = []

    def compare(update, metrics):
        moved.append(any(not torch.equal(before[name], tensor) for name, tensor in weights(trainer).items()))

    trainer.train(compare)
    assert moved == [False, False, True]
    assert any(
        not torch.equal(tensor, heads[name])
        for name, tensor in trainer.credit.critic.tensors().items()
        if name in heads
    )
    rows = read_metrics(settings.folder)
    assert ["loss" in row for row in rows] == [False, False, True]
    assert all("critic/loss" in row for row in rows)


def learn(folder, runs, updates, **changes):
    settings = config(
        folder, runs, Carry, updates=updates, group_size=16, max_new_tokens=2, learning_rate=1e-2, eval_every=0,
        checkpoint_every=updates, **changes,
    )  # fmt: skip
    Trainer(settings).train()
    return [row["success"] for row in read_metrics(settings.folder)]


def test_turns_learn_what_an_early_one_decides_and_a_late_one_is_paid(tiny_folder, tmp_path):
    success = learn(tiny_folder, tmp_path, 45, credit="turn")
    assert np.mean(success[:5]) < 0.1
    assert np.mean(success[-5:]) > 0.9


@pytest.mark.slow
def test_the_turn_critic_learns_it_too(tiny_folder, tmp_path):
    critic = {"warmup_updates": 3, "steps": 30, "hidden_size": 64}
    success = learn(tiny_folder, tmp_path, 50, credit="turn_critic", critic_kwargs=critic)
    rows = read_metrics(tmp_path / "grpo")
    assert np.mean(success[:5]) < 0.1
    assert np.mean(success[-5:]) > 0.9
    assert np.mean([row["critic/explained_variance"] for row in rows[-5:] if row["critic/explained_variance"]]) > 0.5


@pytest.mark.slow
def test_a_value_head_learns_it_too(tiny_folder, tmp_path):
    head = {"steps": 30, "hidden_size": 64, "learning_rate": 1e-2}
    success = learn(tiny_folder, tmp_path, 50, credit="value_head", objective="ppo", critic_kwargs=head)
    assert np.mean(success[:5]) < 0.1
    assert np.mean(success[-5:]) > 0.9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "ppo"}, "'ppo' goes with credit 'value_head', not 'episode'"),
        ({"credit": "value_head", "critic_kwargs": {"decay": 2.0}}, r"decay must be in \[0, 1\]"),
        ({"credit": "value_head", "episode_weight": 0.5}, "episode_weight goes with"),
        ({"credit": "turns"}, "did you mean 'turn'"),
        ({"credit": "turn", "turn_discount": 1.1}, r"turn_discount must be in \[0, 1\]"),
        ({"credit": "turn", "episode_weight": -0.1}, "episode_weight must be"),
        ({"credit": "episode", "episode_weight": 0.5}, "episode_weight goes with"),
        ({"credit": "turn", "critic_kwargs": {"steps": 3}}, "critic_kwargs go with"),
        ({"credit": "turn_critic", "critic_kwargs": {"warmup": 3}}, "did you mean 'warmup_updates'"),
    ],
)
def test_wrong_configs_fail_before_anything_is_written(tiny_folder, tmp_path, changes, message):
    with pytest.raises(RewardiumError, match=message):
        Trainer(config(tiny_folder, tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def test_a_checkpoint_without_a_critic_is_refused(tiny_folder, tmp_path):
    settings = config(tiny_folder, tmp_path, credit="turn", updates=1, eval_every=0)
    Trainer(settings).train()
    with pytest.raises(RewardiumError, match="no turn critic"):
        Trainer(replace(settings, credit="turn_critic", updates=2), resume=True)


PARALLEL = """
import json, sys, torch
from pathlib import Path
sys.path[:0] = [{root!r}]
from tests.agents.llm.test_turn_training import config
from rewardium.agents.llm.trainer import Trainer
torch.set_num_threads(1)
trainer = Trainer(config(Path({folder!r}), Path({runs!r}), credit={credit!r}, updates=3, eval_every=0))
trainer.train()
total = {{name: tensor.double().sum().item() for name, tensor in trainer.credit.critic.tensors().items()}}
Path({runs!r}, f"rank{{trainer.processes.index}}.json").write_text(json.dumps(total))
"""


@pytest.mark.slow
@pytest.mark.parametrize("credit", ["turn_critic", "value_head"])
def test_two_processes_train_one_critic(tiny_folder, tmp_path, credit):
    program = tmp_path / "program.py"
    root = str(Path(__file__).resolve().parents[3])
    program.write_text(PARALLEL.format(root=root, folder=str(tiny_folder), runs=str(tmp_path / "two"), credit=credit))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    first, second = (json.loads((tmp_path / "two" / f"rank{rank}.json").read_text()) for rank in range(2))
    assert first == second
    torch.set_num_threads(1)
    single = Trainer(config(tiny_folder, tmp_path / "one", credit=credit, updates=3, eval_every=0))
    single.train()
    for ours, theirs in zip(metrics_of(tmp_path / "two" / "grpo"), metrics_of(single.config.folder), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("critic/loss", "critic/value", "success", "reward/mean", "loss", "grad_norm"):
            if name in theirs:
                assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-5), name

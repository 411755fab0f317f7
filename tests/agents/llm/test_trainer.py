from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rewardium.agents.flags import read_mapping
from rewardium.agents.llm.batches import microbatches, minibatches
from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.policy import load_policy
from rewardium.agents.llm.rollout import Rollout
from rewardium.agents.llm.trainer import Trainer
from rewardium.agents.run_folder import read_metrics
from rewardium.envs.errors import RewardiumError
from rewardium.rewards import make

SUMS = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "compact": True, "prompt": "{expression}="}
# Normalising remembers across updates, so that resuming has something to lose.
REWARD = "normalize(length(maximum=16, target=0.2)) + 0.0 * verify"
TIMES = ("seconds", "tokens_per_second")


def config(folder, runs, **changes):
    return TrainConfig(
        **{
            "model": str(folder),
            "runs": runs,
            "env_kwargs": SUMS,
            "reward": REWARD,
            "updates": 4,
            "prompts_per_update": 4,
            "group_size": 4,
            "max_new_tokens": 10,
            "learning_rate": 3e-3,
            "eval_every": 2,
            "eval_tasks": 4,
            "checkpoint_every": 2,
            "device": "cpu",
            "dtype": "float32",
            **changes,
        }
    )


def metrics_of(run):
    """The metrics without the times, which no two runs share."""
    return [{name: row[name] for name in sorted(row) if not name.startswith(TIMES)} for row in read_metrics(run)]


def weights(trainer):
    return {name: parameter.detach().clone() for name, parameter in trainer.policy.parameters()}


def test_training_raises_the_reward_and_leaves_a_run_behind(tiny_folder, tmp_path):
    settings = config(
        tiny_folder, tmp_path, reward="length(maximum=16, target=0.2)", updates=30, prompts_per_update=8,
        group_size=8, learning_rate=1e-2, eval_every=30, checkpoint_every=30,
    )  # fmt: skip
    shown = []
    trainer = Trainer(settings)
    assert trainer.train(lambda update, metrics: shown.append(update)) is True
    assert shown == list(range(1, 31))
    rows = read_metrics(settings.folder)
    assert [row["step"] for row in rows] == list(range(31))
    first, last = (np.mean([row["reward/mean"] for row in part]) for part in (rows[1:4], rows[-3:]))
    assert last > first + 0.5
    assert rows[1]["mismatch/max"] < 1e-3
    assert rows[-1]["terms/length/raw"] == pytest.approx(rows[-1]["reward/mean"], abs=1e-5)
    assert rows[0]["eval/success"] == 0.0
    expected = {
        "success", "reward/std", "reward/valid", "length/mean", "length/max", "entropy", "clip_fraction", "grad_norm",
        "groups/zero_variance", "seconds/rollout", "seconds/update", "tokens_per_second", "loss", "learning_rate",
    }  # fmt: skip
    assert expected <= set(rows[-1])
    policy = load_policy(settings.folder / "checkpoints" / "00000030" / "policy")
    for name, parameter in policy.parameters():
        assert torch.equal(parameter, weights(trainer)[name])
    assert (settings.folder / "report.html").exists()
    assert (settings.folder / "episodes.jsonl").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 2, "minibatches": 2, "credit": "reward_to_go", "scale": "none", "warmup_updates": 3},
        {"objective_kwargs": {"kl_coefficient": 0.1, "normalisation": "sequence"}},
        {"lora_rank": 2, "objective_kwargs": {"kl_coefficient": 0.1, "normalisation": "constant"}},
    ],
    ids=["one step", "several steps", "penalty", "adapter"],
)
def test_a_resumed_run_is_the_run_that_never_stopped(tiny_folder, tmp_path, changes):
    whole = Trainer(config(tiny_folder, tmp_path / "whole", **changes))
    whole.train()
    settings = config(tiny_folder, tmp_path / "stopped", **changes)
    Trainer(replace(settings, updates=2)).train()
    # What a killed run may leave behind: metrics after its last checkpoint, the last line unfinished.
    with (settings.folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 3, "success": 0.0}) + "\n" + '{"step": 4, "succ')
    resumed = Trainer(settings, resume=True)
    assert resumed.finished_updates == 2
    resumed.train()
    # The stopped run was told to end at update 2; evaluations fall on the same updates.
    assert metrics_of(settings.folder) == metrics_of(whole.config.folder)
    for name, parameter in weights(whole).items():
        assert torch.equal(parameter, weights(resumed)[name])
    kl = [row.get("kl") for row in read_metrics(settings.folder)[1:]]
    if "objective_kwargs" in changes:
        assert kl[0] == pytest.approx(0.0, abs=1e-6)  # the reference is the policy before training ...
        assert kl[3] > 1e-5  # ... also after a resumption


def test_resuming_what_is_finished_changes_nothing(tiny_folder, tmp_path):
    settings = config(tiny_folder, tmp_path, updates=2)
    Trainer(settings).train()
    before = metrics_of(settings.folder)
    assert Trainer(settings, resume=True).train() is True
    assert metrics_of(settings.folder) == before
    with pytest.raises(RewardiumError, match="--resume"):
        Trainer(settings)


def test_microbatches_do_not_change_the_step(tiny_folder, tmp_path):
    steps = []
    for budget in (1, 40, 10_000):
        trainer = Trainer(
            config(tiny_folder, tmp_path / str(budget), updates=1, eval_every=0, microbatch_tokens=budget)
        )
        trainer.train()
        steps.append((weights(trainer), read_metrics(trainer.config.folder)[0]))
    for found, row in steps[1:]:
        assert row["loss"] == pytest.approx(steps[0][1]["loss"], abs=1e-6)
        assert row["grad_norm"] == pytest.approx(steps[0][1]["grad_norm"], rel=1e-4)
        for name, parameter in steps[0][0].items():
            # A first step of Adam moves each weight by the learning rate in the direction of its gradient's sign.
            different = (found[name] - parameter).abs() > 1e-4
            assert different.float().mean() < 0.01


def test_the_first_gradient_is_that_of_the_whole_batch(tiny_folder, tmp_path):
    """Rows without advantage are skipped, prompts shared, parts added up: the gradient is still the plain one."""
    trainer = Trainer(config(tiny_folder, tmp_path, eval_every=0, max_grad_norm=1e9, microbatch_tokens=60))
    rollout = trainer.collect(1)
    advantage = trainer.credit.credit(1, rollout)[0]
    gradients = {}

    def keep():
        gradients.update({name: parameter.grad.clone() for name, parameter in trainer.policy.parameters()})

    trainer.optimizer.step = keep
    trainer.learn(1, rollout, advantage)
    loss = 0.0
    for row in range(len(rollout)):
        ids = torch.tensor([rollout.prompt_ids[row] + rollout.token_ids[row].tolist()])
        start = len(rollout.prompt_ids[row])
        logprobs = torch.log_softmax(trainer.policy.model(input_ids=ids).logits[0], dim=-1)
        chosen = logprobs[start - 1 : -1].gather(1, rollout.token_ids[row][:, None]).squeeze(1)
        loss = loss - (chosen * advantage[row] * rollout.action_mask[row]).sum()
    loss = loss / rollout.action_mask.sum()
    trainer.policy.model.zero_grad()
    loss.backward()
    for name, parameter in trainer.policy.parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-5, rtol=1e-3)


def test_without_variance_nothing_moves(tiny_folder, tmp_path):
    trainer = Trainer(config(tiny_folder, tmp_path, reward="verify", updates=1, eval_every=0))
    before = weights(trainer)
    trainer.train()
    row = read_metrics(trainer.config.folder)[0]
    assert row["groups/zero_variance"] == 1.0
    assert row["grad_norm"] == 0.0
    assert row["mismatch/mean"] is None  # nothing was computed, which is not 0
    for name, parameter in before.items():
        assert torch.equal(parameter, weights(trainer)[name])


def test_a_reward_that_cannot_be_had_is_not_zero(tiny_folder, tmp_path):
    trainer = Trainer(config(tiny_folder, tmp_path, updates=1, eval_every=0), reward=0.0 * make("verify"))
    trainer.train()
    row = read_metrics(trainer.config.folder)[0]
    assert row["reward/valid"] == 0.0
    assert row["reward/mean"] is None


def test_an_interrupt_ends_after_the_update_and_saves(tiny_folder, tmp_path):
    settings = config(tiny_folder, tmp_path, updates=6, checkpoint_every=100)
    before = signal.getsignal(signal.SIGINT)

    def interrupt(update, metrics):
        if update == 3:
            os.kill(os.getpid(), signal.SIGINT)

    assert Trainer(settings).train(interrupt) is False
    assert signal.getsignal(signal.SIGINT) is before
    resumed = Trainer(settings, resume=True)
    assert resumed.finished_updates == 3
    assert resumed.train() is True
    whole = replace(settings, name="whole")
    Trainer(whole).train()
    assert metrics_of(settings.folder) == metrics_of(whole.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"updates": 0}, "updates must be at least 1"),
        ({"group_size": 1}, "group_size must be at least 2"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"minibatches": 9}, "cannot be cut"),
        ({"objective": "grop"}, "did you mean 'grpo'"),
        ({"reward": "digit_mach"}, "did you mean 'digit_match'"),
        ({"model": "./nowhere"}, "no such folder"),
        ({"env_kwargs": {"num_step": 1}}, "did you mean 'num_steps'"),
        ({"eval_env_kwargs": {"split": "tset"}}, "split"),
    ],
)
def test_wrong_configs_fail_before_anything_is_written(tiny_folder, tmp_path, changes, message):
    with pytest.raises(RewardiumError, match=message):
        Trainer(config(tiny_folder, tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def rollout_of(groups, prompts, lengths):
    blank = torch.zeros(len(groups))
    return Rollout(
        [[1] * prompt for prompt in prompts], blank, blank, blank, blank, blank, torch.tensor(lengths), blank, blank,
        blank, blank, torch.tensor(groups), [], [], [],
    )  # fmt: skip


def test_minibatches_deal_whole_groups():
    rollout = rollout_of([0, 0, 1, 1, 2, 2], [3] * 6, [1] * 6)
    parts = minibatches(rollout, 2, (0, 1))
    assert sorted(torch.cat(parts).tolist()) == list(range(6))
    for part in parts:
        assert all((rollout.group[part] == group).sum() in (0, 2) for group in range(3))
    orders = {str(minibatches(rollout, 3, (0, update))) for update in range(20)}
    assert len(orders) > 1
    assert str(minibatches(rollout, 3, (0, 1))) == str(minibatches(rollout, 3, (0, 1)))


def test_microbatches_weigh_shared_prompts_against_padding():
    groups, lengths = [0, 1, 0, 1], [1, 1, 9, 9]
    by_length = microbatches(rollout_of(groups, [1] * 4, lengths), torch.arange(4), 20)
    assert [sorted(part.tolist()) for part in by_length] == [[0, 1], [2, 3]]
    by_group = microbatches(rollout_of(groups, [50] * 4, lengths), torch.arange(4), 70)
    assert [sorted(part.tolist()) for part in by_group] == [[0, 2], [1, 3]]
    # A row larger than the budget still gets its part.
    assert len(microbatches(rollout_of(groups, [50] * 4, lengths), torch.arange(4), 1)) == 4


def test_mappings_on_the_command_line():
    assert read_mapping("{a: [1, 2], b: x}") == {"a": (1, 2), "b": "x"}
    for text in ("3", "{a: ", "[1]"):
        with pytest.raises(RewardiumError):
            read_mapping(text)


KILLED = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {here!r})
from test_trainer import config
from rewardium.agents.llm.trainer import Trainer
torch.set_num_threads(1)
Trainer(config(Path({folder!r}), Path({runs!r}), updates=8), resume=True).train()
"""


@pytest.mark.slow
def test_a_killed_run_resumes_as_if_it_had_never_stopped(tiny_folder, tmp_path):
    torch.set_num_threads(1)
    whole = config(tiny_folder, tmp_path / "whole", updates=8)
    Trainer(whole).train()
    settings = config(tiny_folder, tmp_path / "killed", updates=8)
    program = KILLED.format(here=str(Path(__file__).parent), folder=str(tiny_folder), runs=str(tmp_path / "killed"))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not list(settings.folder.glob("checkpoints/*2/state.json")):
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stderr.close()
    assert len(metrics_of(settings.folder)) < 9, "the run was over before it could be killed"
    Trainer(settings, resume=True).train()
    assert metrics_of(settings.folder) == metrics_of(whole.folder)


PARALLEL = """
import json, sys, torch
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {here!r})
from test_trainer import config
from rewardium.agents.llm.trainer import Trainer
torch.set_num_threads(1)
trainer = Trainer(config(Path({folder!r}), Path({runs!r}), reward="length(maximum=16, target=0.2)"), resume={resume})
asked = []
collect = trainer.collect
def noted(update):
    rollout = collect(update)
    asked.append([conversation[0] for conversation in rollout.conversations])
    return rollout
trainer.collect = noted
trainer.train()
rank = trainer.processes.index
total = {{name: parameter.double().sum().item() for name, parameter in trainer.policy.parameters()}}
Path({runs!r}, f"rank{{rank}}.json").write_text(json.dumps({{"asked": asked, "total": total}}))
"""


@pytest.mark.slow
def test_two_processes_train_as_one(tiny_folder, tmp_path):
    def launch(resume=False):
        program = tmp_path / "program.py"
        program.write_text(
            PARALLEL.format(
                here=str(Path(__file__).parent), folder=str(tiny_folder), runs=str(tmp_path / "two"), resume=resume
            )
        )
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program),
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return [json.loads((tmp_path / "two" / f"rank{rank}.json").read_text()) for rank in range(2)]

    first, second = launch()
    assert first["total"] == second["total"]
    torch.set_num_threads(1)
    single = Trainer(config(tiny_folder, tmp_path / "one", reward="length(maximum=16, target=0.2)"))
    for update in (1, 2, 3, 4):
        prompts = [conversation[0] for conversation in single.collect(update).conversations]
        assert first["asked"][update - 1] + second["asked"][update - 1] == prompts
    single.train()
    ours, theirs = metrics_of(tmp_path / "two" / "grpo"), metrics_of(single.config.folder)
    assert [row["step"] for row in ours] == [0, 1, 2, 3, 4]
    for row, expected in zip(ours, theirs, strict=True):
        for name in ("success", "reward/mean", "reward/std", "length/mean", "loss", "grad_norm", "entropy"):
            if name in expected:
                assert row[name] == pytest.approx(expected[name], rel=1e-3, abs=1e-5), name
    resumed = launch(resume=True)
    assert resumed[0]["total"] == first["total"]

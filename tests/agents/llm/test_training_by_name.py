"""Every reward that reads text and every objective, by its name, trains the policy of the quickstart for 20 updates.

A new source or objective is tested here without a line being added. A combinator or shaper needs one: how it is
written, in ``COMPOSED`` or, where it asks for more than text, in ``NOT_OF_TEXT``.
"""

from __future__ import annotations

import inspect
import math

import pytest

from rewardium import rewards
from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.objectives import objective_names
from rewardium.agents.llm.pretraining import SUMS_ARGUMENTS, SUMS_ENV, PretrainingConfig, pretrain_policy
from rewardium.agents.llm.trainer import Trainer
from rewardium.agents.run_folder import read_metrics
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.reward import RewardSource

UPDATES = 20
PROGRAM = """
def reward(step, memory):
    memory["steps"] = memory.get("steps", 0) + 1
    return {"sparse": 0, "dense": len(step["message"]) + memory["steps"]}
"""
COMPOSED = {
    "anneal": "anneal(verify, steps=40) + digit_match",
    "barfi": "barfi(verify, (digit_match, length))",
    "bound": "bound(digit_match, running=True)",
    "calibrate": "calibrate(verify, format)",
    "choose": "choose(format, verify, length)",
    "clip": "clip(digit_match, low=0.0, high=0.5)",
    "clip_delta": "clip_delta(digit_match, eta=0.1)",
    "clip_step": "clip_step(digit_match, eta=0.1)",
    "conditional_gate": "conditional_gate(verify, digit_match, length)",
    "count_bonus": "verify + count_bonus(key='observation')",
    "count_decay": "count_decay(verify, part='text')",
    "delta": "delta(digit_match)",
    "density": "density(digit_match)",
    "difficulty": "difficulty(verify, digit_match)",
    "first_of": "first_of([verify, length])",
    "format_length": "format_length(maximum=24)",
    "gate": "gate(format, verify)",
    "geometric_gate": "geometric_gate([digit_match, length], verify)",
    "group_length": "group_length(verify)",
    "grpo_lambda": "grpo_lambda(verify)",
    "harmo": "harmo(verify)",
    "harmonic": "harmonic(verify, length)",
    "janus_gate": "janus_gate(format, digit_match, verify)",
    "ladder": "ladder([format, digit_match, verify])",
    "lagrangian": "lagrangian(verify, [length], [0.5], every=8)",
    "lexicographic": "lexicographic([verify, length])",
    "mean": "mean([verify, digit_match])",
    "milestones": "milestones([format, verify])",
    "mixed_grain": "mixed_grain(verify, digit_match)",
    "normalize": "normalize(digit_match)",
    "once": "once(verify, part='text')",
    "potential": "potential(digit_match)",
    "product": "product([digit_match, length])",
    "progress_fusion": "progress_fusion(digit_match, length)",
    "progressive": "progressive(digit_match, at=(0.0, 40.0))",
    "r3": "r3()",
    "reward_program": None,
    "schedule": "schedule(digit_match, at=(0.0, 40.0), weights=(1.0, 0.0))",
    "soft_gate": "soft_gate(digit_match, verify)",
    "tool_rl_schedule": "verify + tool_rl_schedule(steps=40)",
    "top_segments": "top_segments(digit_match)",
    "trust": "trust(digit_match, verify)",
    "uncertainty": "uncertainty(digit_match, length)",
    "verifier_dominant": "verifier_dominant(digit_match, verify)",
}
# One needs a critic; one reads an outcome at the last token, above a threshold, and marks before it.
OBJECTIVES_OF_THEIR_OWN = {
    "ppo": {"credit": "value_head"},
    "tp_grpo": {
        "reward": "bound(digit_match) + 0.1 * judge_thoughts('scripted:gullible')",
        "objective_kwargs": {"threshold": 0.55},
    },
}
NOT_OF_TEXT = {
    "calm": "captions of a game", "explors_exploit": "actions that are numbers", "rnd": "observations that are numbers",
    "roboclip": "frames",
}  # fmt: skip


@pytest.fixture(scope="module")
def quickstart_folder(tmp_path_factory):
    """The policy of the quickstart, smaller and with less practice: it writes boxes, a few of them right."""
    folder = tmp_path_factory.mktemp("quickstart") / "policy"
    pretrain_policy(folder, PretrainingConfig(steps=80, batch_size=32, problems=2_048, hidden_size=64, num_layers=2))
    return folder


def config(folder, runs, **changes):
    return TrainConfig(
        **{
            "model": str(folder), "runs": runs, "env": SUMS_ENV, "env_kwargs": SUMS_ARGUMENTS, "updates": UPDATES,
            "prompts_per_update": 2, "group_size": 4, "max_new_tokens": 12, "learning_rate": 2e-4, "eval_every": 0,
            "checkpoint_every": UPDATES, "device": "cpu", "dtype": "float32", **changes,
        }
    )  # fmt: skip


def trained_rows(settings):
    assert Trainer(settings).train() is True
    rows = read_metrics(settings.folder)
    assert [row["step"] for row in rows] == list(range(1, UPDATES + 1))
    for row in rows:
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, (int, float)))
    return rows


def source_of(name):
    factory = rewards.get(name)
    if hasattr(factory, "example"):
        return factory.example()
    required = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.default is parameter.empty
    ]
    return rewards.make(name, **dict.fromkeys(required, rewards.make("graded")))


@pytest.mark.slow
@pytest.mark.parametrize("name", rewards.source_names())
def test_a_source_trains(quickstart_folder, tmp_path, name):
    source = source_of(name)
    settings = config(quickstart_folder, tmp_path, reward=f"{source} + 0.1 * verify")
    if "frame" in source.needs:
        with pytest.raises(RewardiumError, match="needs frames"):
            Trainer(settings)
        return
    assert any(row["reward/valid"] > 0.0 for row in trained_rows(settings))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_what_composes_trains(quickstart_folder, tmp_path, name):
    expression = COMPOSED[name] or f"verify + reward_program(text={PROGRAM!r}, mode='subprocess')"
    trained_rows(config(quickstart_folder, tmp_path, reward=expression))


@pytest.mark.slow
@pytest.mark.parametrize("name", objective_names())
def test_an_objective_trains(quickstart_folder, tmp_path, name):
    changes = {
        "objective": name, "reward": "verify + digit_match + 0.2 * length(maximum=24)", "epochs": 2,
        **OBJECTIVES_OF_THEIR_OWN.get(name, {}),
    }  # fmt: skip
    rows = trained_rows(config(quickstart_folder, tmp_path, **changes))
    assert any(row["grad_norm"] > 0.0 for row in rows)


def test_nothing_that_composes_is_left_out():
    composed = {
        name
        for name in rewards.names()
        if not (isinstance(factory := rewards.get(name), type) and issubclass(factory, RewardSource))
    }
    assert composed == set(COMPOSED) | set(NOT_OF_TEXT), "say in this file how the new one is written"

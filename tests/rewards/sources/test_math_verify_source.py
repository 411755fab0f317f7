"""math_verify: 1 for an equal answer, 0 for another or none, and nothing where it is not known."""

from __future__ import annotations

import gymnasium as gym
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.source import Score
from rewardium.rewards.sources import math_verify
from rewardium.rewards.wrappers import DenseReward


def score(reward: str, *pairs: tuple[str | None, object]) -> Score:
    """Score (reference, action) pairs."""
    rows = [Transition("", "", action, task=Task("goal", reference=reference)) for reference, action in pairs]
    (scored,) = rewards.parse(reward).score_sources(TransitionBatch.from_transitions(rows)).values()
    return scored


def test_values():
    scored = score(
        "math_verify",
        (r"2\sqrt{2}", r"\boxed{\sqrt{8}}"),
        (r"2\sqrt{2}", r"\boxed{2.8}"),
        (r"\{1, 2\}", r"\boxed{\{2, 1\}}"),
        (r"\frac{1}{2}", r"\boxed{"),
        ("1/2", r"\boxed{0.5}"),
        ("1/2", None),
        ("1/2", 0.5),
    )
    assert scored.value.tolist() == [1, 0, 1, 0, 1, 0, 0]
    assert scored.valid.all()
    assert all(scored.reasons)


@pytest.mark.parametrize("reference", [None, "", " \n"])
def test_without_reference_there_is_no_score(reference):
    scored = score("math_verify", (reference, r"\boxed{1}"), ("1", r"\boxed{1}"))
    assert scored.valid.tolist() == [False, True]
    assert scored.reasons[0] == "the task has no reference"


def test_a_batch_is_verified_in_one_call_with_its_time(monkeypatch):
    calls = []
    verify_batch = math_verify.verify_batch
    monkeypatch.setattr(math_verify, "verify_batch", lambda p, **a: calls.append((list(p), a)) or verify_batch(p, **a))
    score("math_verify(timeout=2.5)", ("1", r"\boxed{1}"), (None, r"\boxed{2}"), ("3", r"\boxed{4}"))
    assert calls == [([("1", r"\boxed{1}"), ("3", r"\boxed{4}")], {"timeout": 2.5})]


def test_a_time_out_is_unknown_and_never_0():
    # No closed form and no quick one in numbers either: computer algebra does not come to an end within the limit.
    endless = r"\int_0^{\infty} \frac{\sin(x^3+1)}{x^5+\sqrt{x}+2} \, dx"
    scored = score("math_verify(timeout=0.02)", (endless, r"\boxed{\frac{1}{3}}"), ("1", r"\boxed{2}"), ("1", "?"))
    assert scored.valid.tolist() == [False, True, True]
    assert scored.value.tolist() == [0, 0, 0]
    assert "0.02 s" in scored.reasons[0]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "1", None, True])
def test_a_wrong_time_is_refused(timeout):
    with pytest.raises(RewardiumError, match="timeout must be a number of seconds above 0"):
        rewards.make("math_verify", timeout=timeout)


def test_it_pays_what_the_environment_pays():
    env = DenseReward(gym.make("rewardium/MathVerify-v0"), "math_verify")
    for seed in range(10):
        _, info = env.reset(seed=seed)
        response = rf"\boxed{{{info['task'].reference}}}" if seed % 2 else r"\boxed{\text{no idea}}"
        _, paid, _, _, info = env.step(response)
        assert paid == info["extrinsic_reward"] == seed % 2

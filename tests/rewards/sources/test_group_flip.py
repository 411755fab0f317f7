"""The group noise, and the environment's own reward."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.source import Score, Segment
from rewardium.rewards.sources.group_flip import GroupFlip, task_uniform

ACTIONS = (r"\boxed{1}", r"\boxed{2}", "none")


def tasks(count: int) -> list[Task]:
    return [Task(f"problem {number}", reference="1") for number in range(count)]


def batch_of(chosen: list[Task]) -> TransitionBatch:
    return TransitionBatch.from_transitions([Transition("", "", a, task=task) for task in chosen for a in ACTIONS])


def flipped(reward: GroupFlip, chosen: list[Task]) -> np.ndarray:
    """Return bool [tasks, actions]: whether the score differs from the clean one."""
    batch = batch_of(chosen)
    clean = rewards.make("verify").score(batch)
    return (reward.score(batch).value != clean.value).reshape(len(chosen), len(ACTIONS))


def test_whole_groups_are_flipped():
    changed = flipped(rewards.make("group_flip", rewards.make("verify"), p=0.4), tasks(500))
    assert (changed.all(axis=1) | ~changed.any(axis=1)).all()
    # five standard deviations of the share of 500 draws
    assert changed[:, 0].mean() == pytest.approx(0.4, abs=5 * np.sqrt(0.24 / 500))


@pytest.mark.parametrize(("p", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_the_ends(p, share):
    assert flipped(rewards.make("group_flip", rewards.make("verify"), p=p), tasks(100)).mean() == share


def test_more_noise_flips_more_of_the_same_tasks():
    few, many = (flipped(rewards.make("group_flip", rewards.make("verify"), p=p), tasks(200)) for p in (0.2, 0.6))
    assert (many | ~few).all()


def test_the_seed_chooses_the_tasks():
    a, b = (flipped(rewards.make("group_flip", rewards.make("verify"), seed=seed), tasks(100)) for seed in (0, 1))
    assert (a != b).any()


def test_every_process_flips_the_same_tasks():
    code = "from rewardium.rewards.sources.group_flip import task_uniform; print(task_uniform(3, 'é\\n', None))"
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert float(there) == task_uniform(3, "é\n", None)


def test_the_fields_of_a_task_do_not_matter():
    reward = rewards.make("group_flip", rewards.make("verify"), p=0.5)
    plain, marked = (flipped(reward, [Task(t.goal, "1", fields=f) for t in tasks(50)]) for f in ({}, {"steps": 3}))
    np.testing.assert_array_equal(plain, marked)


def test_it_is_one_source_with_the_needs_of_both():
    reward = rewards.parse("group_flip(format, p=0.1)")
    assert list(reward.sources()) == [reward]
    assert reward.needs == {"action", "task"}
    outcome = reward.evaluate(batch_of(tasks(2)), rewards.RewardState())
    assert list(outcome.terms) == ["group_flip"]


def test_without_a_task_there_is_no_score():
    batch = TransitionBatch.from_transitions([Transition("", "", r"\boxed{1}")])
    assert not rewards.parse("group_flip(format)").score(batch).valid.any()


def test_an_invalid_score_stays_invalid():
    batch = TransitionBatch.from_transitions([Transition("", "", r"\boxed{1}", task=Task("x"))])
    scored = rewards.parse("group_flip(verify, p=1.0)").score(batch)
    assert (scored.valid.tolist(), scored.value.tolist()) == ([False], [0.0])


@dataclass(frozen=True)
class Dense(rewards.RewardSource):
    """Pays 0.75 at the first character."""

    needs = frozenset({"action"})

    def score(self, batch: TransitionBatch) -> Score:
        return Score.of_segments([(Segment(0, 1, 0.75),)] * len(batch))


def test_flipped_rows_have_no_segments():
    score = GroupFlip(Dense(), p=0.5).score(batch_of(tasks(20)))
    for value, segments in zip(score.value.tolist(), score.segments, strict=True):
        assert (value, segments) in ((0.75, ((0, 1, 0.75),)), (0.25, ()))
    assert len(set(score.value.tolist())) == 2


def test_the_reason_says_that_it_was_flipped():
    scored = rewards.parse("group_flip(verify, p=1.0)").score(batch_of(tasks(1)))
    assert scored.reasons[0] == "flipped: the answer equals the reference"


@pytest.mark.parametrize("arguments", [{"p": -0.1}, {"p": 1.1}, {"p": float("nan")}, {"p": "0.5"}, {"seed": 0.5}])
def test_bad_parameters(arguments):
    with pytest.raises(RewardiumError, match=next(iter(arguments))):
        rewards.make("group_flip", rewards.make("verify"), **arguments)


def test_it_wraps_a_source_only():
    with pytest.raises(RewardiumError, match="wraps one source"):
        rewards.parse("group_flip(0.5 * verify)")


def test_extrinsic_is_the_environments_own_reward():
    rows = [Transition("", "", None, reward=reward) for reward in (-2.5, float("nan"), float("inf"), 0.0)]
    scored = rewards.make("extrinsic").score(TransitionBatch.from_transitions(rows))
    assert scored.valid.tolist() == [True, False, False, True]
    assert scored.value.tolist() == [-2.5, 0.0, 0.0, 0.0]

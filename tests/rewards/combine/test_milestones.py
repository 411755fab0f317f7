from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.milestones import Milestones
from rewardium.rewards.shaping.potential import Potential
from rewardium.rewards.state import RewardState


def milestones(rig, count=2, **kwargs):
    return Milestones(tuple(rig.Column(k) for k in range(count)), **kwargs)


def column(*values):
    """One environment, one entry a step."""
    return [[value] for value in values]


def paid(rig, reward, *columns, **kwargs):
    values = rig.play(reward, rig.rollout(*columns, **kwargs))[:, 0]
    return [None if np.isnan(value) else value for value in values.tolist()]


@pytest.mark.parametrize(
    ("first", "second", "new", "total"),
    [
        ((0, 1, 1, 0), (0, 0, 1, 1), [0, 1, 1, 0], [0, 1, 2, 2]),
        ((1, 1), (1, 1), [2, 0], [2, 2]),
        ((0, 0), (0, 0), [0, 0], [0, 0]),
        ((0.5, 2), (-1, 0), [-0.5, 0], [-0.5, -0.5]),
        # What is missing adds nothing and stays open; what is earned needs no score any more.
        ((None, 1, None), (None, 0, None), [None, 1, 0], [None, 1, 1]),
        ((1, None, 1), (None, 0, 1), [1, 0, 1], [1, 1, 2]),
        ((0, None), (0, None), [0, None], [0, None]),
    ],
)
def test_each_is_paid_once(rig, first, second, new, total):
    assert paid(rig, milestones(rig), column(*first), column(*second)) == new
    assert paid(rig, milestones(rig, pays="total"), column(*first), column(*second)) == total


def test_an_episode_begins_anew(rig):
    assert paid(rig, milestones(rig, 1), column(1, 1, 1, 1), ends=column("", "terminated", "", "")) == [1, 0, 1, 0]


def test_environments_do_not_share_what_they_earned(rig):
    values = rig.play(milestones(rig, 1), rig.rollout([[1, 0], [1, 1], [0, 1]]))
    assert values.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_the_ledger_logs_each_milestone(rig):
    batch = rig.rollout([[1]], [[None]])[0]
    outcome = milestones(rig).evaluate(batch, RewardState())
    weights = {name: term.weight for name, term in outcome.terms.items()}
    assert weights == {"column": 0.0, "column#2": 0.0, "milestones": 1.0}
    assert not outcome.terms["column#2"].valid[0]


entries = st.sampled_from([None, 0.0, 1.0, 2.0])


@given(st.lists(st.tuples(entries, entries, entries), min_size=1, max_size=12))
def test_the_steps_add_up_to_the_total(rig, steps):
    columns = [column(*(step[k] for step in steps)) for k in range(3)]
    new = np.nan_to_num(rig.play(milestones(rig, 3), rig.rollout(*columns))[:, 0])
    total = rig.play(milestones(rig, 3, pays="total"), rig.rollout(*columns))[:, 0]
    known = ~np.isnan(total)
    np.testing.assert_allclose(np.cumsum(new)[known], total[known])
    firsts = [next((value for value in (step[k] for step in steps) if value), 0.0) for k in range(3)]
    assert new.sum() == pytest.approx(sum(firsts))


@given(st.lists(st.tuples(entries, entries), min_size=1, max_size=10))
def test_a_whole_rollout_is_paid_as_its_steps(rig, steps):
    batches = rig.rollout(*(column(*(step[k] for step in steps)) for k in range(2)))
    outcomes = milestones(rig).evaluate_rollout(batches, RewardState())
    values = [np.where(outcome.valid, outcome.value, np.nan) for outcome in outcomes]
    np.testing.assert_array_equal(values, rig.play(milestones(rig), batches))


@given(st.lists(st.tuples(entries, entries), min_size=1, max_size=10))
def test_the_potential_form_pays_every_terminated_episode_the_same(rig, steps):
    reward = Potential(milestones(rig, pays="total"), gamma=1.0)
    ends = column(*[""] * (len(steps) - 1), "terminated")
    values = rig.play(reward, rig.rollout(*(column(*(step[k] for step in steps)) for k in range(2)), ends=ends))
    assert np.nansum(values) == pytest.approx(0.0, abs=1e-5)


def test_the_memory_survives_a_checkpoint(rig):
    batches = rig.rollout(column(0, 1, 1), column(1, 0, 1))
    state = RewardState()
    rig.play(milestones(rig), batches[:2], state)
    restored = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    assert rig.play(milestones(rig), batches[2:], restored).tolist() == [[0.0]]


def test_expression_and_yaml():
    reward = rewards.parse("milestones([extrinsic, 0.5 * verify], pays='total')")
    assert rewards.parse(str(reward)) == reward
    assert rewards.from_yaml(rewards.to_yaml(reward)) == reward
    assert hash(reward) == hash(rewards.parse(str(reward)))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"rewards": ()}, "at least one"),
        ({"rewards": ("verify",)}, "list of rewards"),
        ({"rewards": 3}, "list of rewards"),
        ({"rewards": (rewards.make("verify"),), "pays": "once"}, "new, total"),
    ],
)
def test_parameters(arguments, complaint):
    with pytest.raises(RewardiumError, match=complaint):
        Milestones(**arguments)

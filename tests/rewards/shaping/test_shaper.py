"""What holds for every shaping node."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.registry import get, names
from rewardium.rewards.shaping.anneal import Anneal
from rewardium.rewards.shaping.bound import Bound
from rewardium.rewards.shaping.clip import Clip
from rewardium.rewards.shaping.clip_delta import ClipDelta
from rewardium.rewards.shaping.clip_step import ClipStep
from rewardium.rewards.shaping.count_decay import CountDecay
from rewardium.rewards.shaping.delta import Delta
from rewardium.rewards.shaping.density import Density
from rewardium.rewards.shaping.normalize import Normalize
from rewardium.rewards.shaping.once import Once
from rewardium.rewards.shaping.potential import Potential
from rewardium.rewards.shaping.progressive import Progressive
from rewardium.rewards.shaping.schedule import Schedule
from rewardium.rewards.shaping.shaper import Shaper
from rewardium.rewards.shaping.top_segments import TopSegments
from rewardium.rewards.state import RewardState

NODES = {
    "anneal": lambda child: Anneal(child, steps=20),
    "bound": Bound,
    "bound running": lambda child: Bound(child, running=True),
    "clip": lambda child: Clip(child, -0.5, 0.5),
    "clip_step": lambda child: ClipStep(child, 0.25),
    "clip_delta": lambda child: ClipDelta(child, 0.25),
    "count_decay": CountDecay,
    "delta": Delta,
    "density": lambda child: Density(child, share=0.4),
    "normalize": Normalize,
    "once": Once,
    "potential": lambda child: Potential(child, gamma=0.9, initial=0.5),
    "progressive": lambda child: Progressive(child, at=(0.0, 10.0)),
    "schedule": lambda child: Schedule(child, at=(0.0, 10.0), weights=(1.0, 0.5)),
    "top_segments": lambda child: TopSegments(child, most=2),
}
ACROSS_ENVIRONMENTS = {"anneal", "bound running", "normalize", "progressive", "schedule"}
COUNTS_TIME = {"anneal", "count_decay", "potential", "progressive", "schedule"}

entry = st.none() | st.floats(-2, 2, width=32) | st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=3).map(tuple)
end = st.sampled_from(["", "", "", "terminated", "truncated"])
every_node = pytest.mark.parametrize("name", NODES)


@st.composite
def rollouts(draw, envs=3, max_steps=8):
    """Return the arguments of ``rig.rollout``: scores, ends and texts of T steps."""
    steps = draw(st.integers(1, max_steps))
    table = draw(st.lists(st.lists(entry, min_size=envs, max_size=envs), min_size=steps, max_size=steps))
    ends = draw(st.lists(st.lists(end, min_size=envs, max_size=envs), min_size=steps, max_size=steps))
    texts = draw(
        st.lists(st.lists(st.sampled_from("abc"), min_size=envs, max_size=envs), min_size=steps, max_size=steps)
    )
    return table, ends, texts


def build(rig, drawn):
    table, ends, texts = drawn
    return rig.rollout(table, ends=ends, texts=texts)


def test_every_registered_shaper_is_tested_here():
    shapers = {name for name in names() if isinstance(get(name), type) and issubclass(get(name), Shaper)}
    assert shapers == {name.split()[0] for name in NODES}


@every_node
@given(drawn=rollouts())
def test_the_ledger_adds_up_and_missing_scores_stay_missing(rig, name, drawn):
    batches = build(rig, drawn)
    paid = rig.play(NODES[name](rig.Column()), batches)  # play checks the ledger
    missing = np.array([[score is None for score in row] for row in drawn[0]])
    if name == "potential":
        missing &= np.array([batch.terminated == 0 for batch in batches])
    np.testing.assert_array_equal(np.isnan(paid), missing)


@every_node
@given(drawn=rollouts())
def test_segments_add_up_to_the_value(rig, name, drawn):
    state, reward = RewardState(), NODES[name](rig.Column())
    for batch in build(rig, drawn):
        outcome = reward.evaluate(batch, state)
        for value, parts in zip(outcome.value, outcome.segments or (), strict=False):
            if parts:
                assert sum(part.value for part in parts) == pytest.approx(value, abs=1e-4)


@every_node
@given(drawn=rollouts(), order=st.permutations(range(3)))
def test_the_order_of_the_environments_does_not_matter(rig, name, drawn, order):
    batches = build(rig, drawn)
    reward = NODES[name](rig.Column())
    mixed = rig.play(reward, [batch.select(np.array(order)) for batch in batches])
    np.testing.assert_allclose(mixed, rig.play(reward, batches)[:, order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NODES.keys() - ACROSS_ENVIRONMENTS))
@given(drawn=rollouts())
def test_environments_do_not_touch_each_other(rig, name, drawn):
    """A state fed one environment at a time, later ones first, pays what it pays for all at once."""
    batches = build(rig, drawn)
    reward = NODES[name](rig.Column())
    state = RewardState()
    alone = [[rig.play(reward, [batch.select(np.array([env]))], state)[0, 0] for env in (2, 0, 1)] for batch in batches]
    np.testing.assert_array_equal(np.array(alone), rig.play(reward, batches)[:, [2, 0, 1]])


@every_node
@given(drawn=rollouts(), cut=st.integers(0, 8))
def test_a_saved_state_goes_on_in_the_middle_of_an_episode(rig, name, drawn, cut):
    batches = build(rig, drawn)
    reward = NODES[name](rig.Column())
    cut = min(cut, len(batches))
    state = RewardState()
    first = rig.play(reward, batches[:cut], state)
    resumed = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    rest = rig.play(reward, batches[cut:], resumed)
    joined = np.concatenate([part for part in (first, rest) if len(part)])
    np.testing.assert_array_equal(joined, rig.play(reward, batches))


@pytest.mark.parametrize("name", sorted(NODES.keys() - COUNTS_TIME))
@given(drawn=rollouts(envs=1))
def test_a_missing_score_changes_nothing(rig, name, drawn):
    """What is paid for the known scores is what would be paid if the missing steps had not been."""
    table, _, texts = drawn
    known = [step for step, row in enumerate(table) if row[0] is not None]
    reward = NODES[name](rig.Column())
    with_gaps = rig.play(reward, rig.rollout(table, texts=texts))[known]
    without = rig.play(reward, rig.rollout([table[s] for s in known], texts=[texts[s] for s in known]))
    np.testing.assert_array_equal(with_gaps, without.reshape(with_gaps.shape))


@every_node
def test_a_step_without_transitions_is_no_trouble(rig, name):
    batches = rig.rollout([[0.5, 1.0]] * 2, texts=[["a", "b"]] * 2)
    empty = batches[0].select(np.zeros(0, dtype=np.int64))
    reward, state = NODES[name](rig.Column()), RewardState()
    rig.play(reward, [empty], state)
    np.testing.assert_array_equal(rig.play(reward, batches, state), rig.play(reward, batches))


@every_node
def test_the_ledger_keeps_the_name_of_a_single_source_and_what_it_said(rig, name):
    (batch,) = rig.rollout([[2.0, None]], texts=[["a", "b"]])
    outcome = NODES[name](0.5 * rig.Column()).evaluate(batch, RewardState())
    assert list(outcome.terms) == ["column"]
    term = outcome.terms["column"]
    assert term.weight == 1.0
    np.testing.assert_array_equal(term.raw, [2.0, 0.0])
    np.testing.assert_array_equal(term.shaped, outcome.value)


@every_node
def test_the_ledger_only_logs_the_terms_of_a_composed_child(rig, name):
    (batch,) = rig.rollout([[0.5]], [[0.25]], texts=[["a"]])
    outcome = NODES[name](rig.Column(0) + rig.Column(1)).evaluate(batch, RewardState())
    own = name.split()[0]
    assert list(outcome.terms) == ["column", "column#2", own]
    assert [term.weight for term in outcome.terms.values()] == [0.0, 0.0, 1.0]
    assert outcome.terms[own].raw[0] == 0.75
    assert outcome.terms[own].shaped[0] == outcome.value[0]


def test_what_single_precision_cannot_hold_is_missing(rig):
    paid = rig.play(Anneal(rig.Column(), steps=10, start=1e30, end=1e30), rig.rollout([[1e30, 1.0]]))
    assert np.isnan(paid[0, 0])
    assert paid[0, 1] == pytest.approx(1e30)


def test_shaping_of_a_term_that_is_only_logged_pays_nothing(rig):
    (batch,) = rig.rollout([[0.5]])
    outcome = Clip(0.0 * rig.Column()).evaluate(batch, RewardState())
    rig.check_outcome(outcome, 1)
    assert not outcome.valid[0]
    assert outcome.terms["column"].valid[0]
    assert outcome.terms["column"].raw[0] == 0.5

"""What holds for every composed reward, over random trees."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.gate import Gate
from rewardium.rewards.combine.geometric_gate import GeometricGate
from rewardium.rewards.combine.harmonic import Harmonic
from rewardium.rewards.combine.soft_gate import SoftGate
from rewardium.rewards.combine.trust import Trust
from rewardium.rewards.combine.verifier_dominant import VerifierDominant
from rewardium.rewards.reward import Sum, Weighted
from rewardium.rewards.shaping.anneal import Anneal
from rewardium.rewards.shaping.bound import Bound
from rewardium.rewards.shaping.clip import Clip
from rewardium.rewards.shaping.clip_delta import ClipDelta
from rewardium.rewards.shaping.count_decay import CountDecay
from rewardium.rewards.shaping.delta import Delta
from rewardium.rewards.shaping.normalize import Normalize
from rewardium.rewards.shaping.once import Once
from rewardium.rewards.shaping.potential import Potential
from rewardium.rewards.state import RewardState

COLUMNS, ENVS = 3, 3
SHAPERS = (Bound, Clip, ClipDelta, CountDecay, Delta, Normalize, Once, Potential)
PAIRS = (Gate, SoftGate, VerifierDominant, Harmonic, Trust)
weights = st.sampled_from([-1.0, 0.0, 0.5, 2.0])


@pytest.fixture(scope="session")
def trees(rig):
    """A strategy of reward trees of any shape over three columns."""
    leaves = st.builds(rig.Column, st.integers(0, COLUMNS - 1))

    def grow(children):
        return st.one_of(
            st.builds(lambda node, child: node(child), st.sampled_from(SHAPERS), children),
            st.builds(lambda child: Anneal(child, steps=10), children),
            st.builds(Weighted, weights, children),
            st.builds(lambda node, left, right: node(left, right), st.sampled_from(PAIRS), children, children),
            st.builds(lambda items: Sum(tuple(items)), st.lists(children, min_size=1, max_size=3)),
            st.builds(
                lambda items, child: GeometricGate(items, child), st.lists(children, min_size=1, max_size=2), children
            ),
        )

    return st.recursive(leaves, grow, max_leaves=6)


entry = st.none() | st.floats(-2, 2, width=32) | st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=2).map(tuple)


def table_of(cell, steps):
    return st.lists(st.lists(cell, min_size=ENVS, max_size=ENVS), min_size=steps, max_size=steps)


@st.composite
def drawn_rollouts(draw):
    steps = draw(st.integers(1, 4))
    columns = [draw(table_of(entry, steps)) for _ in range(COLUMNS)]
    ends = draw(table_of(st.sampled_from(["", "", "terminated", "truncated"]), steps))
    texts = draw(table_of(st.sampled_from("ab"), steps))
    return columns, {"ends": ends, "texts": texts, "tasks": ["one", "one", "two"]}


@given(data=st.data(), drawn=drawn_rollouts())
def test_the_ledger_of_every_tree_adds_up(rig, trees, data, drawn):
    columns, rest = drawn
    rig.play(data.draw(trees), rig.rollout(*columns, **rest))  # play checks the ledger


@given(data=st.data(), drawn=drawn_rollouts())
def test_a_rollout_scored_at_once_equals_one_scored_step_by_step(rig, trees, data, drawn):
    columns, rest = drawn
    reward, batches = data.draw(trees), rig.rollout(*columns, **rest)
    stepwise_state, deferred_state = RewardState(), RewardState()
    stepwise = [reward.evaluate(batch, stepwise_state) for batch in batches]
    deferred = reward.evaluate_rollout(batches, deferred_state)
    for one, other in zip(stepwise, deferred, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.valid, other.valid)
        assert list(one.terms) == list(other.terms)
    assert json.dumps(stepwise_state.state_dict()) == json.dumps(deferred_state.state_dict())


@given(data=st.data(), drawn=drawn_rollouts(), cut=st.integers(0, 4))
def test_a_saved_state_goes_on_in_the_middle(rig, trees, data, drawn, cut):
    columns, rest = drawn
    reward, batches = data.draw(trees), rig.rollout(*columns, **rest)
    state = RewardState()
    outcomes = [reward.evaluate(batch, state).value for batch in batches[:cut]]
    state = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    outcomes += [reward.evaluate(batch, state).value for batch in batches[cut:]]
    whole_state = RewardState()
    np.testing.assert_array_equal(outcomes, [reward.evaluate(batch, whole_state).value for batch in batches])


@given(data=st.data(), drawn=drawn_rollouts(), weight=weights)
def test_a_summand_without_scores_changes_nothing(rig, trees, data, drawn, weight):
    columns, rest = drawn
    steps = len(columns[0])
    nothing = [[None] * ENVS] * steps
    reward = data.draw(trees)
    batches = rig.rollout(*columns, nothing, **rest)
    with_it = rig.play(reward + weight * rig.Column(COLUMNS), batches)
    np.testing.assert_array_equal(with_it, rig.play(reward, batches))


@given(data=st.data(), drawn=drawn_rollouts())
def test_weight_zero_is_logged_and_not_added(rig, trees, data, drawn):
    columns, rest = drawn
    reward, logged = data.draw(trees), data.draw(trees)
    batches = rig.rollout(*columns, **rest)
    np.testing.assert_array_equal(rig.play(reward + 0.0 * logged, batches), rig.play(reward, batches))
    (first, *_), alone = batches, logged.evaluate(batches[0], RewardState())
    with_it = (0.0 * logged).evaluate(first, RewardState())
    assert not with_it.valid.any()
    for name, term in alone.terms.items():
        assert with_it.terms[name].weight == 0.0
        np.testing.assert_array_equal(with_it.terms[name].shaped, term.shaped)
        np.testing.assert_array_equal(with_it.terms[name].valid, term.valid)


def test_a_sum_pays_what_is_known(rig):
    batches = rig.rollout([[1.0, None, None]], [[2.0, 3.0, None]])
    paid = rig.play(rig.Column(0) + 0.5 * rig.Column(1), batches)
    np.testing.assert_array_equal(paid, [[2.0, 1.5, np.nan]])


def test_equal_names_are_numbered_in_the_ledger(rig):
    (batch,) = rig.rollout([[1.0]], [[2.0]], [[3.0]])
    outcome = (rig.Column(0) + rig.Column(1) - rig.Column(2)).evaluate(batch, RewardState())
    assert {name: (term.raw[0], term.weight) for name, term in outcome.terms.items()} == {
        "column": (1.0, 1.0),
        "column#2": (2.0, 1.0),
        "column#3": (3.0, -1.0),
    }


def test_segments_of_a_sum_are_joined_and_weighted_and_missing_rows_add_none(rig):
    (batch,) = rig.rollout([[(1.0, 2.0), (4.0,)]], [[(3.0,), None]])
    outcome = (rig.Column(0) - 2.0 * rig.Column(1)).evaluate(batch, RewardState())
    assert [[part.value for part in parts] for parts in outcome.segments] == [[1.0, 2.0, -6.0], [4.0]]
    assert outcome.value.tolist() == [-3.0, 4.0]


def test_equal_sources_are_scored_once(rig):
    calls = []

    class Counting(rig.Column):
        def score(self, batch):
            calls.append(len(batch))
            return super().score(batch)

    reward = Delta(Counting()) + 2.0 * Counting() + Counting(1)
    reward.evaluate_rollout(rig.rollout([[1.0, 2.0]] * 5, [[0.0, 0.0]] * 5), RewardState())
    assert calls == [10, 10]


def test_a_source_of_the_wrong_length_is_named(rig):
    class Short(rig.Column):
        def score(self, batch):
            return super().score(batch).select(np.array([0]))

    with pytest.raises(RewardiumError, match=r"column returned 1 scores for 2 transitions"):
        rig.play(Short(), rig.rollout([[1.0, 2.0]]))


def test_unregistered_sources_of_two_classes_are_not_confused(rig):
    class Twice(rig.Column):
        def score(self, batch):
            score = super().score(batch)
            return type(score).of(2 * score.value, valid=score.valid)

    assert rig.play(rig.Column() + Twice(), rig.rollout([[1.0]]))[0, 0] == 3.0


def test_only_numbers_weigh(rig):
    for weight in (True, "2", None, [1]):
        with pytest.raises(TypeError):
            weight * rig.Column()
    with pytest.raises(RewardiumError, match="finite"):
        float("nan") * rig.Column()
    with pytest.raises(TypeError):
        rig.Column() + 1


def test_needs_are_those_of_the_sources_and_the_nodes(rig):
    assert (0.5 * rig.Column()).needs == {"action"}
    assert Gate(rig.Column(), Once(rig.Column())).needs == {"action", "text"}

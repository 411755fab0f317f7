"""The bonus for states that are seldom reached, its keys and its bounded counts."""

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.shaping.count_bonus import CountBonus, novelty
from rewardium.rewards.shaping.count_table import count_visit
from rewardium.rewards.shaping.state_keys import digest, position_of, state_keys
from rewardium.rewards.state import RewardState
from tests.shapes import ways

FORMS = {
    "sqrt": [1.0, 0.5**0.5, 3**-0.5],
    "inverse": [1.0, 1 / 2, 1 / 3],
    "first": [1.0, 0.0, 0.0],
    "explors": [1.0, 0.5**0.5, 3**-0.5],
}


def step_of(texts, step=0, episode=0, terminated=False, observations=None, envs=None):
    """One time step; ``texts`` or ``observations`` of each environment."""
    column = texts if observations is None else observations
    return TransitionBatch.from_transitions(
        [
            Transition(
                observation=None if observations is None else observations[row],
                previous_observation=None,
                action=0,
                text=None if texts is None else texts[row],
                terminated=terminated,
                env=row if envs is None else envs[row],
                episode=episode,
                step=step,
            )
            for row in range(len(column))
        ]
    )


def pays(reward, batches, state=None):
    state = RewardState() if state is None else state
    return [np.round(reward.evaluate(batch, state).value, 6).tolist() for batch in batches]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_falls_as_written(form):
    paid = pays(CountBonus(form=form), [step_of(["a"], step) for step in range(3)])
    np.testing.assert_allclose(np.ravel(paid), FORMS[form], atol=1e-6)


@pytest.mark.parametrize(
    ("form", "scale", "maximum", "before", "expected"),
    [
        ("explors", 1.0, 1.0, 15, 0.25),
        ("explors", 2.0, 4.0, 0, 4.0),
        ("explors", 0.5, 1.0, 2, 0.5 / 1.5),
        ("sqrt", 3.0, 1.0, 3, 1.0),
        ("sqrt", 3.0, 1.0, 99, 0.3),
        ("inverse", 0.5, 1.0, 4, 0.1),
        ("first", 0.5, 1.0, 0, 0.5),
        ("first", 2.0, 1.0, 0, 1.0),
    ],
)
def test_closed_forms(form, scale, maximum, before, expected):
    assert novelty(np.array([float(before)]), form, scale, maximum)[0] == pytest.approx(expected)


@given(
    form=st.sampled_from(sorted(FORMS)),
    scale=st.floats(1e-3, 1e3),
    maximum=st.floats(1e-3, 1e3),
    before=st.lists(st.integers(0, 10**6), min_size=2, max_size=9),
)
def test_a_bonus_never_grows_with_visits_and_keeps_its_bounds(form, scale, maximum, before):
    value = novelty(np.array(sorted(before), dtype=np.float64), form, scale, maximum)
    assert (np.diff(value) <= 0).all()
    assert (value >= 0).all()
    assert (value <= maximum * (1 + 1e-9)).all()


def test_a_terminal_state_is_neither_paid_nor_counted_by_explors():
    reward, state = CountBonus(form="explors"), RewardState()
    assert pays(reward, [step_of(["a"], terminated=True)] * 2, state) == [[0.0], [0.0]]
    assert pays(reward, [step_of(["a"], episode=1)], state) == [[1.0]]
    assert pays(CountBonus(), [step_of(["a"], terminated=True)]) == [[1.0]]


def test_a_lifetime_is_shared_and_counted_in_the_order_of_environments():
    reward = CountBonus(form="inverse")
    assert pays(reward, [step_of(["a", "a", "b"]), step_of(["b", "c", "a"], 1)]) == [
        [1.0, 0.5, 1.0],
        [0.5, 1.0, pytest.approx(1 / 3, abs=1e-6)],
    ]
    backwards = step_of(["b", "a", "a"], envs=[2, 1, 0])
    assert pays(reward, [backwards]) == [[1.0, 0.5, 1.0]]


def test_an_episode_counts_for_itself():
    reward = CountBonus(scope="episode", form="first")
    batches = [step_of(["a", "a"]), step_of(["a", "b"], 1), step_of(["a", "b"], 0, episode=1)]
    assert pays(reward, batches) == [[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]


def test_a_message_is_that_of_the_caption_and_a_caption_all_of_it():
    texts = [[Caption("A wall.", "west", map=cells).text()] for cells in ("@|", ".@")]
    batches = [step_of(text, step) for step, text in enumerate(texts)]
    assert pays(CountBonus(key="message", form="first"), batches) == [[1.0], [0.0]]
    assert pays(CountBonus(key="caption", form="first"), batches) == [[1.0], [1.0]]


def blstats(x, y, depth=1, dungeon=0, level=1, time=0):
    values = np.zeros(27, dtype=np.int64)
    values[[0, 1, 12, 20, 23, 24]] = x, y, depth, time, dungeon, level
    return {"blstats": values, "glyphs": np.full((2, 2), time)}


def test_a_position_is_the_place_and_not_the_time():
    seen = [blstats(3, 4), blstats(3, 4, time=9), blstats(4, 3), blstats(3, 4, depth=3, dungeon=2)]
    batches = [step_of(None, step, observations=[observation]) for step, observation in enumerate(seen)]
    assert pays(CountBonus(key="position", form="first"), batches) == [[1.0], [0.0], [1.0], [1.0]]
    assert pays(CountBonus(key="observation", form="first"), batches) == [[1.0], [1.0], [1.0], [1.0]]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("HP 12/12, experience level 2, depth 1, turn 34", None),
        ("depth 2, position 30,7, turn 34", ("2", "30", "7")),
        ("Dlvl 3, at (5, 6)", ("3", "5", "6")),
        ("x 4, y 19, depth 1", ("1", "4", "19")),
        ("x=4 y=19", ("4", "19")),
        ("place: -1, 2", ("-1", "2")),
        ("at " * 300_000, None),
    ],
)
def test_a_position_is_read_from_the_status_line(status, expected):
    assert position_of(Caption("You are at 1,1.", "wait", status=status).text()) == expected


def test_a_game_names_the_same_places_in_every_kind_of_observation():
    pytest.importorskip("minihack")
    import rewardium.envs  # noqa: F401  registers the environments

    kinds = {"dict": {"observation_keys": ["blstats"]}, "map_features": {}}
    walks = []
    for kind, arguments in kinds.items():
        env = gym.make("rewardium/MiniHack-Room-5x5-v0", observation=kind, **arguments)
        observation, _ = env.reset(seed=3)
        places = [position_of(observation)]
        for action in np.random.default_rng(0).integers(0, 8, size=25).tolist():
            observation, _, terminated, truncated, _ = env.step(action)
            places.append(position_of(observation)[-2:])
            if terminated or truncated:
                break
        env.close()
        walks.append(places[1:])
    assert walks[0] == walks[1]
    assert len(set(walks[0])) > 2


@pytest.mark.parametrize(
    "observation",
    [
        None,
        3,
        "text",
        np.zeros(27),
        {"blstats": np.zeros(27)},
        {"blstats": np.zeros(3, int)},
        {},
        {"features": np.zeros(200, np.float32)},
        {"image": 0, "features": np.zeros(5, np.float32)},
    ],
)
def test_what_names_no_place_has_none(observation):
    assert position_of(observation) is None


@pytest.mark.parametrize("key", ["message", "caption", "position", "observation"])
def test_a_key_that_cannot_be_had_is_an_error_at_the_first_step_only(key):
    reward, state = CountBonus(key=key), RewardState()
    nothing = step_of(None, observations=[None, None])
    with pytest.raises(RewardiumError, match=f"count_bonus: no key '{key}' at the first step: "):
        reward.evaluate(nothing, state)
    known = step_of(["You see a key.", None], observations=[{"position": np.array([1])}, None])
    outcome = reward.evaluate(known, state)
    assert outcome.valid.tolist() == [True, False]
    assert outcome.value.tolist() == [1.0, 0.0]
    assert not reward.evaluate(nothing, state).valid.any()
    resumed = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    assert not reward.evaluate(nothing, resumed).valid.any()


def test_a_full_table_goes_on_in_a_sketch_that_never_counts_too_little():
    memory, rng = {}, np.random.default_rng(0)
    truth = {}
    for number in rng.integers(0, 3000, size=8000).tolist():
        key = digest(number)
        before = count_visit(memory, key, capacity=50)
        assert before >= truth.get(key, 0)
        assert len(truth) > 50 or before == truth.get(key, 0)
        truth[key] = truth.get(key, 0) + 1
    assert len(memory["counts"]) == 50
    assert memory["counts"] == {key: truth[key] for key in memory["counts"]}
    assert memory["sketch"].shape == (4, 1024)
    new = [count_visit(memory, digest(("new", number)), capacity=50) for number in range(200)]
    assert 0 < np.median(new) < 8, "overcounts, but not by much while keys are few per counter"


def test_the_capacity_bounds_what_an_episode_remembers():
    reward, state = CountBonus(scope="episode", capacity=2, form="inverse"), RewardState()
    batches = [step_of([text], step) for step, text in enumerate("abcabc")]
    assert pays(reward, batches, state) == [[1.0]] * 3 + [[0.5]] * 3
    table = state.memory["dicts"]["0"]
    assert len(table["counts"]) == 2


def test_a_saved_state_goes_on():
    reward = 0.5 * CountBonus(form="inverse", capacity=1) + CountBonus(scope="episode")
    batches = [step_of([text, "a"], step) for step, text in enumerate("abcbc")]
    whole = pays(reward, batches)
    state = RewardState()
    first = pays(reward, batches[:3], state)
    state = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    assert first + pays(reward, batches[3:], state) == whole


def test_the_ledger_has_one_term_and_adds_up(rig):
    (batch,) = rig.rollout([[1.0, None]], texts=[["a", "b"]])
    reward = rig.Column() + 0.25 * CountBonus() - CountBonus(form="first")
    outcome = reward.evaluate(batch, RewardState())
    rig.check_outcome(outcome, 2)
    assert {name: term.weight for name, term in outcome.terms.items()} == {
        "column": 1.0,
        "count_bonus": 0.25,
        "count_bonus#2": -1.0,
    }


def test_a_step_without_transitions_is_no_trouble():
    empty = step_of(["a"]).select(np.zeros(0, dtype=np.int64))
    reward, state = CountBonus(), RewardState()
    assert pays(reward, [empty, step_of(["a"])], state) == [[], [1.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": "place"}, "'key' must be one of message, position, observation, caption"),
        ({"scope": "step"}, "'scope'"),
        ({"form": "log"}, "'form'"),
        ({"scale": 0.0}, "'scale'"),
        ({"maximum": float("inf")}, "'maximum'"),
        ({"capacity": 0}, "'capacity' must be a whole number"),
        ({"capacity": 2.5}, "'capacity' must be a whole number"),
    ],
)
def test_wrong_parameters_are_refused(arguments, message):
    with pytest.raises(RewardiumError, match=message):
        CountBonus(**arguments)


@pytest.mark.parametrize(
    "expression", ["extrinsic + 0.01 * count_bonus(key='message')", "gate(count_bonus(form='first'), extrinsic)"]
)
def test_expression_and_yaml_build_it(expression):
    reward = rewards.parse(expression)
    assert rewards.parse(str(reward)) == rewards.from_yaml(rewards.to_yaml(reward)) == reward
    assert "count_bonus" in rewards.names()
    assert "count_bonus" not in rewards.source_names()
    assert reward.needs == {"text"}


REWARDS = {
    "multi-turn text": "0.1 * extrinsic + count_bonus(key='message') - 0.5 * count_bonus(key='caption', capacity=1)",
    "discrete with messages": "extrinsic + count_bonus(key='observation', form='explors', capacity=3)",
}


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("mode", list(AutoresetMode), ids=str)
def test_lifetime_counts_are_the_same_deferred(name, mode):
    shape, reward = ways.SHAPES[name], rewards.parse(REWARDS[name])
    at_once = ways.vector(shape, reward, 3, 4, mode)
    assert ways.deferred(shape, reward, 3, 4, mode, every=5) == at_once
    assert len({paid.reward for paid in at_once.values()}) > 3


@pytest.mark.parametrize("name", REWARDS)
def test_episode_counts_are_the_same_every_way(name):
    expression = REWARDS[name].replace("count_bonus(", "count_bonus(scope='episode', ")
    shape, reward = ways.SHAPES[name], rewards.parse(expression)
    alone = ways.scalar(shape, reward, 3, 4)
    assert ways.vector(shape, reward, 3, 4, AutoresetMode.NEXT_STEP) == alone
    assert ways.deferred(shape, reward, 3, 4, AutoresetMode.SAME_STEP, every=4) == alone


def test_keys_of_objects_and_text_differ():
    values = ["1", 1, 1.0, (1,), [[1]], np.array([1]), np.array([1], np.float32), {"a": 1}, {"b": 1}, "\ud800"]
    rows = [Transition(value, None, 0, env=row) for row, value in enumerate(values)]
    keys = state_keys(TransitionBatch.from_transitions(rows), "observation")
    assert len(set(keys)) == len(values)
    assert digest(np.float64(2.0)) == digest(2.0)

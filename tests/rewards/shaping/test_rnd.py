"""Random network distillation: what is new pays, what was seen does not, and the state holds everything."""

import json

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.rnd_network import initial_parameters
from rewardium.rewards.shaping.rnd import RandomNetworkDistillation, distil, prediction_errors
from rewardium.rewards.state import RewardState
from tests.shapes import ways

SMALL = {"features": 8, "hidden": 16, "warm_up": 0}


def step_of(observations, step=0, texts=None):
    texts = texts or [None] * len(observations)
    return TransitionBatch.from_transitions(
        [
            Transition(observation, None, 0, text=text, env=row, step=step)
            for row, (observation, text) in enumerate(zip(observations, texts, strict=True))
        ]
    )


def walk(steps, envs=3, seed=0, kind="vector"):
    rng = np.random.default_rng(seed)

    def draw():
        vector = rng.standard_normal(4).astype(np.float32)
        image = rng.integers(0, 2, (2, 6, 5), dtype=np.uint8)
        return {"vector": vector, "image": image, "both": {"image": image, "features": vector}}[kind]

    return [step_of([draw() for _ in range(envs)], step) for step in range(steps)]


def play(reward, batches, state=None):
    state = RewardState() if state is None else state
    return np.array([reward.evaluate(batch, state).value for batch in batches])


def test_what_was_seen_often_pays_less_than_what_is_new():
    reward = RandomNetworkDistillation(learning_rate=3e-3, every=1, warm_up=50, features=16, hidden=32)
    seen, state = walk(20), RewardState()
    for _ in range(10):
        play(reward, seen, state)
    known = play(reward, seen, state).mean()
    new = play(reward, [step_of([np.full(4, value, dtype=np.float32) for value in (9.0, -9.0, 7.0)])], state)
    assert (new > 3 * known).all()


def test_errors_are_the_mean_square_and_fall_with_training():
    rng = np.random.default_rng(0)
    target, predictor = (initial_parameters((), 3, (8, 4), rng) for _ in range(2))
    columns = {"vector": rng.standard_normal((32, 3)).astype(np.float32)}
    start, adam = prediction_errors(target, predictor, columns), {}
    values = [distil(target, predictor, adam, columns, 1e-2) for _ in range(200)]
    assert values[0] == pytest.approx(start.mean(), rel=1e-5)
    assert prediction_errors(target, predictor, columns).mean() < 0.1 * values[0]
    assert not prediction_errors(target, target, columns).any()


@pytest.mark.parametrize("kind", ["vector", "image", "both"])
def test_equal_seeds_pay_equally_and_others_do_not(kind):
    batches = walk(12, kind=kind)
    one, other = (play(RandomNetworkDistillation(seed=seed, **SMALL), batches) for seed in (0, 1))
    np.testing.assert_array_equal(one, play(RandomNetworkDistillation(seed=0, **SMALL), batches))
    assert (one != other).any()
    assert np.isfinite(one).all()
    assert (one >= 0).all()


@pytest.mark.parametrize("kind", ["vector", "both"])
@pytest.mark.parametrize("cut", [1, 7, 13])
def test_a_saved_state_goes_on(kind, cut):
    reward = RandomNetworkDistillation(every=5, proportion=0.5, learning_rate=0.01, **SMALL)
    batches, state = walk(20, kind=kind), RewardState()
    first = play(reward, batches[:cut], state)
    state = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    np.testing.assert_array_equal(np.concatenate([first, play(reward, batches[cut:], state)]), play(reward, batches))


def test_deferred_equals_at_once_and_no_outer_generator_is_touched():
    reward = 0.1 * RandomNetworkDistillation(every=3, **SMALL)
    batches = walk(12)
    before = torch.get_rng_state(), json.dumps(np.random.get_state()[1].tolist())
    at_once = play(reward, batches)
    deferred = [outcome.value for outcome in reward.evaluate_rollout(batches, RewardState())]
    np.testing.assert_array_equal(deferred, at_once)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == json.dumps(np.random.get_state()[1].tolist())


@pytest.mark.parametrize("mode", list(AutoresetMode), ids=str)
def test_the_same_in_a_vector_and_deferred(mode):
    shape = ways.SHAPES["discrete with messages"]
    reward = rewards.parse("extrinsic + rnd(warm_up=6, every=2, features=8, hidden=16) + 0.1 * rnd(of='message')")
    at_once = ways.vector(shape, reward, 3, 4, mode)
    assert ways.deferred(shape, reward, 3, 4, mode, every=5) == at_once
    assert {paid.terms["rnd"][3] for paid in at_once.values()} == {True, False}


def test_the_warm_up_is_invalid_and_not_zero():
    reward, state = RandomNetworkDistillation(features=8, hidden=16, warm_up=12), RewardState()
    outcomes = [reward.evaluate(batch, state) for batch in walk(6)]
    assert [bool(outcome.valid.all()) for outcome in outcomes] == [False] * 4 + [True] * 2
    assert not any(outcome.valid.any() for outcome in outcomes[:4])


def test_rewards_have_the_scale_of_their_return():
    reward = RandomNetworkDistillation(features=16, hidden=32, warm_up=200, gamma=0.9, learning_rate=1e-9)
    paid, returns, total = play(reward, walk(300)), [], np.zeros(3)
    for row in paid:
        total = 0.9 * total + row
        returns.append(total)
    assert np.std(returns[100:]) == pytest.approx(1.0, abs=0.35)
    assert paid.max() <= 10.0
    assert play(RandomNetworkDistillation(limit=0.25, **SMALL), walk(9)).max() == 0.25


@pytest.mark.parametrize(("envs", "proportion", "expected"), [(128, None, 0.25), (16, None, 1.0), (64, 0.125, 0.125)])
def test_the_proportion_of_rows_that_train(envs, proportion, expected):
    reward = RandomNetworkDistillation(proportion=proportion, every=1000, **SMALL)
    state = RewardState()
    play(reward, walk(8, envs=envs), state)
    assert len(state.memory["waiting"]["vector"]) == pytest.approx(8 * envs * expected, rel=0.2)


def test_what_waits_for_training_is_bounded():
    reward = RandomNetworkDistillation(proportion=1.0, every=10**6, **SMALL)
    state = RewardState()
    play(reward, [step_of([np.zeros(1)] * 1500, step) for step in range(4)], state)
    assert state.memory["waiting"]["vector"].shape == (4096, 1)


def test_rows_that_do_not_fit_are_invalid():
    reward, state = RandomNetworkDistillation(**SMALL), RewardState()
    play(reward, walk(2), state)
    odd = step_of([np.zeros(4), np.zeros(5), np.array([np.nan, 0, 0, 0])])
    outcome = reward.evaluate(odd, state)
    assert outcome.valid.tolist() == [True, False, False]
    assert not reward.evaluate(step_of([None, "text", {}]), state).valid.any()
    empty = odd.select(np.zeros(0, dtype=np.int64))
    assert len(reward.evaluate(empty, state).value) == 0


@pytest.mark.parametrize("of", ["observation", "message", "caption"])
def test_nothing_to_predict_is_an_error_at_the_first_step(of):
    with pytest.raises(RewardiumError, match="rnd: nothing to predict at the first step"):
        play(RandomNetworkDistillation(of=of), [step_of([None, None])])


def test_messages_are_predicted_without_the_rest_of_the_caption():
    def texts(turn):
        return [Caption("It is solid stone.", "east", status=f"turn {turn}").text()]

    batches = [step_of([None], step, texts(step)) for step in range(5)]
    state = RewardState()
    play(RandomNetworkDistillation(of="message", **SMALL), batches, state)
    assert not state.memory["statistics"]["squares"]["vector"].any()
    state = RewardState()
    play(RandomNetworkDistillation(of="caption", **SMALL), batches, state)
    assert state.memory["statistics"]["squares"]["vector"].any()


def test_the_ledger_adds_up(rig):
    reward = rewards.parse("extrinsic + 0.5 * rnd(warm_up=4, every=1, features=4, hidden=4)")
    state = RewardState()
    for batch in walk(6):
        outcome = reward.evaluate(batch, state)
        rig.check_outcome(outcome, 3)
        assert list(outcome.terms) == ["extrinsic", "rnd"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"of": "frame"},
        {"features": 0},
        {"every": 1.5},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"proportion": 0.0},
        {"proportion": 1.5},
        {"gamma": 1.1},
        {"warm_up": -1},
        {"limit": 0.0},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_wrong_parameters_are_refused(arguments):
    with pytest.raises(RewardiumError, match=f"rnd: '{next(iter(arguments))}'"):
        RandomNetworkDistillation(**arguments)


def test_expression_and_yaml_build_it():
    reward = rewards.parse("extrinsic + 0.1 * rnd(of='message', proportion=0.25)")
    assert rewards.parse(str(reward)) == rewards.from_yaml(rewards.to_yaml(reward)) == reward
    assert reward.needs == {"text"}
    assert rewards.make("rnd").needs == {"observation"}

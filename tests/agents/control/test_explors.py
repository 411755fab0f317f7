"""ExploRS: the closed forms of its updates, its bookkeeping, and a chain that it solves."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback

from rewardium import rewards
from rewardium.agents.control.deferred import DeferredRolloutRewards
from rewardium.agents.control.explors import ExplorsUpdates, leaves_of
from rewardium.agents.control.explors_learner import ExploitLearner
from rewardium.agents.control.explors_updates import (
    Episode,
    ExplorsSettings,
    discounted_returns,
    exploit_gradient,
    exploit_objective,
    update_network,
    update_table,
)
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.learning.rnd_network import outputs_of
from rewardium.rewards.shaping.explors_exploit import ExplorsExploit
from rewardium.rewards.shaping.state_keys import digest
from rewardium.rewards.state import RewardState
from rewardium.rewards.vector import DenseVectorReward

CHAIN, START, DISTRACTOR, HORIZON = 20, 4, 0, 40
EXPLORS = "extrinsic + explors_exploit() + count_bonus(key='observation', form='explors')"


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Networks this small only wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def episode_of(states, actions, probabilities, earned):
    return Episode(states, np.array(actions), np.array(probabilities), np.array(earned, dtype=np.float64))


def test_returns():
    assert discounted_returns(np.array([1.0, 0.0, 4.0]), 0.5).tolist() == [2.0, 2.0, 4.0]
    assert discounted_returns(np.zeros(0), 0.5).tolist() == []


def test_the_gradient_is_the_papers():
    probabilities, advantage = np.array([[0.2, 0.5, 0.3]]), 2.0
    expected = [-advantage * 0.5 * 0.2, advantage * 0.5 * (1 - 0.5), -advantage * 0.5 * 0.3]
    gradient = exploit_gradient(probabilities, np.array([1]), np.array([advantage]))
    np.testing.assert_allclose(gradient, [expected])


@given(st.data())
def test_the_gradient_tells_actions_apart_and_pays_no_state(data):
    logits = np.array(data.draw(st.lists(st.floats(-3, 3), min_size=3, max_size=3)))
    probabilities = (np.exp(logits) / np.exp(logits).sum())[None]
    action, advantage = data.draw(st.integers(0, 2)), data.draw(st.floats(-5, 5))
    gradient = exploit_gradient(probabilities, np.array([action]), np.array([advantage]))[0]
    assert gradient.sum() == pytest.approx(0.0, abs=1e-9)
    assert gradient[action] * advantage >= 0


def test_the_objective_of_a_network_has_that_gradient():
    rng = np.random.default_rng(0)
    probabilities, actions = rng.dirichlet(np.ones(4), size=6), rng.integers(0, 4, 6)
    advantages = rng.standard_normal(6)
    outputs = torch.tensor(rng.standard_normal((6, 4)), requires_grad=True)
    exploit_objective(
        outputs, torch.from_numpy(probabilities), torch.from_numpy(actions), torch.from_numpy(advantages)
    ).backward()
    np.testing.assert_allclose(outputs.grad.numpy(), exploit_gradient(probabilities, actions, advantages) / 6)


def test_a_table_learns_against_the_values_as_they_were():
    table, values = {"a": [0.5, 0.5]}, {"a": 1.0}
    episodes = [
        episode_of(["a", "b"], [0, 1], [[0.5, 0.5], [0.25, 0.75]], [0.0, 4.0]),
        episode_of(["b"], [0], [[0.25, 0.75]], [0.0]),
    ]
    update_table(table, values, episodes, gamma=0.5, rate=0.1, value_rate=0.3)
    # a: G = 2, A = 1, so 0.1 * 1 * 0.5 * (0.5, -0.5); b: G = 4 from V = 0, and then G = 0, A = 0
    np.testing.assert_allclose(table["a"], [0.525, 0.475])
    np.testing.assert_allclose(table["b"], [-0.1 * 4 * 0.75 * 0.25, 0.1 * 4 * 0.75 * 0.25])
    assert values == pytest.approx({"a": 1.0 + 0.3 * 1.0 / 3, "b": 0.3 * 4.0 / 3})


def test_a_table_is_limited_and_bounded():
    table, values = {}, {}
    played = [episode_of(list("abc"), [0] * 3, [[0.5, 0.5]] * 3, [0.0, 0.0, 9.0])]
    update_table(table, values, played, rate=1.0, limit=0.25, capacity=2)
    assert table == {"a": [0.25, -0.25], "b": [0.25, -0.25]}
    assert set(values) == {"a", "b"}


def test_a_network_learns_which_action_did_better():
    memory, rng = {}, np.random.default_rng(0)
    observations = rng.standard_normal((40, 3)).astype(np.float32)
    for turn in range(60):
        actions = rng.integers(0, 2, 40)
        good = actions == (observations[:, 0] > 0)
        played = [
            Episode({"vector": observations}, actions, np.full((40, 2), 0.5), good.astype(np.float64)),
        ]
        update_network(memory, played, gamma=0.0, rate=1e-2, hidden=16)
        if turn == 0:
            assert np.isfinite(outputs_of(memory["network"], played[0].states)).all()
    paid = outputs_of(memory["network"], {"vector": observations})
    assert ((paid[:, 1] > paid[:, 0]) == (observations[:, 0] > 0)).mean() > 0.9
    assert outputs_of(memory["value"], {"vector": observations}).mean() == pytest.approx(0.5, abs=0.2)


def test_a_network_pays_0_until_it_has_learned():
    memory = {}
    nothing = Episode({"vector": np.ones((2, 3))}, np.array([0, 1]), np.full((2, 2), 0.5), np.zeros(2))
    update_network(memory, [nothing], hidden=8)
    assert not outputs_of(memory["network"], {"vector": np.ones((1, 3), np.float32)}).any()


def step_of(previous, actions, earned=None, ended=False, step=0, episode=0, texts=None):
    size = len(actions)
    return TransitionBatch.from_transitions(
        [
            Transition(
                observation=previous[row] + 1,
                previous_observation=previous[row],
                action=actions[row],
                text=None if texts is None else texts[row],
                reward=0.0 if earned is None else earned[row],
                terminated=ended,
                env=row,
                step=step,
                episode=episode,
            )
            for row in range(size)
        ]
    )


def test_the_leaf_pays_what_the_learner_learned():
    leaf, state = ExplorsExploit(), RewardState()
    learner = ExploitLearner(leaf, state, ExplorsSettings(every=1, rate=1.0, gamma=1.0))
    learner.begin()
    batches = [step_of([5, 5], [0, 1]), step_of([6, 7], [1, 1], earned=[0.0, 2.0], ended=True, step=1)]
    for batch in batches:
        assert not leaf.evaluate(batch, state).value.any()
    assert learner.label(np.full((2, 2, 2), 0.5)) == 2
    assert state.memory["table"].keys() == {digest(5), digest(6), digest(7)}
    paid = leaf.evaluate(step_of([5, 7, 8], [1, 0, 0]), state).value
    # The second episode is learned last, with the first again: state 5 saw G = 2 by action 1, and 0 by action 0.
    np.testing.assert_allclose(paid, [0.5, -0.5, 0.0], atol=0.02)


def test_the_limit_holds_for_what_is_paid():
    state = RewardState()
    state.memory["table"] = {digest(0): [3.0, -3.0]}
    paid = ExplorsExploit(limit=0.5).evaluate(step_of([0, 0], [0, 1]), state).value
    assert paid.tolist() == [0.5, -0.5]


def test_a_key_of_text_is_that_of_the_state_that_was_left():
    leaf, state = ExplorsExploit(key="message"), RewardState()
    ExploitLearner(leaf, state).begin()
    for step, text in enumerate(["door", "key"]):
        leaf.evaluate(step_of([0], [0], step=step, texts=[text]), state)
    leaf.evaluate(step_of([0], [0], episode=1, texts=["wall"]), state)
    start, door, again = (step["state"] for step in state.memory["trace"]["0"])
    assert start == again != door


def test_actions_must_be_discrete():
    leaf, state = ExplorsExploit(), RewardState()
    for action in (0.5, np.zeros(2), "east", None, -1, True):
        with pytest.raises(RewardiumError, match="no numbers of discrete actions"):
            leaf.evaluate(step_of([0], [action]), state)
    outcome = leaf.evaluate(step_of([0, 0, 0], [np.int64(1), np.array([1]), 0.5]), state)
    assert outcome.valid.tolist() == [True, True, False]


def test_a_step_that_nobody_knows_spoils_only_its_episode():
    leaf, state = ExplorsExploit(), RewardState()
    learner = ExploitLearner(leaf, state, ExplorsSettings(every=1))
    learner.begin()
    leaf.evaluate(step_of([0, 0], [0, 0]), state)
    leaf.evaluate(step_of([1, 1], [0.5, 1], ended=True, step=1), state)
    assert learner.label(np.full((2, 2, 2), 0.5)) == 1
    assert state.memory["finished"] == 1
    assert state.memory["trace"] == {"0": [], "1": []}


def test_updates_come_every_so_many_episodes_from_the_last_ones():
    state = RewardState()
    learner = ExploitLearner(ExplorsExploit(), state, ExplorsSettings(every=3, buffer=4))
    played = episode_of(["s"], [0], [[0.5, 0.5]], [1.0])
    assert [learner.add(played) for _ in range(7)] == [False, False, True, False, False, True, False]
    assert len(state.memory["episodes"]) == 4


@pytest.mark.parametrize("model", ["table", "network"])
def test_a_saved_state_goes_on_in_the_middle_of_an_episode(model):
    leaf = ExplorsExploit(model=model)
    settings = ExplorsSettings(every=2, buffer=3, hidden=8)

    def play(state, rollouts):
        rng = np.random.default_rng(5)
        for rollout in range(6):
            ends = [rollout * 5 + time for time in range(5)]
            batches = [
                step_of(list(rng.integers(0, 4, 2)), list(rng.integers(0, 2, 2)), rng.random(2), clock % 4 == 3, clock)
                for clock in ends
            ]
            if rollout not in rollouts:
                continue
            learner = ExploitLearner(leaf, state, settings)
            learner.begin()
            for batch in batches:
                leaf.evaluate(batch, state)
            learner.label(np.full((5, 2, 2), 0.5))
        return state

    whole = play(RewardState(), range(6))
    half = play(RewardState(), range(3))
    resumed = play(RewardState.from_state_dict(json.loads(json.dumps(half.state_dict()))), range(3, 6))
    assert json.dumps(resumed.state_dict()) == json.dumps(whole.state_dict())


def test_steps_that_were_never_labelled_are_forgotten():
    leaf, state = ExplorsExploit(), RewardState()
    learner = ExploitLearner(leaf, state)
    learner.begin()
    leaf.evaluate(step_of([0], [0]), state)
    with pytest.raises(RewardiumError, match="did not note the 2 steps of environment 0"):
        learner.label(np.full((2, 1, 2), 0.5))
    learner.begin()
    assert state.memory["trace"] == {"0": []}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 1.5}, "gamma"),
        ({"rate": 0.0}, "rate"),
        ({"value_rate": float("nan")}, "value_rate"),
        ({"every": 0}, "every"),
        ({"buffer": 0}, "buffer"),
    ],
)
def test_wrong_settings_are_refused(arguments, message):
    with pytest.raises(RewardiumError, match=message):
        ExplorsSettings(**arguments)


@pytest.mark.parametrize("arguments", [{"model": "forest"}, {"key": "place"}, {"limit": 0.0}])
def test_wrong_parameters_are_refused(arguments):
    with pytest.raises(RewardiumError, match=f"explors_exploit: '{next(iter(arguments))}'"):
        ExplorsExploit(**arguments)


def test_expression_and_yaml_build_it():
    reward = rewards.parse("extrinsic + 0.5 * explors_exploit(model='network', limit=0.1)")
    assert rewards.parse(str(reward)) == rewards.from_yaml(rewards.to_yaml(reward)) == reward
    state = RewardState()
    ((leaf, own),) = leaves_of(reward, state)
    assert leaf.limit == 0.1
    own.memory["seen"] = 1
    assert state.child(1).child(0).memory == {"seen": 1}


class Corridor(gym.Env[Any, int]):
    """Walk right to the end within the limit."""

    observation_space = gym.spaces.Box(0.0, 1.0, (5,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.time = 0, 0
        return self._seen(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.time += 1
        self.place = max(self.place + (1 if action == 1 else -1), 0)
        won = self.place == 4
        return self._seen(), float(won), won, self.time == 12 and not won, {}

    def _seen(self) -> Any:
        return np.eye(5, dtype=np.float32)[self.place]


def model_of(expression, wrapper=DenseVectorReward, n_steps=64):
    venv = SyncVectorEnv([Corridor] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    env = GymnasiumVecEnv(wrapper(venv, expression))
    return PPO("MlpPolicy", env, n_steps=n_steps, batch_size=64, n_epochs=2, seed=0, device="cpu")


@pytest.mark.parametrize("model", ["table", "network"])
def test_stable_baselines3_teaches_it(model):
    algorithm = model_of(EXPLORS.replace("exploit()", f"exploit(model='{model}')"))
    callback = ExplorsUpdates(ExplorsSettings(rate=0.05 if model == "table" else None))
    algorithm.learn(64 * 3 * 4, callback=callback)
    assert callback.updates > 5
    venv = algorithm.get_env().venv
    ((leaf, state),) = leaves_of(venv.reward, venv.state)
    paid = [leaf.evaluate(seen, state).value for seen in _last_steps()]
    assert paid[0][1] > paid[0][0], "to the right at the end of the corridor"


def _last_steps():
    place = np.eye(5, dtype=np.float32)[3]
    rows = [Transition(None, place, action, env=action, episode=10**6) for action in (0, 1)]
    return [TransitionBatch.from_transitions(rows)]


def test_deferred_scoring_teaches_the_same():
    tables = []
    for wrapper, first in ((DeferredVectorReward, [DeferredRolloutRewards()]), (DenseVectorReward, [])):
        algorithm = model_of(EXPLORS, wrapper)  # seeds torch, so that both play alike from here on
        algorithm.learn(64 * 3 * 2, callback=[*first, ExplorsUpdates()])
        venv = algorithm.get_env().venv
        tables.append(next(leaves_of(venv.reward, venv.state))[1].memory["table"])
    # What is learned between two rollouts is paid in the next, whichever way: the policies stay the same, too.
    assert tables[0].keys() == tables[1].keys()
    for key, learned in tables[0].items():
        np.testing.assert_allclose(learned, tables[1][key], atol=1e-6)


class Stop(BaseCallback):
    def _on_step(self) -> bool:
        return self.n_calls < 40


def test_a_stopped_rollout_does_no_harm():
    algorithm, callback = model_of(EXPLORS), ExplorsUpdates()
    algorithm.learn(64 * 3, callback=[Stop(), callback])
    assert callback.updates == 0
    algorithm.learn(64 * 3, callback=callback)
    assert callback.updates > 0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: model_of("extrinsic"), "the reward has no explors_exploit"),
        (lambda: PPO("MlpPolicy", "CartPole-v1", device="cpu"), "needs the environment GymnasiumVecEnv"),
        (lambda: PPO("MlpPolicy", "Pendulum-v1", device="cpu"), "needs discrete actions"),
        (lambda: DQN("MlpPolicy", "CartPole-v1", device="cpu", buffer_size=10), "DQN is not on-policy"),
    ],
    ids=["no leaf", "no wrapper", "continuous", "off-policy"],
)
def test_what_cannot_be_taught_is_refused_before_training(model, message):
    with pytest.raises(RewardiumError, match=message):
        model().learn(1, callback=ExplorsUpdates())


def play_chain(policy, rng, envs):
    """One batch of episodes on the chain: the distractor to the left is near and pays 0.05, the goal 1."""
    place = np.full(envs, START)
    alive = np.ones(envs, dtype=bool)
    for step in range(HORIZON):
        chances = policy(place)
        actions = (rng.random(envs) < chances[:, 1]).astype(np.int64)
        slips = rng.random(envs) < 0.05
        moved = np.clip(place + np.where(slips, 1 - actions, actions) * 2 - 1, 0, CHAIN - 1)
        earned = np.where(moved == CHAIN - 1, 1.0, np.where(moved == DISTRACTOR, 0.05, 0.0))
        ended = (moved == CHAIN - 1) | (moved == DISTRACTOR)
        rows = np.flatnonzero(alive)
        yield rows, place.copy(), actions, chances, moved, earned, ended, step
        alive &= ~ended
        place = moved
        if not alive.any():
            return


def reinforce(expression, seed, batches=150, envs=10, rate=5.0, gamma=0.99):
    """Tabular REINFORCE on the paid rewards; the share of the last episodes that reach the goal."""
    rng, reward, state = np.random.default_rng(seed), rewards.parse(expression), RewardState()
    learners = [ExploitLearner(leaf, own, ExplorsSettings(gamma=gamma)) for leaf, own in leaves_of(reward, state)]
    theta, reached = np.zeros((CHAIN, 2)), []

    def policy(places):
        powers = np.exp(theta[places] - theta[places].max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    for number in range(batches):
        played = [[] for _ in range(envs)]
        for rows, place, actions, chances, moved, earned, ended, step in play_chain(policy, rng, envs):
            last = step == HORIZON - 1
            batch = TransitionBatch(
                observations=moved[rows].tolist(),
                previous_observations=place[rows].tolist(),
                actions=actions[rows].tolist(),
                rewards=earned[rows],
                terminated=ended[rows],
                truncated=np.full(len(rows), last) & ~ended[rows],
                env=rows,
                episode=np.full(len(rows), number),
                step=np.full(len(rows), step),
            )
            for learner in learners:
                learner.memory.setdefault("trace", {})
            paid = reward.evaluate(batch, state).value
            for row, env in enumerate(rows.tolist()):
                played[env].append((place[env], actions[env], paid[row], chances[env], earned[env]))
        teach(learners, played)
        improve(theta, policy, played, rate, gamma)
        reached += [steps[-1][4] == 1.0 for steps in played]
    return float(np.mean(reached[-500:]))


def teach(learners, played):
    for learner in learners:
        for env, steps in enumerate(played):
            for noted, step in zip(learner.memory["trace"].pop(str(env)), steps, strict=True):
                assert noted["state"] == digest(int(step[0]))
                assert noted["reward"] == step[4]
        for steps in played:
            keys, actions, _, chances, earned = zip(*steps, strict=True)
            learner.add(episode_of([digest(int(key)) for key in keys], actions, chances, earned))


def improve(theta, policy, played, rate, gamma):
    """The policy gradient of the authors' agent: returns without a baseline, averaged over steps."""
    gradient, count = np.zeros_like(theta), 0
    for steps in played:
        returns = discounted_returns(np.array([step[2] for step in steps], dtype=np.float64), gamma)
        for (place, action, *_), total in zip(steps, returns.tolist(), strict=True):
            gradient[place] -= total * policy(np.array([place]))[0]
            gradient[place, action] += total
            count += 1
    theta += rate * gradient / count


@pytest.mark.slow
def test_explors_reaches_the_goal_of_a_chain_where_the_sparse_reward_stays_at_the_distractor():
    """Medians over three seeds; the limit is the authors' for learners that follow the reward fast."""
    limited = EXPLORS.replace("explors_exploit()", "explors_exploit(limit=0.01)")
    sparse, explors = (np.median([reinforce(reward, seed) for seed in range(3)]) for reward in ("extrinsic", limited))
    assert sparse < 0.3
    assert explors > 0.7

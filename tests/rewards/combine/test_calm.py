from __future__ import annotations

import importlib

import gymnasium as gym
import numpy as np
import pytest

import rewardium.envs  # noqa: F401  registers the environments
from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.combine.calm import calm
from rewardium.rewards.combine.milestones import Milestones
from rewardium.rewards.sources.achieved import Achieved
from rewardium.rewards.wrappers import DenseReward

SUBGOALS = ("pick up the key", "unlock the door")
KEY = Caption("", "pick up", ("+ k - a key",)).text()
DOOR = Caption("You succeed in unlocking the door.", "apply").text()
WALL = Caption("It's a wall.", "east").text()
SILENCE = Caption("", "east").text()


def steps(*texts):
    return [TransitionBatch.from_transitions([Transition("", "", "", text=t, step=n)]) for n, t in enumerate(texts)]


def paid(reward, batches):
    """Apply a reward to one episode once the judge has answered everything."""
    sources = list(reward.sources())
    reward.score_sources(TransitionBatch.concatenate(batches))
    for source in sources:
        source.drain()
    outcomes = reward.evaluate_rollout(batches, rewards.RewardState())
    return [round(float(o.value[0]), 4) if o.valid[0] else None for o in outcomes]


@pytest.mark.parametrize(
    ("pays", "expected"),
    [
        ("once", [0, 0, 1, 0, 1, 0, 0]),
        ("always", [0, 0, 1, 1, 1, 0, 1]),
        # Phi is 0, 0, 1, 1, 2, 2, 2 and gamma 0.5
        ("potential", [0, 0, 0.5, -0.5, 0, -1, -1]),
    ],
)
def test_the_three_forms(pays, expected):
    reward = calm(SUBGOALS, judge="scripted:keyword", pays=pays, gamma=0.5)
    assert paid(reward, steps(WALL, SILENCE, KEY, KEY, DOOR, SILENCE, KEY)) == expected


def test_unknown_verdicts_take_part_in_no_sum():
    reward = Milestones(
        (Achieved("pick up the key", judge="scripted:keyword"), Achieved("x", judge="scripted:nonsense"))
    )
    assert paid(reward, steps(SILENCE, KEY, WALL)) == [0, 1, 0]
    assert paid(Milestones((Achieved("pick up the key", judge="scripted:nonsense"),)), steps(SILENCE, KEY)) == [0, None]


def test_a_late_verdict_pays_when_the_agent_comes_again():
    reward = calm(("pick up a late key",), judge="scripted:keyword", max_items=1000)
    state = rewards.RewardState()
    late = Caption("k - a late key.", inventory=("+ k - a late key",)).text()
    batches = steps(late, late, late)
    first = reward.evaluate(batches[0], state)
    assert not first.valid[0]
    next(reward.sources()).drain()
    assert [float(reward.evaluate(batch, state).value[0]) for batch in batches[1:]] == [1.0, 0.0]


def test_subgoals_are_asked_of_one_judge_with_one_budget():
    parts = list(calm(SUBGOALS, judge="scripted:keyword?seed=5").sources())
    assert len(parts) == 2
    assert parts[0].annotator is parts[1].annotator


def test_without_subgoals_the_judge_proposes_them():
    reward = calm(judge="scripted:keyword", most=3)
    assert [source.number for source in reward.sources()] == [1, 2, 3]
    assert reward.needs == {"text", "task"}


def test_the_ledger_shows_each_subgoal():
    reward = rewards.parse("extrinsic + 0.1 * calm(['pick up the key', 'unlock the door'], judge='scripted:keyword')")
    outcome = reward.evaluate(steps(SILENCE)[0], rewards.RewardState())
    weights = {name: term.weight for name, term in outcome.terms.items()}
    assert weights == {
        "extrinsic": 1.0,
        "achieved_pick_up_the_key": 0.0,
        "achieved_unlock_the_door": 0.0,
        "milestones": 0.1,
    }


@pytest.mark.parametrize("pays", ["once", "potential", "always"])
def test_expression_and_yaml_build_it_again(pays):
    reward = rewards.parse(f"0.1 * calm(['open the door', 'go down'], view='crop', crop=7, before=True, pays={pays!r})")
    assert rewards.parse(str(reward)) == reward
    assert rewards.from_yaml(rewards.to_yaml(reward)) == reward
    assert rewards.from_yaml(f"reward: {{weight: 0.1, calm: {{subgoals: [open the door, go down], view: crop, crop: 7, "
                             f"before: true, pays: {pays}}}}}") == reward  # fmt: skip


def test_one_object_serves_several_environments():
    reward = calm(SUBGOALS, judge="scripted:keyword")
    texts = [[KEY, WALL], [KEY, KEY], [DOOR, KEY]]
    batches = [
        TransitionBatch.from_transitions([Transition("", "", "", text=t, env=n, step=k) for n, t in enumerate(row)])
        for k, row in enumerate(texts)
    ]
    reward.score_sources(TransitionBatch.concatenate(batches))
    for source in reward.sources():
        source.drain()
    values = [outcome.value for outcome in reward.evaluate_rollout(batches, rewards.RewardState())]
    np.testing.assert_array_equal(values, [[1, 0], [0, 1], [1, 0]])


def test_an_episode_of_the_game_is_paid_for_key_and_door():
    pytest.importorskip("minihack")
    oracle = importlib.import_module("rewardium.envs.nethack.oracle")
    reward = rewards.parse("0.5 * calm(['pick up the key', 'unlock the door'], judge='scripted:keyword?seed=11')")
    env = DenseReward(gym.make("rewardium/MiniHack-KeyRoom-S5-v0", track_events=True, observation="features"), reward)
    player = oracle.Oracle(env.unwrapped)

    def episode():
        env.reset(seed=3)
        paid, done = {}, False
        while not done:
            _, value, terminated, truncated, info = env.step(player.act())
            paid |= dict.fromkeys(info["events"], value) if value else {}
            done = terminated or truncated
        return paid

    assert not episode().get("key picked up"), "the judge has not answered yet"
    for source in reward.sources():
        source.drain()
    second = episode()
    assert {event: second.get(event) for event in ("key picked up", "door unlocked")} == {
        "key picked up": 0.5,
        "door unlocked": 0.5,
    }
    env.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"subgoals": ["a key", "a key"]}, "each different"),
        ({"subgoals": [""]}, "list of sentences"),
        ({"subgoals": [f"subgoal {k}" for k in range(21)]}, "at most 20"),
        ({"pays": "never"}, "once, potential, always"),
        ({"most": 0}, "'most'"),
        ({"most": 21}, "number|most"),
        ({"gamma": 1.5, "pays": "potential"}, "gamma"),
        ({"judge": "nobody"}, "a judge must be"),
    ],
)
def test_parameters(arguments, complaint):
    with pytest.raises(RewardiumError, match=complaint):
        calm(**arguments)

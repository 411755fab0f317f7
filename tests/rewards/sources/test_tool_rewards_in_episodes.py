"""The tool-use rewards where they are used: around the environment, whose own solutions must earn the most."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import rewardium.envs  # noqa: F401  registers the environments
from rewardium import rewards
from rewardium.envs.tools.oracle import Oracle
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward
from rewardium.rewards.wrappers import DenseReward

TEMPLATES = ["single_calculation", "two_step_calculation", "search_then_calculate", "no_tool", "contact_update"]


def play(reward: str, template: str, seed: int) -> tuple[list[float], list[dict[str, Any]]]:
    """Let the oracle solve an episode: what each turn was paid, and the infos."""
    env = DenseReward(
        gym.make("rewardium/ToolUse-v0", templates=[template], prompt_style="goal"), rewards.parse(reward)
    )
    observation, info = env.reset(seed=seed)
    oracle, paid, infos, ended = Oracle(info["task"]), [], [], False
    while not ended:
        action = oracle.respond(observation)
        observation, value, terminated, truncated, info = env.step(action)
        paid.append(float(value))
        infos.append(info)
        ended = terminated or truncated
    env.close()
    return paid, infos


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_solved_episode_earns_the_most(template, seed):
    paid, infos = play("tool_rl(scope='episode', think=False)", template, seed)
    wants_calls = infos[-1]["task"].fields["num_gold_calls"] > 0
    assert all(info["reward_valid"] for info in infos)
    assert paid == pytest.approx([*[0.0] * (len(paid) - 1), 4.0 if wants_calls else 1.0])
    telescoped, _ = play("delta(tool_rl(scope='so_far', think=False))", template, seed)
    assert sum(telescoped) == pytest.approx(paid[-1])
    assert play("tool_ladder", template, seed)[0][-1] == pytest.approx(1.9)
    assert play("bfcl_match", template, seed)[0][-1] == 1.0
    assert play("tool_decision", template, seed)[0][-1] == 1.0
    assert play("extrinsic", template, seed)[0] == [*[0.0] * (len(paid) - 1), 1.0]


def test_every_turn_with_calls_has_its_share_of_valid_ones():
    paid, infos = play("valid_calls", "two_step_calculation", 0)
    assert paid == [1.0 if info["num_calls"] else 0.0 for info in infos]
    env = DenseReward(gym.make("rewardium/ToolUseCalculator-v0"), rewards.parse("valid_calls"))
    env.reset(seed=0)
    two = '<tool_call>{"name": "compute", "arguments": {}}</tool_call>' * 2
    _, value, *_, info = env.step(
        two + '<tool_call>{"name": "calculate", "arguments": {"expression": "1 / 0"}}</tool_call>'
    )
    assert (value, info["num_valid_calls"] / info["num_calls"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


REWARD = (
    "tool_rl(by_call=True, think=False) + 0.1 * valid_calls + janus_gate(tool_decision, bfcl_match, extrinsic) "
    "+ tool_rl_schedule(steps=10) + 0.001 * shop_action + conditional_gate(extrinsic, tool_ladder, valid_calls)"
)


def test_at_once_and_deferred_pay_the_same():
    venvs = [
        wrapper(gym.make_vec("rewardium/ToolUse-v0", 3, templates=TEMPLATES[:3]), rewards.parse(REWARD))
        for wrapper in (DenseVectorReward, DeferredVectorReward)
    ]
    seen = [venv.reset(seed=[0, 0, 1]) for venv in venvs]
    at_once, deferred = venvs
    (observations, infos), paid = seen[0], []
    oracles = [Oracle(task) for task in infos["task"]]
    done = np.zeros(3, dtype=bool)
    for _ in range(4):
        actions = ["<tool_call>{"] * 3
        for index in (0, 2):
            actions[index] = "" if done[index] else oracles[index].respond(observations[index])
        observations, values, terminated, truncated, _ = at_once.step(actions)
        deferred.step(actions)
        paid.append(values)
        done |= terminated | truncated
        if done[[0, 2]].all():
            break
    np.testing.assert_allclose(deferred.score().rewards, paid, atol=1e-5)

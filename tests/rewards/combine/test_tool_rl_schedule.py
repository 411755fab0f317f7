import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch

CALL = '<think>.</think><tool_call>{"name": "now", "arguments": {}}</tool_call>'


def batch(action: str, rows: int) -> TransitionBatch:
    task = Task("Time?", fields={"gold_calls": [{"name": "now", "arguments": {}}]})
    return TransitionBatch.from_transitions([Transition("", "", action, task=task, env=row) for row in range(rows)])


def paid(reward: str, action: str, steps: int, rows: int = 1) -> list[float]:
    built, state = rewards.parse(reward), rewards.RewardState()
    return [float(built.evaluate(batch(action, rows), state).value[0]) for _ in range(steps)]


def test_the_form_falls_from_2_to_1_while_the_match_rises_from_2_to_3_over_150_steps():
    smooth = "tool_rl_schedule(steps=150, scope='response')"
    right, wrong = paid(smooth, CALL, 201), paid(smooth, "noon", 201)
    np.testing.assert_allclose(right, 4.0, rtol=1e-6)
    steps = np.minimum(np.arange(201), 150)
    np.testing.assert_allclose(wrong, -(2.0 + steps / 150), rtol=1e-6)


def test_the_hard_switch_comes_at_its_step():
    values = paid("tool_rl_schedule(steps=30, kind='switch', scope='response')", "noon", 60)
    assert values == [-2.0] * 30 + [-3.0] * 30


def test_the_schedule_counts_transitions():
    values = paid("tool_rl_schedule(steps=30, kind='switch', scope='response')", "noon", 8, rows=5)
    assert values == [-2.0] * 6 + [-3.0] * 2


@pytest.mark.parametrize("level", ["fine", "coarse"])
def test_with_constant_weights_it_is_tool_rl(level):
    constant = f"tool_rl_schedule(1, format_weight=[1, 1], scale=[3, 3], level='{level}', scope='response')"
    for action in (CALL, CALL + CALL, "noon", "<think>"):
        assert paid(constant, action, 2)[1] == pytest.approx(
            paid(f"tool_rl(level='{level}', scope='response')", action, 1)[0]
        )

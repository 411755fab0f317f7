from __future__ import annotations

import copy
import json
import logging
import pickle
import textwrap

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import SandboxUnavailableError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.sources.reward_program import RewardProgram
from rewardium.rewards.state import RewardState
from rewardium.rewards.vector import DenseVectorReward
from rewardium.rewards.wrappers import DenseReward

COUNT = """
def reward(step, memory):
    memory["steps"] = memory.get("steps", 0) + 1
    return {"sparse": step["terminated"], "dense": memory["steps"] - 2}
""".replace('step["terminated"]', '1 if step["terminated"] else 0')


def make(text: str = COUNT, **settings) -> RewardProgram:
    try:
        return RewardProgram(text=textwrap.dedent(text), **settings)
    except SandboxUnavailableError as error:
        if "bubblewrap cannot run here" in str(error):
            pytest.skip(str(error))
        raise


def program(body: str) -> str:
    return f"def reward(step, memory):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"


def batches(steps: int = 6, envs: int = 3, lengths: tuple[int, ...] = (2, 3, 5)) -> list[TransitionBatch]:
    """Return the time steps of environments whose episodes have their own lengths each."""
    rows = []
    for t in range(steps):
        row = []
        for env in range(envs):
            length = lengths[env % len(lengths)]
            row.append(
                Transition(
                    "",
                    "",
                    "wait",
                    text=Caption(f"You wait {t}.", "wait").text(),
                    env=env,
                    episode=t // length,
                    step=t % length,
                    terminated=t % length == length - 1,
                    reward=float(t),
                )
            )
        rows.append(TransitionBatch.from_transitions(row))
    return rows


def test_the_signs_are_paid_and_memory_lasts_an_episode(rig):
    paid = rig.play(make(), batches())
    expected = [[-0.1, -0.1, -0.1], [1.0, 0, 0], [-0.1, 1.1, 0.1], [1.0, -0.1, 0.1], [-0.1, 0, 1.1], [1.0, 1.1, -0.1]]
    np.testing.assert_allclose(paid, expected, atol=1e-6)


def test_the_ledger_shows_what_the_program_said():
    reward = make(program("return {'sparse': -3, 'dense': 1e300}"))
    outcome = reward.evaluate(batches()[0], RewardState())
    sparse, dense = outcome.terms["reward_program_sparse"], outcome.terms["reward_program_dense"]
    assert (sparse.raw.tolist(), sparse.shaped.tolist(), sparse.weight) == ([-3.0] * 3, [-1.0] * 3, 1.0)
    assert (dense.raw.tolist(), dense.shaped.tolist(), dense.weight) == ([np.finfo(np.float32).max] * 3, [1.0] * 3, 0.1)
    assert outcome.value.tolist() == pytest.approx([-0.9] * 3)


@pytest.mark.parametrize(
    "size", ["10 ** 12", "1e300", "10 ** 299", "-1e308 / 1e10", "len(step['message']) * 10.0 ** 200"]
)
def test_dense_code_without_bounds_pays_at_most_a_tenth_a_step(rig, size):
    paid = rig.play(make(program(f"return {{'sparse': 0, 'dense': {size}}}")), batches())
    assert np.all(np.abs(paid) == np.float32(0.1))


def test_the_order_of_the_environments_makes_no_difference(rig):
    straight = rig.play(make(), batches())
    order = np.array([2, 0, 1])
    turned = rig.play(make(), [batch.select(order) for batch in batches()])
    np.testing.assert_array_equal(turned, straight[:, order])
    alone = [rig.play(make(), [batch.select(np.array([env])) for batch in batches()]) for env in range(3)]
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), straight)


def test_equal_transitions_with_equal_memories_get_equal_scores():
    reward, (batch, *_) = make(), batches()
    first = reward.evaluate(batch, RewardState())
    for state in (RewardState(), RewardState()):
        np.testing.assert_array_equal(reward.evaluate(batch, state).value, first.value)


def test_the_state_is_json_and_a_resumed_run_pays_the_same(rig):
    reward, steps = rewards.parse(f"0.5 * reward_program(text={COUNT!r}) + extrinsic"), batches()
    whole = rig.play(reward, steps)
    state = RewardState()
    first = rig.play(reward, steps[:3], state)
    saved = json.loads(json.dumps(state.state_dict()))
    rest = rig.play(rewards.parse(str(reward)), steps[3:], RewardState.from_state_dict(saved))
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)


def test_a_memory_may_hold_what_the_state_gives_a_meaning_to(rig):
    text = program(
        """
        memory["__array__"] = memory.get("__array__", 0) + 1
        memory["__dict__"] = {"__array__": "f8", "data": []}
        return {"sparse": memory["__array__"] - 2, "dense": 0}
        """
    )
    state = RewardState()
    rig.play(make(text), batches()[:1], state)
    state = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    assert rig.play(make(text), batches()[1:2], state)[0, 2] == 0.0


def test_a_row_without_an_answer_has_no_score(rig):
    text = program(
        """
        memory["n"] = memory.get("n", 0) + 1
        return {"sparse": 0, "dense": 1 / (step["step"] - 1) if memory["n"] < 9 else 0}
        """
    )
    paid = rig.play(make(text), batches())
    step = np.array([[t % length for length in (2, 3, 5)] for t in range(6)])
    np.testing.assert_array_equal(np.isnan(paid), step == 1)


def test_without_a_text_a_row_has_no_score_and_no_failure():
    rows = [Transition("", "", "", text=text, env=env) for env, text in enumerate(["a", None])]
    reward, state = make(), RewardState()
    outcome = reward.evaluate(TransitionBatch.from_transitions(rows), state)
    assert outcome.valid.tolist() == [True, False]
    for _ in range(9):
        assert not reward.evaluate(TransitionBatch.from_transitions(rows[1:]), state).valid.any()
    assert state.memory["failed_steps"] == 0
    assert len(reward.evaluate(TransitionBatch.from_transitions(rows)[:0], state).value) == 0


def test_a_program_that_fails_on_and_on_is_disabled_with_one_warning(caplog):
    text = program("""\
        if "wait 1" in step["message"]:
            return {"sparse": 0, "dense": 0}
        return 1 / 0
    """)
    reward, state, valid = make(text, failures=2), RewardState(), []
    with caplog.at_level(logging.WARNING):
        for batch in (*batches(), *batches()):
            valid.append(reward.evaluate(batch, state).valid.any())
    assert valid == [False, True, *[False] * 10], "it would answer again in the second rollout"
    (record,) = [record for record in caplog.records if "is disabled" in record.message]
    assert "after 2 failed steps in a row" in record.message
    assert "line 4: ZeroDivisionError: division by zero" in record.message
    assert state.memory["failed_steps"] == 2


def test_a_program_that_hangs_costs_its_time_and_no_more(caplog):
    reward, state = make(program("while True:\n    pass"), seconds=0.2, failures=1), RewardState()
    with caplog.at_level(logging.WARNING):
        for batch in batches(40):
            assert not reward.evaluate(batch, state).valid.any()
    assert "timeout: more than 0.2 s" in caplog.text


class Messages(gym.Env):
    """Says a word a step, and ends after some."""

    observation_space = gym.spaces.Discrete(2)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.length = 0, int(self.np_random.integers(2, 5))
        return 0, {}

    def step(self, action):
        self.time += 1
        return int(action), 0.0, self.time == self.length, False, {}

    def caption(self):
        return Caption(("", "You see a key.")[self.time % 2], "wait", map="@").text()


def test_three_ways_to_apply_it_are_equal():
    reward, steps = make(), 9
    vector = DenseVectorReward(SyncVectorEnv([Messages] * 3, autoreset_mode=AutoresetMode.NEXT_STEP), reward)
    deferred = DeferredVectorReward(SyncVectorEnv([Messages] * 3, autoreset_mode=AutoresetMode.NEXT_STEP), reward)
    scalars = [DenseReward(Messages(), reward) for _ in range(3)]
    for index, env in enumerate(scalars):
        env.reset(seed=index)
    vector.reset(seed=[0, 1, 2])
    deferred.reset(seed=[0, 1, 2])
    paid, done = [], [False] * 3
    for _ in range(steps):
        _, at_once, *_ = vector.step(np.zeros(3, int))
        deferred.step(np.zeros(3, int))
        row = [0.0] * 3
        for index, env in enumerate(scalars):
            if done[index]:
                env.reset()
                done[index] = False
            else:
                _, row[index], terminated, truncated, _ = env.step(0)
                done[index] = terminated or truncated
        np.testing.assert_allclose(at_once, row, atol=1e-6)
        paid.append(row)
    assert np.unique(paid).size > 3
    np.testing.assert_allclose(deferred.score().rewards, paid, atol=1e-6)


def test_files_expressions_and_yaml_name_the_same_reward(tmp_path):
    path = tmp_path / "reward.py"
    path.write_text(COUNT, encoding="utf-8")
    made = make()
    reward = rewards.parse(f"reward_program(path={str(path)!r})")
    assert isinstance(reward, RewardProgram)
    assert reward.program == made.program == COUNT
    for twin in (rewards.parse(str(reward)), rewards.from_yaml(rewards.to_yaml(reward)), copy.deepcopy(reward)):
        assert twin == reward
        assert hash(twin) == hash(reward)
    assert rewards.parse(str(made)) == made
    assert reward.needs == {"text", "action"}


def test_a_pickle_holds_the_program_itself(tmp_path, rig):
    path = tmp_path / "reward.py"
    path.write_text(COUNT, encoding="utf-8")
    make()
    packed = pickle.dumps(RewardProgram(path=str(path)))
    path.unlink()
    reward = pickle.loads(packed)  # noqa: S301  our own bytes
    np.testing.assert_array_equal(rig.play(reward, batches()), rig.play(make(), batches()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either 'path'"),
        ({"path": "a.py", "text": COUNT}, "give either 'path'"),
        ({"path": "no/such/file.py"}, "cannot read the reward program no/such/file.py"),
        ({"text": "import os"}, r"line 1: a program may import math and re only, not os"),
        ({"text": COUNT, "failures": 0}, "'failures'"),
        ({"text": COUNT, "failures": True}, "'failures'"),
        ({"text": COUNT, "seconds": 0}, "seconds"),
        ({"text": COUNT, "mode": "docker"}, "mode must be one of 'bubblewrap', 'subprocess'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(RewardiumError, match=message):
        RewardProgram(**{"mode": "subprocess", **settings})


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff", "cannot read"), (b" \n", "is empty"), (b"a" * 10**6, "at most")]
)
def test_files_that_are_no_programs_are_refused(tmp_path, content, message):
    (tmp_path / "reward.py").write_bytes(content)
    with pytest.raises(RewardiumError, match=message):
        RewardProgram(path=str(tmp_path / "reward.py"), mode="subprocess")


def test_without_bubblewrap_it_refuses_unless_the_weaker_mode_is_chosen(monkeypatch):
    monkeypatch.setattr("rewardium.rewards.programs.runner._pools", {})
    monkeypatch.setattr("rewardium.envs.tools.sandbox.launch.shutil.which", lambda name: None)
    with pytest.raises(SandboxUnavailableError, match="mode='subprocess'"):
        RewardProgram(text=COUNT)
    assert RewardProgram(text=COUNT, mode="subprocess").evaluate(batches()[0], RewardState()).valid.all()

"""The batched base against Gymnasium's vector of scalars, on episodes of unequal length with nested infos."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.registration import Entry
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import ScalarTextVectorEnv, Steps, TextVectorEnv, columns, make_text_vec, merge, restrict
from rewardium.rewards.vector import DenseVectorReward

MODES = list(AutoresetMode)
LENGTH = 1000


class Echo(gym.Env):
    """Ends after as many steps as its task says; its infos differ from step to step."""

    def __init__(self):
        self.observation_space = Utf8Text(LENGTH)
        self.action_space = Utf8Text(LENGTH)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.task = (options or {}).get("task") or Task(f"steps {self.np_random.integers(1, 4)}")
        self.turns = int(self.task.goal.split()[1])
        return self.task.goal, {"task": self.task, "note": {"seed": 1.0}}

    def step(self, action):
        self.steps += 1
        last = self.steps == self.turns
        return f"{action}{self.steps}", *outcome(self.steps, last), self.info(action, last)

    def info(self, action, last):
        info = {
            "task": self.task,
            "note": {"steps": self.steps, "deep": {"text": action}},
            "pair": (self.steps, action),
        }
        if self.steps % 2 == 0:
            info["even"] = True
        if last:
            info["end"] = {"at": self.steps}
        return info


def outcome(steps, last):
    """Reward, terminated, truncated: episodes of three steps are cut off, shorter ones end."""
    return float(steps) / 2, last and steps < 3, last and steps == 3


class EchoVector(TextVectorEnv):
    """The same, stepped in columns."""

    def __init__(self, num_envs, autoreset_mode=AutoresetMode.NEXT_STEP):
        super().__init__(num_envs, autoreset_mode=autoreset_mode, observation_length=LENGTH, action_length=LENGTH)
        self.generators = [np.random.default_rng() for _ in range(num_envs)]
        self.tasks = [None] * num_envs
        self.steps = np.zeros(num_envs, dtype=int)

    def _reset_rows(self, rows, seeds, options):
        for row, seed, option in zip(rows, seeds, options, strict=True):
            if seed is not None:
                self.generators[row] = gym.utils.seeding.np_random(seed)[0]
            self.tasks[row] = (option or {}).get("task") or Task(f"steps {self.generators[row].integers(1, 4)}")
            self.steps[row] = 0
        infos = columns(self.num_envs, rows, {"task": [self.tasks[row] for row in rows]})
        note = columns(self.num_envs, rows, {"seed": np.ones(len(rows))})
        return [self.tasks[row].goal for row in rows], {**infos, "note": note, "_note": infos["_task"].copy()}

    def _step_rows(self, rows, actions):
        self.steps[rows] += 1
        steps = self.steps[rows].tolist()
        last = [step == int(self.tasks[row].goal.split()[1]) for row, step in zip(rows, steps, strict=True)]
        results = [outcome(step, is_last) for step, is_last in zip(steps, last, strict=True)]
        n = self.num_envs
        infos = columns(
            n, rows, {"task": [self.tasks[row] for row in rows], "pair": list(zip(steps, actions, strict=True))}
        )
        everyone = infos["_task"]
        note = columns(n, rows, {"steps": np.array(steps)})
        note.update(deep=columns(n, rows, {"text": actions}), _deep=everyone.copy())
        infos.update(note=note, _note=everyone.copy())
        even = np.array([step % 2 == 0 for step in steps])
        if even.any():
            infos = merge(infos, columns(n, np.array(rows)[even].tolist(), {"even": np.ones(even.sum(), dtype=bool)}))
        if any(last):
            ended = [row for row, is_last in zip(rows, last, strict=True) if is_last]
            at = columns(n, ended, {"at": self.steps[ended].copy()})
            infos.update(end=at, _end=at["_at"].copy())
        observations = [f"{action}{step}" for action, step in zip(actions, steps, strict=True)]
        return Steps(observations, *zip(*results, strict=True), infos)


def equal(a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and all(map(equal, a.flat, b.flat))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(4))
def test_equals_gymnasiums_vector(mode, seed):
    n = 4
    venvs = [
        EchoVector(n, mode),
        ScalarTextVectorEnv([Echo] * n, mode),
        SyncVectorEnv([Echo] * n, autoreset_mode=mode),
    ]
    assert [venv.metadata["autoreset_mode"] for venv in venvs] == [mode] * 3
    results = [venv.reset(seed=seed) for venv in venvs]
    partial = 0
    for step in range(25):
        assert equal(results[0], results[2]), step
        assert equal(results[1], results[2]), step
        done = results[0][2] | results[0][3] if len(results[0]) == 5 else np.zeros(n, dtype=bool)
        if mode is AutoresetMode.DISABLED and done.any():
            partial += not done.all()
            seeds = step if step % 2 else None
            results = [venv.reset(seed=seeds, options={"reset_mask": done.copy()}) for venv in venvs]
        else:
            results = [venv.step(tuple("abcd")) for venv in venvs]
    assert partial or mode is not AutoresetMode.DISABLED


def test_nothing_of_the_end_is_lost_in_the_same_step():
    venv = EchoVector(2, AutoresetMode.SAME_STEP)
    venv.reset(options={"task": [Task("steps 1"), Task("steps 3")]})
    observations, rewards, terminated, _, infos = venv.step(["x", "y"])
    assert observations[0].startswith("steps ")
    assert observations[1] == "y1"
    assert rewards.tolist() == [0.5, 0.5]
    assert terminated.tolist() == [True, False]
    assert infos["final_obs"].tolist() == ["x1", None]
    assert infos["_final_obs"].tolist() == infos["_final_info"].tolist() == [True, False]
    assert infos["final_info"]["task"][0] == Task("steps 1")
    assert infos["final_info"]["end"]["at"][0] == 1
    assert infos["final_info"]["_task"].tolist() == [True, False]
    assert infos["note"]["_seed"].tolist() == [True, False]
    assert infos["note"]["_steps"].tolist() == [False, True]


def test_idle_rows_are_not_stepped():
    venv = EchoVector(3, AutoresetMode.DISABLED)
    venv.reset(options={"task": [Task("steps 1"), Task("steps 3"), Task("steps 2")]})
    seen = []
    actions = ["a", "b", "c"]
    for _ in range(3):
        observations, rewards, terminated, truncated, infos = venv.step(actions)
        done = terminated | truncated
        actions = [None if over else "z" for over in done]
        seen.append((observations, rewards.tolist(), done.tolist(), infos["_task"].tolist()))
    assert seen == [
        (("a1", "b1", "c1"), [0.5, 0.5, 0.5], [True, False, False], [True, True, True]),
        (("a1", "z2", "z2"), [0.0, 1.0, 1.0], [True, False, True], [False, True, True]),
        (("a1", "z3", "z2"), [0.0, 1.5, 0.0], [True, True, True], [False, True, False]),
    ]
    assert venv.steps.tolist() == [1, 3, 2]


def test_returned_arrays_are_the_callers_own():
    venv = EchoVector(2, AutoresetMode.DISABLED)
    venv.reset(options={"task": Task("steps 1")})
    _, _, terminated, truncated, _ = venv.step(["a", "b"])
    terminated[:] = truncated[:] = False
    assert venv.step([None, None])[2].all()


def test_tasks_as_mappings_reach_the_rows():
    venv = ScalarTextVectorEnv([Echo, Echo], "Disabled")
    observations, _ = venv.reset(options={"task": [Task("steps 3"), None], "other": 1})
    assert observations[0] == "steps 3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2]}, "needs 3 seeds"),
        ({"seed": -4}, "not negative"),
        ({"seed": "seven"}, "a seed is an int"),
        ({"seed": 1.5}, "a seed is an int"),
        ({"options": {"reset_mask": np.zeros(3, dtype=bool)}}, "at least one True"),
        ({"options": {"reset_mask": np.ones(2, dtype=bool)}}, r"bool \[3\]"),
        ({"options": {"reset_mask": np.ones(3)}}, r"bool \[3\]"),
        ({"options": {"task": [Task("steps 1")]}}, "one task for each of 3"),
    ],
)
def test_reset_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(RewardiumError, match=message):
        EchoVector(3).reset(**arguments)


def test_seeds_may_be_numpy():
    venv = EchoVector(2)
    assert venv.reset(seed=np.array([3, 3]))[0] == venv.reset(seed=[np.int64(3), 3])[0]


def test_step_refuses_what_does_not_fit():
    venv = EchoVector(2)
    with pytest.raises(ResetNeeded, match="before reset"):
        venv.step(["a", "b"])
    venv.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded, match=r"\[1\]"):
        venv.step(["a", "b"])
    venv.reset()
    with pytest.raises(RewardiumError, match="got 3 actions"):
        venv.step(["a", "b", "c"])
    with pytest.raises(RewardiumError, match="got one str"):
        venv.step("ab")


@pytest.mark.parametrize(("count", "mode"), [(0, "Disabled"), (2.0, "Disabled"), (True, "Disabled"), (2, "never")])
def test_constructor_refuses(count, mode):
    with pytest.raises(RewardiumError, match=r"num_envs|autoreset_mode"):
        EchoVector(count, mode)


def test_scalar_vector_wants_text_environments():
    with pytest.raises(RewardiumError, match="no text environment"):
        ScalarTextVectorEnv([lambda: gym.make("CartPole-v1")])
    with pytest.raises(RewardiumError, match="num_envs"):
        ScalarTextVectorEnv([])


def test_scalar_vector_closes_its_environments():
    closed = []

    class Closing(Echo):
        def close(self):
            closed.append(self)

    ScalarTextVectorEnv([Closing] * 3).close()
    assert len(closed) == 3


def test_metadata_is_not_shared_between_modes():
    first, second = EchoVector(1, AutoresetMode.SAME_STEP), EchoVector(1, AutoresetMode.DISABLED)
    assert first.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert second.metadata["autoreset_mode"] is AutoresetMode.DISABLED


def test_make_text_vec_falls_back_to_scalars():
    gym.register("test/Echo-v0", entry_point=Echo)
    try:
        venv = make_text_vec("test/Echo-v0", 2)
        assert isinstance(venv, ScalarTextVectorEnv)
        assert venv.metadata["autoreset_mode"] is AutoresetMode.DISABLED
        assert venv.reset(seed=[1, 1])[0][0].startswith("steps")
    finally:
        del gym.registry["test/Echo-v0"]


def test_make_text_vec_names_what_is_wrong(monkeypatch):
    with pytest.raises(RewardiumError, match="RandomCalculation"):
        make_text_vec("rewardium/RandomCalculations-v0", 2)
    entry = Entry("rewardium/RandomCalculation-v0", "m:C", extra="nethack", packages=("no_such_package",))
    monkeypatch.setattr("rewardium.envs.text.entries", lambda: (entry,))
    with pytest.raises(MissingExtraError, match=r"rewardium\[nethack\]"):
        make_text_vec("rewardium/RandomCalculation-v0", 2)


def test_restrict_and_merge_split_and_join():
    whole = columns(3, [0, 1, 2], {"n": np.array([1, 2, 3]), "t": ["a", ("b",), None]})
    whole["inner"] = columns(3, [1], {"x": np.array([0.5])})
    whole["_inner"] = np.array([False, True, False])
    mask = np.array([True, False, True])
    kept, dropped = restrict(whole, mask), restrict(whole, ~mask)
    assert "inner" not in kept
    assert kept["n"].tolist() == [1, 0, 3]
    assert equal(merge(kept, dropped), whole)
    assert equal(merge(dropped, kept), whole)
    assert whole["n"].tolist() == [1, 2, 3]


def test_merge_of_unlike_types_keeps_the_values():
    joined = merge(columns(2, [0], {"x": np.array([1])}), columns(2, [1], {"x": ["one"]}))
    assert joined["x"].tolist() == [1, "one"]


def test_an_environment_without_an_action_waits_and_makes_no_transition():
    venv = DenseVectorReward(make_text_vec("rewardium/RandomCalculation-v0", 2, num_steps=1), "verify")
    _, infos = venv.reset(seed=[1, 2])
    right = [f"\\boxed{{{task.reference}}}" for task in infos["task"]]
    _, rewards, terminated, _, infos = venv.step([None, right[1]])
    assert rewards.tolist() == [0.0, 1.0]
    assert terminated.tolist() == [False, True]
    assert infos["_reward_terms"].tolist() == [False, True]
    assert infos["_task"].tolist() == [False, True]
    _, rewards, terminated, _, infos = venv.step([right[0], None])
    assert rewards.tolist() == [1.0, 0.0]
    assert terminated.all()
    assert infos["_reward_terms"].tolist() == [True, False]

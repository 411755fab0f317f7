"""MathVerify: what it asks, what it pays, and what it says of an answer."""

import json
import pickle
from collections import Counter

import gymnasium as gym
import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math import math_verify
from rewardium.envs.math.math_verify import MathVerifyEnv, MathVerifyVectorEnv
from rewardium.envs.math.task_sets import TaskSet, load_tasks
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_OBSERVATION_LENGTH, make_text_vec

ID = "rewardium/MathVerify-v0"
BOTH = pytest.mark.parametrize("env", [MathVerifyEnv, MathVerifyVectorEnv])


def write_tasks(path, count, **more):
    rows = [{"problem": f"What is ${n} + 1$?", "answer": n + 1, "level": n % 3, **more} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def answer_to(task, response, **arguments):
    env = MathVerifyEnv(**arguments)
    env.reset(options={"task": task})
    return env.step(response)


@pytest.mark.parametrize(
    ("reference", "response", "status"),
    [
        (r"\frac{1}{2}", r"Half of it: \boxed{0.5}", "equal"),
        (r"2\sqrt{2}", r"\boxed{\sqrt{8}}", "equal"),
        (r"\{1, 2\}", r"\boxed{\{2, 1\}}", "equal"),
        (r"(-\infty, 3]", r"\boxed{x \le 3}", "equal"),
        (r"\text{yes}", r"\boxed{Yes}", "equal"),
        (r"\frac{1}{2}", r"First \boxed{0.5}, but then \boxed{0.25}", "different"),
        (r"2\sqrt{2}", r"\boxed{2.8}", "different"),
        (r"\frac{1}{2}", "", "unparsed"),
        (r"\frac{1}{2}", r"\boxed{", "unparsed"),
        (r"\frac{1}{2}", "I do not know", "unparsed"),
    ],
)
def test_rewards_and_infos(reference, response, status):
    task = Task("?", reference, {"level": 4})
    observation, reward, terminated, truncated, info = answer_to(task, response)
    assert (observation, terminated, truncated) == ("", True, False)
    assert info["status"] == status
    assert info["success"] is (status == "equal")
    assert reward == float(status == "equal")
    assert type(reward) is float
    assert info["task"] is task
    assert info.keys() == {"task", "success", "reason", "answer", "status"}
    assert info["reason"]
    assert info["answer"] is None or info["answer"] in response


@pytest.mark.parametrize(
    ("action", "kind"),
    [(None, "NoneType"), (3.5, "float"), (b"\\boxed{1}", "bytes"), (["\\boxed{1}"], "list")],
)
def test_actions_that_are_no_text(action, kind):
    _, reward, _, _, info = answer_to({"goal": "1?", "reference": "1"}, action)
    assert (reward, info["success"], info["status"]) == (0.0, False, "unparsed")
    assert info["reason"] == f"the response is no text but {kind}"
    assert info["answer"] is None


# No closed form and no quick one in numbers either: computer algebra does not come to an end within the limit.
ENDLESS = {"goal": "Integrate.", "reference": r"\int_0^{\infty} \frac{\sin(x^3+1)}{x^5+\sqrt{x}+2} \, dx"}


@pytest.mark.parametrize("make", [MathVerifyEnv, lambda **arguments: MathVerifyVectorEnv(2, **arguments)])
def test_a_time_out_is_told_apart(make):
    """A time-out pays nothing, and says that it is none of the answer's faults."""
    env = make(timeout=0.02)
    env.reset(options={"task": ENDLESS})
    response = r"\boxed{\frac{1}{3}}"
    _, reward, terminated, _, info = env.step([response] * 2 if isinstance(env, MathVerifyVectorEnv) else response)
    assert not np.any(reward)
    assert np.all(terminated)
    assert not np.any(info["success"])
    assert set(np.atleast_1d(info["status"])) == {"timeout"}
    assert set(np.atleast_1d(info["answer"])) == {r"\frac{1}{3}"}


def test_a_batch_is_verified_in_one_call(monkeypatch):
    calls = []
    verify_batch = math_verify.verify_batch

    def counted(pairs, **arguments):
        calls.append((list(pairs), arguments))
        return verify_batch(pairs, **arguments)

    monkeypatch.setattr(math_verify, "verify_batch", counted)
    monkeypatch.setattr(math_verify, "verify", None)
    venv = MathVerifyVectorEnv(5, autoreset_mode="Disabled", timeout=3.0, workers=2)
    venv.reset(options={"task": {"goal": "?", "reference": "7"}})
    _, rewards, _, _, infos = venv.step([r"\boxed{7}", r"\boxed{8}", 3, r"\boxed{7.0}", None])
    ((pairs, arguments),) = calls
    assert pairs == [("7", r"\boxed{7}"), ("7", r"\boxed{8}"), ("7", r"\boxed{7.0}")]
    assert arguments == {"timeout": 3.0, "workers": 2}
    assert rewards.tolist() == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert infos["status"].tolist() == ["equal", "different", "unparsed", "equal", None]
    assert infos["success"].dtype == np.bool_


def test_a_group_draws_its_task_once(monkeypatch):
    draws = []
    draw = TaskSet.draw
    monkeypatch.setattr(TaskSet, "draw", lambda tasks, random: draws.append(1) or draw(tasks, random))
    venv = MathVerifyVectorEnv(9, autoreset_mode="Disabled")
    _, infos = venv.reset(seed=[3, 3, 3, 3, 4, 4, 4, 3, 5])
    assert len(draws) == 3
    assert infos["task"][0] is infos["task"][7]


def test_groups_part_after_their_seed():
    """The rows of a group go on alike without a seed, each with a generator of its own."""
    venv = gym.make_vec(ID, num_envs=3, autoreset_mode="Disabled")
    scalar = MathVerifyEnv()
    first = scalar.reset(seed=4)[1]["task"]
    assert list(venv.reset(seed=[4, 4, 4])[1]["task"]) == [first] * 3
    venv.step([""] * 3)
    second, third = scalar.reset()[1]["task"], scalar.reset()[1]["task"]
    venv.reset(options={"reset_mask": np.array([True, False, True])})
    assert list(venv.reset()[1]["task"]) == [third, second, third]


def test_a_seed_is_not_lost_beside_a_chosen_task():
    scalar, venv = MathVerifyEnv(), MathVerifyVectorEnv(2, autoreset_mode="Disabled")
    chosen = {"goal": "?", "reference": "1"}
    scalar.reset(seed=8, options={"task": chosen})
    venv.reset(seed=[8, 8], options={"task": [chosen, None]})
    expected = MathVerifyEnv().reset(seed=8)[1]["task"]
    assert scalar.reset()[1]["task"] == expected
    assert venv.reset()[1]["task"][0] == expected


def test_tasks_are_drawn_uniformly(tmp_path):
    env = MathVerifyEnv(tasks=write_tasks(tmp_path / "tasks.jsonl", 10), split="all", level=[1, 2])
    env.reset(seed=0)
    counts = Counter(env.reset()[1]["task"].reference for _ in range(3000))
    assert set(counts) == {"2", "3", "5", "6", "8", "9"}
    assert min(counts.values()) > 420


def test_the_shipped_tasks():
    train, test = MathVerifyEnv().problems.task_set, MathVerifyEnv(split="test").problems.task_set
    assert list(train) == list(load_tasks(split="train"))
    assert not {task.goal for task in train} & {task.goal for task in test}
    hard = MathVerifyEnv(split="all", level=[4, 5], subject="Calculus").problems.task_set
    assert {(task.fields["subject"], task.fields["level"]) for task in hard} == {("calculus", 4), ("calculus", 5)}


def test_a_file_of_tasks(tmp_path):
    path = write_tasks(tmp_path / "tasks.jsonl", 40)
    env = gym.make(ID, tasks=path, split="test", prompt="Solve {problem} now. {problem} \\boxed{}{")
    observation, info = env.reset(seed=1)
    goal = info["task"].goal
    assert observation == f"Solve {goal} now. {goal} \\boxed{{}}{{"
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.reset(seed=1)[0] == observation
    assert env.step(rf"\boxed{{{info['task'].reference}}}")[1] == 1.0


def test_tasks_in_memory():
    env = MathVerifyEnv(tasks=TaskSet([Task("a", "1", {"level": 1}), Task("b", "2", {"level": 2})]), level=2)
    assert env.reset(seed=0)[1]["task"] == Task("b", "2")


def test_columns_of_other_names(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"text": "1 + 1?", "key": "2"}\n', encoding="utf-8")
    env = MathVerifyEnv(tasks=path, split="all", columns={"problem": "text", "answer": "key"})
    assert env.reset()[1]["task"] == Task("1 + 1?", "2")
    with pytest.raises(RewardiumError, match="it has no problem"):
        MathVerifyEnv(tasks=path, split="all")


def test_strict_names_the_first_bad_row(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"problem": "1 + 1?", "answer": "2"}\n{"problem": "2?"}\n', encoding="utf-8")
    assert len(MathVerifyEnv(tasks=path, split="all").problems.task_set) == 1
    with pytest.raises(RewardiumError, match="line 2: it has no answer"):
        MathVerifyEnv(tasks=path, split="all", strict=True)


def test_a_pickled_environment_needs_no_file(tmp_path):
    path = tmp_path / "tasks.jsonl"
    env = MathVerifyEnv(tasks=write_tasks(path, 20))
    env.reset(seed=3)
    data = pickle.dumps(env)
    path.unlink()
    copy = pickle.loads(data)  # noqa: S301
    assert copy.step(r"\boxed{5}") == env.step(r"\boxed{5}")
    assert copy.reset() == env.reset()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task": None}, "did you mean 'tasks'"),
        ({"tasks": "missing.jsonl"}, "there is no task file"),
        ({"tasks": 3}, "tasks come from"),
        ({"split": "validation"}, "no task in the split 'validation'"),
        ({"split": None}, "split must be"),
        ({"level": 9}, "no task has the level"),
        ({"level": 1.5}, "level must be"),
        ({"subject": "astrology"}, "no task has the subject"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": float("inf")}, "timeout must be"),
        ({"timeout": float("nan")}, "timeout must be"),
        ({"timeout": "1"}, "timeout must be"),
        ({"timeout": True}, "timeout must be"),
        ({"workers": 0}, "workers must be"),
        ({"workers": 1.5}, "workers must be"),
        ({"workers": True}, "workers must be"),
        ({"prompt": "Solve it!"}, "{problem}"),
        ({"prompt": None}, "{problem}"),
        ({"prompt": "{problem}" + "x" * MAX_OBSERVATION_LENGTH}, "at most 65536 characters"),
        ({"prompt": "{problem}\ud800"}, "UTF-8"),
        ({"columns": {"problems": "x"}}, "did you mean 'problem'"),
        ({"render_mode": "human"}, "render_mode"),
    ],
)
@BOTH
def test_wrong_arguments_are_named(env, wrong, message):
    with pytest.raises(RewardiumError, match=message):
        env(**wrong)


@pytest.mark.parametrize(
    "task",
    [
        {"goal": "1 + 1"},
        {"goal": "1 + 1", "reference": ""},
        {"goal": "1 + 1", "reference": " \n"},
        Task("1 + 1"),
        {"reference": "2"},
        {"goal": "1", "reference": 2},
        3,
    ],
)
@BOTH
def test_a_chosen_task_needs_a_reference(env, task):
    with pytest.raises(RewardiumError, match=r"reference|task"):
        env().reset(options={"task": task})


@pytest.mark.parametrize("goal", ["1" * 10**6, "\ud800"])
@BOTH
def test_a_chosen_task_must_be_an_observation(env, goal):
    with pytest.raises(RewardiumError, match="UTF-8"):
        env().reset(options={"task": {"goal": goal, "reference": "1"}})


def test_a_refused_task_leaves_the_vector_as_it_was():
    venv = MathVerifyVectorEnv(2, autoreset_mode="Disabled")
    tasks = list(venv.reset(seed=[1, 2])[1]["task"])
    with pytest.raises(RewardiumError, match="reference"):
        venv.reset(seed=[3, 4], options={"task": [{"goal": "1", "reference": "1"}, {"goal": "1"}]})
    assert list(venv.step(["", ""])[4]["task"]) == tasks


def test_made_through_gymnasium_in_both_forms():
    venv = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", subject="algebra")
    assert isinstance(venv, MathVerifyVectorEnv)
    assert gym.envs.registration.EnvSpec.from_json(venv.spec.to_json()).kwargs["subject"] == "algebra"
    plain = gym.make_vec(ID, num_envs=2, vectorization_mode="sync", subject="algebra")
    assert venv.reset(seed=3)[0] == plain.reset(seed=3)[0]
    assert isinstance(make_text_vec(ID, 2), MathVerifyVectorEnv)


def test_vector_renders_every_row():
    venv = MathVerifyVectorEnv(2, render_mode="ansi")
    observations, _ = venv.reset(seed=0)
    assert venv.render() == observations
    venv.step(["one", 3])
    assert venv.render() == (observations[0] + "\none", observations[1] + "\n3")
    assert MathVerifyVectorEnv(2).render() is None
    assert MathVerifyEnv().render() is None

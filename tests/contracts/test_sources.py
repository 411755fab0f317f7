"""What every registered reward source must keep, whatever it scores.

A new source is tested here without a line being added. One whose constructor needs arguments says how to build a small
one in a classmethod ``example()``; a source that only wraps another is tried around ``graded``.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import rewardium.envs  # noqa: F401  registers the environments
from rewardium import rewards
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.transition import NEEDS, Transition, TransitionBatch
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.vector import DenseVectorReward
from rewardium.rewards.wrappers import DenseReward

NAMES = rewards.source_names()
COLUMNS = {
    "observation": ("observations", "previous_observations"),
    "action": ("actions",),
    "text": ("texts",),
    "frame": ("frames",),
    "task": ("tasks",),
    "history": ("histories",),
}
ACTIONS: list[Any] = [
    r"First, 2 + 2 is 4, therefore \boxed{4}",
    r"Wait. \boxed{5} or \boxed{ 1/2 }",
    "the answer is\n4\n",
    r"<think>so so so so so so</think> \boxed{-14}",
    r"\\boxed{4} \\\boxed {4} x^{4}",
    "a b c d e f g h i j k l m n o p q r s t " * 3 + r"\boxed{04}",
    "",
    " \n\t\x00\x1c\u2028",
    "\\boxed{" * 3000,
    "{" * 3000 + "}" * 3000,
    r"\boxed{" + "9" * 5000 + "}",
    r"\boxed{1e99999999999}",
    r"\boxed{1/0}",
    r"\boxed{½٣}",
    "\ud800\\boxed{\udfff}",
    "🙂 \\boxed{4🙂}",
    "<think>" * 50 + "</think>" * 50,
    "user: " * 40,
    '<think>6 times 7</think>\n<tool_call>\n{"name": "multiply", "arguments": {"a": 6, "b": 7}}\n</tool_call>',
    '<tool_call>{"name": "multiply", "arguments": {"a": 6}}</tool_call><tool_call>{"name": "add", "arguments": {}}'
    "</tool_call>",
    '<tool_call>{"name": "multiply", "arguments": {"a": "</tool_call>", "b": [7]}}</tool_call>',
    '<tool_call>{"name": </tool_call>' + "<tool_call>" * 500,
    None,
    3.5,
    b"\\boxed{4}",
    ["\\boxed{4}"],
]
GOLD_CALLS = [{"name": "multiply", "arguments": {"a": 6, "b": 7}}]
TASKS = [
    Task("2 + 2", reference="4"),
    Task("1 / 2", reference="1/2"),
    Task("-7 * 2", reference="-14"),
    Task(
        "6 * 7",
        reference="42",
        fields={"gold_calls": GOLD_CALLS, "num_gold_calls": 1, "reference_responses": [r"so \boxed{40}", "dunno"]},
    ),
]
REPLY = '<tool_response>\n{"name": "multiply", "status": "ok", "content": "42"}\n</tool_response>'


def source_of(name: str) -> RewardSource:
    """Build a small instance of a registered source."""
    factory = rewards.get(name)
    if hasattr(factory, "example"):
        return factory.example()
    required = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.default is parameter.empty
    ]
    if required == ["source"]:
        return rewards.make(name, source=rewards.make("graded"))
    if required:
        pytest.fail(
            f"the source {name!r} cannot be built without {required}: give its class "
            f"{factory.__module__}.{factory.__qualname__} a classmethod example() that returns a small one"
        )
    return rewards.make(name)


def scores_later(source: RewardSource) -> bool:
    """Say whether the source scores in the background: its first answer may be 'not yet'."""
    return hasattr(source, "drain")


def score(source: RewardSource, batch: TransitionBatch) -> Score:
    if scores_later(source):
        source.score(batch)
        source.drain()
    return source.score(batch)


def rows_of(scored: Score) -> list[tuple[Any, ...]]:
    """Return one comparable value a row."""
    segments = scored.segments or [()] * len(scored)
    return [
        (round(value, 5), valid, [(start, end, round(credit, 5)) for start, end, credit in row])
        for value, valid, row in zip(scored.value.tolist(), scored.valid.tolist(), segments, strict=True)
    ]


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest) -> Iterator[RewardSource]:
    built = source_of(request.param)
    yield built
    if hasattr(built, "close"):
        built.close()


@pytest.fixture(scope="module")
def batch() -> TransitionBatch:
    """Every action on every task, with every part of a transition, over several environments and episodes."""
    rng = np.random.default_rng(0)
    rows = [
        Transition(
            observation=(f"reply {row}", REPLY)[row % 2],
            previous_observation="prompt",
            action=ACTIONS[row % len(ACTIONS)],
            text=("You see here a key.", "", "\ud800")[row % 3],
            frame=rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
            task=TASKS[row // len(ACTIONS)],
            reward=float(rng.integers(0, 2)),
            terminated=row % 4 == 0,
            env=row % 8,
            episode=row // 8,
            step=0,
            history=(Transition("prompt", None, "earlier", text="You wait.", task=TASKS[0]),),
        )
        for row in range(len(ACTIONS) * len(TASKS))
    ]
    return TransitionBatch.from_transitions(rows)


def without(batch: TransitionBatch, needs: frozenset[str]) -> TransitionBatch:
    return dataclasses.replace(batch, **{column: None for need in needs for column in COLUMNS[need]})


def test_one_file_is_one_source():
    homes = {name: rewards.get(name).__module__ for name in NAMES}
    shipped = {name: home for name, home in homes.items() if home.startswith("rewardium.rewards.sources.")}
    assert shipped
    assert {name: home.rsplit(".", 1)[1] for name, home in shipped.items()} == {name: name for name in shipped}


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_has_an_example(name):
    assert "Example:" in inspect.getdoc(rewards.get(name)), f"show how {name} is used, in a doctest"


def test_needs_exist(source):
    assert source.needs <= NEEDS


def test_shapes_types_and_numbers(source, batch):
    scored = score(source, batch)
    assert scored.value.shape == scored.valid.shape == (len(batch),)
    assert (scored.value.dtype, scored.valid.dtype) == (np.float32, np.bool_)
    assert np.isfinite(scored.value).all()
    assert (scored.value[~scored.valid] == 0).all()
    assert scored.segments is None or len(scored.segments) == len(batch)
    assert scored.reasons is None or len(scored.reasons) == len(batch)
    assert scored.valid.any(), "the batch has everything, so that some rows must have a score"


def test_an_empty_batch_has_an_empty_score(source, batch):
    assert len(score(source, batch[:0])) == 0


def test_the_order_of_the_batch_does_not_matter(source, batch):
    order = np.random.default_rng(1).permutation(len(batch))
    straight = rows_of(score(source, batch))
    assert rows_of(score(source, batch.select(order))) == [straight[row] for row in order]


def test_the_split_of_the_batch_does_not_matter(source, batch):
    parts = [score(source, batch[start : start + 7]) for start in range(0, len(batch), 7)]
    assert [row for part in parts for row in rows_of(part)] == rows_of(score(source, batch))


def test_only_declared_columns_are_read(source, batch):
    bare = without(batch, NEEDS - source.needs)
    assert rows_of(score(source, bare)) == rows_of(score(source, batch))


def test_missing_is_not_zero(source, batch):
    if not source.needs:
        batch = dataclasses.replace(batch, rewards=np.full(len(batch), np.nan))
        assert not score(source, batch).valid.any()
    for need in source.needs:
        assert not score(source, without(batch, frozenset({need}))).valid.any(), f"scored without {need}"


def test_segments_lie_in_the_action_and_sum_to_the_value(source, batch):
    scored = score(source, batch)
    for action, value, row in zip(batch.actions, scored.value, scored.segments or [()] * len(batch), strict=True):
        assert all(0 <= segment.start < segment.end <= len(action) for segment in row)
        assert not row or sum(segment.value for segment in row) == pytest.approx(value, abs=1e-5)


def test_pickles_and_copies(source, batch):
    for twin in (pickle.loads(pickle.dumps(source)), copy.deepcopy(source)):  # noqa: S301  our own bytes
        assert twin == source
        assert rows_of(score(twin, batch)) == rows_of(score(source, batch))
        if hasattr(twin, "close"):
            twin.close()


def test_expression_config_and_yaml_build_it_again(source):
    assert rewards.parse(str(source)) == source
    assert rewards.build(source.config()) == source
    assert rewards.from_yaml(rewards.to_yaml(source)) == source
    assert hash(rewards.parse(str(source))) == hash(source)


class Hostile(gym.Env[str, Any]):
    """Takes any action at all for three steps, and has every part of a transition."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = Utf8Text(64)
    action_space = Utf8Text(100_000)
    render_mode = "rgb_array"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.task, self.time = TASKS[int(self.np_random.integers(len(TASKS)))], 0
        return self.task.goal, {"task": self.task, "text": "You begin."}

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.time += 1
        success = isinstance(action, str) and f"boxed{{{self.task.reference}}}" in action
        info = {"task": self.task, "text": f"You wait {self.time}.", "success": success, "reason": ""}
        return f"reply {self.time}", float(success), success, self.time == 3 and not success, info

    def render(self) -> Any:
        return np.full((16, 16, 3), 40 * self.time, dtype=np.uint8)


def hostile_vector(num_envs: int) -> SyncVectorEnv:
    return SyncVectorEnv([Hostile] * num_envs, autoreset_mode=AutoresetMode.NEXT_STEP)


def drawn_actions(steps: int, num_envs: int) -> list[list[Any]]:
    rng = np.random.default_rng(2)
    return [[ACTIONS[int(index)] for index in rng.integers(len(ACTIONS), size=num_envs)] for _ in range(steps)]


def at_once(source: RewardSource) -> None:
    if scores_later(source):
        pytest.skip("scores in the background, so that the first answer may be 'not yet'")


def test_three_ways_to_apply_it_are_equal(source):
    at_once(source)
    num_envs, actions = 4, drawn_actions(9, 4)
    scalars = [DenseReward(Hostile(), source) for _ in range(num_envs)]
    vector = DenseVectorReward(hostile_vector(num_envs), source)
    deferred = DeferredVectorReward(hostile_vector(num_envs), source)
    for index, env in enumerate(scalars):
        env.reset(seed=index)
    vector.reset(seed=list(range(num_envs)))
    deferred.reset(seed=list(range(num_envs)))

    paid, valid, done = [], [], [False] * num_envs
    for step in actions:
        _, vector_rewards, _, _, infos = vector.step(step)
        _, nothing, *_ = deferred.step(step)
        assert not nothing.any()
        row, known = [0.0] * num_envs, [False] * num_envs
        for index, env in enumerate(scalars):
            if done[index]:
                env.reset()
                done[index] = False
                continue
            _, row[index], terminated, truncated, info = env.step(step[index])
            known[index], done[index] = info["reward_valid"], terminated or truncated
            if "reward_segments" in info:
                assert info["reward_segments"] == infos["reward_segments"][index]
        np.testing.assert_allclose(vector_rewards, row, atol=1e-6)
        np.testing.assert_array_equal(infos["reward_valid"], known)
        paid.append(row)
        valid.append(known)

    result = deferred.score()
    np.testing.assert_allclose(result.rewards, paid, atol=1e-6)
    np.testing.assert_array_equal(result.valid, valid)
    assert np.array(valid).any()


def test_three_ways_are_equal_on_random_calculation(source):
    at_once(source)
    if "frame" in source.needs:
        pytest.skip("RandomCalculation has no frames")
    name, num_envs = "rewardium/RandomCalculation-v0", 4
    scalar = DenseReward(gym.make(name), source)
    vector = DenseVectorReward(gym.make_vec(name, num_envs=num_envs), source)
    deferred = DeferredVectorReward(gym.make_vec(name, num_envs=num_envs), source)
    paid = []
    for number, step in enumerate(drawn_actions(5, num_envs)):
        seeds = [10 * number + index for index in range(num_envs)]
        _, infos = vector.reset(seed=seeds)
        deferred.reset(seed=seeds)
        # one of the answers is right, so that more than the failures is compared
        step[0] = f"\\boxed{{{infos['task'][0].reference}}}"
        _, vector_rewards, *_ = vector.step(step)
        deferred.step(step)
        row = []
        for seed, action in zip(seeds, step, strict=True):
            _, info = scalar.reset(seed=seed)
            assert info["task"] == infos["task"][seed - seeds[0]]
            row.append(scalar.step(action)[1])
        np.testing.assert_allclose(vector_rewards, row, atol=1e-6)
        paid.append(row)
    np.testing.assert_allclose(deferred.score().rewards, paid, atol=1e-6)


def test_an_episode_leaves_nothing_behind(source):
    at_once(source)

    def episode(env: DenseReward, seed: int) -> list[float]:
        env.reset(seed=seed)
        return [env.step(action)[1] for action in ("1", "the second turn", r"\boxed{3}")]

    used, fresh = DenseReward(Hostile(), source), DenseReward(Hostile(), source)
    episode(used, 0)
    assert episode(used, 1) == episode(fresh, 1)

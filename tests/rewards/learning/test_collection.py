from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

import rewardium.envs  # noqa: F401  registers the environments
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.collection import collect_messages, read_messages, write_messages


class Mute(gym.Env[Any, int]):
    """Does what it is told, nothing where that is 0; tells no one."""

    observation_space = Box(-1.0, 1.0, (1,), np.float32)
    action_space = Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.time += 1
        self.said = ("", "You see here a key.", "It's a wall.")[int(action)]
        return np.zeros(1, np.float32), 0.0, False, self.time == 7, {}


class Talking(Mute):
    """Says what it was told to do."""

    def caption(self):
        return Caption(self.said, str(self.time)).text()


@pytest.fixture(autouse=True)
def registered():
    gym.register("collection_test/Talking-v0", entry_point=Talking)
    gym.register("collection_test/Mute-v0", entry_point=Mute)
    yield
    for name in ("Talking", "Mute"):
        del gym.registry[f"collection_test/{name}-v0"]


def test_messages_are_counted_and_the_seed_fixes_them():
    seen = []
    counts = collect_messages(
        "collection_test/Talking-v0", steps=600, num_envs=2, seed=3, progress=lambda done, kinds: seen.append(done)
    )
    assert set(counts) == {"You see here a key.", "It's a wall."}
    assert all(100 < count < 300 for count in counts.values())
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert seen[-1] == 600
    assert counts == collect_messages("collection_test/Talking-v0", steps=600, num_envs=2, seed=3)
    assert counts != collect_messages("collection_test/Talking-v0", steps=600, num_envs=2, seed=4)


@pytest.mark.parametrize(
    ("env", "arguments", "words"),
    [
        ("collection_test/Nowhere-v0", {}, "cannot make"),
        ("collection_test/Talking-v0", {"env_kwargs": {"size": 3}}, "cannot make"),
        ("collection_test/Talking-v0", {"steps": 0}, "at least 1"),
        ("rewardium/RandomCalculation-v0", {}, "texts as actions"),
        ("collection_test/Mute-v0", {}, "text"),
    ],
)
def test_what_cannot_be_played_is_one_clear_error(env, arguments, words):
    with pytest.raises(RewardiumError, match=words):
        collect_messages(env, **{"steps": 4, "num_envs": 1, **arguments})


def test_files_of_several_kinds(tmp_path):
    path = tmp_path / "messages.jsonl"
    path.write_text(
        '"You see here a key."\n{"message": "You see  here a key.", "count": 4}\n\n'
        '{"text": "Action: east\\nMessage: It\'s a wall."}\n{"text": "Message: (none)"}\n'
    )
    counts = read_messages(path)
    assert counts == {"You see here a key.": 5, "It's a wall.": 1}
    write_messages(tmp_path / "again.jsonl", counts)
    assert read_messages(tmp_path / "again.jsonl") == counts


@pytest.mark.parametrize("line", ["{", "3", "[]", '{"text": 3}', '{"message": "a", "count": 0}', "[" * 100_000])
def test_a_line_without_a_message_is_named(tmp_path, line):
    path = tmp_path / "messages.jsonl"
    path.write_text(f'"fine"\n{line}\n')
    with pytest.raises(RewardiumError, match=r"messages\.jsonl:2"):
        read_messages(path)

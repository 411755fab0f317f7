from __future__ import annotations

import gymnasium as gym
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.programs.episode import Episode, RecordSteps, read_episodes, record_episodes, write_episodes


def test_episodes_are_recorded_as_a_program_sees_them(corridor):
    west, east, both = corridor.along("ww", "ee", "wewewe")
    assert (west.success, west.died, west.reason, west.extrinsic) == (False, True, "death", 0.0)
    assert [step["message"] for step in west.steps] == ["It is hot here.", "Burned by molten lava."]
    assert [step["map"] for step in east.steps] == ["}..@>", "}...@"]
    assert [(step["action"], step["step"]) for step in east.steps] == [("east", 0), ("east", 1)]
    assert (east.success, east.died, east.extrinsic) == (True, False, 1.0)
    assert (both.success, both.died, both.steps[-1]["truncated"], len(both.steps)) == (False, False, True, 6)


def test_seeds_fix_the_random_episodes(corridor):
    first, again, other = (record_episodes(corridor.Corridor(), 4, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_the_wrapper_forgets_what_did_not_end(corridor):
    env = RecordSteps(corridor.Corridor())
    env.reset()
    env.step(0)
    env.reset()
    for _ in range(2):
        env.step(1)
    assert [len(episode.steps) for episode in env.episodes] == [2]


def test_files_keep_episodes(corridor, tmp_path):
    episodes = record_episodes(corridor.Corridor(), 3, seed=1)
    write_episodes(tmp_path / "episodes.jsonl", episodes)
    assert read_episodes(tmp_path / "episodes.jsonl") == episodes
    with (tmp_path / "episodes.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"success": true}\n')
    with pytest.raises(RewardiumError, match=r"episodes.jsonl, line 4 is no episode"):
        read_episodes(tmp_path / "episodes.jsonl")
    with pytest.raises(RewardiumError, match="cannot read"):
        read_episodes(tmp_path / "missing.jsonl")


@pytest.mark.parametrize("line", ["[]", "1", '{"success": 1, "steps": [1]}', '{"success": 1, "steps": 3}', "[" * 10**5])
def test_lines_that_are_no_episodes_are_refused(tmp_path, line):
    (tmp_path / "a").write_text(line, encoding="utf-8")
    with pytest.raises(RewardiumError, match="line 1 is no episode"):
        read_episodes(tmp_path / "a")


def test_an_environment_without_texts_is_refused():
    with pytest.raises(RewardiumError, match="text"):
        record_episodes(gym.make("CartPole-v1"), 1)


def test_what_is_empty_has_not_died():
    assert not Episode((), success=False).died

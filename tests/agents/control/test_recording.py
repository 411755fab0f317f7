from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from rewardium.agents.control.algorithms import make_model
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.evaluation import evaluation_env
from rewardium.agents.control.recording import printable, record, render_mode_of, smaller, write_replay, write_video


def model_of(config):
    return make_model(config, evaluation_env(config, config.num_envs))


def test_a_text_episode_is_a_terminal_replay(tmp_path):
    config = ControlConfig("FrozenLake-v1", num_envs=2, env_kwargs={"is_slippery": False}, success_return=1.0)
    rows = record(config, model_of(config), tmp_path / "shown", episodes=3, greedy=False, seed=1)
    assert [row["recording"] for row in rows] == [f"shown/episode-{number}.cast" for number in range(3)]
    for row in rows:
        header, *events = map(json.loads, (tmp_path / row["recording"]).read_text().splitlines())
        assert header["version"] == 2
        assert header["height"] >= 4
        assert len(events) == row["length"] + 1 == len(row["actions"].split(", ")) + 1
        assert "\x1b[41m" in events[0][2]  # where the agent stands
        assert "\x1b" not in row["last_screen"]
        assert row["success"] == (row["return"] == 1.0)


def test_the_last_screen_is_that_of_the_terminal_step(tmp_path):
    config = ControlConfig("FrozenLake-v1", num_envs=1, env_kwargs={"desc": ("SG",), "is_slippery": False})
    (row,) = record(config, model_of(config), tmp_path, episodes=1, greedy=False, seed=0)
    assert row["return"] == 1.0
    *_, last = map(json.loads, (tmp_path / row["recording"].split("/")[1]).read_text().splitlines())
    assert "S\x1b[41mG\x1b[0m" in last[2]


def test_without_a_renderer_the_episodes_are_told_in_numbers(tmp_path, monkeypatch, caplog):
    from gymnasium.envs.classic_control import CartPoleEnv
    from gymnasium.error import DependencyNotInstalled

    def no_renderer(self):
        raise DependencyNotInstalled("pygame is not installed")

    monkeypatch.setattr(CartPoleEnv, "render", no_renderer)
    config = ControlConfig("CartPole-v1", num_envs=1)
    (row,) = record(config, model_of(config), tmp_path / "none", episodes=1, greedy=True, seed=0)
    assert "no pictures" in caplog.text
    assert row["length"] == row["return"] == len(row["actions"].split(", "))
    assert "recording" not in row
    assert not (tmp_path / "none").exists()


def test_a_video_of_the_terminal(tmp_path):
    pytest.importorskip("minihack")
    config = ControlConfig("rewardium/MiniHack-Room-5x5-v0", num_envs=1, env_kwargs={"render_mode": "rgb_array"})
    assert render_mode_of(config) == "rgb_array"
    (row,) = record(config, model_of(config), tmp_path, episodes=1, greedy=False, seed=0)
    assert (tmp_path / row["recording"].split("/")[1]).stat().st_size > 1000


def test_a_gif_shows_every_frame(tmp_path, monkeypatch):
    monkeypatch.setattr("rewardium.agents.control.recording.find_spec", lambda name: None)
    frames = [np.full((20, 30, 3), 80 * shade, np.uint8) for shade in range(4)]
    file = write_video(frames, tmp_path / "film")
    with Image.open(file) as film:
        assert (film.format, film.n_frames, film.size) == ("GIF", 4, (30, 20))


def test_large_frames_become_smaller():
    frame = np.arange(1000 * 4 * 3, dtype=np.uint8).reshape(1000, 4, 3)
    small = smaller(frame)
    assert small.shape == (250, 1, 3)
    assert not np.shares_memory(small, frame)
    assert smaller(small).shape == small.shape


@pytest.mark.parametrize(
    ("screen", "clean"),
    [
        ("a\nb", "a\nb"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[2J\x1b]0;title\x07\x9b31m", "[2J]0;title31m"),
        ("\x1b\x1b[31m[31m\r\t", "\x1b[31m[31m"),
    ],
)
def test_a_screen_can_only_show(screen, clean):
    assert printable(screen) == clean
    assert "\x1b" not in printable(screen, colours=False)


def test_an_empty_screen_is_a_replay_too(tmp_path):
    assert json.loads(write_replay([""], tmp_path / "empty.cast").read_text().splitlines()[0])["width"] == 0

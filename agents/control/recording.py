"""Episodes to look at: terminal replays of what renders as text, and videos of what renders as pictures."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.evaluation import Evaluation, evaluate, evaluation_env
from rewardium.envs.errors import RewardiumError

logger = logging.getLogger(__name__)

LONGEST = 2_000
"""Frames of an episode that are kept."""
_SECONDS_A_SCREEN = 0.2
_LARGEST_SIDE = 320
_FRAMES_A_SECOND = 20
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Screens(gym.Wrapper[Any, Any, Any, Any]):
    """Keep the names of the actions and, where the environment has a render mode, its screens, episode by episode.

    It stands inside of the vector environment, which resets within the step, so that the last screen of an episode is
    seen too.

    Args:
        env: The environment.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.frames: list[list[Any]] = []
        self.actions: list[list[str]] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and begin a new episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.frames.append(self._screen())
        self.actions.append([])
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and keep its screen."""
        result = self.env.step(action)
        if len(self.actions[-1]) < LONGEST:
            self.frames[-1] += self._screen()
            self.actions[-1].append(self._name(action))
        return result

    def _screen(self) -> list[Any]:
        if self.env.render_mode is None:
            return []
        screen: Any = self.env.render()
        return [smaller(screen) if isinstance(screen, np.ndarray) else str(screen)]

    def _name(self, action: Any) -> str:
        names = getattr(self.env.unwrapped, "action_names", None)
        if names is not None and np.ndim(action) == 0:
            return str(names[int(action)])
        return str(action) if np.ndim(action) == 0 else np.array2string(np.asarray(action), precision=2)


def record(
    config: ControlConfig, model: BaseAlgorithm, folder: Path, *, episodes: int, greedy: bool, seed: int
) -> list[dict[str, Any]]:
    """Play episodes of a policy and write them down.

    Args:
        config: What the run is.
        model: Whose policy acts.
        folder: Where the files go: ``episode-0.cast`` (a terminal replay for ``asciinema play``) where the environment
            renders text, ``episode-0.mp4`` or ``.gif`` where it renders pictures.
        episodes: How many.
        greedy: Whether the likeliest action is taken, or one is drawn.
        seed: Seeds environment and draws.

    Returns:
        One mapping an episode: success, return, length, actions and, where the environment renders, the file and the
        last screen of text.
    """
    mode = render_mode_of(config)
    try:
        played, screens, actions = _play(config, model, mode, episodes, greedy, seed)
    except (RewardiumError, gym.error.Error, ImportError) as error:  # a renderer that is not installed, no display, ...
        logger.warning("the recorded episodes have no pictures: %s", error)
        played, screens, actions = _play(config, model, None, episodes, greedy, seed)
    rows = []
    for number in range(episodes):
        row = {
            "success": None if played.success is None else bool(played.success[number]),
            "return": float(played.returns[number]),
            "length": int(played.lengths[number]),
            "actions": ", ".join(actions[number]),
        }
        rows.append({**row, **_written(folder, number, screens[number])} if screens[number] else row)
    return rows


def _play(
    config: ControlConfig, model: BaseAlgorithm, mode: str | None, episodes: int, greedy: bool, seed: int
) -> tuple[Evaluation, list[list[Any]], list[list[str]]]:
    kwargs = {} if mode is None else {"render_mode": mode}
    env = evaluation_env(config, 1, like=model.get_env(), wrappers=[Screens], **kwargs)
    try:
        played = evaluate(model, env, episodes=episodes, greedy=greedy, seed=seed, success_return=config.success_return)
        return played, env.get_attr("frames")[0], env.get_attr("actions")[0]
    finally:
        env.close()


def render_mode_of(config: ControlConfig) -> str | None:
    """Return how the run's environment is recorded: as text where it can be, else as pictures, else not.

    Example:
        >>> render_mode_of(ControlConfig("FrozenLake-v1")), render_mode_of(ControlConfig("CartPole-v1"))
        ('ansi', 'rgb_array')
    """
    if "render_mode" in config.env_kwargs:
        mode = config.env_kwargs["render_mode"]
        return mode if mode in ("ansi", "rgb_array") else None
    spec = gym.spec(config.env)
    entry = spec.entry_point
    creator = gym.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    modes = getattr(creator, "metadata", {}).get("render_modes", [])
    return next((mode for mode in ("ansi", "rgb_array") if mode in modes), None)


def _written(folder: Path, number: int, frames: Sequence[Any]) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(frames[0], str):
        file = write_replay(frames, folder / f"episode-{number}.cast")
        return {
            "recording": str(Path(folder.name) / file.name),
            "last_screen": "\n" + printable(frames[-1], colours=False),
        }
    return {"recording": str(Path(folder.name) / write_video(frames, folder / f"episode-{number}").name)}


def write_replay(screens: Sequence[str], file: Path) -> Path:
    """Write screens of text as a terminal replay, in version 2 of asciinema's format.

    Args:
        screens: The screens, 0.2 s apart.
        file: The file to write.

    Returns:
        The file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lines = write_replay(["@.", ".@"], Path(folder) / "walk.cast").read_text().splitlines()
        >>> json.loads(lines[0])["width"], json.loads(lines[2])[0]
        (2, 0.2)
    """
    shown = [printable(screen).split("\n") for screen in screens]
    size = {
        "width": max(len(_COLOUR.sub("", line)) for lines in shown for line in lines),
        "height": max(len(lines) for lines in shown),
    }
    events = [
        [round(number * _SECONDS_A_SCREEN, 3), "o", "\x1b[H\x1b[2J" + "\r\n".join(lines)]
        for number, lines in enumerate(shown)
    ]
    lines = [json.dumps({"version": 2, **size}), *(json.dumps(event) for event in events)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def printable(screen: str, *, colours: bool = True) -> str:
    r"""Return a screen without control characters, which could do more to a terminal than show text.

    Args:
        screen: What an environment rendered.
        colours: Whether sequences that set colours stay.

    Returns:
        The screen, with ``\n`` between its lines.

    Example:
        >>> printable("\x1b[31m@\x1b[0m\x1b]0;title\x07", colours=False)
        '@]0;title'
    """
    parts = _COLOUR.split(screen)
    marks = _COLOUR.findall(screen) if colours else []
    clean = [_CONTROL.sub("", part) for part in parts]
    return clean[0] + "".join((marks[number] if colours else "") + part for number, part in enumerate(clean[1:]))


def smaller(frame: NDArray[np.uint8], largest_side: int = _LARGEST_SIDE) -> NDArray[np.uint8]:
    """Return a frame by whole steps smaller, until no side is longer than ``largest_side``; a copy.

    Example:
        >>> smaller(np.zeros((400, 600, 3), dtype=np.uint8)).shape
        (200, 300, 3)
    """
    step = -(-max(frame.shape[:2]) // largest_side)
    return np.ascontiguousarray(frame[::step, ::step])


def write_video(frames: Sequence[NDArray[np.uint8]], file: Path) -> Path:
    """Write frames as MP4 where ``imageio`` and ``imageio-ffmpeg`` are installed, and as GIF elsewhere.

    Args:
        frames: uint8 [height, width, 3] each, of one size.
        file: The file without a suffix.

    Returns:
        The file.
    """
    if find_spec("imageio") is not None and find_spec("imageio_ffmpeg") is not None:
        imageio: Any = import_module("imageio.v3")
        video = file.with_suffix(".mp4")
        even = [frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2] for frame in frames]  # as H.264 wants it
        imageio.imwrite(video, np.stack(even), fps=_FRAMES_A_SECOND, macro_block_size=1)
        return video
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    animation = file.with_suffix(".gif")
    pictures[0].save(animation, save_all=True, append_images=pictures[1:], duration=1000 // _FRAMES_A_SECOND, loop=0)
    return animation

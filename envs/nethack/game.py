"""A running game: the environment of NLE or MiniHack, made fast, quiet and reproducible.

What is changed of the base environments, and nothing else:

- Only the parts of the screen that somebody reads are computed and copied; of the base's time most goes into parts that
  are thrown away.
- A won game is left as it stands. The base quits it within the step, so that its last observation is blank.
- After a death the last observation is the moment of death, for the same reason.
- MiniHack's levels are compiled once a process and not once an environment.
- The messages of all keys of a step are kept. A step may press several (MiniHack's key, the pages of ``--More--``), and
  the base's observation has the last message only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.compilation import compile_level, read_description
from rewardium.envs.nethack.games import GameSpec
from rewardium.envs.nethack.glyphs import map_descriptions
from rewardium.envs.nethack.packages import load, nethack

ALWAYS = ("glyphs", "chars", "blstats", "message", "program_state", "internal")
INVENTORY = ("inv_glyphs", "inv_strs", "inv_letters", "inv_oclasses")
TERMINAL = ("tty_chars", "tty_colors", "tty_cursor")

# Places in NLE's vectors program_state and internal (winrl.cc).
_GAME_OVER = 0
_ASKS_CHARACTER, _ASKS_LINE, _WAITS_FOR_SPACE, STANDS_ON_STAIRS, NUTRITION = 1, 2, 3, 4, 7
_ESCAPE = 27
# MiniHack packs its levels without the file of rumors, and the game says so where the Master Key whispers one.
_OF_THE_PACKING = frozenset(
    {"Can't open 'rumors' file. Program in disorder!", '"NetHack rumors file closed for renovation."'}
)

Array = NDArray[Any]
Seeds = tuple[int, int, int]
"""Of NetHack's generators: core, disp, lgen."""


class Recorder:
    """Stands where NLE presses keys, and keeps what a later key of the same step would overwrite.

    Args:
        press: NLE's own function: a key in, observations and whether the game is over out.
        buffers: The arrays that NLE writes into.
    """

    def __init__(self, press: Any, buffers: Mapping[str, Array]) -> None:
        self._press = press
        self._buffers = buffers
        self._message, self._internal, self._state = (
            buffers[name] for name in ("message", "internal", "program_state")
        )
        self._keys = 0
        self._last_key = 0
        self._pages: list[bytes] = []
        self._at_death: dict[str, Array] = {}

    def begin(self) -> None:
        """Forget the last step."""
        self._keys = 0
        if self._pages:
            self._pages = []
        if self._at_death:
            self._at_death = {}

    def press(self, key: int) -> Any:
        """Press a key; what the key before it showed within this step is kept."""
        if self._keys:
            self._keep_page()
        self._keys += 1
        self._last_key = key
        return self._press(key)

    def _keep_page(self) -> None:
        if not (self._internal[_ASKS_CHARACTER] or self._internal[_ASKS_LINE]):  # the step itself answers questions
            self._pages.append(self._message.tobytes())
        if not self._at_death and self._state[_GAME_OVER]:
            self._at_death = {name: buffer.copy() for name, buffer in self._buffers.items()}

    def restore_death(self) -> bool:
        """Write back what was shown when the game was lost, if a later key has blanked it."""
        for name, array in self._at_death.items():
            np.copyto(self._buffers[name], array)
        return bool(self._at_death)

    def messages(self) -> tuple[str, ...]:
        """Return what the game said in this step, page by page, without repetitions and empty pages."""
        pages = list(self._pages)
        # After an answered question the escape from the next one says "Never mind.", which is no news.
        if not (pages and self._last_key == _ESCAPE):
            pages.append(self._message.tobytes())
        texts = (readable(page) for page in pages)
        return tuple(dict.fromkeys(text for text in texts if text and text not in _OF_THE_PACKING))


def readable(page: bytes) -> str:
    """Return a message's bytes as text.

    Example:
        >>> readable(b"It's a  wall." + bytes(4))
        "It's a wall."
    """
    return " ".join(page.split(b"\0", 1)[0].decode("latin-1").split())


@cache
def playable(base: type[Any]) -> type[Any]:
    """Return a class of NLE or MiniHack with the changes that this module's docstring lists."""

    class Playable(base):  # type: ignore[misc]
        def _patch_nhdat(self, des_file: str) -> None:
            path = Path(self.nethack._vardir) / "nhdat"
            path.unlink(missing_ok=True)  # a link to NLE's own file, which must not be written to
            path.write_bytes(compile_level(read_description(des_file)))

        def _quit_game(self, observation: Any, done: bool) -> None:
            """Leave the game as it is: the next reset ends it."""

        def get_screen_description(self, x: int, y: int, observation: Any = None) -> str:
            """Describe a square of the map itself from its glyph; anything else is ""."""
            seen = self.last_observation if observation is None else observation
            rows, columns = seen[self._glyph_index].shape
            if not (0 <= x < columns and 0 <= y < rows):
                return ""
            return map_descriptions().get(int(seen[self._glyph_index][y, x]), "")

        def screen_contains(self, name: str, observation: Any = None) -> bool:
            """Tell whether a piece of the map with this name is seen."""
            seen = self.last_observation if observation is None else observation
            glyphs = [glyph for glyph, words in map_descriptions().items() if name in words]
            return bool(np.isin(seen[self._glyph_index], glyphs).any())

    Playable.__name__ = Playable.__qualname__ = base.__name__
    return Playable


class Game:
    """One game of NetHack in this process.

    Args:
        spec: Which game.
        observation_keys: Keys of the raw observation that ``reset`` and ``step`` return; None for the base's own.
        draws: Whether the terminal is drawn, so that its characters must be computed.

    Raises:
        MissingExtraError: When NLE or MiniHack is not installed.
        RewardiumError: When the base environment refuses the observation keys.
    """

    def __init__(self, spec: GameSpec, observation_keys: Iterable[str] | None = None, *, draws: bool = False) -> None:
        module, name = spec.base.split(":")
        base = playable(getattr(load(module), name))
        arguments = dict(spec.arguments)
        if spec.level is not None:
            arguments["des_file"] = read_level(spec.level)
        if observation_keys is not None:
            self.observation_keys = tuple(dict.fromkeys(observation_keys))
        else:
            self.observation_keys = default_keys(spec, module)
        is_minihack = module.startswith("minihack")
        asked = [key.removesuffix("_crop") for key in self.observation_keys]
        if any(key.startswith("tty") and key.endswith("_crop") for key in self.observation_keys):
            asked.append("tty_cursor")
        needed = {*ALWAYS, *INVENTORY, *asked, *(TERMINAL if draws else ())}
        if is_minihack:
            arguments["observation_keys"] = self.observation_keys
        else:
            # NLE adds what it needs for itself, and warns where "internal" is asked for.
            added = sorted(needed - {"internal", "program_state"})
            arguments["observation_keys"] = tuple(dict.fromkeys(("blstats", *self.observation_keys, *added)))
        try:
            # Its own limit would quit the game and call that an end of the task; limits are counted outside.
            self.env = base(max_episode_steps=sys.maxsize, fix_moon_phase=True, render_mode=None, **arguments)
        except (ValueError, KeyError) as error:
            raise RewardiumError(f"the observation keys {list(self.observation_keys)} do not fit: {error}") from error
        self.buffers: dict[str, Array] = _only(self.env.nethack, needed)
        self._recorder = Recorder(self.env.nethack.step, self.buffers)
        self.env.nethack.step = self._recorder.press
        self.actions: tuple[int, ...] = tuple(self.env.actions)
        spaces = self.env.observation_space.spaces
        if not is_minihack:  # NLE was made with more keys than were asked for; it returns those that are named here
            self.env._original_observation_keys = self.observation_keys
            self.env._original_indices = tuple(map(self.env._observation_keys.index, self.observation_keys))
        # NLE copies the whole last observation before a step, and its tasks read only the bottom line, which is first.
        self._last_observation = None if is_minihack else (self.buffers["blstats"],)
        self.observation_spaces = {key: spaces[key] for key in self.observation_keys}
        self._statuses = {-1: "aborted", 0: "running", 1: "death", 2: "success"}

    def reset(self, seeds: Seeds) -> dict[str, Array]:
        """Begin the game that the seeds fix.

        Returns:
            The raw observation; its arrays are the game's own, which the next step overwrites.

        Raises:
            RewardiumError: When the game was closed.
        """
        if self.env.nethack._pynethack is None:
            raise RewardiumError("the environment is closed, and its game is gone: make a new one")
        core, disp, lgen = seeds
        self.env.seed(core, disp, False, lgen)
        self._recorder.begin()
        observation: dict[str, Array] = self.env.reset()[0]
        return observation

    def step(self, action: int) -> tuple[dict[str, Array], float, bool, str]:
        """Take an action.

        Returns:
            The raw observation (the game's own arrays), the base's reward, whether the task or the hero's life ended,
            and the status: "running", "success", "death" or "aborted" (the game was left).
        """
        self._recorder.begin()
        if self._last_observation is not None:
            self.env.last_observation = self._last_observation
        observation, reward, done, _, info = self.env.step(action)
        status = self._statuses[int(info["end_status"])]
        if done and self._recorder.restore_death():
            observation = self.env._get_observation(self.env.last_observation)
        if done and status == "death" and not self.died:
            status = "success" if info["is_ascended"] else "aborted"
        return observation, reward, done, status

    @property
    def died(self) -> bool:
        """Whether the game ended with the hero's death, and not by leaving it."""
        return int(self.env.nethack.how_done()) <= int(nethack().GENOCIDED)

    @property
    def ending(self) -> str:
        """How the game ended, in NetHack's own word, e.g. ``"burning"``."""
        return str(self.env.nethack.how_done()).rsplit(".", 1)[-1].lower()

    @property
    def takes_answers(self) -> bool:
        """Whether the agent answers the game's questions; else most of them are declined for it."""
        return bool(self.env._allow_all_yn_questions)

    @property
    def asks(self) -> bool:
        """Whether the game waits for a character that answers a question."""
        return bool(self.buffers["internal"][_ASKS_CHARACTER])

    def messages(self) -> tuple[str, ...]:
        """Return all that the game said in the last step, page by page."""
        return self._recorder.messages()

    def close(self) -> None:
        """End the game and remove its folder."""
        # The pressed keys lead back here: without this the game would wait for the garbage collector.
        self.env.nethack.__dict__.pop("step", None)
        self.env.close()


def _only(game: Any, needed: set[str]) -> dict[str, Array]:
    """Let NLE compute only some observations; the others become empty arrays, which are copied for nothing.

    NLE takes its arrays once, before the first game begins.
    """
    buffers: dict[str, Array] = {key: array for key, array in game._obs_buffers.items() if key in needed}
    game._pynethack.set_buffers(**buffers)
    game._obs = tuple(
        array if key in needed else np.zeros((0, *array.shape[1:]), array.dtype)
        for key, array in game._obs_buffers.items()
    )
    return buffers


def default_keys(spec: GameSpec, module: str) -> tuple[str, ...]:
    """Return the observation keys that a base environment has by default; of NLE's, all but the descriptions.

    NLE describes each square of the screen in 80 bytes, which takes longer than the game itself.
    """
    if not module.startswith("minihack"):
        return (
            "glyphs", "chars", "colors", "specials", "blstats", "message", "inv_glyphs", "inv_strs", "inv_letters",
            "inv_oclasses", "tty_chars", "tty_colors", "tty_cursor",
        )  # fmt: skip
    base = load("minihack")
    keys = tuple(load("minihack.base").MH_DEFAULT_OBS_KEYS)
    name = spec.base.split(":")[1]
    return (*keys, "inv_strs", "inv_letters") if issubclass(getattr(load(module), name), base.MiniHackSkill) else keys


def read_level(name: str) -> str:
    """Return the description of one of the suite's own levels."""
    return files("rewardium.envs.nethack").joinpath("des", name).read_text(encoding="utf-8")

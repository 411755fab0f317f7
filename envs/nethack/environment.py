"""NetHack and MiniHack as Gymnasium environments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import index
from typing import Any, get_args

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.action_names import action_names
from rewardium.envs.nethack.captions import inventory, inventory_changes, map_crop, status_line
from rewardium.envs.nethack.events import EventTracker
from rewardium.envs.nethack.game import Game, Seeds
from rewardium.envs.nethack.games import find_game
from rewardium.envs.nethack.observations import (
    Features,
    FeaturesObserver,
    MapFeaturesObserver,
    Mode,
    Observer,
    Planes,
    PlanesObserver,
    RawObserver,
    read_crop,
)
from rewardium.envs.nethack.terminal import draw_terminal
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_OBSERVATION_LENGTH

_REFERENCE = re.compile(r"seeds (\d{1,20}) (\d{1,20}) (\d{1,20})")
_REASONS = {
    "running": "the episode goes on",
    "success": "the task is solved",
    "aborted": "the game was left before the task was solved",
}


class NetHackEnv(gym.Env[Any, int]):
    """A game of NetHack or a task of MiniHack.

    ## Description
    The real game, through the NetHack Learning Environment. A seed fixes the whole episode: the level, the hero, the
    dice, and what the game would else take from the clock.

    ## Action Space
    ``Discrete(n)``, as in the underlying task; ``action_names`` says in words what each does. In the tasks of one key,
    ``apply`` next to a closed door with the key in hand unlocks the door and opens it, as in MiniHack.

    ## Observation Space
    See ``observation``:

    - ``"dict"``: the raw arrays of NLE and MiniHack, those of ``observation_keys`` or the task's own;
    - ``"image"``: uint8 [K, height, width], ``observations.Planes``;
    - ``"features"``: float32 [N] in [-1, 1], ``observations.Features``;
    - ``"map_features"``: the last two as a ``Dict`` with the keys ``image`` and ``features``;
    - ``"text"``: the caption as ``Utf8Text``; after a reset, the goal and the names of the actions before it.

    A terminal observation shows how the task was solved or the hero died; the base environments show a blank screen.

    ## Rewards
    Those of the underlying task. MiniHack: 1 for the solved task, -0.01 for a step in which no time passes;
    NetHack's own tasks: see NLE.

    ## Starting State
    Three seeds of the game (core, disp, lgen) are drawn from ``np_random``. ``options={"task": ...}`` takes the task of
    an earlier episode, whose ``reference`` holds its seeds.

    ## Episode End
    ``terminated`` where the task is solved, the hero dies or leaves the game. The limit on steps is Gymnasium's
    ``max_episode_steps``, which ends an episode by ``truncated``.

    ## Information
    ``reset``: ``task``, a ``Task`` with the goal in words. ``step``: ``task``; ``success`` (bool); ``reason`` (str);
    ``end_status`` ("running", "success", "death" or "aborted"); and, with ``track_events``, ``events``, a tuple of
    names, see ``events``: for evaluation, never for a reward. ``caption()`` tells the last step in words.

    ## Version History
    * v0: the first version.

    Args:
        game: Name of a game in ``games.GAMES``.
        observation: What a policy sees: "dict", "features", "image", "map_features" or "text".
        observation_keys: For "dict": the raw keys, e.g. ``("glyphs", "blstats")``; None for the task's own
            (NLE's without ``screen_descriptions``).
        copy: For "dict": whether each observation has arrays of its own. NLE reuses its arrays, so without copies an
            observation changes with the next step, as in the base environments.
        crop: For planes: an odd int, (height, width), or None for the whole map.
        caption_map: (height, width) of the map in captions, odd; None for captions without a map.
        track_events: Whether to read ``info["events"]`` from the game's state.
        render_mode: "rgb_array": the terminal as uint8 [264, 480, 3]; "ansi": the terminal as text; or None.

    Raises:
        MissingExtraError: When NLE, MiniHack or, to draw, Pillow is not installed.
        RewardiumError: When an argument is wrong.

    Example:
        >>> env = NetHackEnv("MiniHack-KeyRoom-S5", observation="image")  # doctest: +SKIP
        >>> planes, info = env.reset(seed=1)  # doctest: +SKIP
        >>> planes.shape, env.action_names[8:]  # doctest: +SKIP
        ((35, 9, 9), ('pick up', 'apply'))
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 8}  # noqa: RUF012 - Gymnasium's

    def __init__(
        self,
        game: str,
        observation: Mode = "dict",
        *,
        observation_keys: Sequence[str] | None = None,
        copy: bool = True,
        crop: int | Sequence[int] | None = 9,
        caption_map: Sequence[int] | None = (9, 17),
        track_events: bool = False,
        render_mode: str | None = None,
    ) -> None:
        self._arguments = {
            "game": game, "observation": observation, "observation_keys": observation_keys, "copy": copy,
            "crop": crop, "caption_map": caption_map, "track_events": track_events, "render_mode": render_mode,
        }  # fmt: skip
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise RewardiumError(
                f"render_mode must be one of {self.metadata['render_modes']} or None, got {render_mode!r}"
            )
        if observation not in get_args(Mode):
            raise RewardiumError(f"observation must be one of {', '.join(get_args(Mode))}, got {observation!r}")
        if observation_keys is not None and observation != "dict":
            raise RewardiumError(f"observation_keys are of observation='dict', not of {observation!r}")
        self.render_mode = render_mode
        self.spec_of_game = find_game(game)
        self._map_size = read_crop(list(caption_map) if caption_map is not None else None)
        keys = observation_keys if observation == "dict" else ("glyphs", "blstats", "message")
        self.game = Game(self.spec_of_game, keys, draws=render_mode is not None)
        self.action_names = action_names(self.game.actions)
        self.action_space: gym.Space[Any] = gym.spaces.Discrete(len(self.game.actions))
        self._observe = _observer(observation, self.game, read_crop(crop), copy)
        self.observation_space = Utf8Text(MAX_OBSERVATION_LENGTH) if self._observe is None else self._observe.space
        self._events = EventTracker(self.game) if track_events else None
        self._task: Task | None = None
        self._taken: list[int] = []
        self._live = False
        self._ended = True
        self._before: tuple[NDArray[Any], NDArray[Any]] | None = None
        self._last_action: int | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the game of a seed, a new one, or that of ``options["task"]``."""
        super().reset(seed=seed)
        chosen = (options or {}).get("task")
        task = None if chosen is None else Task.from_option(chosen)
        seeds = _read_seeds(task)
        if seeds is None:
            core, disp, lgen = self.np_random.integers(2**32, size=3).tolist()
            seeds = (core, disp, lgen)
        self._task = Task(self.spec_of_game.goal if task is None else task.goal, "seeds {} {} {}".format(*seeds))
        raw = self._begin(seeds)
        return self._observation(raw), {"task": self._task}

    def _begin(self, seeds: Seeds) -> dict[str, NDArray[Any]]:
        self._taken = []
        self._live = True
        self._ended = False
        self._last_action = None
        self._before = None
        raw = self.game.reset(seeds)
        if self._events is not None:
            self._events.reset()
        return raw

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take an action.

        Raises:
            gymnasium.error.ResetNeeded: When there is no game to step.
            RewardiumError: When there is no such action.
        """
        if self._task is None or self._ended:
            raise ResetNeeded("the episode has ended, or none has begun: call reset first")
        number = index(action)
        if not 0 <= number < len(self.action_names):
            raise RewardiumError(f"an action is an int below {len(self.action_names)}, got {action!r}")
        if not self._live:
            self._replay()
        raw, reward, ended, status = self._act(number)
        self._ended = ended
        info: dict[str, Any] = {
            "task": self._task,
            "success": status == "success",
            "reason": _REASONS.get(status) or f"the hero died ({self.game.ending})",
            "end_status": status,
        }
        if self._events is not None:
            info["events"] = self._events.step(status)
        return self._observation(raw), reward, ended, False, info

    @property
    def tracks_events(self) -> bool:
        """Whether ``info["events"]`` is filled."""
        return self._events is not None

    @property
    def game_asks(self) -> bool:
        """Whether the game waits for a character that answers a question."""
        if self._task is None:
            return False
        if not self._live:
            self._replay()
        return self.game.asks

    def _act(self, action: int) -> tuple[dict[str, NDArray[Any]], float, bool, str]:
        buffers = self.game.buffers
        self._before = (buffers["inv_letters"].copy(), buffers["inv_strs"].copy())
        self._taken.append(action)
        self._last_action = action
        return self.game.step(action)

    def _observation(self, raw: dict[str, NDArray[Any]]) -> Any:
        if self._observe is not None:
            return self._observe(raw, self.game, self._last_action)
        caption = self.caption()
        return caption if self._last_action is not None else f"{self.introduction()}\n\n{caption}"

    def introduction(self) -> str:
        """Return the goal, the names of the actions, and what the hero carries at the start."""
        goal = self.spec_of_game.goal if self._task is None else self._task.goal
        carried = inventory(self.game.buffers["inv_letters"], self.game.buffers["inv_strs"])
        lines = [goal, f"Actions: {', '.join(self.action_names)}."]
        if self.game.takes_answers:
            lines.append("While the game asks a question, answer with one character.")
        lines.append(f"You carry: {'; '.join(f'{letter} - {text}' for letter, text in carried.items()) or 'nothing'}.")
        return "\n".join(lines)

    def caption(self) -> str:
        """Tell the last step in words, in the form of ``Caption.text``; nothing is computed before it is asked for.

        The message holds all that the game said in the step, also what ``--More--`` or a later key of the same step
        has taken off the screen.

        Raises:
            gymnasium.error.ResetNeeded: When no game has begun.
        """
        if self._task is None:
            raise ResetNeeded("there is nothing to tell before the first reset")
        if not self._live:
            self._replay()
        buffers = self.game.buffers
        changes: tuple[str, ...] = ()
        if self._before is not None:
            before = inventory(*self._before)
            changes = inventory_changes(before, inventory(buffers["inv_letters"], buffers["inv_strs"]))
        blstats = buffers["blstats"]
        return Caption(
            message=" ".join(self.game.messages()),
            action="" if self._last_action is None else self.action_names[self._last_action],
            inventory=changes,
            status=status_line(blstats),
            map=""
            if self._map_size is None
            else map_crop(buffers["chars"], int(blstats[0]), int(blstats[1]), *self._map_size),
        ).text()

    def render(self) -> NDArray[np.uint8] | str | None:  # type: ignore[override]
        """Return the terminal as a picture or as text, as ``render_mode`` says."""
        if self.render_mode is None:
            return None
        if self._task is not None and not self._live:
            self._replay()
        buffers = self.game.buffers
        if self.render_mode == "ansi":
            rows = (row.tobytes().decode("latin-1").replace("\0", " ") for row in buffers["tty_chars"])
            return "\n".join(row.rstrip() for row in rows)
        row, column = buffers["tty_cursor"].tolist()
        return draw_terminal(buffers["tty_chars"], buffers["tty_colors"], (row, column))

    def close(self) -> None:
        """End the game and remove what it keeps on disk."""
        self._ended = True
        self._live = False
        self._task = None
        self.game.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the game itself: its seeds and the actions taken fix it."""
        return {
            "arguments": self._arguments,
            "np_random": self._np_random,
            "np_random_seed": self._np_random_seed,
            "task": self._task,
            "taken": list(self._taken),
            "ended": self._ended,
            "spec": self.spec,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a game of the same kind; the episode is played again when it goes on."""
        self.__init__(**state["arguments"])  # type: ignore[misc]
        self._np_random = state["np_random"]
        self._np_random_seed = state["np_random_seed"]
        self._task = state["task"]
        self._taken = state["taken"]
        self._ended = state["ended"]
        self.spec = state["spec"]

    def _replay(self) -> None:
        """Play the episode up to the present moment, after a pickle or a copy."""
        seeds = _read_seeds(self._task)
        if seeds is None:
            raise ResetNeeded("the episode has ended, or none has begun: call reset first")
        taken = self._taken
        self._begin(seeds)
        ended = False
        for action in taken:
            _, _, ended, status = self._act(action)
            if self._events is not None:
                self._events.step(status)
        self._ended = ended


def _observer(mode: Mode, game: Game, crop: tuple[int, int] | None, copy: bool) -> Observer | None:
    """Return what makes observations, or None where they are captions."""
    match mode:
        case "dict":
            return RawObserver(game, copy=copy)
        case "image":
            return PlanesObserver(Planes(crop))
        case "features":
            return FeaturesObserver(Features(len(game.actions)))
        case "map_features":
            return MapFeaturesObserver(Planes(crop), Features(len(game.actions)))
        case _:
            return None


def _read_seeds(task: Task | None) -> Seeds | None:
    """Read the seeds of a task's reference; None where there is none.

    Raises:
        RewardiumError: When the reference holds something else.
    """
    if task is None or task.reference is None:
        return None
    found = _REFERENCE.fullmatch(task.reference)
    numbers = tuple(int(number) for number in found.groups()) if found else ()
    if len(numbers) != 3 or max(numbers) >= 2**63:
        raise RewardiumError(
            f"the reference of a game's task holds its seeds, e.g. 'seeds 1 2 3', got {task.reference[:100]!r}"
        )
    return numbers[0], numbers[1], numbers[2]

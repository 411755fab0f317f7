"""Policies that solve tasks by knowing the level: for tests, demonstrations and upper bounds, never for training.

They read the level from the game's memory (``terrain``) and walk the shortest way to what comes next: the key, the
locked door, a boulder to push into the water, the stairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.glyphs import object_names
from rewardium.envs.nethack.packages import nethack
from rewardium.envs.nethack.terrain import (
    CLOSED,
    COLUMNS,
    DOOR,
    DRAWBRIDGE_UP,
    IRON_BARS,
    LAVA,
    LOCKED,
    POOL,
    ROWS,
    WATERS,
    Square,
    Terrain,
)

_STEPS: dict[str, Square] = {
    "north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0), "northeast": (1, -1), "southeast": (1, 1),
    "southwest": (-1, 1), "northwest": (-1, -1),
}  # fmt: skip


class Oracle:
    """Chooses the next action towards the stairs down, by way of key, locked doors and boulders.

    It solves the tasks with a key, rooms, mazes, ``LavaCrossing``, and rivers where a push straight east fills the
    water. Monsters it ignores, and things to drink, wear or read it does not know.

    Args:
        env: The environment, as ``gym.make(...).unwrapped``; it may be in any observation mode.

    Raises:
        RewardiumError: When the environment is another one, or its task has no such actions.

    Example:
        >>> oracle = Oracle(env)  # doctest: +SKIP
        >>> observation, reward, ended, *_ = env.step(oracle.act())  # doctest: +SKIP
    """

    def __init__(self, env: Any) -> None:
        if not isinstance(env, NetHackEnv):
            raise RewardiumError(f"an oracle plays a NetHackEnv, got {env}")
        missing = sorted(set(_STEPS) - set(env.action_names))
        if missing:
            raise RewardiumError(f"an oracle walks in eight directions, and the task has no {', '.join(missing)}")
        self._env = env

    def act(self) -> int:
        """Return the next action of the episode that the environment is in.

        Raises:
            RewardiumError: When it knows no way.
        """
        level = Level(self._env)
        for plan in (_to_stairs, _take_key, _unlock, _fill_water):
            name = plan(level)
            if name is not None and name in self._env.action_names:
                return self._env.action_names.index(name)
        raise RewardiumError("the oracle knows no way to the stairs")


class Level:
    """What an oracle knows of the level at one moment.

    Args:
        env: The environment.
    """

    def __init__(self, env: NetHackEnv) -> None:
        terrain = Terrain(env.game.env.nethack)
        buffers = env.game.buffers
        column, row = buffers["blstats"][:2].tolist()
        self.here: Square = (column, row)
        self.stairs = terrain.stairs_down()
        self.doors = terrain.doors()
        self.boulders = terrain.objects(object_kind("boulder"))
        self.keys = terrain.objects(object_kind("skeleton key"))
        carried = buffers["inv_glyphs"][buffers["inv_letters"] != 0] - nethack().GLYPH_OBJ_OFF
        self.has_key = bool((carried == object_kind("skeleton key")).any())
        self.types = terrain.types()

    def is_free(self, square: Square) -> bool:
        """Tell whether the hero can step there; a door that is only closed opens when walked into."""
        column, row = square
        if not (0 <= column < COLUMNS - 1 and 0 <= row < ROWS) or square in self.boulders:
            return False
        kind = int(self.types[row, column])
        if kind == DOOR:
            return self.doors.get(square) != LOCKED
        return kind >= POOL and kind not in (*WATERS, LAVA, DRAWBRIDGE_UP, IRON_BARS)

    def is_water(self, square: Square) -> bool:
        """Tell whether a square is water."""
        return int(self.types[square[1], square[0]]) in WATERS

    def walk(self, goals: Collection[Square]) -> str | None:
        """Return the first step of a shortest way to one of some squares; None where there is none."""
        first: dict[Square, str] = {self.here: ""}
        queue = deque([self.here])
        while queue:
            square = queue.popleft()
            if square in goals and square != self.here:
                return first[square]
            for name, other in _steps(square):
                diagonal = square[0] != other[0] and square[1] != other[1]
                if other in first or not self.is_free(other) or (diagonal and {square, other} & self.doors.keys()):
                    continue
                first[other] = first[square] or name
                queue.append(other)
        return None


def _steps(square: Square) -> Iterator[tuple[str, Square]]:
    for name, (column, row) in _STEPS.items():
        yield name, (square[0] + column, square[1] + row)


def object_kind(name: str) -> int:
    """Return the number of a type of object, e.g. of ``"skeleton key"``."""
    return next(glyph for glyph, known in object_names().items() if known == name) - int(nethack().GLYPH_OBJ_OFF)


def _to_stairs(level: Level) -> str | None:
    return None if level.stairs is None else level.walk({level.stairs})


def _take_key(level: Level) -> str | None:
    if level.has_key:
        return None
    return "pick up" if level.here in level.keys else level.walk(level.keys)


def _unlock(level: Level) -> str | None:
    barred = {square for square, state in level.doors.items() if state in (CLOSED, LOCKED)}
    beside = {
        other for square in barred for name, other in _steps(square) if name in ("north", "east", "south", "west")
    }
    return "apply" if level.here in beside and level.has_key else level.walk(beside)


def _fill_water(level: Level) -> str | None:
    """Go west of the nearest boulder that a push straight east rolls into water, and push."""
    starts = {(column - 1, row) for column, row in level.boulders if _rolls_into_water(level, (column, row))}
    return "east" if level.here in starts else level.walk(starts)


def _rolls_into_water(level: Level, boulder: Square) -> bool:
    column, row = boulder
    while column < COLUMNS - 2:
        column += 1
        if level.is_water((column, row)):
            return True
        if not level.is_free((column, row)):
            return False
    return False

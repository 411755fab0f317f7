"""What truly happened in a step, read from the game's state and never from its messages.

For evaluation only: a reward that read this would be told the answer. Each event is a name; a step may have several.

| event | read from |
|---|---|
| key picked up | the inventory holds more objects of the type skeleton key (by glyph, whatever they are called) |
| object picked up | the inventory holds more objects of some type |
| gold picked up | the gold of the bottom line grew |
| door unlocked | a door's lock bit went, and the door is still there (memory of the level) |
| door opened | a door's state went from closed or locked to open (memory of the level) |
| door broken | a closed or locked door is no more (memory of the level) |
| closed room entered | first step into an area that closed or locked doors cut off when the hero came to the level |
| water crossed, lava crossed | first step into an area that water or lava cuts off, doors aside |
| water filled, lava filled | the level has fewer squares of it than before: a boulder, frost |
| boulder moved | the hero stands where a boulder was seen |
| stairs reached | the hero stands on stairs down (NLE's internal vector) and did not before |
| level descended | the depth of the bottom line grew |
| experience gained | the experience points of the bottom line grew |
| levitation begun | the condition of the bottom line says so and did not before |
| object worn, object wielded | another object of the inventory is marked as worn, as wielded |
| food eaten | the hero's nutrition (NLE's internal vector) grew |
| died | the game is over by a death (NLE's ``how_done``) |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.nethack.captions import inventory
from rewardium.envs.nethack.game import NUTRITION, STANDS_ON_STAIRS, Game
from rewardium.envs.nethack.glyphs import object_names
from rewardium.envs.nethack.packages import nethack
from rewardium.envs.nethack.terrain import (
    CLOSED,
    DOOR,
    LAVA,
    LOCKED,
    OPEN,
    WATERS,
    Square,
    Terrain,
    components,
)

EVENTS: tuple[str, ...] = (
    "key picked up", "object picked up", "gold picked up", "door unlocked", "door opened", "door broken",
    "closed room entered", "water crossed", "lava crossed", "water filled", "lava filled", "boulder moved",
    "stairs reached", "level descended", "experience gained", "levitation begun", "object worn", "object wielded",
    "food eaten", "died",
)  # fmt: skip
"""Every name that ``info["events"]`` may hold, in the order within a step."""

_QUANTITY = re.compile(r"(\d{1,9}) ")
_WORN = ("(being worn", "(on left ", "(on right ")
_WIELDED = ("(weapon in hand", "(wielded")


@dataclass(frozen=True)
class State:
    """The part of a game's state that events compare."""

    level: tuple[int, int]
    depth: int
    square: Square
    gold: int
    points: int
    levitates: bool
    on_stairs: bool
    nutrition: int
    carried: Counter[int]
    worn: frozenset[str]
    wielded: frozenset[str]
    types: NDArray[np.uint8]
    doors: dict[Square, int]
    boulders: frozenset[Square]


@dataclass
class Areas:
    """The areas of a level as they were when the hero came to it, and those that the hero has been in."""

    by_doors: NDArray[np.int16]
    by_liquids: NDArray[np.int16]
    by_lava: NDArray[np.int16]
    seen: set[int]
    dry: set[int]
    without_lava: set[int]


class EventTracker:
    """Compares the game's state after each step with that before it.

    Args:
        game: The game.
    """

    def __init__(self, game: Game) -> None:
        self._game = game
        self._terrain: Terrain | None = None
        self._state: State | None = None
        self._areas: dict[tuple[int, int], Areas] = {}

    def reset(self) -> None:
        """Begin with the game's present state."""
        self._terrain = Terrain(self._game.env.nethack)
        self._areas = {}
        self._state = self._read(self._terrain)
        self._enter(self._state)

    def step(self, status: str) -> tuple[str, ...]:
        """Return the events of the step that the game has just made, in the order of ``EVENTS``.

        Args:
            status: The step's status, e.g. "death".
        """
        if self._terrain is None or self._state is None:
            return ()
        if status in ("death", "aborted"):  # the game is over, and there is no later state to compare with
            return ("died",) if status == "death" else ()
        before, after = self._state, self._read(self._terrain)
        self._state = after
        found = set(_changes(before, after))
        found.update(self._enter(after) if before.level != after.level else self._walk(after))
        return tuple(name for name in EVENTS if name in found)

    def _read(self, terrain: Terrain) -> State:
        numbers, buffers, game = self._game.buffers["blstats"].tolist(), self._game.buffers, nethack()
        carried = inventory(buffers["inv_letters"], buffers["inv_strs"])
        glyphs = buffers["inv_glyphs"].tolist()
        rows, columns = np.nonzero(buffers["glyphs"] == _boulder())
        return State(
            level=(numbers[game.NLE_BL_DNUM], numbers[game.NLE_BL_DLEVEL]),
            depth=numbers[game.NLE_BL_DEPTH],
            square=(numbers[game.NLE_BL_X], numbers[game.NLE_BL_Y]),
            gold=numbers[game.NLE_BL_GOLD],
            points=numbers[game.NLE_BL_EXP],
            levitates=bool(numbers[game.NLE_BL_CONDITION] & game.BL_MASK_LEV),
            on_stairs=bool(buffers["internal"][STANDS_ON_STAIRS]),
            nutrition=int(buffers["internal"][NUTRITION]),
            carried=_quantities(carried, glyphs),
            worn=frozenset(letter for letter, text in carried.items() if any(mark in text for mark in _WORN)),
            wielded=frozenset(letter for letter, text in carried.items() if any(mark in text for mark in _WIELDED)),
            types=terrain.types(),
            doors=terrain.doors(),
            boulders=frozenset(zip(columns.tolist(), rows.tolist(), strict=True)),
        )

    def _enter(self, state: State) -> Iterator[str]:
        """Come to a level: its areas are those of this moment."""
        if state.level not in self._areas:
            self._areas[state.level] = Areas(
                components(state.types, state.doors, [DOOR]),
                components(state.types, state.doors, [*WATERS, LAVA]),
                components(state.types, state.doors, [LAVA]),
                set(),
                set(),
                set(),
            )
        areas = self._areas[state.level]
        column, row = state.square
        areas.seen.add(int(areas.by_doors[row, column]))
        areas.dry.add(int(areas.by_liquids[row, column]))
        areas.without_lava.add(int(areas.by_lava[row, column]))
        return iter(())

    def _walk(self, state: State) -> Iterator[str]:
        """Look for areas in which the hero is for the first time; 0 is a door or a liquid, and no area."""
        areas = self._areas[state.level]
        column, row = state.square
        here, dry, without_lava = (
            int(numbers[row, column]) for numbers in (areas.by_doors, areas.by_liquids, areas.by_lava)
        )
        if here and here not in areas.seen:
            areas.seen.add(here)
            yield "closed room entered"
        if dry and dry not in areas.dry:
            areas.dry.add(dry)
            yield "water crossed" if without_lava in areas.without_lava else "lava crossed"
            areas.without_lava.add(without_lava)


@cache
def _boulder() -> int:
    return next(glyph for glyph, name in object_names().items() if name == "boulder")


@cache
def _key() -> int:
    return next(glyph for glyph, name in object_names().items() if name == "skeleton key")


def _quantities(carried: dict[str, str], glyphs: list[Any]) -> Counter[int]:
    """Count the objects of each glyph."""
    counts: Counter[int] = Counter()
    for text, glyph in zip(carried.values(), glyphs, strict=False):
        found = _QUANTITY.match(text)
        counts[glyph] += int(found.group(1)) if found else 1
    return counts


def _changes(before: State, after: State) -> Iterator[str]:
    """Yield the events that two states show, areas aside."""
    gained = after.carried - before.carried
    if gained:
        yield "object picked up"
    if _key() in gained:
        yield "key picked up"
    for name, grew in (
        ("gold picked up", after.gold > before.gold),
        ("level descended", after.depth > before.depth),
        ("experience gained", after.points > before.points),
        ("food eaten", after.nutrition > before.nutrition),
        ("levitation begun", after.levitates and not before.levitates),
        ("stairs reached", after.on_stairs and (not before.on_stairs or after.level != before.level)),
        ("object worn", bool(after.worn - before.worn)),
        ("object wielded", bool(after.wielded - before.wielded)),
    ):
        if grew:
            yield name
    if before.level == after.level:
        yield from _changes_of_level(before, after)


def _changes_of_level(before: State, after: State) -> Iterator[str]:
    for square, state in before.doors.items():
        now = after.doors.get(square)
        if state == LOCKED and now in (CLOSED, OPEN):
            yield "door unlocked"
        if state in (CLOSED, LOCKED) and now == OPEN:
            yield "door opened"
        if state in (CLOSED, LOCKED) and now not in (CLOSED, LOCKED, OPEN):
            yield "door broken"
    if after.square != before.square and after.square in before.boulders:
        yield "boulder moved"
    for name, kinds in (("water filled", WATERS), ("lava filled", (LAVA,))):
        if np.isin(after.types, kinds).sum() < np.isin(before.types, kinds).sum():
            yield name

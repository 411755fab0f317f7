"""The level as it truly is, read from the game's own memory: what the screen does not show.

A door's glyph does not tell whether it is locked, and what the hero stands on is hidden by the hero. NetHack keeps both
in its structure ``level`` (rm.h): an array of ``struct rm``, 8 bytes a square, and after it an array of pointers to the
uppermost ``struct obj`` (obj.h) on each square. NLE's library exports its symbol, and that of the stairs down. It is
read for events, oracles and tests, and never for observations or rewards.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError

COLUMNS, ROWS, _BYTES = 80, 21, 8
_TYPE, _FLAGS = 4, 6  # bytes of struct rm
_NEXT_HERE, _OBJECT_TYPE = 8, 30  # bytes of struct obj
_MOST_OBJECTS = 1000  # on one square; a guard against a memory that is not what it should be

# Types of squares (rm.h of NetHack 3.6); what is numbered lower is rock, wall or tree.
POOL, MOAT, WATER, DRAWBRIDGE_UP, LAVA, IRON_BARS, DOOR, FLOOR, LAST_TYPE = 16, 17, 18, 19, 20, 21, 22, 24, 35
WATERS = (POOL, MOAT, WATER)

# What a door's flags say.
NO_DOOR, BROKEN, OPEN, CLOSED, LOCKED = 0, 1, 2, 4, 8

Square = tuple[int, int]
"""Column and row as in NLE's arrays."""


class Terrain:
    """A view of the current level's memory; it stays true until the game is reset or closed.

    Args:
        game: NLE's ``Nethack``, after a reset.

    Raises:
        RewardiumError: When the memory does not look as it does in the NLE that this was written for.
    """

    def __init__(self, game: Any) -> None:
        address, self._stairs = _addresses(game.dlpath, "level", "dnstair")
        self._objects = address + COLUMNS * ROWS * _BYTES
        memory = (ctypes.c_uint8 * (COLUMNS * ROWS * _BYTES)).from_address(address)
        squares = np.ctypeslib.as_array(memory).reshape(COLUMNS, ROWS, _BYTES)
        # NLE leaves out column 0, which NetHack does not use.
        self._types = squares[1:, :, _TYPE].T
        self._flags = squares[1:, :, _FLAGS].T
        if not (self._types <= LAST_TYPE).all() or not self._types.any():
            raise RewardiumError("the game's memory looks otherwise than in nle 1.3.0, so that events cannot be read")

    def types(self) -> NDArray[np.uint8]:
        """Return uint8 [21, 79]: the type of each square."""
        return np.array(self._types, np.uint8)

    def doors(self) -> dict[Square, int]:
        """Return the state of each door: NO_DOOR, BROKEN, OPEN, CLOSED or LOCKED."""
        rows, columns = np.nonzero(self._types == DOOR)
        states = self._flags[rows, columns] & 0b1111
        return {
            (column, row): state
            for column, row, state in zip(columns.tolist(), rows.tolist(), states.tolist(), strict=True)
        }

    def stairs_down(self) -> Square | None:
        """Return where the stairs down are, or None where the level has none."""
        column, row = (ctypes.c_int8 * 2).from_address(self._stairs)
        return (column - 1, row) if column > 0 else None

    def objects(self, kind: int) -> set[Square]:
        """Return the squares on which objects of a type lie, seen or not.

        Args:
            kind: The type's number, i.e. its glyph less ``GLYPH_OBJ_OFF``.
        """
        tops = list((ctypes.c_uint64 * (COLUMNS * ROWS)).from_address(self._objects))
        piles = ((place, _pile(top)) for place, top in enumerate(tops) if top)
        return {(place // ROWS - 1, place % ROWS) for place, kinds in piles if kind in kinds}


def _pile(address: int) -> set[int]:
    """Return the types of the objects that lie on one square."""
    kinds: set[int] = set()
    for _ in range(_MOST_OBJECTS):
        if not address:
            break
        kinds.add(ctypes.c_int16.from_address(address + _OBJECT_TYPE).value)
        address = ctypes.c_uint64.from_address(address + _NEXT_HERE).value
    return kinds


def _addresses(path: str, *symbols: str) -> list[int]:
    """Return where the library, which NLE has loaded from this path, keeps some of its variables."""
    # NOLOAD: the library is there already. Its handle goes back at once, else NLE could not load it anew at a reset.
    library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    try:
        return [ctypes.addressof(ctypes.c_uint8.in_dll(library, symbol)) for symbol in symbols]
    except ValueError as error:
        raise RewardiumError(f"this NLE does not export {' and '.join(symbols)}, which nle 1.3.0 does") from error
    finally:
        _ctypes.dlclose(library._handle)


def components(types: NDArray[np.uint8], doors: dict[Square, int], barriers: Iterable[int]) -> NDArray[np.int16]:
    """Number the areas of a level between which there is no way.

    Steps go in eight directions, but straight through doors. A door is no part of an area, but a way between areas
    unless it is barred.

    Args:
        types: uint8 [21, 79].
        doors: The doors' states.
        barriers: Types of squares that bar the way; CLOSED doors count as barred where ``DOOR`` is among them.

    Returns:
        int16 [21, 79]: the area's number, from 1; 0 for barriers, doors and all that cannot be walked on.

    Example:
        >>> types = np.zeros((21, 79), np.uint8)
        >>> types[5, 3:8] = FLOOR, FLOOR, DOOR, FLOOR, FLOOR
        >>> components(types, {(5, 5): LOCKED}, [DOOR])[5, 3:8].tolist()
        [1, 1, 0, 2, 2]
        >>> components(types, {(5, 5): OPEN}, [DOOR])[5, 3:8].tolist()
        [1, 1, 0, 1, 1]
    """
    bars = set(barriers)
    walkable = (types >= POOL) & ~np.isin(types, [DRAWBRIDGE_UP, IRON_BARS, DOOR, *bars])
    free = {(int(column), int(row)) for row, column in zip(*np.nonzero(walkable), strict=True)}
    ways = {square for square, state in doors.items() if DOOR not in bars or state not in (CLOSED, LOCKED)}
    numbers = np.zeros(types.shape, np.int16)
    number = 0
    for start in sorted(free):
        if numbers[start[1], start[0]]:
            continue
        number += 1
        for column, row in _reach(start, free, ways):
            numbers[row, column] = number
    return numbers


def _reach(start: Square, free: set[Square], ways: set[Square]) -> set[Square]:
    """Return the free squares that can be reached from one."""
    seen = {start}
    queue = deque([start])
    while queue:
        square = queue.popleft()
        for column_step in (-1, 0, 1):
            for row_step in (-1, 0, 1):
                other = (square[0] + column_step, square[1] + row_step)
                straight = not (column_step and row_step)
                through_door = other in ways or square in ways
                if other not in seen and (other in free or other in ways) and (straight or not through_door):
                    seen.add(other)
                    queue.append(other)
    return seen & free

"""A step of the game in words: what was said, what changed in the inventory, the hero's state, the surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.nethack.packages import nethack

Array = NDArray[Any]

_HUNGER = ("satiated", "", "hungry", "weak", "fainting", "fainted", "starved")
_BURDEN = ("", "burdened", "stressed", "strained", "overtaxed", "overloaded")


def inventory(letters: Array, descriptions: Array) -> dict[str, str]:
    """Return what the hero carries.

    Args:
        letters: uint8 [55], the slots' letters, 0 where a slot is empty.
        descriptions: uint8 [55, 80], what is in them, padded with 0.

    Returns:
        Descriptions by letter.

    Example:
        >>> rows = np.zeros((2, 80), np.uint8)
        >>> rows[0, :5] = list(b"a key")
        >>> inventory(np.array([107, 0], np.uint8), rows)
        {'k': 'a key'}
    """
    count = int(np.count_nonzero(letters))
    rows = descriptions[:count].tobytes()
    width = descriptions.shape[1]
    return {
        chr(letter): rows[row * width : (row + 1) * width].split(b"\0", 1)[0].decode("latin-1")
        for row, letter in enumerate(letters[:count].tolist())
    }


def inventory_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return what left the inventory and what came into it, each as ``"- a - an apple"`` or ``"+ k - a key"``.

    Example:
        >>> inventory_changes({"a": "3 daggers (wielded)"}, {"a": "3 daggers (wielded)", "k": "a key"})
        ('+ k - a key',)
    """
    gone = [f"- {letter} - {text}" for letter, text in before.items() if after.get(letter) != text]
    new = [f"+ {letter} - {text}" for letter, text in after.items() if before.get(letter) != text]
    return (*gone, *new)


@cache
def _places() -> tuple[int, ...]:
    game = nethack()
    return (
        game.NLE_BL_HP, game.NLE_BL_HPMAX, game.NLE_BL_DEPTH, game.NLE_BL_TIME, game.NLE_BL_XP, game.NLE_BL_GOLD,
        game.NLE_BL_HUNGER, game.NLE_BL_CAP, game.NLE_BL_CONDITION,
    )  # fmt: skip


@cache
def _conditions() -> tuple[tuple[int, str], ...]:
    game = nethack()
    return (
        (game.BL_MASK_STONE, "turning to stone"), (game.BL_MASK_SLIME, "turning to slime"),
        (game.BL_MASK_STRNGL, "strangled"), (game.BL_MASK_FOODPOIS, "food poisoned"),
        (game.BL_MASK_TERMILL, "terminally ill"), (game.BL_MASK_BLIND, "blind"), (game.BL_MASK_DEAF, "deaf"),
        (game.BL_MASK_STUN, "stunned"), (game.BL_MASK_CONF, "confused"), (game.BL_MASK_HALLU, "hallucinating"),
        (game.BL_MASK_LEV, "levitating"), (game.BL_MASK_FLY, "flying"), (game.BL_MASK_RIDE, "riding"),
    )  # fmt: skip


def status_line(blstats: Array) -> str:
    """Return the hero's state in words.

    Args:
        blstats: int64 [27], NLE's bottom line.

    Returns:
        One line.

    Example:
        >>> blstats = np.zeros(27, np.int64)
        >>> blstats[[10, 11, 12, 18, 20, 21]] = 12, 14, 1, 2, 34, 2
        >>> status_line(blstats)
        'HP 12/14, experience level 2, depth 1, turn 34, hungry'
    """
    hp, most, depth, time, level, gold, hunger, burden, condition = blstats[list(_places())].tolist()
    parts = [f"HP {hp}/{most}", f"experience level {level}", f"depth {depth}", f"turn {time}"]
    if gold:
        parts.insert(3, f"gold {gold}")
    parts += [words for names, number in ((_HUNGER, hunger), (_BURDEN, burden)) if (words := _named(names, number))]
    if condition:
        parts += [words for mask, words in _conditions() if condition & mask]
    return ", ".join(parts)


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else ""


def map_crop(chars: Array, column: int, row: int, height: int, width: int) -> str:
    """Return the surroundings of a square as text, without margins that are empty.

    Args:
        chars: uint8 [21, 79], the map.
        column: The square's column.
        row: The square's row.
        height: Rows to show at most, odd.
        width: Columns to show at most, odd.

    Returns:
        Rows joined by line breaks; "" where nothing is seen.

    Example:
        >>> chars = np.full((21, 79), 32, np.uint8)
        >>> chars[3, 4:7] = list(b"|@.")
        >>> map_crop(chars, 5, 3, 9, 9)
        '|@.'
    """
    top, left = max(row - height // 2, 0), max(column - width // 2, 0)
    part = chars[top : row + height // 2 + 1, left : column + width // 2 + 1]
    rows = [line.tobytes().decode("latin-1").rstrip() for line in part]
    shown = [line for line in rows if line]
    if not shown:
        return ""
    margin = min(len(line) - len(line.lstrip()) for line in shown)
    first = next(index for index, line in enumerate(rows) if line)
    last = len(rows) - next(index for index, line in enumerate(reversed(rows)) if line)
    return "\n".join(line[margin:] for line in rows[first:last])

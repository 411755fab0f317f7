"""What the game's glyphs stand for: one table for planes, one for words.

A glyph is a number below ``MAX_GLYPH`` that says what is seen on a square: a monster, an object, or a piece of the map.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.nethack.packages import load, nethack

CLASSES: tuple[str, ...] = (
    "unseen", "floor", "corridor", "wall", "doorway", "open door", "closed door", "barrier", "stairs up",
    "stairs down", "altar", "sink", "furniture", "water", "lava", "ice", "trap", "effect", "weapon", "armor", "ring",
    "amulet", "tool", "food", "potion", "scroll", "spellbook", "wand", "coins", "gem", "rock", "other object",
    "monster", "pet", "player",
)  # fmt: skip
"""The semantic classes of squares, in the order of the planes."""

PLAYER = CLASSES.index("player")

# Ranges of the map's symbols as NetHack numbers them (defsym.h), the first and the last.
_MAP_SYMBOLS: tuple[tuple[str, int, int], ...] = (
    ("unseen", 0, 0), ("wall", 1, 11), ("doorway", 12, 12), ("open door", 13, 14), ("closed door", 15, 16),
    ("barrier", 17, 18), ("floor", 19, 20), ("corridor", 21, 22), ("stairs up", 23, 23), ("stairs down", 24, 24),
    ("stairs up", 25, 25), ("stairs down", 26, 26), ("altar", 27, 27), ("furniture", 28, 29), ("sink", 30, 30),
    ("furniture", 31, 31), ("water", 32, 32), ("ice", 33, 33), ("lava", 34, 34), ("floor", 35, 36),
    ("barrier", 37, 38), ("floor", 39, 40), ("water", 41, 41), ("trap", 42, 64), ("effect", 65, 95),
)  # fmt: skip
# NetHack's object classes (objclass.h) from 2 on; rocks are boulders and statues.
_OBJECT_CLASSES = (
    "weapon", "armor", "ring", "amulet", "tool", "food", "potion", "scroll", "spellbook", "wand", "coins", "gem",
    "rock",
)  # fmt: skip


@cache
def class_table() -> NDArray[np.uint8]:
    """Return uint8 [MAX_GLYPH + 1]: the index in ``CLASSES`` of each glyph; the last entry is for "nothing".

    Example:
        >>> CLASSES[class_table()[nethack().GLYPH_CMAP_OFF + 24]]
        'stairs down'
    """
    game = nethack()
    table = np.full(game.MAX_GLYPH + 1, CLASSES.index("unseen"), dtype=np.uint8)
    table[: game.GLYPH_PET_OFF] = CLASSES.index("monster")
    table[game.GLYPH_PET_OFF : game.GLYPH_INVIS_OFF] = CLASSES.index("pet")
    table[game.GLYPH_INVIS_OFF : game.GLYPH_BODY_OFF] = CLASSES.index("monster")
    table[game.GLYPH_BODY_OFF : game.GLYPH_RIDDEN_OFF] = CLASSES.index("food")
    table[game.GLYPH_RIDDEN_OFF : game.GLYPH_OBJ_OFF] = CLASSES.index("monster")
    for number in range(game.NUM_OBJECTS):
        table[game.GLYPH_OBJ_OFF + number] = CLASSES.index(_object_class(ord(game.objclass(number).oc_class)))
    for name, first, last in _MAP_SYMBOLS:
        table[game.GLYPH_CMAP_OFF + first : game.GLYPH_CMAP_OFF + last + 1] = CLASSES.index(name)
    table[game.GLYPH_EXPLODE_OFF : game.GLYPH_WARNING_OFF] = CLASSES.index("effect")
    table[game.GLYPH_WARNING_OFF : game.GLYPH_STATUE_OFF] = CLASSES.index("monster")
    table[game.GLYPH_STATUE_OFF : game.MAX_GLYPH] = CLASSES.index("rock")
    table.setflags(write=False)
    return table


def _object_class(number: int) -> str:
    return _OBJECT_CLASSES[number - 2] if 2 <= number < 2 + len(_OBJECT_CLASSES) else "other object"


@cache
def map_descriptions() -> dict[int, str]:
    """Return the words for each glyph of the map itself, as the game explains it.

    Example:
        >>> map_descriptions()[nethack().GLYPH_CMAP_OFF + 15]
        'closed door'
    """
    game = nethack()
    symbols: Any = load("nle._pynethack").nethack.symdef
    return {game.GLYPH_CMAP_OFF + number: symbols.from_idx(number).explanation for number in range(game.MAXPCHARS)}


@cache
def object_names() -> dict[int, str]:
    """Return the true name of each object's glyph, e.g. ``"skeleton key"``, whatever the hero calls it."""
    game = nethack()
    return {
        game.GLYPH_OBJ_OFF + number: game.OBJ_NAME(game.objclass(number)) or "" for number in range(game.NUM_OBJECTS)
    }

"""Actions by name: what a caption calls them, and how a name is found in a policy's text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_DIRECTIONS = {
    "N": "north", "E": "east", "S": "south", "W": "west", "NE": "northeast", "SE": "southeast", "SW": "southwest",
    "NW": "northwest",
}  # fmt: skip
_WORDS = {
    "PICKUP": "pick up", "PUTON": "put on", "TAKEOFF": "take off", "TAKEOFFALL": "take off all",
    "DROPTYPE": "drop type", "ESC": "escape", "EXTCMD": "extended command", "EXTLIST": "extended list",
    "INVENTTYPE": "inventory type", "KNOWNCLASS": "known class", "MOVE": "move without picking up",
    "MOVEFAR": "run without picking up", "RUSH2": "rush 2", "SEEALL": "see all", "SEEAMULET": "see amulet",
    "SEEARMOR": "see armor", "SEEGOLD": "see gold", "SEERINGS": "see rings", "SEESPELLS": "see spells",
    "SEETOOLS": "see tools", "SEETRAP": "see trap", "SEEWEAPON": "see weapon", "TWOWEAPON": "two weapons",
    "VERSIONSHORT": "short version", "WHATDOES": "what does", "WHATIS": "what is", "APOS": "apostrophe",
}  # fmt: skip
_LONGEST_LINE = 300


def action_names(actions: Sequence[int]) -> tuple[str, ...]:
    """Return a name for each of a game's actions, all different.

    Args:
        actions: The members of NLE's enumerations that the game takes.

    Returns:
        Lower-case words: ``"north"``, ``"far north"`` (run), ``"pick up"``, ``"apply"``.

    Example:
        >>> from rewardium.envs.nethack.packages import nethack
        >>> game = nethack()
        >>> action_names((game.CompassDirection.N, game.CompassDirectionLonger.N, game.Command.PUTON))
        ('north', 'far north', 'put on')
    """
    return tuple(_name(action) for action in actions)


def _name(action: int) -> str:
    name = getattr(action, "name", str(action))
    kind = type(action).__name__
    if kind.startswith("Compass"):
        return f"far {_DIRECTIONS[name]}" if kind.endswith("Longer") else _DIRECTIONS[name]
    if kind == "TextCharacters" and name.startswith("NUM_"):
        return name.removeprefix("NUM_")
    return _WORDS.get(name, name.lower().replace("_", " "))


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    alternatives = "|".join(re.escape(name).replace(r"\ ", "[ _-]?") for name in longest_first)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])")


def find_action(text: str, names: tuple[str, ...]) -> int | None:
    r"""Find the one action that a text names.

    The whole text may be the name, in any case. Else its last line that is not empty counts, and it must hold exactly
    one name as a whole word; a line with two different names, or with none, names no action.

    Args:
        text: What a policy wrote.
        names: The actions' names.

    Returns:
        The action's index, or None.

    Example:
        >>> names = ("north", "far north", "pick up")
        >>> find_action("The key is here.\nAction: Pick up.", names), find_action("FAR NORTH", names)
        (2, 1)
        >>> find_action("north or pick up?", names) is None
        True
    """
    stripped = text[-_LONGEST_LINE:].strip() if len(text) > _LONGEST_LINE else text.strip()
    whole = stripped.casefold()
    if len(text) <= _LONGEST_LINE and whole in names:
        return names.index(whole)
    line = whole.rsplit("\n", 1)[-1]
    found = {" ".join(re.split("[ _-]", match)) for match in _pattern(names).findall(line)}
    joined = {name.replace(" ", ""): index for index, name in enumerate(names)}
    indices = {joined[name.replace(" ", "")] for name in found}
    return indices.pop() if len(indices) == 1 else None

"""The games of the family: which class of NLE or MiniHack plays each, and its goal in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rewardium.envs.errors import RewardiumError, unknown_name_message


@dataclass(frozen=True)
class GameSpec:
    """One game.

    Args:
        goal: What the hero is to do, in words.
        base: ``"module:Class"`` of the environment of NLE or MiniHack that plays it.
        arguments: Arguments of that class.
        level: Name of a file in ``des/`` with the level's description, or None where the class has its own.
    """

    goal: str
    base: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    level: str | None = None


_STAIRS = "Reach the staircase down (>)."
_KEY = (
    "Pick up the key, unlock the door of the closed room with it, and reach the staircase down (>) inside. "
    "Applying next to a closed door with the key in hand unlocks and opens the door."
)
_KEY_DOOR = "minihack.envs.keyroom:MiniHackKeyDoor"


def _lava(what: str, name: str) -> GameSpec:
    return GameSpec(f"{what} Cross the lava and reach the staircase down (>).", f"minihack.envs.skills_lava:{name}")


def _skill(goal: str, name: str) -> GameSpec:
    return GameSpec(goal, f"minihack.envs.skills_simple:MiniHack{name}")


GAMES: dict[str, GameSpec] = {
    "MiniHack-Room-5x5": GameSpec(_STAIRS, "minihack.envs.room:MiniHackRoom5x5"),
    "MiniHack-Room-15x15": GameSpec(_STAIRS, "minihack.envs.room:MiniHackRoom15x15"),
    "MiniHack-Room-Dark-15x15": GameSpec(_STAIRS, "minihack.envs.room:MiniHackRoom15x15Dark"),
    "MiniHack-Room-Monster-15x15": GameSpec(_STAIRS, "minihack.envs.room:MiniHackRoom15x15Monster"),
    "MiniHack-Corridor-R2": GameSpec(_STAIRS, "minihack.envs.corridor:MiniHackCorridor2"),
    "MiniHack-Corridor-R3": GameSpec(_STAIRS, "minihack.envs.corridor:MiniHackCorridor3"),
    "MiniHack-Corridor-R5": GameSpec(_STAIRS, "minihack.envs.corridor:MiniHackCorridor5"),
    "MiniHack-KeyRoom-S5": GameSpec(_KEY, "minihack.envs.keyroom:MiniHackKeyRoom5x5"),
    "MiniHack-KeyRoom-S15": GameSpec(_KEY, "minihack.envs.keyroom:MiniHackKeyRoom15x15"),
    "MiniHack-KeyRoom-Dark-S5": GameSpec(_KEY, "minihack.envs.keyroom:MiniHackKeyRoom5x5Dark"),
    "MiniHack-KeyRoom-Dark-S15": GameSpec(_KEY, "minihack.envs.keyroom:MiniHackKeyRoom15x15Dark"),
    "MiniHack-MazeWalk-9x9": GameSpec(_STAIRS, "minihack.envs.mazewalk:MiniHackMazeWalk9x9"),
    "MiniHack-MazeWalk-15x15": GameSpec(_STAIRS, "minihack.envs.mazewalk:MiniHackMazeWalk15x15"),
    "MiniHack-River": GameSpec(
        "Push boulders into the river to make a way across, and reach the staircase down (>).",
        "minihack.envs.river:MiniHackRiver",
    ),
    "MiniHack-River-Narrow": GameSpec(
        "Push boulders into the narrow river to make a way across, and reach the staircase down (>).",
        "minihack.envs.river:MiniHackRiverNarrow",
    ),
    "MiniHack-River-Lava": GameSpec(
        "Push boulders into the river of water and lava to make a way across, and reach the staircase down (>).",
        "minihack.envs.river:MiniHackRiverLava",
    ),
    "MiniHack-LavaCross-Levitate-Potion-Pickup-Restricted": _lava(
        "Pick up the potion of levitation and drink it.", "MiniHackLCLevitatePotionPickupRestrictedActions"
    ),
    "MiniHack-LavaCross-Levitate-Potion-Inv-Restricted": _lava(
        "Drink the potion of levitation.", "MiniHackLCLevitatePotionInvRestrictedActions"
    ),
    "MiniHack-LavaCross-Levitate-Ring-Pickup-Restricted": _lava(
        "Pick up the ring of levitation and put it on.", "MiniHackLCLevitateRingPickupRestrictedActions"
    ),
    "MiniHack-LavaCross-Levitate-Ring-Inv-Restricted": _lava(
        "Put on the ring of levitation.", "MiniHackLCLevitateRingInvRestrictedActions"
    ),
    "MiniHack-LavaCross-Levitate-Restricted": _lava(
        "Find something that makes you float and use it.", "MiniHackLCLevitateRestrictedActions"
    ),
    "MiniHack-LavaCross-Restricted": _lava(
        "Find something that makes you float or freezes the lava, and use it.", "MiniHackLCRestrictedActions"
    ),
    "MiniHack-LavaCross-Full": _lava(
        "Find something that makes you float or freezes the lava, and use it.", "MiniHackLC"
    ),
    "MiniHack-LavaCrossingS9N1": GameSpec(
        "Pass the line of lava through its one gap and reach the staircase down (>).",
        "minihack.navigation:MiniHackNavigation",
        level="lava_crossing_s9n1.des",
    ),
    "MiniHack-Quest-Easy": GameSpec(
        "Freeze the lava with the wand or the horn, cross it, pass the monsters, and reach the staircase down (>).",
        "minihack.envs.skills_quest:MiniHackQuestEasy",
    ),
    "MiniHack-Eat": _skill("Find the apple and eat it.", "Eat"),
    "MiniHack-Pray": _skill("Pray on the altar.", "Pray"),
    "MiniHack-Sink": _skill("Drink from the sink.", "Sink"),
    "MiniHack-Wield": _skill("Pick up the dagger and wield it.", "Wield"),
    "MiniHack-Wear": _skill("Pick up the robe and wear it.", "Wear"),
    "MiniHack-PutOn": _skill("Pick up the amulet and put it on.", "PutOn"),
    "MiniHack-Zap": _skill("Pick up the wand and zap it.", "Zap"),
    "MiniHack-Read": _skill("Pick up the scroll and read it.", "Read"),
    "MiniHack-LockedDoor": _skill("Get through the locked door and reach the staircase down (>).", "LockedDoor"),
    "MiniHack-ClosedDoor": _skill("Open the closed door and reach the staircase down (>).", "ClosedDoor"),
    "MiniHack-KeyHalls": GameSpec(
        "Three halls in a row, with locked doors between them. Pick up the key in the first, unlock door after door, "
        "and reach the staircase down (>) in the last. "
        "Applying next to a closed door with the key in hand unlocks and opens the door.",
        _KEY_DOOR,
        level="key_halls.des",
    ),
    "MiniHack-KeyRiver": GameSpec(
        "Pick up the key, unlock the door to the river bank, push boulders into the water to make a way across, and "
        "reach the staircase down (>). "
        "Applying next to a closed door with the key in hand unlocks and opens the door.",
        _KEY_DOOR,
        level="key_river.des",
    ),
    "NetHackScore": GameSpec(
        "Play NetHack, explore the dungeon, and get as many points as you can.", "nle.env.tasks:NetHackScore"
    ),
    "NetHackStaircase": GameSpec("Find a staircase down (>) and step onto it.", "nle.env.tasks:NetHackStaircase"),
    "NetHackOracle": GameSpec(
        "Go down the dungeon, find the Oracle, and stand next to her.", "nle.env.tasks:NetHackOracle"
    ),
}
"""Every game by name; ``rewardium/<name>-v0`` and ``rewardium/<name>-Text-v0`` play it."""


def find_game(name: str) -> GameSpec:
    """Return a game by name.

    Raises:
        RewardiumError: When there is no such game; with near names.

    Example:
        >>> find_game("MiniHack-Eat").goal
        'Find the apple and eat it.'
    """
    if name not in GAMES:
        raise RewardiumError(unknown_name_message("game", name, GAMES))
    return GAMES[name]

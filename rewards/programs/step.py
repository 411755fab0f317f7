"""What a reward program is shown of a step: plain values that JSON knows, read from the step's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rewardium.envs.caption import NO_MESSAGE
from rewardium.envs.transition import TransitionBatch

MAX_TEXT_CHARACTERS = 2_000
"""Length of a message or an action; more is cut off."""

MAX_MAP_CHARACTERS = 4_000
"""Length of a map."""

MAX_ITEMS = 60
"""Changes of the inventory, and entries of the status."""

Step = dict[str, Any]

_NUMBER = re.compile(r"([^\d\-+]{1,40}?)[ :=]{1,3}(-?\d{1,15}(?:\.\d{1,15})?)(?:[/(](-?\d{1,15})\)?)?")
_HEADS = ("Action", "Message", "Inventory", "Status")

DESCRIPTION = """\
`step` is a dict that describes what one step of the game did:
- step["step"]: int, number of the step within the episode, from 0
- step["action"]: str, name of the action that was taken
- step["message"]: str, what the game said after it; "" where it said nothing
- step["inventory"]: list of str, changes of the inventory, e.g. "+ k - a key" and "- a - an apple"
- step["status"]: dict of numbers by name in lower case, e.g. {"hp": 9, "max_hp": 12, "depth": 1}; may be empty
- step["conditions"]: list of str, states of the player without a number, e.g. "hungry" or "levitating"
- step["map"]: str, the surroundings after the step, one row a line; "@" is the player; may be ""
- step["terminated"]: bool, whether the episode ended with this step (by success or by death)
- step["truncated"]: bool, whether a time limit ended the episode with this step
`memory` is a dict that is empty at an episode's first step and persists to its last; it keeps None, booleans, numbers,
texts, lists and dicts with text keys (no tuples, no sets), at most 4000 characters as JSON. Nothing else persists."""
"""The step in words, for whoever writes programs."""


def steps_of(batch: TransitionBatch) -> list[Step | None]:
    """Return what a program is shown of each row.

    The extrinsic reward is not among it, nor is anything else of an environment's info. They are what a run is measured
    by, and a program that copies the answer would say nothing about dense rewards; who wants both adds them up, as in
    ``extrinsic + reward_program(path='reward.py')``. That an episode *ended* is shown, because a program could not pay
    for an end otherwise; whether it ended well it must read from the text, as a player would.

    Args:
        batch: B transitions.

    Returns:
        Length B; None where a row has no text.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> from rewardium.envs.transition import Transition
        >>> text = Caption("You see here a key.", "east", status="HP 9/12, depth 1", map="|@").text()
        >>> steps_of(TransitionBatch.from_transitions([Transition("", "", 1, text=text, step=3)]))[0]["status"]
        {'hp': 9, 'max_hp': 12, 'depth': 1}
    """
    if batch.texts is None:
        return [None] * len(batch)
    return [
        None if text is None else step_of(text, action, number, bool(terminated), bool(truncated))
        for text, action, number, terminated, truncated in zip(
            batch.texts, batch.actions, batch.step.tolist(), batch.terminated, batch.truncated, strict=True
        )
    ]


def step_of(text: str, action: object, number: int, terminated: bool, truncated: bool) -> Step:
    """Return what a program is shown of one step.

    Args:
        text: The caption; of any other text the whole is the message.
        action: What the agent did, used where the caption does not name it.
        number: Of the step within the episode.
        terminated: Whether the task ended.
        truncated: Whether a limit ended the episode.

    Returns:
        The keys of ``DESCRIPTION``.

    Example:
        >>> step_of("42", "6 * 7", 0, True, False)["message"]
        '42'
    """
    heads, surroundings = _parts(text)
    message = heads.get("Message", text if not heads else "")
    changes = heads.get("Inventory", "no change")
    numbers, conditions = status_of(heads.get("Status", ""))
    return {
        "step": int(number),
        "action": heads.get("Action", "" if action is None else str(action))[:MAX_TEXT_CHARACTERS],
        "message": "" if message == NO_MESSAGE else message[:MAX_TEXT_CHARACTERS],
        "inventory": [] if changes == "no change" else changes[:MAX_TEXT_CHARACTERS].split("; ")[:MAX_ITEMS],
        "status": numbers,
        "conditions": conditions,
        "map": surroundings[:MAX_MAP_CHARACTERS],
        "terminated": bool(terminated),
        "truncated": bool(truncated),
    }


def _parts(text: str) -> tuple[Mapping[str, str], str]:
    """Take a caption apart: the lines under their names, and the map; of any other text, nothing and ""."""
    heads: dict[str, str] = {}
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line == "Map:" and "Message" in heads:
            return heads, "\n".join(lines[index + 1 :])
        name, colon, value = line.partition(":")
        if not colon or name not in _HEADS or name in heads:
            break
        heads[name] = value.strip()
    return (heads, "") if "Message" in heads else ({}, "")


def status_of(line: str) -> tuple[dict[str, float], list[str]]:
    """Read a status line.

    Args:
        line: Entries such as ``"HP 9/12"``, ``"depth 1"`` or ``"hungry"``, with commas between them.

    Returns:
        The numbers by name in lower case, with underscores for blanks (of ``"HP 9/12"`` both ``hp`` and ``max_hp``),
        and the entries without a number.

    Example:
        >>> status_of("HP 9/12, experience level 1, hungry")
        ({'hp': 9, 'max_hp': 12, 'experience_level': 1}, ['hungry'])
    """
    numbers: dict[str, float] = {}
    conditions: list[str] = []
    for entry in line[:MAX_TEXT_CHARACTERS].split(",")[:MAX_ITEMS]:
        found = _NUMBER.fullmatch(entry.strip())
        if found is None:
            conditions.extend([entry.strip()] if entry.strip() else [])
            continue
        name = "_".join(found.group(1).lower().split())
        numbers[name] = _number(found.group(2))
        if found.group(3) is not None:
            numbers[f"max_{name}"] = _number(found.group(3))
    return numbers, conditions


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)


def as_steps(value: Sequence[Any]) -> list[Step]:
    """Return steps that were read from a file, each with every key and nothing but plain values.

    Args:
        value: Mappings, as ``step_of`` returned them.

    Returns:
        The steps.

    Example:
        >>> as_steps([{"message": "You wait.", "step": 2}])[0]["terminated"]
        False
    """
    empty = step_of("", "", 0, False, False)
    return [{key: type(default)(step.get(key, default)) for key, default in empty.items()} for step in value]

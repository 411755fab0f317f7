"""What a judge is shown of a step; the leading underscore says that this file is no source."""

from __future__ import annotations

import re
from typing import Literal

from rewardium.envs.caption import NO_MESSAGE, message_of

View = Literal["message", "crop", "caption"]
"""How much of a caption is shown: what was said and gained, also the close surroundings, or everything."""

_HEAD = re.compile(
    r"^(?:Action:[ \t]*(?P<action>.*)\n)?Message:[ \t]*(?P<message>.*)(?:\nInventory:[ \t]*(?P<inventory>.*))?$",
    re.MULTILINE,
)
_MAP = "\nMap:\n"
_AGENT = "@"
_NO_CHANGE = "no change"


def has_change(text: str) -> bool:
    """Say whether a step shows anything: a message, or a change of the inventory.

    Args:
        text: A caption, or any other text, which shows something where it is not blank.

    Returns:
        False where the game said nothing and nothing was gained or lost.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> has_change(Caption(action="east", map="|@").text())
        False
        >>> has_change(Caption(inventory=("+ k - a key",)).text()), has_change("The door opens.")
        (True, True)
    """
    return bool(message_of(text).strip()) or _inventory_of(text) not in ("", _NO_CHANGE)


def _inventory_of(text: str) -> str:
    head = _HEAD.search(text)
    return (head["inventory"] or "").strip() if head else ""


def shown(text: str, view: View = "message", size: int = 9) -> str:
    r"""Return what a judge reads of a step.

    The less is shown, the more steps look the same and share one label. A message and a change of the inventory repeat
    all the time; a map seldom does; a status line with its turn number never.

    Args:
        text: A caption; any other text is shown as it is.
        view: ``"message"`` shows message and inventory; ``"crop"`` also the action, and the map close to the agent;
            ``"caption"`` everything.
        size: Rows and columns of the crop.

    Returns:
        The text, with parts under their names.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> text = Caption("The door opens.", "east", status="HP 12/12, turn 3", map="-----+\n|....@\n|....|").text()
        >>> print(shown(text))
        Message: The door opens.
        Inventory: no change
        >>> print(shown(text, "crop", size=3))
        Action: east
        Message: The door opens.
        Inventory: no change
        Map:
        -+
        .@
        .|
    """
    head = _HEAD.search(text)
    if head is None or view == "caption":
        return text
    lines = [f"Message: {head['message'].strip() or NO_MESSAGE}"]
    if head["inventory"] is not None:
        lines.append(f"Inventory: {head['inventory'].strip() or _NO_CHANGE}")
    if view == "message":
        return "\n".join(lines)
    action = [f"Action: {head['action'].strip()}"] if head["action"] else []
    before_map, separator, rows = text.partition(_MAP)
    around = [f"Map:\n{cropped(rows, size)}"] if separator and len(before_map) >= head.end() else []
    return "\n".join([*action, *lines, *around])


def cropped(rows: str, size: int) -> str:
    r"""Return the square of a map around the agent, or around its middle where no agent is drawn.

    Args:
        rows: The map, one row a line; rows may differ in length.
        size: Rows and columns of the square, at least 1; where the map ends, so does the square.

    Returns:
        The rows of the square, without blanks at their ends and without empty rows around them.

    Example:
        >>> print(cropped("-----\n|..(|\n|.@.|\n|...|\n-----", 3))
        ..(
        .@.
        ...
    """
    lines = rows.split("\n")
    row, column = _place_of_agent(lines)
    above, left = max(row - size // 2, 0), max(column - size // 2, 0)
    square = [line[left : column - size // 2 + size].rstrip() for line in lines[above : row - size // 2 + size]]
    return "\n".join(square).strip("\n")


def _place_of_agent(lines: list[str]) -> tuple[int, int]:
    # The agent's own caption centres its map on the agent; of several @ the one nearest to the middle is the agent.
    middle = (len(lines) // 2, max(map(len, lines)) // 2)
    places = [(row, line.find(_AGENT)) for row, line in enumerate(lines) if _AGENT in line]
    return min(places, key=lambda place: abs(place[0] - middle[0]) + abs(place[1] - middle[1]), default=middle)

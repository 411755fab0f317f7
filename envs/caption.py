"""One transition of a game in words: what a language model reads of it, and how its parts are found again."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MESSAGE = re.compile(r"^Message:[ \t]*(.*)$", re.MULTILINE)
NO_MESSAGE = "(none)"
"""Stands for an empty message, so that a judge does not take the line for a mistake."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What a step did, in parts; ``text`` joins them.

    Args:
        message: What the game said; "" where it said nothing. Line breaks become spaces.
        action: The action's name.
        inventory: The changes of the inventory, one a line, e.g. ``"+ k - a key"`` and ``"- a - an apple"``.
        status: One line, e.g. ``"HP 12/12, depth 1, turn 34"``.
        map: The surroundings after the step, one row a line.

    Example:
        >>> print(Caption("You see here a key.", "east", status="HP 12/12").text())
        Action: east
        Message: You see here a key.
        Inventory: no change
        Status: HP 12/12
    """

    message: str = ""
    action: str = ""
    inventory: tuple[str, ...] = ()
    status: str = ""
    map: str = ""

    def text(self) -> str:
        """Return the parts under their names; a part that is empty is left out, message and inventory excepted."""
        lines = [f"Action: {self.action}"] if self.action else []
        lines.append(f"Message: {' '.join(self.message.split()) or NO_MESSAGE}")
        lines.append(f"Inventory: {'; '.join(self.inventory) or 'no change'}")
        if self.status:
            lines.append(f"Status: {self.status}")
        if self.map:
            lines.append(f"Map:\n{self.map}")
        return "\n".join(lines)


def message_of(text: str) -> str:
    """Return the message of a caption; of any other text, the text itself.

    Args:
        text: A caption, a tool's reply, a chat turn.

    Returns:
        The message, "" where a caption has none.

    Example:
        >>> message_of(Caption("It's a wall.", "west", map="|@").text()), message_of(Caption().text())
        ("It's a wall.", '')
        >>> message_of("42")
        '42'
    """
    found = _MESSAGE.search(text)
    if found is None:
        return text
    message = found.group(1).strip()
    return "" if message == NO_MESSAGE else message

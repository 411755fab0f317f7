"""Reading a docstring in google style: what it says of the function, and of each parameter."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise
from typing import NamedTuple

_SECTION = re.compile(r"(Args|Arguments|Attributes|Returns|Yields|Raises|Example|Examples|Note|Notes):")
_ENTRY = re.compile(r"(?P<name>\*{0,2}\w+)(?:\s*\([^)]*\))?:(?:\s+(?P<text>.*))?")
_ARGUMENT_SECTIONS = frozenset({"Args", "Arguments", "Attributes"})


class Docstring(NamedTuple):
    """What a docstring says.

    Args:
        description: Everything before the first section.
        parameters: For each parameter what its entry says, on one line.
    """

    description: str
    parameters: dict[str, str]


def read_docstring(text: str | None) -> Docstring:
    r"""Split a docstring into its description and the entries of its ``Args`` (or ``Attributes``) section.

    Args:
        text: A docstring, or None.

    Returns:
        Its parts; empty where there is none.

    Example:
        >>> read_docstring("Add two numbers.\n\nArgs:\n    a: The first,\n        of two.\n    b (int): The second.")
        Docstring(description='Add two numbers.', parameters={'a': 'The first, of two.', 'b': 'The second.'})
    """
    lines = inspect.cleandoc(text or "").splitlines()
    starts = [number for number, line in enumerate(lines) if _SECTION.fullmatch(line)] + [len(lines)]
    description = "\n".join(lines[: starts[0]]).strip()
    parameters: dict[str, str] = {}
    for start, end in pairwise(starts):
        if lines[start].removesuffix(":") in _ARGUMENT_SECTIONS:
            parameters.update(_entries(lines[start + 1 : end]))
    return Docstring(description, parameters)


def _entries(lines: list[str]) -> dict[str, str]:
    """Read the entries of a section; what is indented deeper than the first goes on with the entry above it."""
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        entry = _ENTRY.fullmatch(line.strip()) if len(line) - len(line.lstrip()) == indent else None
        if entry is not None:
            name = entry["name"].lstrip("*")
            found[name] = [entry["text"] or ""]
        elif name:
            found[name].append(line)
    return {name: " ".join(" ".join(parts).split()) for name, parts in found.items()}

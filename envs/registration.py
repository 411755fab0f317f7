"""Which environments exist: read from the modules of the families without importing them.

A module below ``envs/<family>/`` registers its environments with a literal at its top level::

    REGISTRATION = [
        {
            "id": "rewardium/RandomCalculation-v0",
            "entry_point": "RandomCalculationEnv",                # a class in this module, or "module:Class"
            "vector_entry_point": "RandomCalculationVectorEnv",   # optional: the batched class
            "extra": "nethack",                                   # optional: the extra it needs ...
            "packages": ["nle", "minihack"],                      # ... and the import names that extra brings
            "max_episode_steps": 100,                             # optional
            "kwargs": {"num_steps": 3},                           # optional: default arguments
            "papers": ["A6"],                                     # optional: whose environment it is
        }
    ]

The literal is read from the source text, so that ``import rewardium.envs`` stays fast and needs no extra, and a new
environment is one new file.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import gymnasium as gym

from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered environment.

    Args:
        id: The id, e.g. ``"rewardium/RandomCalculation-v0"``.
        entry_point: ``"module:Class"`` of the scalar environment.
        vector_entry_point: ``"module:Class"`` of the batched environment, or None to vectorise the scalar one.
        extra: Name of the extra that the environment needs, or None.
        packages: The import names that this extra brings.
        max_episode_steps: The step limit, or None.
        kwargs: Default arguments.
        papers: Keys of the papers whose environment it is, see ``rewardium.envs.catalogue``.
    """

    id: str
    entry_point: str
    vector_entry_point: str | None = None
    extra: str | None = None
    packages: tuple[str, ...] = ()
    max_episode_steps: int | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    papers: tuple[str, ...] = ()


def read_entries(source: str, module: str) -> list[Entry]:
    """Read the ``REGISTRATION`` literal of a module from its source text.

    Args:
        source: Python source; it is parsed, never run.
        module: The module's import name, which its classes are looked up in.

    Returns:
        The entries, none where the module has no such literal.

    Raises:
        RewardiumError: When the value is not a literal list of dicts with the keys of ``Entry``.

    Example:
        >>> read_entries('REGISTRATION = [{"id": "rewardium/X-v0", "entry_point": "X"}]', "my.module")[0].entry_point
        'my.module:X'
    """
    if "REGISTRATION" not in source:
        return []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "REGISTRATION" for t in node.targets
        ):
            try:
                return [_entry(row, module) for row in ast.literal_eval(node.value)]
            except (ValueError, TypeError, KeyError) as error:
                raise RewardiumError(f"{module}: REGISTRATION must be a literal list of dicts: {error}") from error
    return []


def _entry(row: dict[str, Any], module: str) -> Entry:
    row = dict(row)
    for key in ("entry_point", "vector_entry_point"):
        if key in row:
            row[key] = row[key] if ":" in row[key] else f"{module}:{row[key]}"
    return Entry(**{**row, **{key: tuple(row.get(key, ())) for key in ("packages", "papers")}})


@cache
def entries() -> tuple[Entry, ...]:
    """Return every environment that the modules of the families register, sorted by id."""
    found = []
    for family in files("rewardium.envs").iterdir():
        if not family.is_dir() or not family.joinpath("__init__.py").is_file():
            continue
        for path in family.iterdir():
            if path.name.endswith(".py"):
                module = f"rewardium.envs.{family.name}.{path.name.removesuffix('.py')}"
                found += read_entries(path.read_text(encoding="utf-8"), module)
    return tuple(sorted(found, key=lambda entry: entry.id))


def register_all() -> None:
    """Register every environment with Gymnasium; calling it again changes nothing."""
    for entry in entries():
        if entry.id not in gym.registry:
            gym.register(
                id=entry.id,
                entry_point=entry.entry_point,
                vector_entry_point=entry.vector_entry_point,
                max_episode_steps=entry.max_episode_steps,
                kwargs=dict(entry.kwargs),
            )


def registered_ids() -> list[str]:
    """Return the ids of the suite, sorted.

    Example:
        >>> "rewardium/RandomCalculation-v0" in registered_ids()
        True
    """
    return [entry.id for entry in entries()]


def missing_extra(name: str) -> str | None:
    """Return the extra that an id needs and that is not installed here, or None.

    Raises:
        RewardiumError: When the suite has no such id.

    Example:
        >>> missing_extra("rewardium/RandomCalculation-v0") is None
        True
    """
    for entry in entries():
        if entry.id == name:
            return entry.extra if any(find_spec(package) is None for package in entry.packages) else None
    raise RewardiumError(f"{name!r} is not an environment of the suite")

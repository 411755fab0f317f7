"""How far each published system of the catalogue has come: from what is registered and from what was measured."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import rewardium.agents.llm.objectives as objectives
from rewardium.envs.catalogue import Paper, implementations, papers, record
from rewardium.envs.errors import RewardiumError
from rewardium.envs.registration import entries
from rewardium.rewards import registry

State = Literal["not yet", "implemented", "reproduced"]
STATES: tuple[State, ...] = ("not yet", "implemented", "reproduced")
RESULTS = Path("docs/results")
_SEARCHED = ("rewardium.rewards.learning", "rewardium.rewards.evaluation", "rewardium.agents.llm")


class Progress(NamedTuple):
    """How far a paper has come.

    Args:
        paper: The paper.
        state: ``"reproduced"`` where an experiment on it has been run, whatever came out.
        by: Kind and name of what implements it.
    """

    paper: Paper
    state: State
    by: tuple[str, ...]


def load_everything() -> None:
    """Import all modules that say which papers they implement.

    Raises:
        ImportError: When an extra is missing, so that a list would be too short without a word.
    """
    registry.names()
    objectives.objective_names()
    for name in _SEARCHED:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)
    for entry in entries():
        record(f"environment {entry.id}", entry.papers)


def progress(results: Path = RESULTS) -> list[Progress]:
    """Say of every paper how far it has come.

    Args:
        results: The folder of measured results, one ``<key>.json`` a paper, e.g. ``B15.json``.

    Returns:
        One entry a paper, in the order of the catalogue.

    Raises:
        RewardiumError: When a result is none, or is of something that nothing implements.
        ImportError: When an extra is missing.

    Example:
        >>> tool_rl = next(each for each in progress() if each.paper.name == "ToolRL")
        >>> tool_rl.state != "not yet", "reward tool_rl" in tool_rl.by
        (True, True)
    """
    load_everything()
    known = implementations()
    rows = []
    for paper in papers().values():
        by, measured = known.get(paper.key, ()), _has_result(results / f"{paper.key}.json")
        if measured and not by:
            raise RewardiumError(f"{results / paper.key}.json is a result of {paper.name}, which nothing implements")
        rows.append(Progress(paper, "reproduced" if measured else "implemented" if by else "not yet", by))
    return rows


def _has_result(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))["verdict"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RewardiumError(f"{file} is no result: {error!r}") from error
    if not isinstance(verdict, str):
        raise RewardiumError(f"{file} is no result: its verdict is {verdict!r}")
    return True


def counts(rows: Sequence[Progress]) -> dict[State, int]:
    """Count the papers in each state.

    Example:
        >>> from rewardium.envs.catalogue import paper_named
        >>> counts([Progress(paper_named("A1"), "implemented", ("reward delta",))])
        {'not yet': 0, 'implemented': 1, 'reproduced': 0}
    """
    return {state: sum(row.state == state for row in rows) for state in STATES}

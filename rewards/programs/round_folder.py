"""What a round of reward design leaves behind: plain files in a folder, from which a run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.programs.analysis import Analysis
from rewardium.rewards.programs.designers import Rejected
from rewardium.rewards.programs.episode import read_episodes, write_episodes
from rewardium.rewards.programs.loop import Round

PROGRAM_FILE = "program.py"
"""The accepted program."""

DESIGN_FILE = "design.json"
"""What was rejected and why, and the critic's notes; written when a program is accepted or none was."""

ROUND_FILE = "round.json"
"""The statistics; written last, so that a round that has it is over."""

_ANALYSIS_FILE, _EPISODES_FILE = "analysis.txt", "episodes.jsonl"


def folder_of(root: Path, number: int) -> Path:
    """Return the folder of a round, e.g. ``round-01``."""
    return root / f"round-{number:02d}"


def write_design(root: Path, turn: Round) -> Path:
    """Write what a round has designed, before it is tried out.

    ====================  ==============================================================
    ``program.py``        the accepted program, where there is one
    ``rejected-1.py``     each rejected proposal, with the reasons in comments above it
    ``design.json``       the same for programs to read, and the critic's notes
    ====================  ==============================================================

    Args:
        root: The run folder.
        turn: The round.

    Returns:
        The round's folder.
    """
    folder = folder_of(root, turn.number)
    folder.mkdir(parents=True, exist_ok=True)
    for number, rejected in enumerate(turn.rejected, start=1):
        _write(folder / f"rejected-{number}.py", commented(rejected))
    if turn.program:
        _write(folder / PROGRAM_FILE, turn.program)
    design = {"number": turn.number, "has_program": bool(turn.program), "notes": list(turn.notes)}
    design["rejected"] = [asdict(rejected) for rejected in turn.rejected]
    _write(folder / DESIGN_FILE, json.dumps(design, indent=2) + "\n")
    return folder


def write_round(root: Path, turn: Round) -> Path:
    """Write a round that is over: its design, its episodes, what the analyser says, and last its statistics.

    Args:
        root: The run folder.
        turn: The round.

    Returns:
        The round's folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_round(Path(folder), Round(1, "", (Rejected("import os", ("no",)),)))
        ...     read_rounds(Path(folder))
        ([Round(number=1, program='', rejected=(Rejected(text='import os', reasons=('no',)),), ...)], None)
    """
    folder = write_design(root, turn)
    write_episodes(folder / _EPISODES_FILE, turn.episodes)
    if turn.analysis is not None:
        _write(folder / _ANALYSIS_FILE, turn.analysis.text + "\n")
    statistics = None if turn.analysis is None else turn.analysis.statistics
    _write(folder / ROUND_FILE, json.dumps({"number": turn.number, "statistics": statistics}, indent=2) + "\n")
    return folder


def read_rounds(root: Path) -> tuple[list[Round], Round | None]:
    """Read the rounds of a run.

    Args:
        root: The run folder.

    Returns:
        The rounds that are over, in order, and the one after them where its program has been accepted already.

    Raises:
        RewardiumError: When a file of a round is damaged.
    """
    finished: list[Round] = []
    while (turn := _read(folder_of(root, len(finished) + 1), len(finished) + 1)) is not None:
        if not (folder_of(root, turn.number) / ROUND_FILE).exists():
            return finished, turn if turn.program else None
        finished.append(turn)
    return finished, None


def _read(folder: Path, number: int) -> Round | None:
    if not (folder / DESIGN_FILE).exists():
        return None
    try:
        design = _object(folder / DESIGN_FILE)
        rejected = tuple(Rejected(str(row["text"]), _texts(row["reasons"])) for row in design["rejected"])
        program = (folder / PROGRAM_FILE).read_text(encoding="utf-8") if design["has_program"] else ""
        turn = Round(number, program, rejected, _texts(design["notes"]))
        if not (folder / ROUND_FILE).exists():
            return turn
        statistics = _object(folder / ROUND_FILE)["statistics"]
        episodes = tuple(read_episodes(folder / _EPISODES_FILE))
        if statistics is None:
            return turn
        text = (folder / _ANALYSIS_FILE).read_text(encoding="utf-8").removesuffix("\n")
        analysis = Analysis(text, {str(name): float(value) for name, value in statistics.items()})
        return Round(number, program, rejected, turn.notes, analysis, episodes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RewardiumError(f"the round in {folder} cannot be read: {type(error).__name__}: {error}") from None


def _object(path: Path) -> Mapping[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise TypeError(f"{path.name} holds no JSON object")
    return value


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def commented(rejected: Rejected) -> str:
    r"""Return a rejected proposal with the reasons in comments above it.

    Example:
        >>> print(commented(Rejected("import os\n", ("line 1: no",))))
        # Rejected:
        # - line 1: no
        <BLANKLINE>
        import os
        <BLANKLINE>
    """
    reasons = "".join(f"# - {' '.join(reason.split())}\n" for reason in rejected.reasons)
    return f"# Rejected:\n{reasons}\n{rejected.text}"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
    os.replace(temporary, path)

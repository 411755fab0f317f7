"""List the published systems behind the suite, what implements each of them, and how far it has come.

    python scripts/reproduce.py --list
    python scripts/reproduce.py --list --state implemented
    python scripts/reproduce.py --list --page docs/catalogue.md

A paper is *implemented* when something registered says that it is of that paper, and *reproduced* when an experiment on
it has been run and its result, whatever it was, stands in docs/results.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table

from rewardium.agents.catalogue import RESULTS, Progress, State, counts, progress
from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True)
class Config:
    """List the published systems behind the suite."""

    list: bool = False
    """Print the table."""

    state: Literal["all", "not yet", "implemented", "reproduced"] = "all"
    """Print those in this state only."""

    page: Path | None = None
    """Also write all of it to this page."""

    results: Path = RESULTS
    """The folder of measured results."""


def main() -> int:
    """Read the command line, list, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    config = tyro.cli(Config, description=__doc__)
    console = Console()
    try:
        if not config.list and config.page is None:
            raise RewardiumError("nothing to do: give --list, or --page FILE")
        rows = progress(config.results)
        if config.page is not None:
            config.page.parent.mkdir(parents=True, exist_ok=True)
            config.page.write_text(page(rows), encoding="utf-8")
        if config.list:
            console.print(table([row for row in rows if config.state in ("all", row.state)]))
            console.print(summary(rows), markup=False)
    except RewardiumError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except ImportError as error:
        console.print(f"error: {error}; the list needs the extras llm and control", style="red", markup=False)
        return 1
    return 0


def table(rows: Sequence[Progress]) -> Table:
    """Lay out the papers for a terminal."""
    styles: dict[State, str] = {"not yet": "dim", "implemented": "", "reproduced": "green"}
    shown = Table(title="Published systems")
    for column in ("key", "system", "mechanisms", "state", "by"):
        shown.add_column(column, overflow="fold")
    for row in rows:
        cells = (row.paper.key, row.paper.name, ", ".join(row.paper.mechanisms), row.state, ", ".join(row.by))
        shown.add_row(*cells, style=styles[row.state])
    return shown


def summary(rows: Sequence[Progress]) -> str:
    """Say how many papers are in each state.

    Example:
        >>> summary([])
        '0 systems: 0 not yet, 0 implemented, 0 reproduced'
    """
    return f"{len(rows)} systems: {', '.join(f'{number} {state}' for state, number in counts(rows).items())}"


def page(rows: Sequence[Progress]) -> str:
    """Write the page."""
    lines = [
        f"| {row.paper.key} | {row.paper.name} | {row.paper.title}, {row.paper.published} "
        f"| {', '.join(row.paper.mechanisms)} | {row.state} | {', '.join(f'`{thing}`' for thing in row.by)} |"
        for row in rows
    ]
    return f"""# The published systems behind the suite

{summary(rows)}. *Implemented*: something registered says that it is of this paper; its docstring tells the formula, and
how certain formula and constants are. *Reproduced*: an experiment on it has been run at small scale, whatever came out.

| key | system | paper | mechanisms | state | by |
|---|---|---|---|---|---|
{chr(10).join(lines)}

The page is written by a command, from what is registered:

```bash
python scripts/reproduce.py --list --page docs/catalogue.md
```
"""


if __name__ == "__main__":
    sys.exit(main())

"""Measure what the project promises: ``python scripts/benchmark.py rewards --json rewards.json``.

Every file in ``scripts/benchmarks`` is a sub-command. It holds a dataclass ``Config``, whose fields are the flags and
whose docstring is the help, and a function ``run(config)`` that returns what was measured::

    {"title": str, "table": [{column: value, ...}, ...], "summary": {name: value, ...}}

There may be ``"notes"``, a list of lines that are printed below. Files that begin with ``_`` are parts of others.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from rewardium.agents.run_folder import describe_environment, plain
from rewardium.envs.errors import RewardiumError

FOLDER = Path(__file__).resolve().parent / "benchmarks"


def load_benchmarks(folder: Path = FOLDER) -> dict[str, ModuleType]:
    """Import every benchmark's file, by name."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # where benchmarks find their parts
    return {path.stem.replace("_", "-"): load_file(path) for path in sorted(folder.glob("[!_]*.py"))}


def load_file(path: Path) -> ModuleType:
    """Import a file by its path: scripts are no installed package."""
    spec = importlib.util.spec_from_file_location(f"rewardium_benchmark_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RewardiumError(f"a benchmark must be a Python file, got {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def show(result: dict[str, Any], console: Console) -> None:
    """Print the table and, below it, the summary and the notes."""
    rows = result["table"]
    table = Table(title=result["title"])
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(shown(value) for value in row.values()))
    console.print(table)
    for name, value in result["summary"].items():
        console.print(f"{name}: [bold]{shown(value)}[/bold]")
    for note in result.get("notes", []):
        console.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)


def shown(value: Any) -> str:
    """Write a float with four digits, what is missing as a dash, and anything else as it is."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark that the command line names."""
    logging.basicConfig(level=logging.WARNING)
    benchmarks = load_benchmarks()
    parsers = {name: module.Config for name, module in benchmarks.items()}
    config = tyro.extras.subcommand_cli_from_dict(parsers, args=arguments, description=(__doc__ or "").split("\n")[0])
    module = sys.modules[type(config).__module__]
    try:
        result = module.run(config)
    except RewardiumError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    show(result, Console())
    if config.json is not None:
        config.json.parent.mkdir(parents=True, exist_ok=True)
        written = {**result, "config": plain(config), "environment": describe_environment(plain(config))}
        config.json.write_text(json.dumps(plain(written), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

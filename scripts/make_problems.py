"""Make math problems from the templates: a file of JSON lines for rewardium/MathVerify-v0.

    python scripts/make_problems.py --out problems.jsonl --per-template 100 --seed 1
    python scripts/make_problems.py --out integrals.jsonl --templates definite_integral sine_integral

Without arguments it writes the file that the suite ships again. The same arguments give the same file, byte for byte.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.markup import escape

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.math.task_sets import SHIPPED
from rewardium.envs.math.templates import TEMPLATES, distinct_problems

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Config:
    """Make math problems from the templates: a file of JSON lines for rewardium/MathVerify-v0."""

    out: Path = REPOSITORY / "envs" / "math" / SHIPPED
    """The file to write; one that is there is replaced."""

    per_template: int = 6
    """Problems of each template."""

    seed: int = 0
    """Fixes the problems. A problem may also stand in the file of another seed."""

    templates: tuple[str, ...] = ()
    """Names of templates, in this order; all of them by default."""


def rows(config: Config) -> Iterator[dict[str, str | int]]:
    """Yield the rows of the file.

    Args:
        config: What to make.

    Yields:
        One row a problem, none of them twice.

    Raises:
        RewardiumError: When a number is wrong, or a template is unknown.
    """
    for name, value, least in (("per_template", config.per_template, 1), ("seed", config.seed, 0)):
        if value < least:
            raise RewardiumError(f"{name} must be at least {least}, got {value}")
    names = config.templates or tuple(TEMPLATES)
    for name in names:
        if name not in TEMPLATES:
            raise RewardiumError(unknown_name_message("template", name, TEMPLATES))
    for name in dict.fromkeys(names):
        for problem in distinct_problems(name, config.per_template, config.seed):
            yield {**problem._asdict(), "template": name}


def write(config: Config) -> Counter[str]:
    """Write the file, all of it or nothing.

    Args:
        config: What to make, and where.

    Returns:
        How many problems there are of each template.

    Raises:
        RewardiumError: When an argument is wrong, or the file cannot be written.
    """
    made = list(rows(config))
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in made)
    part = config.out.with_name(f"{config.out.name}.part")
    try:
        config.out.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.encode("utf-8"))  # bytes: no line ends of another system
        part.replace(config.out)
    except OSError as error:
        raise RewardiumError(f"cannot write {config.out}: {error.strerror}") from error
    return Counter(str(row["template"]) for row in made)


def main() -> None:
    """Read the command line, write the file and say what is in it."""
    config = tyro.cli(Config, description=__doc__)
    console = Console(soft_wrap=True, highlight=False)
    try:
        counts = write(config)
    except RewardiumError as error:
        console.print("[red]error:[/]", escape(str(error)))
        sys.exit(2)
    console.print(f"[green]wrote[/] {counts.total()} problems of {len(counts)} templates:", escape(str(config.out)))
    for name, count in counts.items():
        if count < config.per_template:
            console.print(f"[yellow]{name}[/] has only {count} different problems")


if __name__ == "__main__":
    main()

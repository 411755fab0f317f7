"""Write a new reward source and its test, ready to run: one file is one reward.

    python scripts/new_reward.py politeness --needs action task
    python scripts/new_reward.py politeness --needs action task --folder my_rewards

Without ``--folder`` the source goes into this repository, where it is known by its name at once. With ``--folder`` it
is a plugin of your own project, for every script that takes ``--plugin FILE``.
"""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

import tyro
from rich.console import Console
from rich.markup import escape

from rewardium import rewards
from rewardium.envs.errors import RewardiumError

Need = Literal["observation", "action", "text", "frame", "task", "history"]

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES_IN_USE = {"Any", "RewardSource", "Score", "Task", "Transition", "TransitionBatch"}


@dataclass
class Config:
    """Write a new reward source and its test."""

    name: tyro.conf.Positional[str]
    """The name that users write in a reward expression: a lower-case Python identifier, e.g. politeness."""

    needs: tuple[Need, ...] = ("action",)
    """The parts of a transition that the reward reads; nothing else is collected for it."""

    folder: Path | None = None
    """Write a plugin and its test into this folder instead of into the repository."""


@dataclass(frozen=True)
class Part:
    """How the generated code speaks of one part of a transition.

    Args:
        column: The batch's attribute that holds it.
        example: A value of it, as Python.
        imports: The import that the example needs, or "".
    """

    column: str
    example: str
    imports: str = ""


PARTS: dict[str, Part] = {
    "observation": Part("observations", '"what the agent sees"'),
    "action": Part("actions", '"an answer"'),
    "text": Part("texts", '"a message"'),
    "frame": Part("frames", "np.zeros((8, 8, 3), dtype=np.uint8)", "import numpy as np"),
    "task": Part("tasks", 'Task("a goal", reference="1")', "from rewardium.envs.task import Task"),
    "history": Part("histories", "(Transition(None, None, None),)"),
}

SOURCE = Template('''\
"""$title: say in one line what is rewarded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score


@register("$name")
@dataclass(frozen=True)
class $class_name(RewardSource):
    """Say in one line what the score measures.

    ``r = bonus`` for every transition: write your formula here, and the paper it comes from.

    Score: value float32 [B], valid bool [B]; without what it needs a transition is invalid, never 0.

    Args:
        bonus: The score.

    Example:
        >>> from dataclasses import replace
$doctest_imports
        >>> step = Transition(observation=None, previous_observation=None, action=None)
$doctest_parts
        >>> $class_name(bonus=0.5).score(TransitionBatch.from_transitions([step, step])).value.tolist()
        [0.5, 0.5]
    """

    bonus: float = 1.0

    needs = frozenset({$needs})

    def score(self, batch: TransitionBatch) -> Score:
        """Score B transitions; a model sees all of them in one call here."""
        columns: tuple[Any, ...] = $columns
        if any(column is None for column in columns):
            return Score.of([None] * len(batch))
        return Score.of([self.score_one(*row) for row in zip(*columns, strict=True)])

    def score_one(self, $parameters) -> float | None:
        """Return the score of one transition, or None where it cannot be had."""
        return $formula
''')

TEST = Template('''\
"""What the reward $name must keep."""

from __future__ import annotations

from dataclasses import replace
${path_import}from typing import Any

import numpy as np
import pytest

from rewardium import rewards
$imports$load

@pytest.fixture
def batch() -> TransitionBatch:
    """Return three transitions that have everything the reward needs."""
    step = Transition(observation=None, previous_observation=None, action=None)
$parts
    return TransitionBatch.from_transitions([replace(step, env=env) for env in range(3)])


def test_the_formula(batch: TransitionBatch) -> None:
    """The score is what the docstring says."""
    outcome = rewards.make("$name", bonus=0.5).evaluate(batch, rewards.RewardState())
    np.testing.assert_allclose(outcome.value, [0.5, 0.5, 0.5])
    assert outcome.valid.all()


def test_missing_is_not_zero(batch: TransitionBatch) -> None:
    """Without what the reward needs there is no score."""
    for column in $column_names:
        missing: dict[str, Any] = {column: None}
        outcome = rewards.make("$name").evaluate(replace(batch, **missing), rewards.RewardState())
        assert not outcome.valid.any()


def test_the_expression_and_the_config_build_it_again() -> None:
    """A run folder can store the reward."""
    reward = rewards.make("$name", bonus=0.5)
    assert rewards.parse(str(reward)) == reward
    assert rewards.build(reward.config()) == reward
''')


def check_name(name: str) -> None:
    """Refuse a name that cannot name a reward, its file and its class.

    Args:
        name: The name that was asked for.

    Raises:
        RewardiumError: When it is no lower-case identifier, or taken already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise RewardiumError(f"a reward's name is a lower-case Python identifier such as 'politeness', got {name!r}")
    if name in (*rewards.names(), "weight", "reward") or class_name(name) in CLASSES_IN_USE:
        raise RewardiumError(f"the reward name {name!r} is already taken; choose another one")


def render(name: str, needs: tuple[str, ...], *, plugin: bool) -> tuple[str, str]:
    """Return the text of a source file and of its test.

    Args:
        name: The reward's name.
        needs: What it reads, at least one part.
        plugin: Whether the test has to load the file, because it lies outside the repository.

    Returns:
        (source, test).

    Raises:
        RewardiumError: When nothing is needed.
    """
    if not needs:
        raise RewardiumError(f"a reward reads at least one part of a transition; --needs takes {', '.join(PARTS)}")
    needs = tuple(dict.fromkeys(needs))
    parts = [PARTS[need] for need in needs]
    replacements = [f"step = replace(step, {need}={PARTS[need].example})" for need in needs]
    nullable = [need for need in needs if need in ("text", "frame", "task")]
    imports = sorted(part.imports for part in parts if part.imports)
    transition = "from rewardium.envs.transition import Transition"
    source = SOURCE.substitute(
        name=name,
        title=name.replace("_", " ").capitalize(),
        class_name=class_name(name),
        doctest_imports="\n".join(f"        >>> {line}" for line in [*imports, transition]),
        doctest_parts="\n".join(f"        >>> {line}" for line in replacements),
        needs=", ".join(f'"{need}"' for need in needs),
        columns=tuple_of([f"batch.{part.column}" for part in parts], indent=8, used=35),
        parameters=", ".join(f"{need}: Any" for need in needs),
        formula=f"None if {' or '.join(f'{need} is None' for need in nullable)} else self.bonus"
        if nullable
        else "self.bonus",
    )
    test = TEST.substitute(
        name=name,
        path_import="from pathlib import Path\n" if plugin else "",
        imports="".join(f"{line}\n" for line in imports if "rewardium" in line) + f"{transition}, TransitionBatch\n",
        load=f'\nrewards.load_plugin(Path(__file__).with_name("{name}.py"))\n' if plugin else "",
        parts="\n".join(f"    {line}" for line in replacements),
        column_names=tuple_of([f'"{part.column}"' for part in parts], indent=4, used=19),
    )
    return source, test


def tuple_of(items: list[str], *, indent: int, used: int) -> str:
    """Write a tuple as the formatter would: on one line where it fits.

    Args:
        items: The items, as Python.
        indent: Spaces before the statement.
        used: Characters that stand on the line before the tuple and after it.
    """
    line = f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if used + len(line) <= 120:
        return line
    return "(\n" + "".join(f"{' ' * (indent + 4)}{item},\n" for item in items) + f"{' ' * indent})"


def class_name(name: str) -> str:
    """Return the class name of a reward, e.g. ``"BigWords"`` for ``"big_words"``."""
    return "".join(word.capitalize() for word in name.split("_"))


def write_reward(config: Config) -> tuple[Path, Path]:
    """Write the two files.

    Args:
        config: What to write, and where.

    Returns:
        (source file, test file).

    Raises:
        RewardiumError: When the name cannot be taken, or a file is there already; nothing is written then.
    """
    check_name(config.name)
    texts = render(config.name, config.needs, plugin=config.folder is not None)
    if config.folder is None:
        folders = (REPOSITORY / "rewards" / "sources", REPOSITORY / "tests" / "rewards" / "sources")
    else:
        folders = (config.folder, config.folder)
    source, test = folders[0] / f"{config.name}.py", folders[1] / f"test_{config.name}.py"
    for path in (source, test):
        if path.exists():
            raise RewardiumError(f"{path} exists already; nothing was written")
    for path, text in zip((source, test), texts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return source, test


def next_steps(config: Config, source: Path, test: Path) -> list[str]:
    """Return what to do with the two files, in order."""
    use = f'--reward "verify + 0.1 * {config.name}"'
    steps = [
        f"write your formula into {class_name(config.name)}.score_one in {source}",
        f"say in {test} what must come out, and run it: python -m pytest {test}",
    ]
    if config.folder is not None:
        return [*steps, f"use it: --plugin {source} {use}"]
    return [
        *steps,
        f"run what every source must keep: python -m pytest tests/contracts -k {config.name}",
        f"use it: {use}",
    ]


def main() -> None:
    """Read the command line, write the files and say what comes next."""
    config = tyro.cli(Config, description=__doc__)
    console = Console(soft_wrap=True, highlight=False)
    try:
        source, test = write_reward(config)
    except RewardiumError as error:
        console.print("[red]error:[/]", escape(str(error)))
        sys.exit(2)
    console.print("[green]wrote[/]", escape(f"{source} and {test}"))
    for number, step in enumerate(next_steps(config, source, test), start=1):
        console.print(f"  {number}.", escape(step))


if __name__ == "__main__":
    main()

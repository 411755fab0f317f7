r"""Sets of tasks with known answers: the shipped problems, a file of JSON lines, or a data set by name.

    tasks = load_tasks()                                            # the shipped problems
    tasks = load_tasks("problems.jsonl", split="train")             # 70 % of a file, by a hash of the problem
    tasks = load_tasks("openai/gsm8k", split="test", subset="main")
    tasks = load_tasks("exams.parquet", columns={"problem": "task_text", "answer": "key"})

Which columns are read is told in ``task_rows``.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import as_file, files
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.task_rows import EXAMPLE_ROW, BadRowError, check_columns, level_of, read_row, subject_of
from rewardium.envs.math.task_sources import BUILDERS, LINES, RawRow, read_dataset, read_lines
from rewardium.envs.task import Task

SHIPPED = "problems/arithmetic_to_calculus.jsonl"
"""The shipped problems, beside this module."""

NAMED_ROWS = 10
"""Bad rows that a report names; the others are counted."""

Choice: TypeAlias = "int | str | Sequence[int | str] | None"
"""What a filter keeps: one value, one of several, or everything."""

_LOGGER = logging.getLogger(__name__)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*+(?:/[A-Za-z0-9][\w.-]*+)?+")
_FILE_ENDINGS = (*LINES, *BUILDERS, ".csv", ".txt")


class BadRow(NamedTuple):
    """A row that is no task.

    Args:
        place: Where it stands, e.g. ``"line 3"``.
        reason: What is wrong with it, in words.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Which rows were left out.

    Args:
        count: How many.
        first: The first of them, at most ``NAMED_ROWS``.
    """

    count: int = 0
    first: tuple[BadRow, ...] = ()

    def __str__(self) -> str:
        named = "; ".join(f"{row.place}: {row.reason}" for row in self.first)
        return named + ("; ..." if self.count > len(self.first) else "")


class TaskSet(Sequence[Task]):
    """An immutable sequence of tasks, which can be filtered and drawn from.

    Args:
        tasks: The tasks; the same one may be there more than once, and is then drawn more often.
        name: Where they come from, for messages.
        skipped: Which rows were left out when they were read.

    Raises:
        RewardiumError: When there are no tasks, or one of them is no ``Task`` with a reference.

    Example:
        >>> tasks = TaskSet([Task("1 + 1", "2", {"level": 1}), Task("2^9", "512", {"level": 2})])
        >>> len(tasks), tasks.where(level=2)[0].goal, tasks.draw(np.random.default_rng(0)) in tasks
        (2, '2^9', True)
    """

    __slots__ = ("_name", "_skipped", "_tasks")

    def __init__(self, tasks: Iterable[Task], *, name: str = "the tasks", skipped: Skipped | None = None) -> None:
        self._tasks = tuple(tasks)
        self._name = name
        self._skipped = skipped or Skipped()
        if not self._tasks:
            raise RewardiumError(f"{name}: there is no task")
        for task in self._tasks:
            if not isinstance(task, Task) or not (task.reference or "").strip():
                raise RewardiumError(f"{name}: each item must be a Task with a reference, got {task!r}")

    @property
    def name(self) -> str:
        """Where the tasks come from."""
        return self._name

    @property
    def skipped(self) -> Skipped:
        """Which rows were left out when the tasks were read."""
        return self._skipped

    @overload
    def __getitem__(self, index: int) -> Task: ...

    @overload
    def __getitem__(self, index: slice) -> TaskSet: ...

    def __getitem__(self, index: int | slice) -> Task | TaskSet:
        if isinstance(index, slice):
            return TaskSet(self._tasks[index], name=self._name, skipped=self._skipped)
        return self._tasks[index]

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskSet) and self._tasks == other._tasks

    def __hash__(self) -> int:
        return hash(self._tasks)

    def __repr__(self) -> str:
        return f"TaskSet({self._name!r}, {len(self)} tasks, {self._skipped.count} rows skipped)"

    def draw(self, random: np.random.Generator) -> Task:
        """Draw a task, each with the same probability."""
        return self._tasks[int(random.integers(len(self._tasks)))]

    def where(self, *, level: Choice = None, subject: Choice = None) -> TaskSet:
        """Keep the tasks of some levels and subjects.

        Args:
            level: A level or several, e.g. ``3``, ``"Level 3"`` or ``[4, 5]``; None for all.
            subject: A subject or several, in upper or lower case; None for all.

        Returns:
            A new set, in the same order.

        Raises:
            RewardiumError: When a filter is of a wrong type, or leaves no task; the message says what there is.
        """
        kept = self
        for field, choice, key in (("level", level, level_of), ("subject", subject, _subject_key)):
            if choice is not None:
                kept = kept._filtered(field, _values(field, choice), key)
        return kept

    def _filtered(self, field: str, wanted: tuple[int | str, ...], key: Callable[[object], object]) -> TaskSet:
        keys = {key(value) for value in wanted}
        tasks = [task for task in self._tasks if field in task.fields and key(task.fields[field]) in keys]
        if not tasks:
            there = Counter(str(task.fields[field]) for task in self._tasks if field in task.fields)
            known = ", ".join(f"{value} ({count} tasks)" for value, count in sorted(there.items())[:30])
            raise RewardiumError(f"{self._name}: no task has the {field} {wanted}; there is {known or f'no {field}'}")
        return TaskSet(tasks, name=self._name, skipped=self._skipped)


def _values(field: str, choice: Any) -> tuple[int | str, ...]:
    values = (choice,) if isinstance(choice, (int, str)) else choice
    if (
        not isinstance(values, (list, tuple, set, frozenset, range))
        or not values
        or not all(isinstance(value, (int, str)) and not isinstance(value, bool) for value in values)
    ):
        raise RewardiumError(f"{field} must be a value or a list of values, numbers or text, got {choice!r}")
    return tuple(values)


def _subject_key(value: object) -> str:
    return subject_of(value).casefold()


def load_tasks(
    source: str | PathLike[str] | None = None,
    *,
    split: str = "all",
    strict: bool = False,
    columns: Mapping[str, str] | None = None,
    subset: str | None = None,
) -> TaskSet:
    """Read a set of tasks.

    A row that is no task is left out, counted in ``TaskSet.skipped``, and logged once as a warning; with ``strict`` it
    is an error. What was read is remembered until its file changes.

    Args:
        source: None for the shipped problems; the path of a file of JSON lines (``.jsonl``, ``.jsonl.gz``); the path of
            what the ``datasets`` library reads (a ``.parquet``, ``.arrow`` or ``.json`` file, a folder that
            ``save_to_disk`` wrote, a folder of data files); or a data set's name on the Hugging Face hub.
        split: ``"all"``, or one of the data set's splits. A source without splits is split here into ``"train"`` (70 %)
            and ``"test"`` by a hash of the problem, so that the two share no problem; a row may say in a field
            ``split`` which it belongs to.
        strict: Whether a row that is no task is an error.
        columns: Where the columns have other names: from ``problem``, ``answer``, ``level``, ``subject`` to theirs.
        subset: The configuration of a data set that has several, such as ``"main"`` of ``openai/gsm8k``.

    Returns:
        The tasks, in the order of the rows.

    Raises:
        MissingExtraError: When the ``datasets`` library is needed and not installed.
        RewardiumError: When an argument is wrong, the source cannot be read, there is no task, or, with ``strict``, a
            row is no task.

    Example:
        >>> tasks = load_tasks(split="test").where(level=[1, 2])
        >>> all(task.reference for task in tasks)
        True
    """
    if not isinstance(split, str) or not split:
        raise RewardiumError(f"split must be the name of a split such as 'train', or 'all', got {split!r}")
    if subset is not None and not isinstance(subset, str):
        raise RewardiumError(f"subset must be the name of a data set's configuration or None, got {subset!r}")
    renamed = tuple(sorted(check_columns(columns).items()))
    if source is None:
        with as_file(files("rewardium.envs.math").joinpath(SHIPPED)) as path:
            return _load(str(path), split, bool(strict), renamed, None, _fingerprint(path))
    name = _source_name(source)
    return _load(name, split, bool(strict), renamed, subset, _fingerprint(Path(name)))


def _source_name(source: Any) -> str:
    """Return the path or the name as text, after a look whether there can be such a thing."""
    if not isinstance(source, (str, PathLike)):
        raise RewardiumError(f"tasks come from a path, a data set's name or None (the shipped ones), got {source!r}")
    name = fspath(source)
    if not isinstance(name, str) or not name or "\0" in name:
        raise RewardiumError(f"{name!r} is neither a path nor the name of a data set")
    path = Path(name).expanduser()
    if path.exists():
        return str(path)
    if isinstance(source, PathLike) or name.endswith(_FILE_ENDINGS) or not _HUB_NAME.fullmatch(name):
        raise RewardiumError(f"there is no task file or folder {name} (looked for {path.absolute()})")
    return name


def _fingerprint(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file, or a file of a folder, changes; zeros for a name of the hub."""
    if not path.exists():
        return 0, 0, 0
    stats = [item.stat() for item in ([path] if path.is_file() else path.rglob("*"))]
    return len(stats), max((stat.st_mtime_ns for stat in stats), default=0), sum(stat.st_size for stat in stats)


@lru_cache(maxsize=8)
def _load(
    source: str,
    split: str,
    strict: bool,
    columns: tuple[tuple[str, str], ...],
    subset: str | None,
    fingerprint: tuple[int, int, int],
) -> TaskSet:
    """Read the rows; the fingerprint is there for the cache only."""
    path = Path(source)
    rows = read_lines(path) if path.is_file() and path.name.endswith(LINES) else read_dataset(source, split, subset)
    tasks, skipped, read = _collect(rows, source, split, strict, dict(columns))
    if skipped.count:
        _LOGGER.warning("%s: %d of %d rows are no tasks and left out: %s", source, skipped.count, read, skipped)
    if not tasks:
        raise RewardiumError(_nothing(source, split, skipped, read))
    return TaskSet(tasks, name=source if split == "all" else f"{source} ({split})", skipped=skipped)


def _collect(
    rows: Iterable[RawRow], source: str, split: str, strict: bool, columns: dict[str, str]
) -> tuple[list[Task], Skipped, int]:
    """Turn rows into tasks; returns the tasks, the bad rows, and how many rows there were."""
    tasks: list[Task] = []
    first: list[BadRow] = []
    bad = read = 0
    for row in rows:
        read += 1
        try:
            if row.fault:
                raise BadRowError(row.fault)
            task = read_row(row.content, columns)
            # Where the source has splits of its own, only rows of the right one arrive here.
            if row.split is not None or split in ("all", split_of(task)):
                tasks.append(task)
        except BadRowError as error:
            if strict:
                raise RewardiumError(
                    f"{source}, {row.place}: {error}; a row must be an object with a problem and an answer, such as "
                    f"{EXAMPLE_ROW}"
                ) from None
            bad += 1
            if len(first) < NAMED_ROWS:
                first.append(BadRow(row.place, str(error)))
    return tasks, Skipped(bad, tuple(first)), read


def _nothing(source: str, split: str, skipped: Skipped, read: int) -> str:
    if not read:
        return f"{source}: there is no task; it holds no rows. A row is an object such as {EXAMPLE_ROW}"
    if skipped.count == read:
        return f"{source}: there is no task; every row is wrong: {skipped}. A row is an object such as {EXAMPLE_ROW}"
    return (
        f"{source}: there is no task in the split {split!r}; a source without splits of its own has 'train', 'test' "
        "and 'all', and splits that its rows name"
    )


def split_of(task: Task) -> str:
    r"""Say which split a task of a source without splits belongs to.

    The task's field ``split`` says it, where there is one; else a fixed hash of the problem sends 7 of 10 to
    ``"train"`` and the others to ``"test"``. White space does not change the split, so that both splits share no
    problem.

    Example:
        >>> split_of(Task("1 + 1", "2")) == split_of(Task("1 +  1\n", "2")), split_of(Task("", "", {"split": "dev"}))
        (True, 'dev')
    """
    named = task.fields.get("split")
    if isinstance(named, str) and named:
        return named
    digest = blake2b(" ".join(task.goal.split()).encode("utf-8", "replace"), digest_size=8).digest()
    return "train" if int.from_bytes(digest, "big") % 10 < 7 else "test"

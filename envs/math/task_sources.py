"""Where the rows of a task set come from: lines of JSON, or a data set read by the ``datasets`` library.

Rows are read one after the other, so that what is left out is never held.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from rewardium.envs.errors import MissingExtraError, RewardiumError

MAX_LINE_BYTES = 10**6
"""Bytes of a line, and characters of a data set's text in one column; a longer line is a bad row."""

LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""Files that are read line by line, without the ``datasets`` library."""

BUILDERS = {".parquet": "parquet", ".arrow": "arrow", ".json": "json", ".json.gz": "json"}
"""Files that the ``datasets`` library reads, and what it calls their format."""

_BOM = b"\xef\xbb\xbf"


class RawRow(NamedTuple):
    """A row before it is looked at.

    Args:
        place: Where it stands, e.g. ``"line 3"``.
        content: What it holds; anything that JSON knows.
        fault: Why there is no content, in words; empty where there is some.
        split: The split of the data set that it belongs to, None where the source has no splits.
    """

    place: str
    content: Any
    fault: str = ""
    split: str | None = None


def read_lines(path: Path) -> Iterator[RawRow]:
    """Read a file of JSON lines, compressed where its name ends in ``.gz``.

    Blank lines count as lines and are no rows. A byte order mark is passed over. No more than ``MAX_LINE_BYTES`` of a
    line are ever held.

    Args:
        path: The file.

    Yields:
        One row a line that is not blank.

    Raises:
        RewardiumError: When the file cannot be read.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                place = f"line {number}"
                if number == 1:
                    line = line.removeprefix(_BOM)
                if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                    _skip_line(file)
                    yield RawRow(place, None, f"it has more than {MAX_LINE_BYTES} bytes")
                elif line.strip():
                    yield _parse_line(place, line)
    except (OSError, EOFError, zlib.error) as error:
        where = f" after line {number}" if number else ""
        raise RewardiumError(f"cannot read the task file {path}{where}: {_words(error)}") from error


def _skip_line(file: Any) -> None:
    """Read to the end of the line."""
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _parse_line(place: str, line: bytes) -> RawRow:
    try:
        return RawRow(place, json.loads(line.decode("utf-8"), parse_constant=_refuse_constant))
    except UnicodeDecodeError as error:
        return RawRow(place, None, f"it is not UTF-8: byte {error.start + 1} does not decode")
    except json.JSONDecodeError as error:
        return RawRow(place, None, f"it is no JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        return RawRow(place, None, "it is no JSON that can be read: it is nested too deeply")
    except ValueError as error:  # a constant that JSON does not have, or an integer of thousands of digits
        return RawRow(place, None, f"it is no JSON that can be read: {error}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def read_dataset(source: str, split: str, subset: str | None) -> Iterator[RawRow]:
    """Read a data set with the ``datasets`` library: a local file or folder, or one of the Hugging Face hub.

    Of each row the columns of text, numbers and booleans are kept; lists, structs and binary columns are not.

    Args:
        source: A file (parquet, arrow, json), a folder (written by ``save_to_disk``, or of data files), or a name.
        split: A split of the data set, ``"all"`` for every one; a data set of the hub takes slices such as
            ``"train[:10%]"`` too. Where the source has no splits, all rows are read.
        subset: The data set's configuration, where it has several.

    Yields:
        One row a row; its ``split`` is None where the source has no splits.

    Raises:
        MissingExtraError: When the ``datasets`` library is not installed.
        RewardiumError: When the data set cannot be read, or has no such split.
    """
    library = _datasets_library()
    try:
        loaded = _open(library, source, split, subset)
        if not isinstance(loaded, Mapping):
            yield from _rows(loaded, None)
            return
        for name in _chosen_splits(source, split, [str(name) for name in loaded]):
            yield from _rows(loaded[name], name)
    except RewardiumError:
        raise
    except Exception as error:  # the library lets through what its readers, its cache and the network raise
        raise RewardiumError(f"cannot read the data set {source!r}: {_words(error)}{_hint(source)}") from error


def _datasets_library() -> Any:
    try:
        return import_module("datasets")
    except ModuleNotFoundError as error:
        raise MissingExtraError("datasets", "datasets") from error


def _open(library: Any, source: str, split: str, subset: str | None) -> Any:
    """Open a data set: a mapping from splits, or one data set where the source has none."""
    path = Path(source)
    if path.is_file():
        # Streamed: rows are read from the file itself, and nothing is written into a cache.
        return library.load_dataset(_builder(path), data_files=str(path), split="train", streaming=True)
    if path.is_dir():
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            return library.load_from_disk(str(path))
        return library.load_dataset(str(path), subset, streaming=True)
    if "[" in split:
        return {split: library.load_dataset(source, subset, split=split)}
    return library.load_dataset(source, subset)


def _builder(path: Path) -> str:
    for ending, builder in BUILDERS.items():
        if path.name.endswith(ending):
            return builder
    known = ", ".join([*LINES, *BUILDERS])
    raise RewardiumError(f"cannot tell the format of the task file {path}: its name must end in one of {known}")


def _chosen_splits(source: str, split: str, known: list[str]) -> list[str]:
    if split == "all":
        return known
    if split not in known:
        raise RewardiumError(f"the data set {source!r} has no split {split!r}; it has {', '.join(known)}, or 'all'")
    return [split]


def _rows(dataset: Any, split: str | None) -> Iterator[RawRow]:
    suffix = "" if split is None else f" of the split {split!r}"
    for number, row in enumerate(dataset, start=1):
        yield RawRow(f"row {number}{suffix}", {key: value for key, value in row.items() if _is_plain(value)}, "", split)


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_LINE_BYTES
    return value is None or isinstance(value, (bool, int, float))


def _words(error: BaseException) -> str:
    """Return an error's name and the first line of what it says, at most 300 characters."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _hint(source: str) -> str:
    if Path(source).exists():
        return ""
    return (
        ". There is no file or folder of that name here; a data set of the Hugging Face hub needs its full name "
        "('openai/gsm8k'), its subset where it has several, and a network or a filled cache"
    )

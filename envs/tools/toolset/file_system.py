"""A small file system: a service whose state decides an episode's success."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import StatefulToolset, ToolError, tool

MAX_ENTRIES = 1000
"""Files and directories."""

MAX_FILE_LENGTH = 50_000
"""Characters of a file."""

MAX_TOTAL_LENGTH = 500_000
"""Characters of all files together."""

MAX_PATH_LENGTH = 300
"""Characters of a path."""

MAX_DEPTH = 16
"""Directories inside each other."""

MAX_LISTED = 100
"""Entries that a listing or a search shows."""

PAGE_LENGTH = 3000
"""Characters of a file that are read at a time."""

_BAD = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")


def normalise(path: str) -> str:
    """Write a path from the root without ``.``, ``..`` and needless slashes.

    Args:
        path: Anything that an agent wrote; a path that does not begin with ``/`` begins at the root as well.

    Returns:
        The path, ``/`` for the root itself.

    Raises:
        ToolError: When the path is empty or too long, leads above the root, or holds control characters or a backslash.

    Example:
        >>> normalise("docs//old/../a.txt"), normalise("/.")
        ('/docs/a.txt', '/')
    """
    if not path or len(path) > MAX_PATH_LENGTH:
        raise ToolError(f"a path has 1 to {MAX_PATH_LENGTH} characters, got {len(path)}")
    if _BAD.search(path):
        raise ToolError("a path has no control characters and no backslashes; directories are separated by /")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise ToolError(f"the path {path!r} leads above the root")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if len(parts) > MAX_DEPTH:
        raise ToolError(f"a path has at most {MAX_DEPTH} parts")
    return "/" + "/".join(parts)


@register_toolset("file_system")
class FileSystem(StatefulToolset):
    """Files and directories that exist in the episode only, never on the machine.

    Every path begins at the root, with or without a slash in front. Directories are made with ``mkdir``; a file is
    written only into one that exists. Nothing is overwritten by moving and copying, and a destination that is a
    directory means a place inside of it, as with ``mv`` and ``cp``.

    Two file systems are equal when they have the same directories and the same files with the same texts.

    Args:
        files: The files at the beginning, their texts by path; their directories are made.
        directories: Further directories at the beginning.

    Raises:
        RewardiumError: When a path or a text is wrong, or they are too many.

    Example:
        >>> files = FileSystem({"/notes/a.txt": "buy milk"})
        >>> files.copy_path("/notes/a.txt", "/notes/b.txt")
        'copied /notes/a.txt to /notes/b.txt'
        >>> files.state()
        {'/notes': None, '/notes/a.txt': 'buy milk', '/notes/b.txt': 'buy milk'}
    """

    def __init__(self, files: Mapping[str, str] | None = None, directories: Iterable[str] = ()) -> None:
        # Texts by path, None for a directory; the root is left out.
        self._entries: dict[str, str | None] = {}
        try:
            for directory in directories:
                self.mkdir(directory)
            for path, text in (files or {}).items():
                if not isinstance(text, str):
                    raise ToolError(f"the text of {path!r} must be a str, got {type(text).__name__}")
                parent = _parent(normalise(path))
                self.mkdir(parent)
                self.write_file(path, text)
        except ToolError as error:
            raise RewardiumError(f"file_system: {error}") from None

    @tool
    def ls(self, path: str = "/") -> dict[str, Any]:
        """List what is in a directory, sorted by name; the names of directories end with a slash.

        Args:
            path: The directory.
        """
        directory = normalise(path)
        self._check_directory(directory)
        found = [self._shown(entry) for entry in sorted(self._entries) if _parent(entry) == directory]
        return _listed("entries", found)

    @tool
    def read_file(self, path: str, start: int = 0) -> dict[str, Any]:
        """Read a file, 3000 characters at a time.

        Args:
            path: The file.
            start: The first character to read, counted from 0.
        """
        place = normalise(path)
        text = self._text(place)
        if not 0 <= start <= len(text):
            raise ToolError(f"{place} has {len(text)} characters; start must lie between 0 and that, got {start}")
        part = text[start : start + PAGE_LENGTH]
        rest = len(text) - start - len(part)
        note = {"note": f"{rest} characters follow; go on with start={start + len(part)}"} if rest else {}
        return {"path": place, "text": part, **note}

    @tool
    def write_file(self, path: str, text: str) -> str:
        """Write a file: make a new one, or replace all of its text.

        Args:
            path: The file; its directory exists.
            text: The text.
        """
        place = self._check_writable(normalise(path))
        self._put({place: text})
        return f"wrote {len(text)} characters to {place}"

    @tool
    def append_file(self, path: str, text: str) -> str:
        """Write a text behind the end of a file. No line break is added.

        Args:
            path: The file, which exists.
            text: The text.
        """
        place = normalise(path)
        self._put({place: self._text(place) + text})
        return f"appended {len(text)} characters to {place}"

    @tool
    def mkdir(self, path: str) -> str:
        """Make a directory, with all directories that lead to it; one that exists stays as it is.

        Args:
            path: The directory.
        """
        place = normalise(path)
        parts = place.split("/")[1:] if place != "/" else []
        ways = ["/" + "/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        for way in ways:
            if self._entries.get(way) is not None:
                raise ToolError(f"{way} is a file")
        self._put({way: None for way in ways if way not in self._entries})
        return f"{place} is a directory"

    @tool
    def move_path(self, source: str, destination: str) -> str:
        """Move or rename a file, or a directory with all that is in it.

        Args:
            source: What to move.
            destination: The new path, which does not exist yet, or a directory to move it into.
        """
        old, new = self._ends(source, destination)
        moved = {new + path[len(old) :]: self._entries[path] for path in self._below(old)}
        kept = {path: text for path, text in self._entries.items() if path not in set(self._below(old))}
        self._put(moved, kept)
        return f"moved {old} to {new}"

    @tool
    def copy_path(self, source: str, destination: str) -> str:
        """Copy a file, or a directory with all that is in it.

        Args:
            source: What to copy.
            destination: The path of the copy, which does not exist yet, or a directory to copy it into.
        """
        old, new = self._ends(source, destination)
        self._put({new + path[len(old) :]: self._entries[path] for path in self._below(old)})
        return f"copied {old} to {new}"

    @tool
    def delete_path(self, path: str, recursive: bool = False) -> str:
        """Delete a file, an empty directory, or with recursive a directory and all that is in it.

        Args:
            path: What to delete.
            recursive: Whether to delete what is in a directory, too.
        """
        place = self._check_exists(normalise(path))
        below = list(self._below(place))
        if len(below) > 1 and not recursive:
            raise ToolError(f"{place} is not empty; recursive=true deletes all that is in it")
        for entry in below:
            del self._entries[entry]
        return f"deleted {place}"

    @tool
    def find_files(self, pattern: str = "*", path: str = "/", text: str = "") -> dict[str, Any]:
        """Find files and directories by name, and files by what is in them.

        Args:
            pattern: A pattern for the name, with * for any characters and ? for one, e.g. *.txt.
            path: The directory to look in, with all directories below it.
            text: Only files that hold this text.
        """
        directory = normalise(path)
        self._check_directory(directory)
        if len(pattern) > MAX_PATH_LENGTH:
            raise ToolError(f"a pattern has at most {MAX_PATH_LENGTH} characters")
        below = directory.rstrip("/") + "/"
        # Not fnmatchcase, which remembers every pattern that it has ever seen.
        fits = re.compile(fnmatch.translate(pattern)).match
        found = [
            self._shown(entry, whole=True)
            for entry, content in sorted(self._entries.items())
            if entry.startswith(below)
            and fits(entry.rpartition("/")[2])
            and (not text or (content is not None and text in content))
        ]
        return _listed("found", found)

    def _shown(self, entry: str, whole: bool = False) -> str:
        name = entry if whole else entry.rpartition("/")[2]
        return name + "/" if self._entries[entry] is None else name

    def _below(self, path: str) -> Iterator[str]:
        """Yield an entry and, where it is a directory, all that is in it."""
        return (entry for entry in list(self._entries) if entry == path or entry.startswith(path + "/"))

    def _ends(self, source: str, destination: str) -> tuple[str, str]:
        """Return where a move or copy leads from and to."""
        old, new = self._check_exists(normalise(source)), normalise(destination)
        if self._is_directory(new):
            new = new.rstrip("/") + "/" + old.rpartition("/")[2]
        if new == old or new.startswith(old + "/"):
            raise ToolError(f"{old} cannot go into itself")
        if new in self._entries:
            raise ToolError(f"{new} exists already; delete it first")
        self._check_directory(_parent(new))
        return old, new

    def _put(self, new: Mapping[str, str | None], kept: Mapping[str, str | None] | None = None) -> None:
        """Add and replace entries, unless there would be too many or too much text."""
        entries = {**(self._entries if kept is None else kept), **new}
        for path, text in new.items():
            if len(path) > MAX_PATH_LENGTH or path.count("/") > MAX_DEPTH:
                raise ToolError(f"the path {path[:60]!r}... is too long or too deep")
            if text is not None and len(text) > MAX_FILE_LENGTH:
                raise ToolError(f"a file has at most {MAX_FILE_LENGTH} characters, this one would have {len(text)}")
        if len(entries) > MAX_ENTRIES:
            raise ToolError(f"there is room for {MAX_ENTRIES} files and directories")
        if sum(len(text) for text in entries.values() if text is not None) > MAX_TOTAL_LENGTH:
            raise ToolError(f"all files together have at most {MAX_TOTAL_LENGTH} characters")
        self._entries = entries

    def _is_directory(self, path: str) -> bool:
        return path == "/" or (path in self._entries and self._entries[path] is None)

    def _check_directory(self, path: str) -> None:
        if not self._is_directory(path):
            raise ToolError(f"{path} is a file" if path in self._entries else f"there is no directory {path}")

    def _check_exists(self, path: str) -> str:
        if path == "/":
            raise ToolError("the root itself stays where it is")
        if path not in self._entries:
            raise ToolError(f"there is no file or directory {path}")
        return path

    def _check_writable(self, path: str) -> str:
        if self._is_directory(path):
            raise ToolError(f"{path} is a directory")
        self._check_directory(_parent(path))
        return path

    def _text(self, path: str) -> str:
        text = self._entries.get(path)
        if text is None:
            raise ToolError(f"{path} is a directory" if self._is_directory(path) else f"there is no file {path}")
        return text

    def state(self) -> dict[str, str | None]:
        """Return the texts of all files by path, and None for directories, sorted."""
        return dict(sorted(self._entries.items()))

    @classmethod
    def from_state(cls, state: Any) -> Self:
        """Build a file system from a state.

        Raises:
            RewardiumError: When this is no such state.

        Example:
            >>> files = FileSystem({"/a.txt": "1"}, ["/empty"])
            >>> FileSystem.from_state(files.state()) == files
            True
        """
        if not isinstance(state, Mapping) or not all(isinstance(path, str) for path in state):
            raise RewardiumError("a state of a file_system is a mapping of paths to texts, None for directories")
        directories = [path for path, text in state.items() if text is None]
        return cls({path: text for path, text in state.items() if text is not None}, directories)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _listed(name: str, found: list[str]) -> dict[str, Any]:
    rest = len(found) - MAX_LISTED
    note = {"note": f"{rest} more are not shown"} if rest > 0 else {}
    return {name: found[:MAX_LISTED], "total": len(found), **note}

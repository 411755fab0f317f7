"""The file system: every function, its refusals, and that it stays within itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import ParsedTurn, ToolCall
from rewardium.envs.tools.execution import execute
from rewardium.envs.tools.tool import Toolbox, ToolError
from rewardium.envs.tools.toolset.file_system import (
    MAX_ENTRIES,
    MAX_FILE_LENGTH,
    MAX_LISTED,
    MAX_TOTAL_LENGTH,
    PAGE_LENGTH,
    FileSystem,
    normalise,
)

FILES = {"/docs/a.txt": "alpha", "/docs/old/b.md": "beta", "/c.txt": "gamma"}


@pytest.fixture
def files():
    return FileSystem(FILES, ["/empty"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("a", "/a"),
        ("./a//b/", "/a/b"),
        ("/a/../b/./c", "/b/c"),
        ("/a/b/../..", "/"),
        ("/ä ö/x", "/ä ö/x"),
        ("/...", "/..."),
        ("~", "/~"),
    ],
)
def test_paths(path, expected):
    assert normalise(path) == expected


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "1 to 300 characters"),
        ("x" * 301, "1 to 300 characters"),
        ("..", "above the root"),
        ("/a/../../b", "above the root"),
        ("../../etc/passwd", "above the root"),
        ("a\x00b", "control characters"),
        ("a\nb", "control characters"),
        ("a\\b", "backslashes"),
        ("a\ud800", "control characters"),
        ("a/" * 17, "at most 16 parts"),
    ],
)
def test_wrong_paths(path, words):
    with pytest.raises(ToolError, match=words):
        normalise(path)


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["/", "..", ".", "a", "b c", "~", "//"]), max_size=12).map("/".join)
)
def test_a_path_never_leaves_the_root(path):
    try:
        place = normalise(path)
    except ToolError:
        return
    parts = place.split("/")[1:]
    assert place.startswith("/")
    assert place == "/" or not {"", ".", ".."} & set(parts)
    assert normalise(place) == place


def test_listing(files):
    assert files.ls() == {"entries": ["c.txt", "docs/", "empty/"], "total": 3}
    assert files.ls("docs") == {"entries": ["a.txt", "old/"], "total": 2}
    assert files.ls("/docs/old/..") == files.ls("/docs/")
    assert files.ls("/empty") == {"entries": [], "total": 0}


def test_reading_and_writing(files):
    assert files.read_file("docs/a.txt") == {"path": "/docs/a.txt", "text": "alpha"}
    assert files.write_file("/docs/new.txt", "x\ny") == "wrote 3 characters to /docs/new.txt"
    assert files.write_file("/docs/a.txt", "") == "wrote 0 characters to /docs/a.txt"
    assert files.append_file("/docs/a.txt", "new") == "appended 3 characters to /docs/a.txt"
    assert files.read_file("/docs/a.txt")["text"] == "new"
    files.write_file("/long", "x" * (PAGE_LENGTH + 10))
    first = files.read_file("/long")
    assert first["note"] == f"10 characters follow; go on with start={PAGE_LENGTH}"
    assert files.read_file("/long", PAGE_LENGTH) == {"path": "/long", "text": "x" * 10}


def test_directories(files):
    assert files.mkdir("/new/deep/er") == "/new/deep/er is a directory"
    assert files.mkdir("/new") == "/new is a directory"
    assert files.ls("/new") == {"entries": ["deep/"], "total": 1}
    assert files.delete_path("/empty") == "deleted /empty"
    assert files.delete_path("/new", recursive=True) == "deleted /new"
    assert files.delete_path("/c.txt") == "deleted /c.txt"
    assert files.state() == {"/docs": None, "/docs/a.txt": "alpha", "/docs/old": None, "/docs/old/b.md": "beta"}


def test_moving_and_copying(files):
    assert files.move_path("/c.txt", "/empty") == "moved /c.txt to /empty/c.txt"
    assert files.move_path("/docs", "/papers") == "moved /docs to /papers"
    assert files.copy_path("/papers/old", "/old2") == "copied /papers/old to /old2"
    assert files.copy_path("/papers", "/empty") == "copied /papers to /empty/papers"
    assert [path for path, text in files.state().items() if text is not None] == [
        "/empty/c.txt",
        "/empty/papers/a.txt",
        "/empty/papers/old/b.md",
        "/old2/b.md",
        "/papers/a.txt",
        "/papers/old/b.md",
    ]


def test_names_that_begin_alike_are_different(files):
    files.write_file("/docs.txt", "other")
    files.mkdir("/docs2")
    files.delete_path("/docs", recursive=True)
    assert set(files.state()) == {"/c.txt", "/docs.txt", "/docs2", "/empty"}
    files.mkdir("/docs")
    files.move_path("/docs", "/moved")
    assert set(files.state()) == {"/c.txt", "/docs.txt", "/docs2", "/empty", "/moved"}


def test_finding(files):
    assert files.find_files("*.txt") == {"found": ["/c.txt", "/docs/a.txt"], "total": 2}
    assert files.find_files("?.md")["found"] == ["/docs/old/b.md"]
    assert files.find_files("old")["found"] == ["/docs/old/"]
    assert files.find_files(path="/docs")["found"] == ["/docs/a.txt", "/docs/old/", "/docs/old/b.md"]
    assert files.find_files(text="eta")["found"] == ["/docs/old/b.md"]
    assert files.find_files("*.TXT")["total"] == 0
    assert files.find_files("[")["total"] == 0
    assert files.find_files("*a" * 100 + "b")["total"] == 0


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("ls", {"path": "/nowhere"}, "there is no directory /nowhere"),
        ("ls", {"path": "/c.txt"}, "/c.txt is a file"),
        ("read_file", {"path": "/docs"}, "/docs is a directory"),
        ("read_file", {"path": "/"}, "/ is a directory"),
        ("read_file", {"path": "/x"}, "there is no file /x"),
        ("read_file", {"path": "/c.txt", "start": 6}, "start must lie between"),
        ("read_file", {"path": "/c.txt", "start": -1}, "start must lie between"),
        ("read_file", {"path": "/etc/passwd"}, "there is no file /etc/passwd"),
        ("write_file", {"path": "/docs", "text": ""}, "/docs is a directory"),
        ("write_file", {"path": "/", "text": ""}, "/ is a directory"),
        ("write_file", {"path": "/no/x", "text": ""}, "there is no directory /no"),
        ("write_file", {"path": "/c.txt/x", "text": ""}, "/c.txt is a file"),
        ("write_file", {"path": "/x", "text": "x" * (MAX_FILE_LENGTH + 1)}, "a file has at most"),
        ("append_file", {"path": "/x", "text": ""}, "there is no file /x"),
        ("append_file", {"path": "/c.txt", "text": "x" * MAX_FILE_LENGTH}, "a file has at most"),
        ("mkdir", {"path": "/c.txt"}, "/c.txt is a file"),
        ("mkdir", {"path": "/c.txt/sub"}, "/c.txt is a file"),
        ("move_path", {"source": "/x", "destination": "/y"}, "there is no file or directory /x"),
        ("move_path", {"source": "/", "destination": "/y"}, "the root itself"),
        ("move_path", {"source": "/docs", "destination": "/docs/old"}, "cannot go into itself"),
        ("move_path", {"source": "/docs", "destination": "/docs"}, "cannot go into itself"),
        ("move_path", {"source": "/c.txt", "destination": "/"}, "cannot go into itself"),
        ("move_path", {"source": "/c.txt", "destination": "/docs/a.txt"}, "exists already"),
        ("move_path", {"source": "/c.txt", "destination": "/no/c.txt"}, "there is no directory /no"),
        ("move_path", {"source": "/c.txt", "destination": "/docs/a.txt/c"}, "/docs/a.txt is a file"),
        ("copy_path", {"source": "/docs", "destination": "/docs/copy"}, "cannot go into itself"),
        ("copy_path", {"source": "/docs", "destination": "/" + "x" * 298}, "too long"),
        ("delete_path", {"path": "/docs"}, "is not empty"),
        ("delete_path", {"path": "/", "recursive": True}, "the root itself"),
        ("delete_path", {"path": "/x"}, "there is no file or directory"),
        ("find_files", {"path": "/x"}, "there is no directory"),
        ("find_files", {"pattern": "*" * 301}, "a pattern has at most"),
    ],
)
def test_refusals_change_nothing(files, name, arguments, words):
    before = files.state()
    (outcome,) = execute(ParsedTurn((ToolCall(name, arguments),), ""), Toolbox.of(files))
    assert outcome.status == "tool_error"
    assert words in outcome.result
    assert files.state() == before


def test_quotas():
    files = FileSystem()
    for number in range(MAX_ENTRIES):
        files.mkdir(f"/d{number}")
    with pytest.raises(ToolError, match="there is room for"):
        files.write_file("/one more", "")
    listed = files.ls()
    assert (len(listed["entries"]), listed["total"]) == (MAX_LISTED, MAX_ENTRIES)
    assert listed["note"] == f"{MAX_ENTRIES - MAX_LISTED} more are not shown"
    files = FileSystem({"/a": "x" * MAX_FILE_LENGTH})
    for number in range(MAX_TOTAL_LENGTH // MAX_FILE_LENGTH - 1):
        files.copy_path("/a", f"/a{number}")
    with pytest.raises(ToolError, match="all files together"):
        files.write_file("/b", "x")


def test_state_copy_and_equality(files):
    assert json.loads(json.dumps(files.state())) == files.state()
    copy = files.copy()
    assert copy == files
    copy.append_file("/c.txt", "!")
    assert copy != files
    assert files.read_file("/c.txt")["text"] == "gamma"
    copy.write_file("/c.txt", "gamma")
    assert copy == files
    copy.mkdir("/another")
    assert copy != files
    assert files != "files"


@pytest.mark.parametrize(
    "settings",
    [
        {"files": {"/a": 3}},
        {"files": {"../a": "x"}},
        {"files": {"/a": "x", "/a/b": "y"}},
        {"files": {"/a": "x"}, "directories": ["/a"]},
        {"files": {"/a": "x" * (MAX_FILE_LENGTH + 1)}},
        {"directories": [""]},
    ],
)
def test_wrong_settings(settings):
    with pytest.raises(RewardiumError, match="file_system"):
        FileSystem(**settings)


@pytest.mark.parametrize("state", [None, ["/a"], {1: "x"}, {"/a": 3}])
def test_wrong_states(state):
    with pytest.raises(RewardiumError):
        FileSystem.from_state(state)


PATHS = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)


class Calls(RuleBasedStateMachine):
    """Whatever is called, every entry stands in a directory that exists, and the state can be read again."""

    def __init__(self) -> None:
        super().__init__()
        self.files = FileSystem()

    def _call(self, tool_name: str, /, **arguments: object) -> None:
        (outcome,) = execute(ParsedTurn((ToolCall(tool_name, arguments),), ""), Toolbox.of(self.files))
        assert outcome.status in ("ok", "tool_error")
        assert "failed:" not in outcome.result

    @rule(path=PATHS, text=st.text(max_size=3))
    def write(self, path, text):
        self._call("write_file", path=path, text=text)

    @rule(path=PATHS)
    def make(self, path):
        self._call("mkdir", path=path)

    @rule(source=PATHS, destination=PATHS, name=st.sampled_from(["move_path", "copy_path"]))
    def transfer(self, source, destination, name):
        before = self.files.state()
        self._call(name, source=source, destination=destination)
        lost = [text for text in before.values() if text is not None and text not in self.files.state().values()]
        assert not lost

    @rule(path=PATHS, recursive=st.booleans())
    def delete(self, path, recursive):
        self._call("delete_path", path=path, recursive=recursive)

    @invariant()
    def it_is_a_tree(self):
        state = self.files.state()
        for path in state:
            parent = path.rpartition("/")[0]
            assert not parent or state[parent] is None
        assert FileSystem.from_state(json.loads(json.dumps(state))) == self.files


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=40, stateful_step_count=15)

"""Schemas of functions, and what a strict validation against them says."""

from __future__ import annotations

import enum
import json
from typing import Any, Literal, NotRequired, Optional, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.docstrings import read_docstring
from rewardium.envs.tools.schema import function_schema
from rewardium.envs.tools.strict_json import MAX_DEPTH
from rewardium.envs.tools.tool import Tool, Toolbox, Toolset, tool
from rewardium.envs.tools.validation import MAX_PROBLEMS, Problem, find_problems, worst_kind


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Guest(TypedDict):
    """Someone who comes.

    Args:
        name: The full name.
    """

    name: str
    age: NotRequired[int]
    colours: NotRequired[list[Colour]]


class Itself(TypedDict):
    inner: Itself


def everything(
    text: str,
    count: int,
    ratio: float,
    flag: bool,
    names: list[str],
    table: dict[str, list[int]],
    mode: Literal["fast", "slow"],
    colour: Colour,
    guest: Guest,
    note: str | None,
    size: Size = Size.LARGE,
    limit: Optional[int] = None,  # noqa: UP045  (the spelling is what is tested)
    mixed: Literal["a", 1, None] = 1,
) -> str:
    """Take everything.

    A second paragraph.

    Args:
        text: A text,
            on two lines.
        count (int): A number.

    Returns:
        Nothing that the agent is told.
    """


SCHEMA = function_schema(everything).parameters


def test_every_type_has_its_schema():
    properties = SCHEMA["properties"]
    guest = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The full name."},
            "age": {"type": "integer"},
            "colours": {"type": "array", "items": {"type": "string", "enum": ["red", "blue"]}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    assert properties == {
        "text": {"type": "string", "description": "A text, on two lines."},
        "count": {"type": "integer", "description": "A number."},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "table": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
        "colour": {"type": "string", "enum": ["red", "blue"]},
        "guest": guest,
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "size": {"type": "integer", "enum": [1, 2], "default": 2},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "mixed": {"enum": ["a", 1, None], "default": 1},
    }
    assert SCHEMA["required"] == [name for name in properties if name not in ("size", "limit", "mixed")]
    assert SCHEMA["additionalProperties"] is False
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_the_description_ends_with_the_first_section():
    assert function_schema(everything).description == "Take everything.\n\nA second paragraph."


def test_openai_form():
    @tool
    def greet(name: str) -> str:
        """Greet someone."""
        return name

    parameters = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    function = {"name": "greet", "description": "Greet someone.", "parameters": parameters}
    assert greet.schema() == {"type": "function", "function": function}
    greet.schema()["function"]["parameters"]["properties"].clear()
    assert greet.schema()["function"]["parameters"] == parameters


def no_annotation(a) -> None:
    """Do."""


def a_tuple(a: tuple[int, int]) -> None:
    """Do."""


def bare_list(a: list) -> None:
    """Do."""


def keys_that_are_numbers(a: dict[int, str]) -> None:
    """Do."""


def several(a: int | str) -> None:
    """Do."""


def anything(a: Any) -> None:
    """Do."""


def starred(*a: int) -> None:
    """Do."""


def double_starred(**a: int) -> None:
    """Do."""


def positional(a: int, /) -> None:
    """Do."""


def wrong_default(a: int = None) -> None:  # noqa: RUF013  (the mistake is what is tested)
    """Do."""


def default_without_json(a: str = object()) -> None:
    """Do."""


def bytes_choice(a: Literal[b"x"]) -> None:
    """Do."""


def recursive(a: Itself) -> None:
    """Do."""


@pytest.mark.parametrize(
    "function",
    [
        no_annotation,
        a_tuple,
        bare_list,
        keys_that_are_numbers,
        several,
        anything,
        starred,
        double_starred,
        positional,
        wrong_default,
        default_without_json,
        bytes_choice,
        recursive,
    ],
    ids=lambda function: function.__name__,
)
def test_what_has_no_schema_is_an_error_that_names_function_and_parameter(function):
    with pytest.raises(RewardiumError) as caught:
        function_schema(function)
    assert f"tool '{function.__name__}', parameter 'a'" in str(caught.value)


def test_unknown_names_in_annotations():
    def broken(a: Nowhere) -> None:  # noqa: F821
        """Do."""

    with pytest.raises(RewardiumError, match="tool 'broken': its signature cannot be read"):
        function_schema(broken)


def test_docstrings_are_needed_and_describe_what_exists():
    def silent(a: int) -> None:
        pass

    def mistaken(a: int) -> None:
        """Do.

        Args:
            b: Not there.
        """

    with pytest.raises(RewardiumError, match="tool 'silent': the function needs a docstring"):
        function_schema(silent)
    with pytest.raises(RewardiumError, match="tool 'mistaken': its docstring describes 'b'"):
        function_schema(mistaken)


def test_docstring_entries():
    read = read_docstring(
        """What it does.

        Args:
            first: One: with a colon.
            second (str, optional): Two,
                which goes on: here.

                    and here
            third:
                Below.

        Raises:
            ValueError: Never.
        """
    )
    assert read.parameters == {
        "first": "One: with a colon.",
        "second": "Two, which goes on: here. and here",
        "third": "Below.",
    }
    assert read_docstring(None) == ("", {})
    assert read_docstring("Args:\n    a: b").description == ""


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALID = st.fixed_dictionaries(
    {
        "text": st.text(),
        "count": st.integers(),
        "ratio": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9),
        "flag": st.booleans(),
        "names": st.lists(st.text()),
        "table": st.dictionaries(st.text(), st.lists(st.integers())),
        "mode": st.sampled_from(["fast", "slow"]),
        "colour": st.sampled_from(["red", "blue"]),
        "guest": st.fixed_dictionaries(
            {"name": st.text()}, optional={"age": st.integers(), "colours": st.lists(st.sampled_from(["red", "blue"]))}
        ),
        "note": st.none() | st.text(),
    },
    optional={
        "size": st.sampled_from([1, 2]),
        "limit": st.none() | st.integers(),
        "mixed": st.sampled_from(["a", 1, None]),
    },
)
FITS = {
    "text": lambda value: isinstance(value, str),
    "count": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "ratio": lambda value: (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) != float("inf")
    ),
    "flag": lambda value: isinstance(value, bool),
    "mode": lambda value: value in ("fast", "slow"),
    "size": lambda value: type(value) is int and value in (1, 2),
    "note": lambda value: value is None or isinstance(value, str),
    "mixed": lambda value: value in ("a", None) or (type(value) is int and value == 1),
    "names": lambda value: False,
    "guest": lambda value: False,
}


@given(VALID)
def test_values_of_the_right_types_have_no_problems(arguments):
    assert find_problems(arguments, SCHEMA) == ()


@given(VALID, st.sampled_from(sorted(FITS)), SCALARS)
def test_a_value_of_another_type_is_a_problem_at_its_place(arguments, name, value):
    arguments[name] = value
    problems = find_problems(arguments, SCHEMA)
    assert bool(problems) == (not FITS[name](value))
    assert all(problem.path == name and problem.kind in ("wrong_type", "bad_value") for problem in problems)
    assert all(str(problem).isprintable() for problem in problems)


@given(VALID, st.sampled_from(SCHEMA["required"]), st.text(min_size=1))
def test_missing_and_extra_arguments(arguments, name, extra):
    del arguments[name]
    expected = {("missing_argument", name)}
    if extra not in SCHEMA["properties"]:
        arguments[extra] = 1
        expected.add(("extra_argument", extra))
    found = {(problem.kind, problem.path) for problem in find_problems(arguments, SCHEMA)}
    assert {kind for kind, _ in found} == {kind for kind, _ in expected}
    assert all(str(problem).isprintable() for problem in find_problems(arguments, SCHEMA))
    assert ("missing_argument", name) in found


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, True, "must be an integer, got true"),
        ({"type": "integer"}, 5.0, "must be an integer, got 5.0; write 5"),
        ({"type": "integer"}, "5", 'must be an integer, got the string "5"; write 5 without quotes'),
        ({"type": "integer"}, "5.5", 'must be an integer, got the string "5.5"'),
        ({"type": "number"}, "-5.5", 'must be a number, got the string "-5.5"; write -5.5 without quotes'),
        ({"type": "number"}, False, "must be a number, got false"),
        ({"type": "number"}, float("nan"), "must be a finite number, got nan"),
        ({"type": "boolean"}, "True", 'must be true or false, got the string "True"; write true without quotes'),
        ({"type": "boolean"}, 1, "must be true or false, got 1"),
        ({"type": "string"}, 5, 'must be a string, got 5; write "5", in quotes'),
        ({"type": "string"}, None, "must be a string, got null"),
        ({"type": "string"}, ["a"], "must be a string, got a list of 1 items"),
        ({"type": "array"}, "a", 'must be a list, got the string "a"; write it as a list, in square brackets'),
        ({"type": "array"}, "[1]", 'must be a list, got the string "[1]"; write it as JSON, without quotes around it'),
        ({"type": "array"}, (1, 2), "must be a list, got a tuple, which is no JSON"),
        ({"type": "object"}, [], "must be an object, got a list of 0 items"),
        ({"enum": ["a", "b"]}, "c", 'must be one of "a", "b", got the string "c"'),
        ({"enum": [1]}, True, "must be 1, got true"),
        ({"const": "x"}, "y", 'must be "x", got the string "y"'),
        ({"minimum": 1}, 0, "must be at least 1, got 0"),
        ({"exclusiveMaximum": 1.5}, 1.5, "must be less than 1.5, got 1.5"),
        ({"minLength": 2}, "a", "must have at least 2 characters, has 1"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 items, has 2"),
        ({"type": ["string", "null"]}, 3, "must be a string or null, got 3"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "3", "write 3 without quotes"),
        ({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}, 3, "must be at least 5, got 3"),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, 3, "must be at least 5, got 3"),
        ({"type": "integer"}, 10**3000, ""),
        ({"type": "string"}, 10**3000, "an integer of 9966 bits"),
    ],
)
def test_messages(schema, value, message):
    problems = find_problems({"a": value}, {"type": "object", "properties": {"a": schema}})
    if not message:
        assert problems == ()
        return
    assert [problem.path for problem in problems] == ["a"]
    assert message in problems[0].message


def test_paths_lead_to_the_place():
    value = {"guest": {"name": 3, "age": "x", "hat": 1, "colours": ["red", "green"]}, "table": {"t": [1, None]}}
    found = {problem.path: problem.kind for problem in find_problems(value, SCHEMA)}
    assert found["guest.name"] == found["guest.age"] == found["table.t[1]"] == "wrong_type"
    assert found["guest.hat"] == "extra_argument"
    assert found["guest.colours[1]"] == "bad_value"
    assert found["text"] == "missing_argument"


def test_problems_are_bounded():
    assert len(find_problems({f"x{n}": 1 for n in range(1000)}, SCHEMA)) == MAX_PROBLEMS
    long_key = "k" * 100_000
    (problem,) = find_problems({long_key: 1}, {"type": "object", "additionalProperties": False})
    assert len(str(problem)) < 500
    deep: Any = []
    for _ in range(MAX_DEPTH + 5):
        deep = [deep]
    assert find_problems(deep, {})[0].kind == "bad_value"
    assert find_problems(list(range(50_000)), {})[0].kind == "bad_value"


def test_references_and_schemas_in_circles():
    schema = {"$defs": {"Pet": {"type": "object", "required": ["name"]}}, "properties": {"p": {"$ref": "#/$defs/Pet"}}}
    assert [str(p) for p in find_problems({"p": {}}, schema)] == ["p.name: is missing"]
    assert find_problems({"p": {"name": 1}}, schema) == ()
    circle = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}], "$ref": "#"}
    assert find_problems(3, circle) == ()
    assert find_problems(3, {"$ref": "http://elsewhere"}) == ()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_schema_makes_validation_raise(schema):
    """A server of someone else's may send anything as a schema."""
    for wrapped in (schema, {"type": "object", "properties": schema}, {"items": schema, "anyOf": [schema]}):
        if isinstance(wrapped, dict):
            find_problems({"a": [1]}, wrapped)
            find_problems([1], wrapped)


def test_the_status_of_several_problems():
    problems = [Problem("bad_value", "", ""), Problem("wrong_type", "", ""), Problem("extra_argument", "", "")]
    assert worst_kind(problems) == "extra_argument"


def test_enums_and_defaults_reach_the_function():
    seen = {}

    @tool
    def paint(colour: Colour, more: list[Colour] | None = None, size: Size = Size.LARGE, guest: Guest | None = None):
        """Paint."""
        seen.update(colour=colour, more=more, size=size, guest=guest)

    paint.call({"colour": "red", "more": ["blue"], "guest": {"name": "Ada", "colours": ["red"]}})
    guest = {"name": "Ada", "colours": [Colour.RED]}
    assert seen == {"colour": Colour.RED, "more": [Colour.BLUE], "size": Size.LARGE, "guest": guest}
    paint.call({"colour": "blue", "more": None})
    assert seen["colour"] is Colour.BLUE
    assert seen["more"] is None


def test_a_tool_cannot_change_the_call():
    @tool
    def take(items: list[int]) -> int:
        """Take the last."""
        return items.pop()

    arguments = {"items": [1, 2]}
    assert take.call(arguments) == 2
    assert arguments == {"items": [1, 2]}


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ü", "a.b"])
def test_names_of_tools(name):
    with pytest.raises(RewardiumError, match="1 to 64 letters"):
        Tool(name, "", {"type": "object"}, lambda: None)


def test_a_schema_is_that_of_an_object():
    with pytest.raises(RewardiumError, match="must be that of an object"):
        Tool("a", "", {"type": "string"}, lambda: None)


class Base(Toolset):
    def __init__(self) -> None:
        self.calls: list[str] = []

    @tool
    def first(self) -> str:
        """Be first."""
        self.calls.append("first")
        return "first"

    @tool(name="other-name", description="Told otherwise.")
    def second(self) -> str:
        """Be second."""
        return "second"


class Derived(Base):
    @tool
    def third(self) -> str:
        """Be third."""
        return "third"


def test_toolsets_list_their_tools_in_order_and_bind_them():
    one, other = Derived(), Derived()
    assert [item.name for item in one.tools] == ["first", "other-name", "third"]
    assert one.tools[1].description == "Told otherwise."
    assert one.tools[0].call({}) == "first"
    assert one.first() == "first"
    assert (one.calls, other.calls) == (["first", "first"], [])
    assert Base.first.name == "first"
    assert one.state() is None
    with one as same:
        assert same is one


def test_toolboxes():
    toolbox = Toolbox.of(Base())
    assert list(toolbox) == ["first", "other-name"]
    assert len(toolbox) == 2
    assert [json.loads(line) for line in toolbox.described().splitlines()] == toolbox.schemas()
    with pytest.raises(RewardiumError, match="two tools of one toolbox have the name 'first'"):
        Toolbox.of(Base(), Base())

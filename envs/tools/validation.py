"""Strict validation of a call's arguments against a JSON schema: every problem at once, each in one line.

Strict means that nothing is converted: ``"5"`` is not 5, ``true`` is no integer, and neither is ``5.0``. An integer is
a number. A property that the schema does not name is a problem unless the schema allows it.

Read are the keywords that say what a value is: ``type``, ``properties``, ``required``, ``additionalProperties``,
``items``, ``enum``, ``const``, ``anyOf``, ``oneOf``, ``allOf``, the bounds on numbers and lengths, and ``$ref`` within
the schema. Others (``pattern``, ``format``, ``if``) are left to the tool itself, as in the schemas of MCP servers.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewardium.envs.errors import unknown_name_message
from rewardium.envs.tools.strict_json import MAX_DEPTH

ProblemKind = Literal["missing_argument", "extra_argument", "wrong_type", "bad_value"]
"""What is wrong with an argument; of several problems the one that stands first here names the call's status."""

PROBLEM_KINDS: tuple[ProblemKind, ...] = ("missing_argument", "extra_argument", "wrong_type", "bad_value")

MAX_PROBLEMS = 20
"""Problems that are reported of one value."""

MAX_ITEMS = 20_000
"""Values inside a value that is checked, lists and objects counted too."""

MAX_SHOWN = 60
"""Characters of a value that a message shows."""

MAX_STEPS = 200_000
"""Pairs of a value and a schema that are looked at; a schema that refers to itself in circles goes no further."""

_WORDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_BOUNDS = (
    ("minimum", "at least", operator.lt),
    ("maximum", "at most", operator.gt),
    ("exclusiveMinimum", "greater than", operator.le),
    ("exclusiveMaximum", "less than", operator.ge),
)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*+)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?")
_Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a value.

    Args:
        kind: What it is.
        path: Where it stands, e.g. ``"attendees[2].name"``; empty for the value itself.
        message: What is wrong, and what would be right.

    Example:
        >>> print(Problem("missing_argument", "city", "is missing; it must be a string"))
        city: is missing; it must be a string
    """

    kind: ProblemKind
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'arguments'}: {self.message}"


def find_problems(value: Any, schema: _Schema) -> tuple[Problem, ...]:
    """List what is wrong with a value.

    Args:
        value: Plain JSON data, as ``read_json`` gives it.
        schema: A JSON schema.

    Returns:
        At most ``MAX_PROBLEMS`` problems, in the order of the schema; none where the value fits.

    Example:
        >>> schema = {
        ...     "type": "object",
        ...     "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        ...     "required": ["city"],
        ...     "additionalProperties": False,
        ... }
        >>> for problem in find_problems({"days": "3", "town": "Bern"}, schema):
        ...     print(problem)
        city: is missing; it must be a string
        days: must be an integer, got the string "3"; write 3 without quotes
        town: unknown argument 'town'; known: city, days
    """
    bound = _beyond_bounds(value)
    if bound:
        return (Problem("bad_value", "", bound),)
    checker = _Checker(schema)
    checker.check(value, schema, "", 0)
    return tuple(checker.problems)


def worst_kind(problems: Sequence[Problem]) -> ProblemKind:
    """Return the kind that stands for a call with these problems, at least one: the first of ``ProblemKind``.

    Example:
        >>> worst_kind([Problem("wrong_type", "a", "..."), Problem("missing_argument", "b", "...")])
        'missing_argument'
    """
    return min((problem.kind for problem in problems), key=PROBLEM_KINDS.index)


def _beyond_bounds(value: Any) -> str | None:
    """Walk a value without recursion; arguments that were not read from text may be of any shape."""
    count, level, depth = 1, [value], 0
    while level:
        containers = [item for item in level if isinstance(item, (dict, list))]
        if containers and depth >= MAX_DEPTH:
            return f"is nested deeper than {MAX_DEPTH} levels"
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        count += len(level)
        if count > MAX_ITEMS:
            return f"holds more than {MAX_ITEMS} values"
        depth += 1
    return None


class _Checker:
    """Walks a value and its schema side by side and collects problems."""

    def __init__(self, root: _Schema, steps_left: list[int] | None = None) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self._steps_left = [MAX_STEPS] if steps_left is None else steps_left

    def check(self, value: Any, schema: Any, path: str, depth: int) -> None:
        """Check one value; a schema that is no mapping (``true``) allows everything."""
        self._steps_left[0] -= 1
        too_far = depth > 4 * MAX_DEPTH or self._steps_left[0] < 0 or len(self.problems) >= MAX_PROBLEMS
        if too_far or not isinstance(schema, Mapping):
            return
        if "$ref" in schema:
            self.check(value, self._resolve(schema["$ref"]), path, depth + 1)
        for part in _list(schema, "allOf"):
            self.check(value, part, path, depth + 1)
        for word in ("anyOf", "oneOf"):
            if _list(schema, word):
                self._check_any(value, _list(schema, word), path, depth + 1)
        if not self._fits_type(value, schema, path):
            return
        self._check_choice(value, schema, path)
        if isinstance(value, dict):
            self._check_object(value, schema, path, depth)
        elif isinstance(value, list):
            self._check_length(len(value), schema, ("minItems", "maxItems"), "items", path)
            for index, item in enumerate(value):
                self.check(item, schema.get("items"), f"{path}[{index}]", depth + 1)
        elif isinstance(value, str):
            self._check_length(len(value), schema, ("minLength", "maxLength"), "characters", path)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_bounds(value, schema, path)

    def _add(self, kind: ProblemKind, path: str, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, path, message))

    def _resolve(self, reference: Any) -> Any:
        """Follow a reference such as ``#/$defs/Event``; one that leads nowhere allows everything."""
        place: Any = self.root
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        for part in reference.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            place = place.get(part) if isinstance(place, Mapping) else None
        return place

    def _check_any(self, value: Any, choices: list[Any], path: str, depth: int) -> None:
        """Check a value that must fit one of several schemas, and report on the one whose type it has."""
        attempts = []
        for choice in choices:
            attempt = _Checker(self.root, self._steps_left)
            attempt.check(value, choice, path, depth)
            if not attempt.problems:
                return
            attempts.append(attempt.problems)
        inside = [found for found in attempts if not any(p.kind == "wrong_type" and p.path == path for p in found)]
        if len(inside) == 1:
            for problem in inside[0]:
                self._add(problem.kind, problem.path, problem.message)
            return
        expected = " or ".join(dict.fromkeys(self._described(choice) for choice in choices))
        kind: ProblemKind = "bad_value" if inside else "wrong_type"
        self._add(kind, path, f"must be {expected}, got {_shown(value)}{_advice(value, self._types(choices))}")

    def _types(self, choices: list[Any]) -> list[str]:
        found = []
        for choice in choices:
            if isinstance(choice, Mapping):
                target = self._resolve(choice["$ref"]) if "$ref" in choice else choice
                found += _types_of(target) if isinstance(target, Mapping) else []
        return found

    def _fits_type(self, value: Any, schema: _Schema, path: str) -> bool:
        types = _types_of(schema)
        if not types or any(_is_type(value, name) for name in types):
            return True
        expected = " or ".join(_WORDS.get(name, name) for name in types)
        self._add("wrong_type", path, f"must be {expected}, got {_shown(value)}{_advice(value, types)}")
        return False

    def _check_choice(self, value: Any, schema: _Schema, path: str) -> None:
        """Check ``enum`` and ``const``; true is not 1 here."""
        choices = list(schema["enum"]) if isinstance(schema.get("enum"), (list, tuple)) else []
        choices += [schema["const"]] if "const" in schema else []
        if choices and not any(_same(value, choice) for choice in choices):
            fits = any(_type_name(value) == _type_name(choice) for choice in choices)
            self._add(
                "bad_value" if fits or "type" in schema else "wrong_type",
                path,
                f"must be {_shown_choices(choices)}, got {_shown(value)}",
            )

    def _check_bounds(self, value: float, schema: _Schema, path: str) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            self._add("bad_value", path, f"must be a finite number, got {value}")
        for word, phrase, is_broken in _BOUNDS:
            bound = schema.get(word)
            if isinstance(bound, (int, float)) and not isinstance(bound, bool) and is_broken(value, bound):
                self._add("bad_value", path, f"must be {phrase} {bound}, got {_shown(value)}")

    def _check_length(self, length: int, schema: _Schema, words: tuple[str, str], unit: str, path: str) -> None:
        low, high = schema.get(words[0]), schema.get(words[1])
        if isinstance(low, int) and length < low:
            self._add("bad_value", path, f"must have at least {low} {unit}, has {length}")
        if isinstance(high, int) and length > high:
            self._add("bad_value", path, f"must have at most {high} {unit}, has {length}")

    def _check_object(self, value: dict[Any, Any], schema: _Schema, path: str, depth: int) -> None:
        known = schema.get("properties")
        known = known if isinstance(known, Mapping) else {}
        required = [name for name in _list(schema, "required") if name not in value]
        for name in required:
            self._add("missing_argument", _join(path, name), self._missing(known.get(name)))
        for name, part in known.items():
            if name in value:
                self.check(value[name], part, _join(path, name), depth + 1)
        others = schema.get("additionalProperties", True)
        for name, item in value.items():
            if name in known:
                continue
            if others is False:
                message = unknown_name_message("argument", str(name)[:MAX_SHOWN], known)
                self._add("extra_argument", _join(path, name), _cut(message, 5 * MAX_SHOWN))
            else:
                self.check(item, others, _join(path, name), depth + 1)

    def _missing(self, schema: Any) -> str:
        described = self._described(schema)
        return f"is missing; it must be {described}" if described else "is missing"

    def _described(self, schema: Any, depth: int = 0) -> str:
        """Say in words what a schema allows, as far as one line can."""
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return ""
        if "$ref" in schema:
            return self._described(self._resolve(schema["$ref"]), depth + 1)
        if isinstance(schema.get("enum"), (list, tuple)):
            return _shown_choices(list(schema["enum"]))
        if "const" in schema:
            return _shown(schema["const"])
        parts = [self._described(part, depth + 1) for part in _list(schema, "anyOf") + _list(schema, "oneOf")]
        parts += [_WORDS.get(name, name) for name in _types_of(schema)]
        return " or ".join(dict.fromkeys(part for part in parts if part))


def _list(schema: _Schema, word: str) -> list[Any]:
    value = schema.get(word)
    return list(value) if isinstance(value, (list, tuple)) else []


def _types_of(schema: _Schema) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    return [name for name in kind if isinstance(name, str)] if isinstance(kind, (list, tuple)) else []


def _type_name(value: Any) -> str:
    """Return the JSON type of a Python value, or the name of its class where it has none."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return type(value).__name__


def _is_type(value: Any, name: str) -> bool:
    actual = _type_name(value)
    return actual == name or (name == "number" and actual == "integer") or name not in _WORDS


def _same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and bool(first == second)


def _join(path: str, name: Any) -> str:
    shown = _cut(_on_one_line(str(name)[:MAX_SHOWN]), MAX_SHOWN)
    return f"{path}.{shown}" if path else shown


def _on_one_line(text: str) -> str:
    """Write characters that cannot be shown, line breaks among them, as JSON escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _shown(value: Any) -> str:
    """Show a value with the name of its type, shortened."""
    kind = _type_name(value)
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the string {_on_one_line(json.dumps(_cut(value, MAX_SHOWN), ensure_ascii=False))}"
        case int():
            # An integer of thousands of digits cannot even be written in Python.
            return str(value) if value.bit_length() < 200 else f"an integer of {value.bit_length()} bits"
        case float():
            return repr(value)
        case list():
            return f"a list of {len(value)} items"
        case dict():
            keys = ", ".join(_on_one_line(_cut(str(key), 20)) for key in list(value)[:5])
            return f"an object with the keys {keys}" if keys else "an empty object"
    return f"a {kind}, which is no JSON"


def _shown_choices(choices: list[Any]) -> str:
    shown = [_on_one_line(_cut(json.dumps(c, ensure_ascii=False, default=str), MAX_SHOWN)) for c in choices[:20]]
    shown += ["..."] if len(choices) > 20 else []
    return shown[0] if len(shown) == 1 else f"one of {', '.join(shown)}"


def _advice(value: Any, types: list[str]) -> str:
    """Say what to write instead, for the slips that are seen most."""
    if isinstance(value, str):
        text = value.strip()
        reads_as = _NUMBER if "number" in types else _INTEGER if "integer" in types else None
        if reads_as is not None and len(text) <= 40 and reads_as.fullmatch(text):
            return f"; write {text} without quotes"
        if "boolean" in types and text.lower() in ("true", "false"):
            return f"; write {text.lower()} without quotes"
        if {"array", "object"} & set(types) and text[:1] in "[{" and text:
            return "; write it as JSON, without quotes around it"
    if isinstance(value, float) and types == ["integer"] and value.is_integer() and abs(value) < 2**53:
        return f"; write {int(value)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and types == ["string"]:
        return f'; write "{_shown(value)}", in quotes' if abs(value) < 10**40 else ""
    if "array" in types and not isinstance(value, (list, dict)) and value is not None:
        return "; write it as a list, in square brackets"
    return ""

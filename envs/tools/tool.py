"""Tools: Python functions that an agent calls by name, with arguments in JSON.

A function becomes a tool with ``@tool``. Several tools that share something, such as the data of one episode, are the
methods of a ``Toolset``; those of an episode, whatever toolsets they come from, are its ``Toolbox``.
"""

from __future__ import annotations

import copy
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, overload

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.tools.schema import function_schema
from rewardium.envs.tools.validation import Problem, find_problems

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ToolError(RewardiumError):
    """A tool's own refusal, which the agent reads: there is no such file, the units do not fit."""


class ToolTimeoutError(ToolError):
    """A tool gave up because it took too long."""


@dataclass(frozen=True, eq=False)
class Tool:
    """A function and what a model must know to call it.

    It can be called like the function it was made from. As an attribute of a class it binds to the instance, as a
    method does.

    Args:
        name: At most 64 letters, digits, ``_`` and ``-``.
        description: What it does, for the agent.
        parameters: The JSON schema of its arguments, an object.
        function: What is called, with the arguments by name.
        converters: For some arguments, how the JSON value becomes what the function takes.

    Raises:
        RewardiumError: When the name is not of that form or the schema is not that of an object.

    Example:
        >>> @tool
        ... def double(number: int) -> int:
        ...     '''Return twice a number.'''
        ...     return 2 * number
        >>> double.call({"number": 4}), double(4)
        (8, 8)
        >>> [str(problem) for problem in double.problems({"number": True})]
        ['number: must be an integer, got true']
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    function: Callable[..., Any]
    converters: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise RewardiumError(f"a tool's name has 1 to 64 letters, digits, '_' and '-', got {self.name!r}")
        if not isinstance(self.parameters, Mapping) or self.parameters.get("type") != "object":
            raise RewardiumError(f"tool {self.name!r}: the schema of its arguments must be that of an object")

    @classmethod
    def of(cls, function: Callable[..., Any], name: str | None = None, description: str | None = None) -> Tool:
        """Turn a function into a tool.

        Args:
            function: A function with annotations and a docstring, see ``function_schema``.
            name: Its name for the agent; None for the function's.
            description: What it does, for the agent; None for what the docstring says.

        Raises:
            RewardiumError: When the function's signature has no schema.
        """
        schema = function_schema(function)
        return cls(
            name or schema.name, description or schema.description, schema.parameters, function, schema.converters
        )

    def schema(self) -> dict[str, Any]:
        """Return the tool in OpenAI's form, as JSON data of its own.

        Example:
            >>> Tool("now", "Tell the time.", {"type": "object"}, lambda: "12:00").schema()["function"]
            {'name': 'now', 'description': 'Tell the time.', 'parameters': {'type': 'object'}}
        """
        function = {"name": self.name, "description": self.description, "parameters": _copied(self.parameters)}
        return {"type": "function", "function": function}

    def problems(self, arguments: Any) -> tuple[Problem, ...]:
        """List what is wrong with some arguments; none where the tool can be called with them."""
        return find_problems(arguments, self.parameters)

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function with arguments that have no problems.

        The function gets a copy, so that it cannot change what was asked.

        Raises:
            ToolError: When the tool refuses.
            Exception: Whatever else the function raises.
        """
        values = copy.deepcopy(dict(arguments))
        for name, convert in self.converters.items():
            if name in values:
                values[name] = convert(values[name])
        return self.function(**values)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function as if it were no tool."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Tool:
        """Bind the function to an instance, as Python does with a method."""
        if instance is None:
            return self
        return replace(self, function=self.function.__get__(instance, owner))


def _copied(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: _copied(value) for key, value in schema.items()}
    return [_copied(value) for value in schema] if isinstance(schema, (list, tuple)) else schema


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(*, name: str | None = None, description: str | None = None) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, description: str | None = None
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Turn a function, or a method of a ``Toolset``, into a tool; a decorator with or without arguments.

    Args:
        function: The function, where there are no other arguments.
        name: Its name for the agent; None for the function's.
        description: What it does, for the agent; None for what the docstring says.

    Returns:
        The tool, or a decorator that returns it.

    Raises:
        RewardiumError: When the function's signature has no schema; the message names function and parameter.

    Example:
        >>> @tool(name="roll-die")
        ... def roll(sides: int = 6) -> int:
        ...     '''Roll a die that always shows 4.'''
        ...     return min(4, sides)
        >>> roll.name, roll.parameters["properties"]["sides"]
        ('roll-die', {'type': 'integer', 'default': 6})
    """
    if function is not None:
        return Tool.of(function)
    return lambda decorated: Tool.of(decorated, name, description)


class Toolset:
    """Tools that belong together: the methods of a class that are marked with ``@tool``.

    Example:
        >>> class Counter(Toolset):
        ...     def __init__(self) -> None:
        ...         self.count = 0
        ...     @tool
        ...     def count_up(self, by: int = 1) -> int:
        ...         '''Count, and return the count.'''
        ...         self.count += by
        ...         return self.count
        >>> [item.name for item in Counter().tools], Counter().tools[0].call({"by": 3})
        (['count_up'], 3)
    """

    registered_name: ClassVar[str] = ""

    @property
    def tools(self) -> list[Tool]:
        """The tools, in the order in which the class defines them."""
        names: dict[str, None] = {}
        for owner in reversed(type(self).__mro__):
            names.update(dict.fromkeys(name for name, value in vars(owner).items() if isinstance(value, Tool)))
        return [found for name in names if isinstance(found := getattr(self, name), Tool)]

    def state(self) -> Any:
        """Return what the tools have changed, as plain JSON data; None where they change nothing."""
        return None

    def close(self) -> None:
        """Give back what the tools hold, such as processes; further calls may fail. Calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class StatefulToolset(Toolset, ABC):
    """A service whose state decides an episode's success: it can be copied, written down and compared.

    Two of them are equal when they are of one class and ``contents`` are equal.
    """

    __hash__ = None  # type: ignore[assignment]  # it changes

    @abstractmethod
    def state(self) -> Any:
        """Return all that is needed to go on from here, as plain JSON data of its own."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Any) -> Self:
        """Build a service that goes on where another one was when it returned this ``state``.

        Raises:
            RewardiumError: When this is no such state.
        """

    def contents(self) -> Any:
        """Return what two services are compared by, as plain JSON data; ``state`` unless a class says otherwise."""
        return self.state()

    def copy(self) -> Self:
        """Return a service of its own with the same state."""
        return type(self).from_state(self.state())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.contents() == other.contents())


class Toolbox(Mapping[str, Tool]):
    """The tools of an episode by name.

    Args:
        tools: The tools, in the order in which the agent sees them.

    Raises:
        RewardiumError: When two have the same name.

    Example:
        >>> @tool
        ... def double(number: int) -> int:
        ...     '''Return twice a number.'''
        ...     return 2 * number
        >>> toolbox = Toolbox([double])
        >>> list(toolbox), toolbox.schemas()[0]["type"], toolbox.unknown("duoble")
        (['double'], 'function', "unknown tool 'duoble'; did you mean 'double'?")
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for item in tools:
            if item.name in self._tools:
                raise RewardiumError(f"two tools of one toolbox have the name {item.name!r}")
            self._tools[item.name] = item

    @classmethod
    def of(cls, *toolsets: Toolset) -> Toolbox:
        """Collect the tools of some toolsets."""
        return cls(item for toolset in toolsets for item in toolset.tools)

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def schemas(self) -> list[dict[str, Any]]:
        """Return all tools in OpenAI's form, as a chat template takes them."""
        return [item.schema() for item in self._tools.values()]

    def described(self) -> str:
        """Return the schemas as text, one a line, as models of the Hermes and Qwen families are told of their tools."""
        return "\n".join(json.dumps(schema, ensure_ascii=False) for schema in self.schemas())

    def unknown(self, name: str) -> str:
        """Say that there is no tool of this name, and which are near."""
        return unknown_name_message("tool", name[:64], self._tools)

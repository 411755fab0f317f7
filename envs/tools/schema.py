r"""The JSON schema of a Python function, from its signature and its docstring.

| annotation | schema |
|---|---|
| ``str``, ``int``, ``float``, ``bool`` | ``string``, ``integer``, ``number``, ``boolean`` |
| ``list[T]`` | ``array`` of T |
| ``dict[str, T]`` | ``object`` whose every value is a T |
| ``Literal["a", "b"]`` | ``enum`` |
| an ``Enum`` class whose values are str or int | ``enum`` of the values; the function gets the member |
| a ``TypedDict`` class | ``object`` with its keys, and no others |
| ``T \| None``, ``Optional[T]`` | T or ``null`` |

A default makes a parameter optional. Any other annotation is an error when the tool is made, not when it is called.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.docstrings import Docstring, read_docstring
from rewardium.envs.tools.strict_json import MAX_DEPTH
from rewardium.envs.tools.validation import find_problems

_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}
_KNOWN = "str, int, float, bool, list[T], dict[str, T], Literal, an Enum, a TypedDict, or one of these or None"
_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class FunctionSchema:
    """What a model must know to call a function.

    Args:
        name: The function's name.
        description: What its docstring says before the first section.
        parameters: The JSON schema of its arguments, an object.
        converters: For parameters that hold an Enum: from the JSON value to what the function takes.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    converters: Mapping[str, _Convert]


class _Type(typing.NamedTuple):
    """The schema of an annotation, and how its values become what the function takes; None for as they are."""

    schema: dict[str, Any]
    convert: _Convert | None = None


def function_schema(function: Callable[..., Any]) -> FunctionSchema:
    """Read what a function takes.

    A first parameter ``self`` without an annotation is left out, so that a method can be read before it is bound.

    Args:
        function: A function or a method with a docstring; all parameters are annotated and can be given by name.

    Returns:
        Its schema.

    Raises:
        RewardiumError: When the docstring is missing or describes a parameter that does not exist, or a parameter has
            no annotation, one that is not in the table of this module, or a default that does not fit it.

    Example:
        >>> def weather(city: str, days: int = 1) -> str:
        ...     '''Forecast the weather.
        ...
        ...     Args:
        ...         city: The name of a city.
        ...     '''
        >>> schema = function_schema(weather)
        >>> schema.parameters["properties"]
        {'city': {'type': 'string', 'description': 'The name of a city.'}, 'days': {'type': 'integer', 'default': 1}}
        >>> schema.parameters["required"], schema.description
        (['city'], 'Forecast the weather.')
    """
    name = getattr(function, "__name__", type(function).__name__)
    docstring = read_docstring(inspect.getdoc(function) if inspect.isroutine(function) else None)
    if not docstring.description:
        raise RewardiumError(f"tool {name!r}: the function needs a docstring, which tells the agent what it does")
    parameters = _parameters(function, name)
    _check_described(docstring, parameters, name)
    properties: dict[str, Any] = {}
    converters: dict[str, _Convert] = {}
    for parameter, annotation in parameters.values():
        where = f"tool {name!r}, parameter {parameter.name!r}"
        kind = _read(annotation, where, 0)
        properties[parameter.name] = _property(kind, parameter, docstring.parameters.get(parameter.name), where)
        if kind.convert is not None:
            converters[parameter.name] = kind.convert
    required = [item.name for item, _ in parameters.values() if item.default is item.empty]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return FunctionSchema(name, docstring.description, schema, converters)


def _parameters(function: Callable[..., Any], name: str) -> dict[str, tuple[inspect.Parameter, Any]]:
    """Return the parameters with their annotations, which may have been written as text."""
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, ValueError, AttributeError, SyntaxError) as error:
        raise RewardiumError(f"tool {name!r}: its signature cannot be read: {error}") from None
    found = {}
    for index, parameter in enumerate(signature.parameters.values()):
        if index == 0 and parameter.name == "self" and "self" not in hints:
            continue
        where = f"tool {name!r}, parameter {parameter.name!r}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise RewardiumError(f"{where}: {parameter.kind.description} parameters cannot be given by name")
        if parameter.name not in hints:
            raise RewardiumError(f"{where}: it needs an annotation: {_KNOWN}")
        found[parameter.name] = parameter, hints[parameter.name]
    return found


def _check_described(docstring: Docstring, parameters: Mapping[str, Any], name: str) -> None:
    unknown = [entry for entry in docstring.parameters if entry not in parameters]
    if unknown:
        raise RewardiumError(f"tool {name!r}: its docstring describes {unknown[0]!r}, which is no parameter")


def _property(kind: _Type, parameter: inspect.Parameter, description: str | None, where: str) -> dict[str, Any]:
    schema = dict(kind.schema)
    if description:
        schema["description"] = description
    if parameter.default is not parameter.empty:
        default = _plain(parameter.default)
        problems = find_problems(default, kind.schema)
        if problems:
            raise RewardiumError(f"{where}: the default {parameter.default!r} does not fit: {problems[0].message}")
        schema["default"] = default
    return schema


def _plain(value: Any) -> Any:
    """Return a default as JSON data."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _read(annotation: Any, where: str, depth: int) -> _Type:
    """Read an annotation; ``where`` names the function and the parameter in errors."""
    if depth > MAX_DEPTH:
        raise RewardiumError(f"{where}: the annotation is nested deeper than {MAX_DEPTH} levels, or holds itself")
    if isinstance(annotation, type) and annotation in _SCALARS:
        return _Type({"type": _SCALARS[annotation]})
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list and len(arguments) == 1:
        return _read_list(arguments[0], where, depth)
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        return _read_dict(arguments[1], where, depth)
    if origin is Literal:
        return _Type(_choices(list(arguments), where))
    if origin in (Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        return _read_optional(next(item for item in arguments if item is not type(None)), where, depth)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _read_enum(annotation, where)
    if typing.is_typeddict(annotation):
        return _read_typed_dict(annotation, where, depth)
    raise RewardiumError(f"{where}: the annotation {_name(annotation)} has no schema; use {_KNOWN}")


def _name(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)


def _read_list(item_annotation: Any, where: str, depth: int) -> _Type:
    item = _read(item_annotation, where, depth + 1)
    convert = item.convert
    return _Type(
        {"type": "array", "items": item.schema},
        None if convert is None else lambda values: [convert(value) for value in values],
    )


def _read_dict(value_annotation: Any, where: str, depth: int) -> _Type:
    item = _read(value_annotation, where, depth + 1)
    convert = item.convert
    return _Type(
        {"type": "object", "additionalProperties": item.schema},
        None if convert is None else lambda values: {key: convert(value) for key, value in values.items()},
    )


def _read_optional(inner_annotation: Any, where: str, depth: int) -> _Type:
    inner = _read(inner_annotation, where, depth + 1)
    convert = inner.convert
    return _Type(
        {"anyOf": [inner.schema, {"type": "null"}]},
        None if convert is None else lambda value: None if value is None else convert(value),
    )


def _read_enum(annotation: type[enum.Enum], where: str) -> _Type:
    members = {member.value: member for member in annotation}
    if not all(isinstance(value, (str, int)) and not isinstance(value, bool) for value in members):
        raise RewardiumError(f"{where}: the values of the Enum {annotation.__name__} must be str or int")
    return _Type(_choices(list(members), where), members.__getitem__)


def _choices(values: list[Any], where: str) -> dict[str, Any]:
    """Return the schema of some fixed values, with a type where all have the same."""
    if not values:
        raise RewardiumError(f"{where}: there is nothing to choose from")
    if not all(value is None or isinstance(value, (str, int)) for value in values):
        raise RewardiumError(f"{where}: a Literal holds str, int, bool or None, got {values}")
    kinds = {type(value) for value in values}
    kind = _SCALARS.get(kinds.pop()) if len(kinds) == 1 else None
    return {"enum": values} if kind is None else {"type": kind, "enum": values}


def _read_typed_dict(annotation: Any, where: str, depth: int) -> _Type:
    try:
        hints = typing.get_type_hints(annotation, include_extras=True)
    except (NameError, TypeError) as error:
        raise RewardiumError(f"{where}: the keys of {annotation.__name__} cannot be read: {error}") from None
    docstring = read_docstring(annotation.__doc__)
    required, properties, converters = [], {}, {}
    for key, hint in hints.items():
        is_required = key in annotation.__required_keys__
        origin = typing.get_origin(hint)
        if origin in (typing.Required, typing.NotRequired):
            # Annotations that are text hide these words from the class itself.
            is_required, hint = origin is typing.Required, typing.get_args(hint)[0]
        item = _read(hint, f"{where}, key {key!r}", depth + 1)
        properties[key] = dict(item.schema)
        if key in docstring.parameters:
            properties[key]["description"] = docstring.parameters[key]
        if item.convert is not None:
            converters[key] = item.convert
        if is_required:
            required.append(key)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return _Type(schema, _convert_keys(converters) if converters else None)


def _convert_keys(converters: Mapping[str, _Convert]) -> _Convert:
    return lambda value: {key: converters.get(key, _as_is)(item) for key, item in value.items()}


def _as_is(value: Any) -> Any:
    return value

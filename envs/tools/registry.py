"""Toolsets by name: the shipped ones, and those of a user's own files.

A toolset is one file. In the repository it lies in ``envs/tools/toolset/`` and is found there; anywhere else
``load_plugin`` runs it. A die in ten lines::

    import random

    from rewardium.envs.tools.registry import register_toolset
    from rewardium.envs.tools.tool import Toolset, tool


    @register_toolset("dice")
    class Dice(Toolset):
        def __init__(self, seed: int = 0) -> None:
            self.random = random.Random(seed)

        @tool
        def roll(self, sides: int = 6) -> int:
            '''Roll a die and return what it shows.'''
            return self.random.randint(1, sides)

and in use::

    load_plugin("dice.py")
    toolbox = Toolbox.of(make("dice", seed=3), make("calculator"))
    outcomes = execute(parse_turn(response), toolbox)
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TypeVar

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.tools.tool import Toolset

ToolsetFactory = Callable[..., Toolset]
F = TypeVar("F", bound=ToolsetFactory)

_FACTORIES: dict[str, ToolsetFactory] = {}
_PACKAGE = "rewardium.envs.tools.toolset"


def register_toolset(name: str) -> Callable[[F], F]:
    """Register a toolset class, or a function that returns a toolset, under a name.

    Args:
        name: A Python identifier.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        RewardiumError: When the name is no identifier, or belongs to something else already.

    Example:
        >>> from rewardium.envs.tools.tool import tool
        >>> @register_toolset("greeter")
        ... class Greeter(Toolset):
        ...     def __init__(self, greeting: str = "Hello") -> None:
        ...         self.greeting = greeting
        ...     @tool
        ...     def greet(self, name: str) -> str:
        ...         '''Greet someone by name.'''
        ...         return f"{self.greeting}, {name}!"
        >>> make("greeter", greeting="Good day").tools[0].call({"name": "Ada"})
        'Good day, Ada!'
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise RewardiumError(f"a toolset's name must be a Python identifier, got {name!r}")

    def decorate(factory: F) -> F:
        known = _FACTORIES.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (factory.__module__, factory.__qualname__):
            raise RewardiumError(
                f"the toolset name {name!r} is already taken by {known.__module__}.{known.__qualname__}"
            )
        _FACTORIES[name] = factory
        if isinstance(factory, type) and issubclass(factory, Toolset):
            factory.registered_name = name
        return factory

    return decorate


@cache
def _load_shipped() -> None:
    """Import every module of the shipped toolsets; they are light by rule."""
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{_PACKAGE}.{module.name}")


def load_plugin(path: str | Path) -> None:
    """Run a user's Python file, whose ``register_toolset`` calls make its toolsets known by name.

    Args:
        path: A ``.py`` file of the user's own; it runs with the user's rights, like any import.

    Raises:
        RewardiumError: When there is no such file or it fails to import.
    """
    path = Path(path)
    if not path.is_file():
        raise RewardiumError(f"no such tool file: {path}")
    _load_shipped()  # first, so that a name taken twice is the plugin's mistake
    spec = spec_from_file_location(f"rewardium_tools_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RewardiumError(f"a tool file must be a Python file, got {path}")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # annotations that are text are looked up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise RewardiumError(f"the tool file {path} failed to import: {type(error).__name__}: {error}") from error


def names() -> list[str]:
    """Return every registered name, sorted.

    Example:
        >>> {"calculator", "file_system", "sql"} <= set(names())
        True
    """
    _load_shipped()
    return sorted(_FACTORIES)


def get(name: str) -> ToolsetFactory:
    """Return the class or function registered under a name.

    Raises:
        RewardiumError: When there is none; the message lists the near names.

    Example:
        >>> get("calculater")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unknown toolset 'calculater'; did you mean 'calculator'?
    """
    _load_shipped()
    if name not in _FACTORIES:
        raise RewardiumError(unknown_name_message("toolset", str(name)[:64], _FACTORIES))
    return _FACTORIES[name]


def make(name: str, **settings: Any) -> Toolset:
    """Build a registered toolset.

    Args:
        name: The registered name.
        **settings: Arguments of its constructor.

    Returns:
        A toolset of its own, with ``tools``, ``state()`` and ``close()``.

    Raises:
        RewardiumError: When the name is unknown or the settings do not fit; the message shows the parameters.

    Example:
        >>> [item.name for item in make("calculator").tools]
        ['calculate']
    """
    factory = get(name)
    signature = inspect.signature(factory)
    try:
        signature.bind(**settings)
    except TypeError as error:
        raise RewardiumError(f"toolset {name!r}: {error}; its parameters are {_shown(signature)}") from None
    toolset = factory(**settings)
    if not isinstance(toolset, Toolset):
        raise RewardiumError(f"toolset {name!r}: it must be a Toolset, got {type(toolset).__name__}")
    return toolset


def _shown(signature: inspect.Signature) -> str:
    return f"({', '.join(str(p.replace(annotation=p.empty)) for p in signature.parameters.values())})"

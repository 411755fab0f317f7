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

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rewardium.envs.errors import RewardiumError
from rewardium.envs.name_registry import NameRegistry, require_arguments, run_file
from rewardium.envs.tools.tool import Toolset

ToolsetFactory = Callable[..., Toolset]
F = TypeVar("F", bound=ToolsetFactory)

_TOOLSETS: NameRegistry[Toolset] = NameRegistry("toolset", "rewardium.envs.tools.toolset", several_a_file=True)


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
        _TOOLSETS.register(name)(factory)
        if isinstance(factory, type) and issubclass(factory, Toolset):
            factory.registered_name = name
        return factory

    return decorate


def load_plugin(path: str | Path) -> None:
    """Run a user's Python file, whose ``register_toolset`` calls make its toolsets known by name.

    Args:
        path: A ``.py`` file of the user's own; it runs with the user's rights, like any import.

    Raises:
        RewardiumError: When there is no such file or it fails to import.
    """
    _TOOLSETS.load_shipped()  # first, so that a name taken twice is the plugin's mistake
    run_file(path, "tool file", "rewardium_tools")


def names() -> list[str]:
    """Return every registered name, sorted.

    Example:
        >>> {"calculator", "file_system", "sql"} <= set(names())
        True
    """
    return _TOOLSETS.names()


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
    return _TOOLSETS.get(name)


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
    require_arguments(f"toolset {name!r}", factory, **settings)
    toolset = factory(**settings)
    if not isinstance(toolset, Toolset):
        raise RewardiumError(f"toolset {name!r}: it must be a Toolset, got {type(toolset).__name__}")
    return toolset

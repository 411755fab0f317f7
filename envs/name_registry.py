"""Things by name: what modules of a package register, and users then ask for in flags, in YAML or in Python."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from rewardium.envs.catalogue import record
from rewardium.envs.errors import RewardiumError, unknown_name_message

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class NameRegistry(Generic[T]):
    """Factories of ``T`` by name: classes, or functions that return one.

    What registers holds one registry and the functions around it that its users know. The modules of its packages are
    imported when a name is first asked for, so that one new file there is all that a new thing takes.

    Args:
        kind: What messages call a thing, e.g. ``"loss"``.
        *packages: The packages whose modules register things.
        name_kind: What messages call its name; by default the kind and ``"name"``.
        recorded_as: What the catalogue of papers calls a thing; by default the kind.
        several_a_file: Whether one file may register several things, so that a name belongs to one of them; else it
            belongs to the file.

    Example:
        >>> colours = NameRegistry[str]("colour")
        >>> @colours.register("red")
        ... def red(depth: int = 1) -> str:
        ...     return "red" * depth
        >>> colours.names(), colours.get("red")()
        (['red'], 'red')
        >>> colours.get("redd")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unknown colour 'redd'; did you mean 'red'?
    """

    def __init__(
        self,
        kind: str,
        *packages: str,
        name_kind: str | None = None,
        recorded_as: str | None = None,
        several_a_file: bool = False,
    ) -> None:
        self.kind, self.packages = kind, packages
        self.entries: dict[str, Callable[..., T]] = {}
        self._name_kind = name_kind or f"{kind} name"
        self._recorded_as = recorded_as or kind
        self._several_a_file = several_a_file
        self._loaded = False

    def register(self, name: str, papers: Iterable[str] = ()) -> Callable[[F], F]:
        """Return a decorator that registers a factory and returns it unchanged.

        Args:
            name: What users write.
            papers: The keys of the papers that it implements, see ``rewardium.envs.catalogue``.

        Raises:
            RewardiumError: When the name belongs to something else already, or there is no such paper.
        """

        def decorate(factory: F) -> F:
            known = self.entries.get(name)
            if known is not None and self._owner(known) != self._owner(factory):
                raise RewardiumError(f"the {self._name_kind} {name!r} is already taken by {self._owner(known)}")
            record(f"{self._recorded_as} {name}", papers)
            self.entries[name] = factory
            return factory

        return decorate

    def _owner(self, factory: Callable[..., Any]) -> str:
        return f"{factory.__module__}.{factory.__qualname__}" if self._several_a_file else factory.__module__

    def load_shipped(self) -> None:
        """Import every module of the packages, once."""
        if self._loaded:
            return
        for name in self.packages:
            for module in pkgutil.iter_modules(importlib.import_module(name).__path__):
                importlib.import_module(f"{name}.{module.name}")
        self._loaded = True

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        self.load_shipped()
        return sorted(self.entries)

    def get(self, name: str) -> Callable[..., T]:
        """Return the factory of a name.

        Raises:
            RewardiumError: When there is none; the message lists the near names.
        """
        self.load_shipped()
        if name not in self.entries:
            raise RewardiumError(unknown_name_message(self.kind, str(name)[:64], self.entries))
        return self.entries[name]


def require_arguments(what: str, factory: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
    """Check that a factory takes some arguments.

    Args:
        what: What the factory is called in the message.
        factory: A class or function.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Raises:
        RewardiumError: When they do not fit; the message shows the signature.

    Example:
        >>> require_arguments("thing 'max'", lambda low, high=1.0: low, 0.5, middle=2)
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: thing 'max': got an unexpected keyword argument 'middle'; its ...
    """
    signature = inspect.signature(factory)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        shown = ", ".join(str(each.replace(annotation=each.empty)) for each in signature.parameters.values())
        raise RewardiumError(f"{what}: {error}; its parameters are ({shown})") from None


def build_with(what: str, factory: Callable[..., T], settings: Mapping[str, Any] | None) -> T:
    """Build a thing that has settings only.

    Args:
        what: What the thing is called in the message.
        factory: Its class.
        settings: Its fields, None for none.

    Raises:
        RewardiumError: When they do not fit; the message lists the settings.
    """
    try:
        inspect.signature(factory).bind(**(settings or {}))
    except TypeError as error:
        known = ", ".join(inspect.signature(factory).parameters) or "none"
        raise RewardiumError(f"{what}: {error}; its settings are: {known}") from None
    return factory(**(settings or {}))


def build_dataclass(factory: Callable[..., T], settings: Mapping[str, Any], what: str = "", kind: str = "setting") -> T:
    """Build a dataclass from the names and values of its fields.

    Args:
        factory: The class.
        settings: Its fields.
        what: What it is called in the message, empty for nothing.
        kind: What a field is called there.

    Raises:
        RewardiumError: When a name is unknown; the message lists the near names.

    Example:
        >>> from rewardium.envs.task import Task
        >>> build_dataclass(Task, {"gaol": "2 + 2"}, "the task")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: the task: unknown setting 'gaol'; did you mean 'goal'?
    """
    known = [field.name for field in fields(cast(Any, factory))]
    for name in settings:
        if name not in known:
            message = unknown_name_message(kind, name, known)
            raise RewardiumError(f"{what}: {message}" if what else message)
    return factory(**settings)


def run_file(path: str | Path, what: str, module_prefix: str) -> None:
    """Run a user's Python file, whose calls register what it defines; it runs with the user's rights, as any import.

    Args:
        path: A ``.py`` file.
        what: What messages call it, e.g. ``"reward file"``.
        module_prefix: Before the file's name, the name that its module gets.

    Raises:
        RewardiumError: When there is no such file or it fails to import.
    """
    path = Path(path)
    if not path.is_file():
        raise RewardiumError(f"no such {what}: {path}")
    spec = spec_from_file_location(f"{module_prefix}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RewardiumError(f"a {what} must be a Python file, got {path}")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and annotations that are text look up their module there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise RewardiumError(f"the {what} {path} failed to import: {type(error).__name__}: {error}") from error

"""The world of an episode: services that tools act on, as a plan in plain data and as the live thing.

A plan names toolsets and their settings, and which tools fail. It is what a template makes: it costs nothing, is equal
for equal seeds, and can be written down. ``World`` is built from it when the first call needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools import registry
from rewardium.envs.tools.calls import ParsedTurn, ToolCall
from rewardium.envs.tools.execution import execute
from rewardium.envs.tools.tool import StatefulToolset, Tool, Toolbox, ToolError, Toolset

Settings = Mapping[str, Any]

_BARE_SETTINGS: dict[str, Settings] = {
    "search": {"documents": {"opening-hours": "The reading room is open from nine to five, except on Mondays."}},
    "sql": {"schema": "CREATE TABLE visitors (day TEXT, count INTEGER)"},
}
"""What toolsets without a default get where they are only there to distract."""


@dataclass(frozen=True)
class Failure:
    """A tool fails on purpose.

    Args:
        message: What the agent reads.
        times: How many calls fail before the tool works; None for all.
    """

    message: str
    times: int | None = None


@dataclass(frozen=True)
class WorldPlan:
    """What a world is made of.

    Args:
        services: Settings by the registered name of a toolset.
        failures: Which tools fail, by the tool's name.

    Example:
        >>> plan = WorldPlan({"calculator": {}})
        >>> plan.tool_names(), plan.with_services(["unit_conversion"]).tool_names()
        (['calculate'], ['calculate', 'convert_units'])
    """

    services: Mapping[str, Settings]
    failures: Mapping[str, Failure] = field(default_factory=dict)

    def with_services(self, names: Iterable[str]) -> WorldPlan:
        """Return a plan with further toolsets that no task needs; those that are there already stay as they are."""
        extra = {name: _BARE_SETTINGS.get(name, {}) for name in names if name not in self.services}
        return replace(self, services={**self.services, **extra}) if extra else self

    def with_settings(self, settings: Mapping[str, Settings]) -> WorldPlan:
        """Return a plan with further settings for those of its services that are named."""
        changed = {name: {**own, **settings.get(name, {})} for name, own in self.services.items()}
        return replace(self, services=changed) if settings.keys() & changed.keys() else self

    def tools(self) -> list[Tool]:
        """Return the tools, unbound where that saves building a service; only their schemas may be used."""
        return [tool for name, settings in self.services.items() for tool in _tools_of(name, settings)]

    def tool_names(self) -> list[str]:
        """Return the names of the tools, in the order in which the agent sees them."""
        return [tool.name for tool in self.tools()]

    def stateful(self) -> WorldPlan:
        """Return the plan of what an episode can change, without failures."""
        return WorldPlan({name: settings for name, settings in self.services.items() if _is_stateful(name)})


def _tools_of(name: str, settings: Settings) -> list[Tool]:
    factory = registry.get(name)
    if not (inspect.isclass(factory) and issubclass(factory, Toolset)):
        toolset = registry.make(name, **settings)
        try:
            return toolset.tools
        finally:
            toolset.close()
    found: dict[str, Tool] = {}
    for owner in reversed(factory.__mro__):
        found.update({key: value for key, value in vars(owner).items() if isinstance(value, Tool)})
    return list(found.values())


def _is_stateful(name: str) -> bool:
    factory = registry.get(name)
    return not inspect.isclass(factory) or issubclass(factory, StatefulToolset)


class World:
    """The live services of one episode, and their tools.

    Args:
        plan: What to build.

    Raises:
        RewardiumError: When a toolset is unknown, or its settings are wrong.

    Example:
        >>> world = World(WorldPlan({"file_system": {"files": {"/a.txt": "1"}}}))
        >>> world.apply([ToolCall("move_path", {"source": "/a.txt", "destination": "/b.txt"})])
        >>> world.contents()
        {'file_system': {'/b.txt': '1'}}
    """

    def __init__(self, plan: WorldPlan) -> None:
        self.services: dict[str, Toolset] = {}
        try:
            for name, settings in plan.services.items():
                self.services[name] = registry.make(name, **settings)
            tools = [tool for service in self.services.values() for tool in service.tools]
            self.toolbox = Toolbox(_failing(tool, plan.failures.get(tool.name)) for tool in tools)
        except BaseException:
            self.close()
            raise

    def apply(self, calls: Iterable[ToolCall]) -> None:
        """Run calls that must work.

        Raises:
            RewardiumError: When one does not.
        """
        for outcome in execute(ParsedTurn(tuple(calls), ""), self.toolbox):
            if outcome.status != "ok":
                raise RewardiumError(f"a call of the task itself failed: {outcome.call}: {outcome.result}")

    def contents(self) -> dict[str, Any]:
        """Return what success is read from: the contents of every service that can change, as plain data."""
        services = self.services.items()
        return {name: service.contents() for name, service in services if isinstance(service, StatefulToolset)}

    def close(self) -> None:
        """Give back what the services hold."""
        for service in self.services.values():
            service.close()


def _failing(tool: Tool, failure: Failure | None) -> Tool:
    """Wrap a tool so that some of its calls fail."""
    if failure is None:
        return tool
    calls = 0

    def function(**arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if failure.times is None or calls <= failure.times:
            raise ToolError(failure.message)
        return tool.function(**arguments)

    return replace(tool, function=function)

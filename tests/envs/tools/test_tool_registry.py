"""Toolsets by name: the shipped ones, and a user's own file."""

from __future__ import annotations

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools import registry
from rewardium.envs.tools.calls import parse_turn
from rewardium.envs.tools.execution import execute
from rewardium.envs.tools.registry import get, load_plugin, make, names, register_toolset
from rewardium.envs.tools.tool import Toolbox, Toolset

SETTINGS = {
    "calculator": {},
    "contacts_calendar": {},
    "file_system": {},
    "python_interpreter": {"mode": "subprocess"},
    "search": {"documents": {"a": "alpha"}},
    "sql": {"schema": "CREATE TABLE t (a)"},
    "unit_conversion": {},
}

DICE = """
from __future__ import annotations

import random
from typing import Literal

from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import Toolset, tool

Kind = Literal["fair", "loaded"]


@register_toolset("dice")
class Dice(Toolset):
    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)

    @tool
    def roll(self, sides: int = 6, kind: Kind = "fair") -> int:
        '''Roll a die and return what it shows.'''
        return self.random.randint(1, sides) if kind == "fair" else sides
"""


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    names()
    monkeypatch.setattr(registry._TOOLSETS, "entries", dict(registry._TOOLSETS.entries))


def test_everything_shipped_is_found_by_file():
    assert set(SETTINGS) <= set(names())


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_what_every_toolset_has(name):
    with make(name, **SETTINGS[name]) as toolset:
        assert toolset.registered_name == name
        assert toolset.tools
        for tool in toolset.tools:
            function = tool.schema()["function"]
            assert function["description"]
            for parameter, schema in function["parameters"]["properties"].items():
                assert schema.get("description"), f"{tool.name}: {parameter} is not described"
        assert [tool.name for tool in toolset.tools] == [tool.name for tool in toolset.tools]
        toolset.state()


def test_the_names_of_all_shipped_tools_differ():
    toolsets = [make(name, **settings) for name, settings in SETTINGS.items()]
    assert len(Toolbox.of(*toolsets)) >= 20
    for toolset in toolsets:
        toolset.close()


def test_a_users_own_file(tmp_path):
    path = tmp_path / "dice.py"
    path.write_text(DICE, encoding="utf-8")
    load_plugin(path)
    assert "dice" in names()
    toolbox = Toolbox.of(make("dice", seed=3), make("calculator"))
    calls = '<tool_call>{"name": "roll", "arguments": {"sides": 9, "kind": "loaded"}}</tool_call>'
    (outcome,) = execute(parse_turn(calls), toolbox)
    assert (outcome.status, outcome.result) == ("ok", "9")
    load_plugin(str(path))  # again, as after a restart in one process


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "failed to import: ZeroDivisionError"),
        (DICE.replace('"dice"', '"calculator"'), "the toolset name 'calculator' is already taken by"),
        (DICE.replace("sides: int", "sides: tuple"), "tool 'roll', parameter 'sides'"),
        (DICE.replace("'''Roll a die and return what it shows.'''", ""), "needs a docstring"),
        (DICE.replace('"dice"', '"my dice"'), "must be a Python identifier"),
    ],
)
def test_a_file_with_a_mistake(tmp_path, text, words):
    path = tmp_path / "mistaken.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RewardiumError) as caught:
        load_plugin(path)
    assert words in str(caught.value)
    assert "calculator" in names()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RewardiumError, match="no such tool file"):
        load_plugin(tmp_path / "nowhere.py")


def test_unknown_names_and_settings():
    with pytest.raises(RewardiumError, match="unknown toolset 'file_sistem'; did you mean 'file_system'"):
        get("file_sistem")
    with pytest.raises(RewardiumError, match=r"toolset 'sql': .*'rose'; its parameters are \(schema, rows=None"):
        make("sql", schema="", rose={})
    with pytest.raises(RewardiumError, match="missing a required argument: 'documents'"):
        make("search")


def test_a_function_may_build_a_toolset():
    @register_toolset("small_files")
    def small_files(count: int) -> Toolset:
        return make("file_system", files={f"/{n}.txt": str(n) for n in range(count)})

    assert len(make("small_files", count=3).state()) == 3

    @register_toolset("nonsense")
    def nonsense() -> Toolset:
        return 3

    with pytest.raises(RewardiumError, match="it must be a Toolset, got int"):
        make("nonsense")

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rewardium.envs.catalogue import implementations
from rewardium.envs.errors import RewardiumError
from rewardium.envs.name_registry import NameRegistry, build_dataclass, build_with, require_arguments, run_file


@dataclass(frozen=True)
class Scale:
    factor: float = 1.0


def other() -> Scale:
    return Scale(2.0)


def test_names_are_sorted_and_found():
    scales = NameRegistry[Scale]("scale")
    assert scales.register("plain")(Scale) is Scale
    scales.register("double")(other)
    assert scales.names() == ["double", "plain"]
    assert scales.get("double")() == Scale(2.0)
    with pytest.raises(RewardiumError, match="unknown scale 'plane'; did you mean 'plain'"):
        scales.get("plane")


@pytest.mark.parametrize("name", ["x" * 10_000, "", "\ud800"])
def test_a_strange_name_is_told_in_short(name):
    with pytest.raises(RewardiumError, match="unknown scale") as caught:
        NameRegistry[Scale]("scale").get(name)
    assert len(str(caught.value)) < 200


def test_a_name_belongs_to_a_file():
    scales = NameRegistry[Scale]("scale")
    scales.register("plain")(Scale)
    scales.register("plain")(other)  # the same file may change its mind, as one that is loaded again does
    assert scales.get("plain") is other
    with pytest.raises(RewardiumError, match="the scale name 'plain' is already taken by") as caught:
        scales.register("plain")(RewardiumError)
    assert str(caught.value).endswith(other.__module__)
    assert scales.get("plain") is other


def test_a_name_belongs_to_one_of_several_things_of_a_file():
    scales = NameRegistry[Scale]("scale", name_kind="name", several_a_file=True)
    scales.register("plain")(Scale)
    with pytest.raises(RewardiumError, match="the name 'plain' is already taken by") as caught:
        scales.register("plain")(other)
    assert str(caught.value).endswith(f"{Scale.__module__}.Scale")


def test_papers_are_recorded_under_the_kind():
    scales = NameRegistry[Scale]("scale", recorded_as="small scale")
    scales.register("test_of_names", papers=("A1",))(Scale)
    assert "small scale test_of_names" in implementations()["A1"]
    with pytest.raises(RewardiumError, match="unknown paper"):
        scales.register("lost", papers=("A9999",))(Scale)
    assert scales.names() == ["test_of_names"]


def test_packages_are_imported_when_a_name_is_asked_for():
    assert NameRegistry[object]("thing", "rewardium.envs.tools.toolset").names() == []
    with pytest.raises(ModuleNotFoundError):
        NameRegistry[object]("thing", "rewardium.no_such_package").names()


def test_arguments_that_do_not_fit():
    require_arguments("scale 'plain'", Scale, 2.0)
    with pytest.raises(RewardiumError, match=r"scale 'plain': .*'size'; its parameters are \(factor=1\.0\)"):
        require_arguments("scale 'plain'", Scale, size=1)


@pytest.mark.parametrize("name", ["what", "factory", "args", "self"])
def test_arguments_may_have_any_name(name):
    require_arguments("thing", lambda **anything: anything, **{name: 1})
    with pytest.raises(RewardiumError, match=f"scale 'plain': .*'{name}'"):
        require_arguments("scale 'plain'", Scale, **{name: 1})


def test_things_are_built_from_settings():
    assert build_with("scale", Scale, None) == build_dataclass(Scale, {}, "scale") == Scale()
    assert build_with("scale", Scale, {"factor": 3.0}) == build_dataclass(Scale, {"factor": 3.0}, "scale") == Scale(3.0)
    with pytest.raises(RewardiumError, match=r"scale: .*'factr'; its settings are: factor"):
        build_with("scale", Scale, {"factr": 3.0})
    with pytest.raises(RewardiumError, match=r"scale: .*; its settings are: none"):
        build_with("scale", other, {"factor": 3.0})
    with pytest.raises(RewardiumError, match="scale: unknown setting 'factr'; did you mean 'factor'"):
        build_dataclass(Scale, {"factr": 3.0}, "scale")


def test_a_users_file_runs(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("raise ValueError('no')\n")
    with pytest.raises(RewardiumError, match=r"the test file .*mine\.py failed to import: ValueError: no"):
        run_file(path, "test file", "rewardium_test")
    with pytest.raises(RewardiumError, match="no such test file"):
        run_file(tmp_path / "missing.py", "test file", "rewardium_test")
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(RewardiumError, match="a test file must be a Python file"):
        run_file(tmp_path / "mine.txt", "test file", "rewardium_test")
    path.write_text("SEEN = __name__\n")
    run_file(path, "test file", "rewardium_test")

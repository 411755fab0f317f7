"""The script that writes a new reward: what it writes must work as it is."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards import registry

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "new_reward.py"
ALL_NEEDS = ("observation", "action", "text", "frame", "task", "history")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("new_reward_script", SCRIPT)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def registry_as_before(monkeypatch):
    rewards.names()  # everything shipped is registered first, so that it stays registered
    monkeypatch.setattr(registry._REWARDS, "entries", dict(registry._REWARDS.entries))


@pytest.fixture
def repository(script, tmp_path, monkeypatch):
    """A stand-in for the repository, so that no test writes into the real one."""
    monkeypatch.setattr(script, "REPOSITORY", tmp_path)
    return tmp_path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )


def test_a_plugin_works_as_written(tmp_path):
    result = run(str(SCRIPT), "big_words", "--needs", "action", "task", "--folder", str(tmp_path / "mine"))
    assert result.returncode == 0, result.stderr
    source, test = tmp_path / "mine" / "big_words.py", tmp_path / "mine" / "test_big_words.py"
    assert f"--plugin {source}" in result.stdout
    rewards.load_plugin(source)
    reward = rewards.parse("0.5 * big_words(bonus=2.0)")
    assert reward.needs == {"action", "task"}
    outcome = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test))
    assert "3 passed" in outcome.stdout, outcome.stdout


@pytest.mark.parametrize("needs", [*((need,) for need in ALL_NEEDS), ALL_NEEDS])
def test_the_generated_example_is_true(script, tmp_path, needs):
    source, _ = script.write_reward(script.Config("fresh_name", needs, tmp_path))
    rewards.load_plugin(source)
    result = doctest.testmod(sys.modules["rewardium_plugin_fresh_name"])
    assert result.attempted >= 4
    assert result.failed == 0


def test_the_generated_files_are_clean(script, tmp_path):
    for number, needs in enumerate([*((need,) for need in ALL_NEEDS), ("task", "action"), ALL_NEEDS]):
        script.write_reward(script.Config("fresh_name", needs, tmp_path / str(number)))
        texts = script.render("inside", needs, plugin=False)
        for name, text in zip(("inside.py", "test_inside.py"), texts, strict=True):
            (tmp_path / str(number) / name).write_text(text, encoding="utf-8")
    config = ("--config", str(ROOT / "pyproject.toml"), "--no-cache", str(tmp_path))
    for command in (("check",), ("format", "--check")):
        result = run("-m", "ruff", *command, *config)
        assert result.returncode == 0, result.stdout


def test_without_a_folder_it_goes_where_it_is_found(script, repository):
    source, test = script.write_reward(script.Config("fresh_name"))
    assert source == repository / "rewards" / "sources" / "fresh_name.py"
    assert test == repository / "tests" / "rewards" / "sources" / "test_fresh_name.py"
    assert "load_plugin" not in test.read_text(encoding="utf-8")
    assert 'register("fresh_name")' in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("existing", ["rewards/sources/fresh_name.py", "tests/rewards/sources/test_fresh_name.py"])
def test_nothing_is_overwritten(script, repository, existing):
    (repository / existing).parent.mkdir(parents=True)
    (repository / existing).write_text("mine", encoding="utf-8")
    with pytest.raises(RewardiumError, match="exists already"):
        script.write_reward(script.Config("fresh_name"))
    assert [path.read_text(encoding="utf-8") for path in repository.rglob("*.py")] == ["mine"]


@pytest.mark.parametrize("name", ["", "Big", "two words", "1st", "class", "a-b", "../up", "_x", "großartig"])
def test_a_name_must_be_an_identifier(script, repository, name):
    with pytest.raises(RewardiumError, match="lower-case Python identifier"):
        script.write_reward(script.Config(name))
    assert not list(repository.iterdir())


@pytest.mark.parametrize("name", ["verify", "gate", "weight", "score"])
def test_a_name_must_be_free(script, repository, name):
    with pytest.raises(RewardiumError, match="already taken"):
        script.write_reward(script.Config(name))


def test_something_must_be_needed(script, repository):
    with pytest.raises(RewardiumError, match="at least one part"):
        script.write_reward(script.Config("fresh_name", ()))


def test_a_mistake_on_the_command_line_is_one_line(tmp_path):
    result = run(str(SCRIPT), "verify", "--folder", str(tmp_path))
    assert result.returncode == 2
    assert result.stdout == "error: the reward name 'verify' is already taken; choose another one\n"

"""Run the examples in the docstrings of the modules as they are installed.

``pytest --doctest-modules envs`` would import the files under other names, which makes a second registry.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

from rewardium.rewards import names, registry

PACKAGES = ("rewardium.envs", "rewardium.rewards", "rewardium.agents")
# What an extra brings that `make test` does not install; a module that needs it at import is left out.
OPTIONAL = {"imageio", "minihack", "mujoco", "nle", "open_clip", "torchvision", "vllm"}


def module_names() -> Iterator[str]:
    for name in PACKAGES:
        yield name
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, prefix=f"{name}."):
            yield module.name


@pytest.mark.parametrize("name", sorted(module_names()))
def test_examples(name, tmp_path, monkeypatch):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OPTIONAL:
            pytest.skip(f"{name} needs {error.name}")
        raise
    monkeypatch.chdir(tmp_path)
    names()  # everything shipped is registered, so that the copy below holds it
    monkeypatch.setattr(registry._REWARDS, "entries", dict(registry._REWARDS.entries))
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, "see the captured output"

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import tyro

from rewardium.agents.flags import YamlMapping, read_mapping
from rewardium.envs.errors import RewardiumError


@dataclass
class Flags:
    kwargs: YamlMapping = field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "value"),
    [("{}", {}), ("{a: 1, b: [x, y]}", {"a": 1, "b": ("x", "y")}), ("{1: yes}", {"1": True}), ("a: 0.5", {"a": 0.5})],
)
def test_mappings(text, value):
    assert read_mapping(text) == value
    assert tyro.cli(Flags, args=["--kwargs", text]).kwargs == value


@pytest.mark.parametrize("text", ["3", "[a]", "", "{a: ", "!!python/object/apply:os.getcwd []"])
def test_no_mappings(text):
    with pytest.raises(RewardiumError):
        read_mapping(text)


def test_a_wrong_flag_is_said_beside_it(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(Flags, args=["--kwargs", "3"])
    assert "not a mapping" in capsys.readouterr().err

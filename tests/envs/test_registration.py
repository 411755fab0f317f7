"""Registration from literals in the source."""

import subprocess
import sys

import gymnasium as gym
import pytest

import rewardium.envs
from rewardium.envs import registration
from rewardium.envs.errors import RewardiumError
from rewardium.envs.registration import Entry, read_entries


def test_reads_every_key():
    source = """
import no_such_module
REGISTRATION = [{
    "id": "rewardium/X-v0", "entry_point": "X", "vector_entry_point": "XV", "extra": "nethack",
    "packages": ["nle"], "max_episode_steps": 5, "kwargs": {"n": 1},
}]
"""
    assert read_entries(source, "a.b") == [
        Entry("rewardium/X-v0", "a.b:X", "a.b:XV", "nethack", ("nle",), 5, {"n": 1}),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "make()",
        "[make()]",
        '[{"id": "x"}]',
        '[{"entry_point": "X"}]',
        '[{"id": "x", "entry_point": "X", "more": 1}]',
        "3",
    ],
)
def test_refuses_what_is_no_literal_entry(value):
    with pytest.raises(RewardiumError, match=r"a\.b: REGISTRATION"):
        read_entries(f"REGISTRATION = {value}", "a.b")


def test_modules_without_the_literal_register_nothing():
    assert read_entries("x = 1", "a.b") == []
    assert read_entries('"""Speaks of REGISTRATION only."""', "a.b") == []
    assert read_entries("def f():\n    REGISTRATION = [1]", "a.b") == []


def test_registering_again_changes_nothing():
    before = dict(gym.registry)
    rewardium.envs.register_all()
    assert gym.registry == before
    assert set(rewardium.envs.registered_ids()) <= set(gym.registry)
    assert rewardium.envs.registered_ids() == sorted(rewardium.envs.registered_ids())


def test_missing_extra(monkeypatch):
    there = Entry("rewardium/A-v0", "m:A", extra="mujoco", packages=("numpy",))
    absent = Entry("rewardium/B-v0", "m:B", extra="nethack", packages=("numpy", "no_such_package"))
    monkeypatch.setattr(registration, "entries", lambda: (there, absent))
    assert rewardium.envs.missing_extra("rewardium/A-v0") is None
    assert rewardium.envs.missing_extra("rewardium/B-v0") == "nethack"
    with pytest.raises(RewardiumError, match="no-such"):
        rewardium.envs.missing_extra("no-such")


def test_import_registers_and_loads_no_environment():
    code = (
        "import sys, gymnasium, rewardium.envs as e;"
        "assert set(e.registered_ids()) <= set(gymnasium.registry);"
        "assert 'rewardium.envs.math.random_calculation' not in sys.modules;"
        "env = gymnasium.make('rewardium.envs:rewardium/RandomCalculation-v0');"
        "assert env.reset(seed=0)[0]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

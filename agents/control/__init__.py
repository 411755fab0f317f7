"""Control policies: the glue between the suite's vector environments and Stable-Baselines3."""

from __future__ import annotations

from importlib.util import find_spec

from rewardium.envs.errors import MissingExtraError

if find_spec("stable_baselines3") is None:
    raise MissingExtraError("stable_baselines3", "control")

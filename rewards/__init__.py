"""Rewards from verifiers, programs and models, and the way they compose.

Example:
    >>> from rewardium import rewards
    >>> reward = rewards.make("gate", rewards.make("format"), rewards.make("verify")) + 0.1 * rewards.make("length")
    >>> reward == rewards.parse("gate(format, verify) + 0.1 * length")
    True
"""

from __future__ import annotations

from rewardium.rewards.registry import (
    build,
    from_yaml,
    get,
    load,
    load_plugin,
    make,
    names,
    parse,
    register,
    source_names,
    to_yaml,
)
from rewardium.rewards.reward import Outcome, Reward, RewardSource, Sum, Term, Weighted
from rewardium.rewards.source import Score, Segment
from rewardium.rewards.state import RewardState

__all__ = [
    "Outcome",
    "Reward",
    "RewardSource",
    "RewardState",
    "Score",
    "Segment",
    "Sum",
    "Term",
    "Weighted",
    "build",
    "from_yaml",
    "get",
    "load",
    "load_plugin",
    "make",
    "names",
    "parse",
    "register",
    "source_names",
    "to_yaml",
]

"""A game of one corridor, with lava at its west end and stairs at its east end, and episodes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import pytest

from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.tools.sandbox import SandboxUnavailableError
from rewardium.rewards.programs.episode import record_episodes


class Corridor(gym.Env[int, int]):
    """West of the corridor's cells is lava, east of them are the stairs."""

    observation_space = gym.spaces.Discrete(10)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, length: int = 3, limit: int = 6) -> None:
        self.length, self.limit = length, limit

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.time, self.action = (self.length + 1) // 2, 0, ""
        return self.place, {"task": Task("Reach the stairs.")}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.action = ("west", "east")[action]
        self.place += 2 * action - 1
        self.time += 1
        success, died = self.place == self.length + 1, self.place == 0
        info = {"success": success, "reason": "death" if died else ""}
        return self.place, float(success), success or died, self.time == self.limit and not (success or died), info

    def caption(self) -> str:
        message = {0: "Burned by molten lava.", 1: "It is hot here."}.get(self.place, "")
        cells = "".join("@" if i == self.place else cell for i, cell in enumerate("}" + "." * self.length + ">"))
        return Caption(message, self.action, status="HP 5/5", map=cells).text()


def along(*walks: str) -> list[Any]:
    """Play episodes whose actions are given as letters, w and e."""
    actions = iter("".join(walks))
    return record_episodes(Corridor(), len(walks), choose=lambda place: "we".index(next(actions)))


def or_skip(make: Any, *args: Any, **kwargs: Any) -> Any:
    """Call what needs bubblewrap, and skip the test where that cannot run."""
    try:
        return make(*args, **kwargs)
    except RewardiumError as error:
        if isinstance(error, SandboxUnavailableError) and "bubblewrap cannot run here" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="session")
def corridor() -> SimpleNamespace:
    return SimpleNamespace(Corridor=Corridor, along=along, or_skip=or_skip)

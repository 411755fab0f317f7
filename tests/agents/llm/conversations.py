"""Text environments of several turns, as small as a tiny policy needs them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task


class Conversation(gym.Env[str, str]):
    """What the conversations share: they end after a number of turns, and each turn pays for itself."""

    observation_space = Utf8Text(64)
    action_space = Utf8Text(256)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.answers: list[str] = []
        self.task = Task(self.begin(), reference="")
        return self.task.goal, {"task": self.task}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.answers.append(action)
        reply, reward, done, success = self.answer(len(self.answers))
        return reply, reward, done, False, {"task": self.task, "success": success}

    def begin(self) -> str:
        raise NotImplementedError

    def answer(self, turn: int) -> tuple[str, float, bool, bool]:
        raise NotImplementedError


class Lengths(Conversation):
    """One to six turns, as the seed says; replies of different lengths; an even turn pays a tenth a character.

    The odd turns pay 0, the first among them.
    """

    def begin(self) -> str:
        self.turns = int(self.np_random.integers(1, 7))
        return f"{self.turns}:"

    def answer(self, turn: int) -> tuple[str, float, bool, bool]:
        reward = 0.0 if turn % 2 else len(self.answers[-1]) / 10
        return "ab"[: turn % 3] + "?", reward, turn == self.turns, reward > 0.0


class Carry(Conversation):
    """Say a digit, say anything, and say the digit of the first turn once more, which is what success means.

    The first turn pays a little for any digit, the second nothing, the third 1 for the first turn's digit.
    """

    def begin(self) -> str:
        return "pick "

    def answer(self, turn: int) -> tuple[str, float, bool, bool]:
        first, last = (text[:1] for text in (self.answers[0], self.answers[-1]))
        picked = first.isdigit() and first.isascii()
        success = turn == 3 and picked and first == last
        return ("", "wait ", "which ", "")[turn], 0.25 * picked if turn == 1 else float(success), turn == 3, success


IDS = {Lengths: "tests/Lengths-v0", Carry: "tests/Carry-v0"}


def registered(env: type[Conversation]) -> str:
    """Return the environment's id, registered the first time."""
    if IDS[env] not in gym.registry:
        gym.register(id=IDS[env], entry_point=env)
    return IDS[env]

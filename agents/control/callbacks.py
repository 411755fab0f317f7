"""Where a run hooks into Stable-Baselines3's loop: between updates."""

from __future__ import annotations

import time
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback


class BetweenUpdates(BaseCallback):
    """Call a function after each update: a rollout and what was learned from it.

    Stable-Baselines3 says when a rollout begins and ends; an update is finished when the next rollout begins, or when
    the training ends. At these moments no step is half done, which makes them the places to log, evaluate and save.

    Args:
        after_update: Returns whether to go on.
    """

    def __init__(self, after_update: Callable[[], bool]) -> None:
        super().__init__()
        self.seconds_rollout = 0.0
        self._after_update = after_update
        self._going = True
        self._begun = 0.0

    def _on_rollout_start(self) -> None:
        if self.n_calls and self._going:
            self._going = self._after_update()
        self._begun = time.perf_counter()

    def _on_rollout_end(self) -> None:
        self.seconds_rollout += time.perf_counter() - self._begun

    def _on_step(self) -> bool:
        return self._going

    def _on_training_end(self) -> None:
        if self.n_calls and self._going:
            self._after_update()

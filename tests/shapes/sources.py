"""Sources that only the tests know, registered under names that no shipped reward has while a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards import registry
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score


@dataclass(frozen=True)
class Brightness(RewardSource):
    """Mean of the frame in [0, 1]; a very dark frame cannot be judged."""

    needs = frozenset({"frame"})
    dark: float = 0.0

    def score(self, batch: TransitionBatch) -> Score:
        means = np.stack(batch.frames).mean(axis=(1, 2, 3)) / 255  # like a model, it cannot stack no frames at all
        return Score.of([mean if mean > self.dark else None for mean in means])


@dataclass(frozen=True)
class Keyword(RewardSource):
    """Whether the step's text holds a word; an empty text says nothing."""

    needs = frozenset({"text"})
    word: str = "key"

    def score(self, batch: TransitionBatch) -> Score:
        return Score.of([float(self.word in text) if text else None for text in batch.texts or [None] * len(batch)])


@dataclass(frozen=True)
class ActionSize(RewardSource):
    """Length of a text action, size of a number; nothing below ``smallest``."""

    needs = frozenset({"action"})
    smallest: float = 0.0

    def score(self, batch: TransitionBatch) -> Score:
        sizes = [len(a) / 10 if isinstance(a, str) else float(np.abs(a).sum()) for a in batch.actions]
        return Score.of([size if size >= self.smallest else None for size in sizes])


@dataclass(frozen=True)
class Place(RewardSource):
    """Minus the distance of the observation from 0: a potential; of text, minus its length."""

    needs = frozenset({"observation"})

    def score(self, batch: TransitionBatch) -> Score:
        return Score.of([-len(o) / 8 if isinstance(o, str) else -float(np.abs(o).sum()) for o in batch.observations])


@dataclass(frozen=True)
class Remembered(RewardSource):
    """Number of earlier steps of the episode plus the sum of their extrinsic rewards."""

    needs = frozenset({"history"})

    def score(self, batch: TransitionBatch) -> Score:
        histories = batch.histories or [()] * len(batch)
        return Score.of([len(past) + sum(transition.reward for transition in past) for past in histories])


@dataclass(frozen=True)
class Clock(RewardSource):
    """Where in the record the step stands."""

    needs = frozenset()

    def score(self, batch: TransitionBatch) -> Score:
        return Score.of(100.0 * batch.episode + batch.step)


@dataclass(frozen=True)
class Named(RewardSource):
    """Length of the task: its goal and its reference."""

    needs = frozenset({"task"})

    def score(self, batch: TransitionBatch) -> Score:
        tasks = batch.tasks or [None] * len(batch)
        return Score.of([len(task.goal + (task.reference or "")) if task else None for task in tasks])


SOURCES: dict[str, type[RewardSource]] = {
    "test_brightness": Brightness,
    "test_keyword": Keyword,
    "test_action_size": ActionSize,
    "test_place": Place,
    "test_remembered": Remembered,
    "test_clock": Clock,
    "test_named": Named,
}


@contextmanager
def registered_test_sources() -> Iterator[None]:
    """Make the test sources known by name, and forget them afterwards."""
    for name, source in SOURCES.items():
        registry.register(name)(source)
    try:
        yield
    finally:
        for name in SOURCES:
            registry._REWARDS.entries.pop(name, None)

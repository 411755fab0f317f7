"""What a judge that labels in the background costs a training run: steps per second with and without it."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from rewardium.rewards.annotation.annotator import Annotator

WARM_UP = 1  # turns that are not counted
BARE, IDLE = "extrinsic reward only", "judge that costs nothing"
PLAYING, BUSY = "judge on what is played", "judge always busy"
SECONDS_TO_DRAIN = 120.0
ALWAYS_QUEUED = 512  # more than a judge answers during an update, in which nothing is fed


@dataclass
class Config:
    """Train in turn without a judge, with one that labels what is met, and with one that is never idle.

    The judge is a vLLM server on the same machine; each side is a PPO run as scripts/train_control.py makes it.
    """

    env: str = "rewardium/NetHackScore-v0"
    """The environment; it must have captions."""
    num_envs: int = 8
    """Environments in the vector."""
    turns: int = 20
    """How often the sides take turns; short turns share the machine's ups and downs."""
    steps: int = 128
    """Steps of each turn, after which the policy is updated once."""
    threads: int = 1
    """Threads of the policy's mathematics."""
    model: str = "runs/judges/game"
    """The judge that is served; scripts/train_judge.py makes this one."""
    url: str | None = None
    """A server that runs already, in place of one for this measurement."""
    nice: int = 19
    """How much the server gives way to the policy, 0 to 19."""
    venv: Path | None = None
    """The environment that has vLLM; by default .venv-vllm."""
    seed: int = 0
    """Seed of games and policy."""
    json: Path | None = None
    """Also write what was measured to this file."""


@dataclass(frozen=True)
class Turn:
    """What one turn of a side took, and the labels that came meanwhile."""

    rollout: float
    update: float
    labelled: int

    @property
    def seconds(self) -> float:
        """The whole turn."""
        return self.rollout + self.update


def run(config: Config) -> dict[str, Any]:
    """Measure the share of a training run's speed that is left while a judge works."""
    with served(config) as url:
        sides = make_sides(config, url)
        turns: dict[str, list[Turn]] = {side.name: [] for side in sides}
        for number in range(config.turns + WARM_UP):
            for side in sides:
                turn = side.turn()
                if number >= WARM_UP:
                    turns[side.name].append(turn)
        for side in sides:
            side.close()
    return as_result(config, turns)


def as_result(config: Config, turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Compare each turn with the turn of the same reward beside it, whose judge is a rule that costs nothing."""
    steps = config.steps * config.num_envs

    def kept(name: str, part: str) -> float:
        pairs = zip(turns[IDLE], turns[name], strict=True)
        return statistics.median(getattr(idle, part) / getattr(own, part) for idle, own in pairs)

    def speed(name: str, part: str) -> float:
        return steps / statistics.median(getattr(turn, part) for turn in turns[name])

    return {
        "title": f"PPO on {config.env}, {config.num_envs} environments; judge: {config.url or config.model}",
        "table": [
            {
                "side": name,
                "steps per second": speed(name, "seconds"),
                "in rollouts": speed(name, "rollout"),
                "labels per second": statistics.mean(turn.labelled / turn.seconds for turn in own),
                "speed kept": kept(name, "seconds"),
                "speed kept in rollouts": kept(name, "rollout"),
            }
            for name, own in turns.items()
        ],
        "summary": {
            "speed kept by training": kept(PLAYING, "seconds"),
            "speed kept by its rollouts": kept(PLAYING, "rollout"),
            "speed kept by training, judge always busy": kept(BUSY, "seconds"),
            "speed kept by its rollouts, judge always busy": kept(BUSY, "rollout"),
        },
        "notes": ["Speeds are medians of turns, speeds kept are medians of paired turns."],
    }


@contextmanager
def served(config: Config) -> Iterator[str]:
    """Give the URL of a server, started for this where none is named."""
    if config.url is not None:
        yield config.url
        return
    from rewardium.rewards.models.vllm_server import start_server

    with start_server(config.model, venv=config.venv, nice=config.nice) as server:
        yield server.url


class Side:
    """A training run, and the annotator that works meanwhile.

    Args:
        name: What the table calls it.
        model: The algorithm with its environments.
        annotator: The one that works, or None.
        messages: Makes it always busy: new items without end.
    """

    def __init__(
        self, name: str, model: BaseAlgorithm, annotator: Annotator | None, messages: Iterator[tuple[str]] | None
    ) -> None:
        from stable_baselines3.common.callbacks import ConvertCallback

        from rewardium.agents.control.callbacks import BetweenUpdates

        self.name, self.model, self.annotator, self.messages = name, model, annotator, messages
        self._clock = BetweenUpdates(lambda: True)
        self._callbacks = [self._clock, ConvertCallback(self._feed)]

    def turn(self) -> Turn:
        """Play and learn once; nothing is left in the queue after it, so that it costs the next side nothing."""
        before, self._clock.seconds_rollout = self._labelled(), 0.0
        start = time.perf_counter()
        self.model.learn(1, self._callbacks, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        seconds, rollout = time.perf_counter() - start, self._clock.seconds_rollout
        labelled = self._labelled() - before
        if self.annotator is not None:
            self.annotator.wait(timeout=SECONDS_TO_DRAIN)
        return Turn(rollout, seconds - rollout, labelled)

    def _feed(self, *_: Any) -> bool:
        if self.annotator is not None and self.messages is not None:
            missing = ALWAYS_QUEUED - self.annotator.statistics.queued
            if missing >= 64:
                self.annotator.ask(list(itertools.islice(self.messages, missing)))
        return True

    def _labelled(self) -> int:
        return 0 if self.annotator is None else self.annotator.statistics.labelled

    def close(self) -> None:
        """Close the environments and the annotator."""
        self.model.get_env().close()  # type: ignore[union-attr]
        if self.annotator is not None:
            self.annotator.close()


def make_sides(config: Config, url: str) -> list[Side]:
    """Make the sides; each plays its own games."""
    from rewardium.rewards.annotation.annotator import Annotator
    from rewardium.rewards.annotation.questions import HELPFUL
    from rewardium.rewards.sources.oni import Oni

    oni = Oni(judge=url, student="retrieval")
    busy = Annotator(HELPFUL, url)
    free, asked = (f"extrinsic + 0.4 * count_decay(oni(judge='{judge}'))" for judge in ("scripted:keyword", url))
    rewards: list[tuple[str, Any, Annotator | None, Iterator[tuple[str]] | None]] = [
        (BARE, "extrinsic", None, None),
        (IDLE, free, None, None),
        (PLAYING, asked, oni.annotator, None),
        (BUSY, free, busy, new_messages(config.seed)),
    ]
    return [Side(name, make_run(config, reward), annotator, messages) for name, reward, annotator, messages in rewards]


def new_messages(seed: int) -> Iterator[tuple[str]]:
    """Write messages of the game without end, each different."""
    import random

    from rewardium.agents.llm.game_judge_labels import fill
    from rewardium.agents.llm.game_messages import FILLERS, SENTENCES

    generator = random.Random(seed)
    for number in itertools.count():
        first, second = (fill(generator.choice(SENTENCES).template, FILLERS, generator) for _ in range(2))
        yield (f"{first} {second} $ - {number} gold pieces.",)


def make_run(config: Config, reward: str) -> BaseAlgorithm:
    """Make the algorithm and its environments as a training run has them."""
    import torch
    from stable_baselines3.common.logger import Logger

    from rewardium.agents.control.algorithms import make_model
    from rewardium.agents.control.config import ControlConfig
    from rewardium.agents.control.environments import adapted, make_venv
    from rewardium.rewards import parse
    from rewardium.rewards.vector import DenseVectorReward

    torch.set_num_threads(config.threads)
    control = ControlConfig(
        config.env, reward=reward, num_envs=config.num_envs, algorithm_kwargs={"n_steps": config.steps},
        seed=config.seed, device="cpu",
    )  # fmt: skip
    tree = parse(reward)
    venv = make_venv(control.env, control.num_envs, needs=tree.needs)
    model = make_model(control, adapted(DenseVectorReward(venv, tree), control))
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model

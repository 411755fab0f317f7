"""What a judge that labels in the background costs the policy: steps per second with and without it."""

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
    from rewardium.rewards.annotation.annotator import Annotator

WARM_UP = 1  # turns that are not counted
BARE, IDLE = "extrinsic reward only", "judge that costs nothing"
PLAYING, BUSY = "judge on what is played", "judge always busy"
SECONDS_TO_DRAIN = 120.0


@dataclass
class Config:
    """Play in turn without a judge, with one that labels what is met, and with one that is never idle.

    The judge is a vLLM server on the same machine, the policy a network of three layers.
    """

    env: str = "rewardium/NetHackScore-v0"
    """The environment; it must have captions."""
    num_envs: int = 8
    """Environments in the vector."""
    turns: int = 12
    """How often the sides take turns; short turns share the machine's ups and downs."""
    steps: int = 250
    """Steps of each turn."""
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


def run(config: Config) -> dict[str, Any]:
    """Measure the share of the policy's speed that is left while a judge works."""
    with served(config) as url:
        sides = make_sides(config, url)
        times: dict[str, list[float]] = {side.name: [] for side in sides}
        labels: dict[str, list[float]] = {side.name: [] for side in sides}
        for turn in range(config.turns + WARM_UP):
            for side in sides:
                seconds, labelled = side.turn(config.steps)
                if turn >= WARM_UP:
                    times[side.name].append(seconds)
                    labels[side.name].append(labelled / seconds)
        for side in sides:
            side.close()
    return as_result(config, times, labels)


def as_result(config: Config, times: dict[str, list[float]], labels: dict[str, list[float]]) -> dict[str, Any]:
    """Compare each turn with the turn of the same reward beside it, whose judge is a rule that costs nothing."""
    steps = config.steps * config.num_envs
    kept = {
        name: statistics.median(idle / own for idle, own in zip(times[IDLE], measured, strict=True))
        for name, measured in times.items()
    }
    return {
        "title": f"{config.env}, {config.num_envs} environments; judge: {config.url or config.model}",
        "table": [
            {
                "side": name,
                "steps per second (median)": steps / statistics.median(measured),
                "labels per second": statistics.mean(labels[name]),
                "speed kept (median of paired turns)": kept[name],
            }
            for name, measured in times.items()
        ],
        "summary": {"speed kept while playing": kept[PLAYING], "speed kept when always busy": kept[BUSY]},
        "notes": ["The policy is a small network that is not trained; the judge answers about single messages."],
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
    """Environments with a reward and a policy, and the annotator that works meanwhile.

    Args:
        name: What the table calls it.
        venv: The environments.
        policy: From observations [N, D] to actions [N].
        annotator: The one that works, or None.
        messages: Makes it always busy: new items without end.
    """

    def __init__(
        self, name: str, venv: Any, policy: Any, annotator: Annotator | None, messages: Iterator[tuple[str]] | None
    ) -> None:
        self.name, self.venv, self.policy = name, venv, policy
        self.annotator, self.messages = annotator, messages
        self.observations, _ = venv.reset(seed=0)

    def turn(self, steps: int) -> tuple[float, int]:
        """Take a turn; nothing is left in the queue after it, so that it costs the next side nothing.

        Returns:
            The seconds of the steps, and the number of labels that came meanwhile.
        """
        before = self._labelled()
        start = time.perf_counter()
        for _ in range(steps):
            self._feed()
            self.observations, *_ = self.venv.step(self.policy(self.observations))
        seconds = time.perf_counter() - start
        labelled = self._labelled() - before
        if self.annotator is not None:
            self.annotator.wait(timeout=SECONDS_TO_DRAIN)
        return seconds, labelled

    def _feed(self) -> None:
        if self.annotator is not None and self.messages is not None and self.annotator.statistics.queued < 64:
            self.annotator.ask(list(itertools.islice(self.messages, 64)))

    def _labelled(self) -> int:
        return 0 if self.annotator is None else self.annotator.statistics.labelled

    def close(self) -> None:
        """Close the environments and the annotator."""
        self.venv.close()
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
    return [
        Side(name, make_venv(config, reward), make_policy(config), annotator, messages)
        for name, reward, annotator, messages in rewards
    ]


def new_messages(seed: int) -> Iterator[tuple[str]]:
    """Write messages of the game without end, each different."""
    import random

    from rewardium.agents.llm.game_judge_labels import fill
    from rewardium.agents.llm.game_messages import FILLERS, SENTENCES

    generator = random.Random(seed)
    for number in itertools.count():
        first, second = (fill(generator.choice(SENTENCES).template, FILLERS, generator) for _ in range(2))
        yield (f"{first} {second} $ - {number} gold pieces.",)


def make_venv(config: Config, reward: str) -> Any:
    """Make the environments with a reward, as a training run has them."""
    from rewardium.agents.control import environments
    from rewardium.rewards import parse
    from rewardium.rewards.vector import DenseVectorReward

    tree = parse(reward)
    venv = environments.make_venv(config.env, config.num_envs, {"observation": "features"}, needs=tree.needs)
    return DenseVectorReward(venv, tree)


def make_policy(config: Config) -> Any:
    """Make a policy: two hidden layers, sampled actions."""
    import gymnasium as gym
    import torch

    import rewardium.envs  # noqa: F401  (registers)

    env = gym.make(config.env, observation="features")
    size, actions = env.observation_space.shape[0], int(env.action_space.n)  # type: ignore[index,attr-defined]
    env.close()
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    layers = [torch.nn.Linear(size, 256), torch.nn.Tanh(), torch.nn.Linear(256, 256), torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(256, actions))

    @torch.no_grad()
    def act(observations: Any) -> Any:
        logits = network(torch.as_tensor(observations, dtype=torch.float32))
        return torch.distributions.Categorical(logits=logits).sample().numpy()

    return act

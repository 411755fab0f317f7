"""What a composed reward with its ledger costs beside the bare environment."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENT = "rewardium/RandomCalculation-v0"
WARM_UP = 3  # turns that are not counted
WORDS = ("so we", "take", "the first number", "then add", "which gives", "again", "minus half", "of that", "therefore")


@dataclass
class Config:
    """Step RandomCalculation bare and with a composed reward, in turn, and compare."""

    num_envs: int = 256
    """Environments in the vector."""
    reward: str = "verify + 0.2*format + 0.1*length"
    """The composed reward."""
    turns: int = 200
    """How often the bare and the rewarded environment take turns; short turns share the machine's ups and downs."""
    steps: int = 2
    """Steps of each turn."""
    num_steps: tuple[int, int] = (1, 20)
    """Smallest and largest number of operations of a task; with 1 1 the bare environment has the least to do."""
    seed: int = 0
    """Seed of the tasks and of the answers."""
    json: Path | None = None
    """Also write what was measured to this file."""


def run(config: Config) -> dict[str, Any]:
    """Measure the overhead in percent of a step's time."""
    # Each side has tasks and answers of its own: checkers remember verdicts, so a side that came second with the same
    # answers would look them up.
    bare, dense = make(config, None, config.seed), make(config, config.reward, config.seed + config.num_envs)
    bare_times, dense_times = [], []
    gc.collect()
    for turn in range(config.turns + WARM_UP):
        timed = time_steps(bare, config.steps), time_steps(dense, config.steps)
        if turn >= WARM_UP:
            bare_times.append(timed[0])
            dense_times.append(timed[1])
    overhead = [100 * (with_reward / without - 1) for without, with_reward in zip(bare_times, dense_times, strict=True)]
    low, middle, high = statistics.quantiles(overhead, n=4)
    rows = [("bare", bare_times), (f"with {config.reward}", dense_times)]
    return {
        "title": f"RandomCalculation, {config.num_envs} environments, SAME_STEP",
        "table": [
            {
                "environment": name,
                "ms per step (median)": 1e3 * statistics.median(times),
                "transitions per second": config.num_envs / statistics.median(times),
            }
            for name, times in rows
        ],
        "summary": {
            "overhead in percent (median of turns)": middle,
            "overhead in percent (quartiles)": f"{low:.1f} to {high:.1f}",
            "ratio": statistics.median(dense_times) / statistics.median(bare_times),
        },
    }


@dataclass
class Side:
    """An environment with the tasks that it waits for answers to."""

    venv: Any
    tasks: Sequence[Any]
    rng: np.random.Generator


def make(config: Config, reward: str | None, seed: int) -> Side:
    """Make the vector environment, wrapped where there is a reward, and reset it."""
    from gymnasium.vector import AutoresetMode

    from rewardium.envs.text import make_text_vec
    from rewardium.rewards.vector import DenseVectorReward

    venv: Any = make_text_vec(
        ENVIRONMENT, config.num_envs, autoreset_mode=AutoresetMode.SAME_STEP, num_steps=config.num_steps
    )
    if reward is not None:
        venv = DenseVectorReward(venv, reward)
    _, infos = venv.reset(seed=seed)
    return Side(venv, infos["task"], np.random.default_rng(seed))


def time_steps(side: Side, steps: int) -> float:
    """Return the mean seconds of a step over one turn; making the answers is not counted."""
    seconds = 0.0
    for _ in range(steps):
        actions = [answer(task.reference, side.rng) for task in side.tasks]
        start = time.perf_counter()
        _, _, _, _, infos = side.venv.step(actions)
        seconds += time.perf_counter() - start
        side.tasks = infos["task"]
    return seconds / steps


def answer(reference: str, rng: np.random.Generator) -> str:
    """Return what a policy might say: some reasoning, then a right, a wrong, a malformed or no answer."""
    reasoning = " ".join(rng.choice(WORDS, size=rng.integers(3, 40)))
    kind = rng.random()
    if kind < 0.4:
        return f"{reasoning} \\boxed{{{reference}}}"
    if kind < 0.7:
        return f"{reasoning} \\boxed{{{rng.integers(-500, 500)}}}"
    if kind < 0.8:
        return f"{reasoning} \\boxed{{{rng.integers(1, 99)}/{rng.integers(1, 99)}}}"
    if kind < 0.9:
        return f"{reasoning} \\boxed{{{reference} or"
    return f"{reasoning} the answer is {reference}"

"""What tool use costs: a call of the sandbox, a vector of episodes, and the rewards on them."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WARM_UP = 3  # episodes and calls that are not counted
PROGRAM = "values = [n * n for n in range(100)]\nprint(sum(values))"


@dataclass
class Config:
    """Time calls of the sandbox, episodes of four turns, and rewards beside the bare vector environment."""

    calls: int = 1000
    """Calls of the sandbox, one after the other, of each kind."""
    workers: int = 2
    """Processes of the sandbox."""
    episodes: int = 512
    """Episodes that are played at the same time, by an oracle in place of a model."""
    template: str = "search_then_calculate"
    """The tasks of these episodes; four turns with search and calculator."""
    num_envs: int = 256
    """Environments of the comparison of rewards."""
    reward: str = "extrinsic + 0.5 * valid_calls + delta(tool_ladder(scope='so_far')) + 0.2 * tool_rl(think=False)"
    """The composed reward."""
    turns: int = 20
    """How often the bare and the rewarded environment take turns, an episode each."""
    seed: int = 0
    """Seed of the tasks."""
    json: Path | None = None
    """Also write what was measured to this file."""


def run(config: Config) -> dict[str, Any]:
    """Measure all three."""
    sandbox, throughput = time_sandbox(config)
    seconds, turns = time_episodes(config)
    overhead = time_rewards(config)
    low, middle, high = statistics.quantiles(overhead, n=4)
    return {
        "title": f"Sandbox: {config.workers} workers, {config.calls} calls of each kind",
        "table": [
            {
                "call": name,
                "median ms": 1e3 * statistics.median(times),
                "p99 ms": 1e3 * statistics.quantiles(times, n=100)[98],
                "worst ms": 1e3 * max(times),
            }
            for name, times in sandbox.items()
        ],
        "summary": {
            "sandboxed calls per second, in batches": throughput,
            f"seconds of {config.episodes} episodes of {turns} turns, without a model": seconds,
            f"overhead of the reward in percent, {config.num_envs} environments (median of turns)": middle,
            "overhead in percent (quartiles)": f"{low:.1f} to {high:.1f}",
        },
        "notes": [f"reward: {config.reward}", "an episode's time includes reset, calls and observations"],
    }


def time_sandbox(config: Config) -> tuple[dict[str, list[float]], float]:
    """Return the seconds of each call without and with a session, and how many calls a second batches make."""
    from rewardium.envs.tools.sandbox import SandboxPool

    with SandboxPool(workers=config.workers) as pool:
        sessions: dict[str, str | None] = {"a program alone": None, "in a session": "a"}
        times = {name: [call(pool, session) for _ in range(config.calls)] for name, session in sessions.items()}
        start = time.perf_counter()
        results = pool.run_batch([(None, PROGRAM)] * config.calls)
        throughput = config.calls / (time.perf_counter() - start)
        if any(result.status != "ok" for result in results):
            raise SystemExit("a sandboxed call failed, so that its time says nothing")
    return times, throughput


def call(pool: Any, session: str | None) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    pool.run(PROGRAM, session=session)
    return time.perf_counter() - start


def time_episodes(config: Config) -> tuple[float, int]:
    """Return the seconds of one batch of episodes, with making the environment, and their turns."""
    from rewardium.envs.text import make_text_vec

    start = time.perf_counter()
    venv = make_text_vec("rewardium/ToolUse-v0", config.episodes, templates=[config.template])
    _, turns = play(venv, config.seed)
    return time.perf_counter() - start, turns


def time_rewards(config: Config) -> list[float]:
    """Return the overhead in percent of each turn; both sides play different tasks of the same template."""
    from rewardium.envs.text import make_text_vec
    from rewardium.rewards.vector import DenseVectorReward

    bare: Any = make_text_vec("rewardium/ToolUse-v0", config.num_envs, templates=[config.template])
    dense = DenseVectorReward(
        make_text_vec("rewardium/ToolUse-v0", config.num_envs, templates=[config.template]), config.reward
    )
    overhead = []
    for turn in range(config.turns + WARM_UP):
        seed = config.seed + 2 * turn * config.num_envs
        gc.collect()  # neither side pays for what the other left
        without, _ = play(bare, seed)
        gc.collect()
        with_reward, _ = play(dense, seed + config.num_envs)
        if turn >= WARM_UP:
            overhead.append(100 * (with_reward / without - 1))
    return overhead


def play(venv: Any, seed: int) -> tuple[float, int]:
    """Play an episode in every environment; return the seconds in the environments alone, and the longest episode."""
    from rewardium.envs.tools.oracle import Oracle

    start = time.perf_counter()
    observations, infos = venv.reset(seed=seed)
    seconds = time.perf_counter() - start
    oracles = [Oracle(task) for task in infos["task"]]
    done = np.zeros(venv.num_envs, dtype=bool)
    turns = 0
    while not done.all():
        actions = [None if done[row] else oracle.respond(observations[row]) for row, oracle in enumerate(oracles)]
        start = time.perf_counter()
        observations, _, terminated, truncated, _ = venv.step(actions)
        seconds += time.perf_counter() - start
        done = terminated | truncated
        turns += 1
    return seconds, turns

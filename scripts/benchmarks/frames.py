"""How fast pictures of MuJoCo bodies are drawn: the suite's renderer beside Gymnasium's, and a vector beside one."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rewardium.envs.errors import RewardiumError

WARM_UP = 1  # turns that are not counted


@dataclass
class Config:
    """Draw the humanoid by Gymnasium's default renderer and by the suite's, in turn, alone and in a vector."""

    size: int = 224
    """Width and height of the pictures, in pixels."""
    turns: int = 10
    """How often the sides take turns; short turns share the machine's ups and downs."""
    seconds: float = 1.0
    """Length of a turn."""
    num_envs: int = 8
    """Number of environments of the vector."""
    workers: int | None = None
    """Processes of the vector; by default as many as there are cores."""
    seed: int = 0
    """Seed of the start and of the actions."""
    json: Path | None = None
    """Also write what was measured to this file."""

    def __post_init__(self) -> None:
        if self.turns < 1 or self.seconds <= 0 or self.num_envs < 1:
            raise RewardiumError("frames: 'turns' and 'num_envs' must be at least 1 and 'seconds' above 0")


def do_nothing() -> None:
    """There is nothing to prepare or to close."""


@dataclass
class Side:
    """Something that draws: ``draw`` steps where it should, draws, and returns how many frames it drew.

    ``prepare`` is called before a turn.
    """

    name: str
    draw: Callable[[], int]
    close: Callable[[], Any]
    prepare: Callable[[], Any] = do_nothing


def run(config: Config) -> dict[str, Any]:
    """Measure frames per second of each side, and their ratios in the turns that they share."""
    sides = make_sides(config)
    try:
        rates = measure(sides, config)
    finally:
        for side in sides:
            side.close()
    rows = [{"side": name, "frames per second": statistics.median(rate)} for name, rate in rates.items()]
    ours, vector = "suite, drawn", f"suite, a vector of {config.num_envs}, stepped and drawn"
    return {
        "title": f"Pictures of the humanoid, {config.size} pixels wide and high",
        "table": rows,
        "summary": {
            "suite's renderer, of the rate of Gymnasium's": ratio(rates[ours], rates["Gymnasium, drawn"]),
            "suite stepped and drawn, of the rate of Gymnasium's": ratio(
                rates["suite, stepped and drawn"], rates["Gymnasium, stepped and drawn"]
            ),
            f"a vector of {config.num_envs}, of the rate of one environment": ratio(
                rates[vector], rates["suite, stepped and drawn"]
            ),
        },
        "notes": [
            f"drawn by {gl_name()}; ratios are medians over the turns of one side's rate by the other's in that turn.",
            "Gymnasium: Humanoid-v5 with render_mode='rgb_array' and its default settings but for the size.",
            "drawn: the same state again and again. stepped and drawn: a random action before each picture.",
        ],
    }


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median over turns of one rate by the other."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def gl_name() -> str:
    """Return the name of what draws on this machine."""
    from rewardium.envs.mujoco.humanoid import HumanoidPoseEnv

    env = HumanoidPoseEnv("rgb_array", render_size=32)
    env.draw()
    name = env._renderer.gl_name if env._renderer is not None else "unknown"
    env.close()
    return name


def make_sides(config: Config) -> list[Side]:
    """Make both renderers, each alone and with steps, and the vector."""
    import gymnasium as gym

    import rewardium.envs  # noqa: F401 - registers
    from rewardium.envs.mujoco.gl import load_mujoco

    load_mujoco()  # decides which GL draws, for Gymnasium too
    theirs = gym.make(
        "Humanoid-v5",
        render_mode="rgb_array",
        width=config.size,
        height=config.size,
        terminate_when_unhealthy=False,
        disable_env_checker=True,
        max_episode_steps=-1,
    ).unwrapped
    ours = gym.make(
        "rewardium/HumanoidStand-v0", render_mode="rgb_array", render_size=config.size, disable_env_checker=True
    ).unwrapped
    sides = []
    for name, env in (("suite", ours), ("Gymnasium", theirs)):
        env.reset(seed=config.seed)
        env.action_space.seed(config.seed)
        env.render()  # opens the GL context
        sides.append(Side(f"{name}, drawn", partial(draw, env), do_nothing))
        sides.append(Side(f"{name}, stepped and drawn", partial(step_and_draw, env), env.close))
    # Gymnasium's draws into whatever context is current, so it must have its own back.
    viewer = theirs.mujoco_renderer._get_viewer("rgb_array")  # type: ignore[attr-defined]
    for side in sides[2:]:
        side.prepare = viewer.make_context_current
    return [*sides, vector_side(config)]


def draw(env: Any) -> int:
    """Draw the present state."""
    env.render()
    return 1


def step_and_draw(env: Any) -> int:
    """Take a random step and draw; no limit ends the episode."""
    env.step(env.action_space.sample())
    env.render()
    return 1


def vector_side(config: Config) -> Side:
    """Make the vector, which draws each step."""
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode

    venv = gym.make_vec(
        "rewardium/HumanoidStand-v0",
        num_envs=config.num_envs,
        render_mode="rgb_array",
        render_size=config.size,
        autoreset_mode=AutoresetMode.NEXT_STEP,
        capture=True,
        workers=config.workers,
    )
    venv.reset(seed=config.seed)
    venv.action_space.seed(config.seed)

    def step() -> int:
        return len(venv.step(venv.action_space.sample())[4]["frame"])

    return Side(f"suite, a vector of {config.num_envs}, stepped and drawn", step, venv.close)


def measure(sides: list[Side], config: Config) -> dict[str, list[float]]:
    """Let the sides take turns; return the frames per second of each turn by name."""
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    gc.collect()
    for turn in range(config.turns + WARM_UP):
        # Another one begins each turn, so that none always comes after the same.
        for offset in range(len(sides)):
            side = sides[(turn + offset) % len(sides)]
            rate = frames_per_second(side, config.seconds)
            if turn >= WARM_UP:
                rates[side.name].append(rate)
    return rates


def frames_per_second(side: Side, seconds: float) -> float:
    """Draw for some seconds, one call at least."""
    side.prepare()
    start, frames = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds or not frames:
        frames += side.draw()
    return frames / elapsed

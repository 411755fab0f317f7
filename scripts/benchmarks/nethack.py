"""What the environments of the NetHack family cost beside the bare ones of NLE and MiniHack."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM_UP = 2  # turns that are not counted
OBSERVATIONS = ("dict", "image", "features", "map_features", "text")


@dataclass
class Config:
    """Step games bare and in each observation mode, in turn, and compare."""

    games: tuple[str, ...] = ("MiniHack-KeyRoom-S5", "MiniHack-Quest-Easy", "MiniHack-River", "NetHackScore")
    """Games, without the "rewardium/" and the "-v0" of their ids."""
    keys: tuple[str, ...] = ()
    """Raw observation keys of the bare environment and of the mode "dict"; by default the game's own."""
    turns: int = 40
    """How often the environments take turns; short turns share the machine's ups and downs."""
    steps: int = 250
    """Steps of each turn, resets included."""
    seed: int = 0
    """Seed of the games and of the actions."""
    json: Path | None = None
    """Also write what was measured to this file."""


@dataclass
class Side:
    """Something that is stepped: ``step`` takes an action and returns whether the episode has ended."""

    name: str
    step: Callable[[int], bool]
    reset: Callable[[int], Any]
    close: Callable[[], Any]
    num_actions: int


def run(config: Config) -> dict[str, Any]:
    """Measure steps per second of every side, and the ratios to the bare environment."""
    rows, ratios = [], {}
    for game in config.games:
        sides = make_sides(game, config)
        times = measure(sides, config)
        bare = times["bare"]
        for side in sides:
            relative = statistics.median(one / other for one, other in zip(bare, times[side.name], strict=True))
            rate = config.steps / statistics.median(times[side.name])
            rows.append({"game": game, "side": side.name, "steps per second": rate, "of the bare rate": relative})
            ratios[game, side.name] = relative
            side.close()
    captions = statistics.median(
        1e6 * (ratios[game, "dict"] / ratios[game, "dict + captions"] - 1) / rate_of(rows, game, "dict")
        for game in config.games
    )
    return {
        "title": "Steps of NetHack games beside the bare environments",
        "table": rows,
        "summary": {
            "lowest rate of mode dict, of the bare rate": min(ratios[game, "dict"] for game in config.games),
            "microseconds a caption (median of games)": captions,
        },
        "notes": [
            "of the bare rate: the median over turns of the bare turn's time divided by this one's.",
            "bare: NLE's or MiniHack's own class with the same observation keys, reset without Gymnasium's wrappers.",
        ],
    }


def rate_of(rows: list[dict[str, Any]], game: str, side: str) -> float:
    """Return the measured steps per second of a side."""
    return next(row["steps per second"] for row in rows if row["game"] == game and row["side"] == side)


def make_sides(game: str, config: Config) -> list[Side]:
    """Make the bare environment, each observation mode, the raw mode with captions, and the one with events."""
    sides = [bare_side(game, config)]
    keys = config.keys or None
    for mode in OBSERVATIONS:
        sides.append(suite_side(mode, game, observation=mode, observation_keys=keys if mode == "dict" else None))
    sides.append(suite_side("dict + captions", game, captions=True, observation="dict", observation_keys=keys))
    sides.append(suite_side("dict + events", game, observation="dict", observation_keys=keys, track_events=True))
    return sides


def bare_side(game: str, config: Config) -> Side:
    """Make the class of NLE or MiniHack that plays the game."""
    from rewardium.envs.nethack.game import default_keys, read_level
    from rewardium.envs.nethack.games import find_game
    from rewardium.envs.nethack.packages import load

    spec = find_game(game)
    module, name = spec.base.split(":")
    arguments = dict(spec.arguments)
    if spec.level is not None:
        arguments["des_file"] = read_level(spec.level)
    keys = config.keys or default_keys(spec, module)
    env = getattr(load(module), name)(observation_keys=keys, max_episode_steps=10**9, **arguments)

    def reset(seed: int) -> None:
        env.seed(seed, seed, False, seed)
        env.reset()

    return Side("bare", lambda action: bool(env.step(action)[2]), reset, env.close, env.action_space.n)


def suite_side(name: str, game: str, *, captions: bool = False, **arguments: Any) -> Side:
    """Make the suite's environment."""
    import gymnasium as gym

    import rewardium.envs  # noqa: F401 - registers

    # Without Gymnasium's checker and step limit, which the bare class has not either.
    env = gym.make(f"rewardium/{game}-v0", disable_env_checker=True, **arguments).unwrapped

    def step(action: int) -> bool:
        ended = bool(env.step(action)[2])
        if captions:
            env.caption()  # type: ignore[attr-defined]
        return ended

    return Side(name, step, lambda seed: env.reset(seed=seed), env.close, env.action_space.n)  # type: ignore[attr-defined]


def measure(sides: list[Side], config: Config) -> dict[str, list[float]]:
    """Let the sides take turns with the same random actions; return the seconds of each turn by name."""
    import numpy as np

    rng = np.random.default_rng(config.seed)
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in sides:
        side.reset(config.seed)
    gc.collect()
    for turn in range(config.turns + WARM_UP):
        actions = rng.integers(sides[0].num_actions, size=config.steps).tolist()
        # Another one begins each turn, so that none always comes after the same.
        for offset in range(len(sides)):
            side = sides[(turn + offset) % len(sides)]
            start = time.perf_counter()
            for number, action in enumerate(actions):
                if side.step(action):
                    side.reset(config.seed + turn * config.steps + number)
            if turn >= WARM_UP:
                times[side.name].append(time.perf_counter() - start)
    return times

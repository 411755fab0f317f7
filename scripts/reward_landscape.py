"""Draw what a reward pays along one or two coordinates of a body, beside the truth.

    python scripts/reward_landscape.py --env rewardium/PendulumUpright-v0 --clip runs/clip/small --coordinates 1
    python scripts/reward_landscape.py --env rewardium/ReacherPlace-v0 --clip runs/clip/small --coordinates 0 1
    python scripts/reward_landscape.py --env rewardium/MountainCarTop-v0 --clip runs/clip/small --along-states 0

A coordinate is a place in qpos, by number or by the name of its joint (--list names them). The others stay as they are
in the state that an episode with --seed begins in, or at --state. Where coordinates hang together, as on a road,
--along-states draws states of the task and sorts them by one coordinate instead.

The picture goes to --out, the numbers beside it as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _command import run_command_line
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

import rewardium.envs  # noqa: F401  - registers the suite's environments
from rewardium import rewards
from rewardium.agents.control.source_flags import check_frames, filled, require_clips
from rewardium.agents.flags import YamlMapping
from rewardium.envs.errors import MissingExtraError, RewardiumError, unknown_name_message
from rewardium.rewards.evaluation.rank_correlation import spearman
from rewardium.rewards.evaluation.rendered import RenderedStates, make_rendered, render_states
from rewardium.rewards.evaluation.states import state_values

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Config:
    """Draw what a reward pays along one or two coordinates of a body."""

    env: str = "rewardium/PendulumUpright-v0"
    """The task."""
    reward: str = "vlm_rm()"
    """A reward expression, or the path of a YAML file."""
    clip: str | None = None
    """The vision-language model of those sources in the reward that name none."""
    coordinates: tuple[str, ...] = ("0",)
    """One or two places in qpos: numbers, or names of joints with one coordinate."""
    along_states: str | None = None
    """Rather than set coordinates, draw states of the task and sort them by this one."""
    low: tuple[float, ...] = ()
    """Where each coordinate begins; by default the joint's range, or -pi."""
    high: tuple[float, ...] = ()
    """Where each ends; by default the joint's range, or pi."""
    points: int = 41
    """Points along each coordinate; with --along-states 10 times as many states."""
    state: tuple[float, ...] = ()
    """The other coordinates: all of qpos."""
    env_kwargs: YamlMapping = field(default_factory=lambda: {"render_size": 64})
    """Arguments of the environment, a YAML mapping."""
    seed: int = 0
    """Seed of the state that an episode begins in, or of the states drawn."""
    out: Path = Path("runs/reward_landscape.png")
    """The picture; the numbers go beside it."""
    list: bool = False
    """Only name the coordinates."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.coordinates) <= 2:
            raise RewardiumError(f"one or two coordinates can be drawn, got {len(self.coordinates)}")
        if self.points < 2:
            raise RewardiumError(f"points must be at least 2, got {self.points}")
        for name in ("low", "high"):
            if len(getattr(self, name)) not in (0, len(self.coordinates)):
                raise RewardiumError(f"{name} takes one number a coordinate, got {getattr(self, name)}")


def main() -> int:
    """Read the command line, draw, and return the exit status."""
    return run_command_line(Config, run, __doc__)


def run(config: Config, console: Console) -> int:
    """Render, score and draw."""
    env = make_rendered(config.env, config.env_kwargs)
    model = env.unwrapped.model  # type: ignore[attr-defined]
    if config.list:
        for number, name in enumerate(names(model)):
            console.print(f"{number}: {name}", markup=False)
        return 0
    reward = filled(rewards.load(config.reward), clip=config.clip)
    require_clips(reward)
    axes, positions = grid(config, env)
    with Progress(console=console) as progress:
        bar = progress.add_task("pictures", total=len(positions))
        still = np.zeros((len(positions), model.nv))
        states = render_states(env, positions, still, on_progress=lambda done: progress.update(bar, completed=done))
    env.close()
    check_frames(reward, states.frames[0])
    values = state_values(reward, states.batch())
    labels = [names(model)[place] for place in places(config, model)]
    config.out.parent.mkdir(parents=True, exist_ok=True)
    write(config, labels, axes, values, states)
    draw(config, labels, axes, values, states.truth)
    known = np.isfinite(values)
    order = spearman(values[known], states.truth[known]) if known.sum() > 1 else float("nan")
    said = f"{known.mean():.0%} of {len(values)} states have a score; Spearman with the truth {order:.3f}; {config.out}"
    console.print(said, markup=False, soft_wrap=True)
    return 0


def names(model: Any) -> list[str]:
    """Return a name for each place of qpos: that of its joint, numbered where the joint has several."""
    found = [""] * model.nq
    starts = [*model.jnt_qposadr.tolist(), model.nq]
    for joint in range(model.njnt):
        size = starts[joint + 1] - starts[joint]
        name = model.joint(joint).name or f"joint {joint}"
        for part in range(size):
            found[starts[joint] + part] = name if size == 1 else f"{name}[{part}]"
    return found


def place_of(model: Any, coordinate: str) -> int:
    """Return a coordinate's place in qpos.

    Raises:
        RewardiumError: When there is none.
    """
    known = names(model)
    if coordinate.isdecimal() and int(coordinate) < model.nq:
        return int(coordinate)
    if coordinate in known:
        return known.index(coordinate)
    raise RewardiumError(f"{unknown_name_message('coordinate', coordinate, known)}; or 0 to {model.nq - 1}")


def places(config: Config, model: Any) -> list[int]:
    """Return the places in qpos that are drawn."""
    chosen = config.coordinates if config.along_states is None else (config.along_states,)
    return [place_of(model, coordinate) for coordinate in chosen]


def grid(config: Config, env: Any) -> tuple[list[Array], Array]:
    """Return the values along each coordinate, and the positions of all states.

    Returns:
        One or two float64 [points]; float64 [states, nq], the first coordinate changing slowest.
    """
    from rewardium.envs.mujoco.states import random_states

    base, chosen = env.unwrapped, places(config, env.unwrapped.model)
    base.reset(seed=config.seed)
    if config.along_states is not None:
        positions, _ = random_states(env, 10 * config.points, config.seed)
        positions = positions[positions[:, chosen[0]].argsort()]
        return [positions[:, chosen[0]]], positions
    if config.state and len(config.state) != base.model.nq:
        raise RewardiumError(f"state is all of qpos, {base.model.nq} numbers, got {len(config.state)}")
    start = np.array(config.state) if config.state else base.data.qpos.copy()
    axes = [np.linspace(*interval(config, base.model, index), config.points) for index in range(len(chosen))]
    positions = np.tile(start, (config.points ** len(axes), 1))
    for place, mesh in zip(chosen, np.meshgrid(*axes, indexing="ij"), strict=True):
        positions[:, place] = mesh.ravel()
    return axes, positions


def interval(config: Config, model: Any, index: int) -> tuple[float, float]:
    """Return where a coordinate begins and ends."""
    place = places(config, model)[index]
    joints = np.flatnonzero(model.jnt_qposadr == place)
    limited = len(joints) and bool(model.jnt_limited[joints[0]])
    low, high = model.jnt_range[joints[0]].tolist() if limited else (-np.pi, np.pi)
    low, high = (config.low[index] if config.low else low), (config.high[index] if config.high else high)
    if not low < high:
        raise RewardiumError(f"coordinate {config.coordinates[index]} must begin below its end, got {low} and {high}")
    return low, high


def write(config: Config, labels: list[str], axes: list[Array], values: Array, states: RenderedStates) -> None:
    """Write the numbers."""
    known = [float(value) if np.isfinite(value) else None for value in values]
    content = {
        "env": config.env,
        "reward": config.reward,
        "clip": config.clip,
        "coordinates": {label: axis.tolist() for label, axis in zip(labels, axes, strict=True)},
        "reward_values": known,
        "truth": states.truth.tolist(),
    }
    config.out.with_suffix(".json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def draw(config: Config, labels: list[str], axes: list[Array], values: Array, truth: Array) -> None:
    """Draw a curve over one coordinate, or two maps over two.

    Raises:
        MissingExtraError: When matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "control") from error
    figure = Figure(figsize=(11.0, 4.6) if len(axes) == 2 else (7.5, 4.6), layout="constrained")
    figure.suptitle(f"{config.env}: {config.reward}")
    if len(axes) == 1:
        panel = figure.add_subplot(1, 1, 1)
        mark = "." if config.along_states is not None else "-"
        panel.plot(axes[0], values, mark, color="tab:blue", label="reward")
        panel.set(xlabel=labels[0], ylabel="reward")
        beside = panel.twinx()
        beside.plot(axes[0], truth, mark, color="tab:orange", alpha=0.7, label="truth")
        beside.set(ylabel="truth", ylim=(-0.03, 1.03))
        panel.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=2)
    else:
        shape = (len(axes[0]), len(axes[1]))
        for number, (title, column) in enumerate((("reward", values), ("truth", truth)), start=1):
            panel = figure.add_subplot(1, 2, number)
            mesh = panel.pcolormesh(axes[0], axes[1], column.reshape(shape).T, shading="nearest")
            panel.set(title=title, xlabel=labels[0], ylabel=labels[1])
            figure.colorbar(mesh, ax=panel)
    FigureCanvasAgg(figure).print_png(str(config.out))


if __name__ == "__main__":
    sys.exit(main())

"""Hold rewards against the truth on states of MuJoCo tasks: distances, rank correlations, and probes.

    python scripts/evaluate_reward.py
    python scripts/evaluate_reward.py --envs rewardium/PendulumUpright-v0 --clips runs/clip/small --states 1000
    python scripts/evaluate_reward.py --page docs/reward_evaluation.md
    python scripts/evaluate_reward.py --clips ViT-B-32/laion2b_s34b_b79k --rewards "goal_image(image='goal.png')"

States are drawn from all over a task's space, a random action is taken in each, and the state that it leads to is
scored by each reward and by the truth, which is computed from the state and which no reward sees. EPIC is 0 where the
two order policies alike, about 0.71 where they have nothing to do with each other, and 1 where they are opposites;
Spearman's and Kendall's correlations are 1, 0 and -1 there. vlm_rm is evaluated for each --alphas.

The probes show a blank frame, another camera's picture, or the sentence that describes the worst state in place of the
goal, and say what changes. A reward that looks and reads pays a blank frame less than most states, and orders states
otherwise for another sentence, but not for another camera.

All goes to --out: evaluation.json, evaluation.md and evaluation.png.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _command import run_command_line
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its page

from _reward_page import page
from _runs import shown

import rewardium.envs  # noqa: F401  - registers the suite's environments
from rewardium import rewards
from rewardium.agents.control.source_flags import check_frames, filled, require_clips
from rewardium.agents.flags import YamlMapping
from rewardium.agents.run_folder import plain
from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.evaluation.epic import Transitions, epic_distance, of_states
from rewardium.rewards.evaluation.probes import Probe, blank_frames, other_frames, other_goal, probe
from rewardium.rewards.evaluation.rank_correlation import kendall, spearman
from rewardium.rewards.evaluation.rendered import RenderedStates, make_rendered, reached_states, render_states
from rewardium.rewards.evaluation.states import state_values
from rewardium.rewards.reward import Reward

CHEAP = ("PendulumUpright", "CartPoleUpright", "MountainCarTop", "ReacherPlace", "HalfCheetahOnBack", "HopperUpright")


@dataclass(frozen=True)
class Config:
    """Hold rewards against the truth on states of MuJoCo tasks."""

    envs: tuple[str, ...] = tuple(f"rewardium/{name}-v0" for name in CHEAP)
    """Tasks."""
    clips: tuple[str, ...] = ("runs/clip/tiny", "runs/clip/small", "runs/clip/medium")
    """Vision-language models: folders, or ARCHITECTURE/TAG as open_clip names them."""
    alphas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Strengths of the baseline for vlm_rm; none leaves vlm_rm out."""
    rewards: tuple[str, ...] = ()
    """More reward expressions; one whose sources name no vision-language model is evaluated with each of --clips."""
    states: int = 400
    """States of each task."""
    env_kwargs: YamlMapping = field(default_factory=lambda: {"render_size": 64})
    """Arguments of the environments, a YAML mapping; pictures of the size that the model sees need no resizing."""
    camera: YamlMapping = field(default_factory=lambda: {"azimuth": 110.0, "elevation": -20.0})
    """The other camera of the probe, a YAML mapping of what is changed about the task's own."""
    gamma: float = 0.99
    """Discount of the EPIC distance."""
    seed: int = 10_000
    """Seed of states and actions; far from those of scripts/train_clip.py, whose states must not be met again."""
    out: Path = Path("runs/reward_evaluation")
    """Where the results go."""
    page: Path | None = None
    """Also write a page about the sweep of alpha, its picture beside it."""

    def __post_init__(self) -> None:
        if self.states < 2:
            raise RewardiumError(f"states must be at least 2, got {self.states}")
        if not self.envs or not (self.alphas or self.rewards):
            raise RewardiumError("at least one task, and one of alphas and rewards, must be given")
        if self.page is not None and not self.alphas:
            raise RewardiumError("a page is about the sweep of alpha: give --alphas")


@dataclass(frozen=True)
class Row:
    """What one reward came to on one task.

    Args:
        env: The task.
        clip: The vision-language model, where there is one.
        reward: The reward without it.
        alpha: The strength of the baseline, where the reward is a vlm_rm of the sweep.
        valid: The share of states with a score.
        epic: The EPIC distance from the truth.
        spearman: The rank correlation with the truth.
        kendall: Another.
        probes: By name.
    """

    env: str
    clip: str | None
    reward: str
    alpha: float | None
    valid: float
    epic: float
    spearman: float
    kendall: float
    probes: Mapping[str, Probe]


def main() -> int:
    """Read the command line, evaluate, and return the exit status."""
    return run_command_line(Config, report, __doc__)


def report(config: Config, console: Console) -> None:
    """Evaluate, and show and write what came out."""
    rows = run(config, console)
    write(config, rows)
    if config.page is not None:
        write_page(config, rows, config.page)
    console.print(table(rows))
    console.print(f"written to {config.out}", markup=False, soft_wrap=True)


def candidates(config: Config) -> list[tuple[str | None, str, float | None, Reward]]:
    """Build every reward, so that what is wrong with one is said before any state is rendered.

    Returns:
        The vision-language model, the expression, alpha and the reward.

    Raises:
        RewardiumError: When a reward or a model cannot be built.
    """
    found: list[tuple[str | None, str, float | None, Reward]] = []
    sweep = [(f"vlm_rm(alpha={alpha!r})", float(alpha)) for alpha in config.alphas]
    for expression, alpha in [*sweep, *((expression, None) for expression in config.rewards)]:
        reward = rewards.parse(expression)
        if not needs_clip(reward):
            found.append((None, expression, alpha, reward))
            continue
        for clip in config.clips:
            found.append((clip, expression, alpha, filled(reward, clip=clip)))
    for _, _, _, reward in found:
        require_clips(reward)
    return found


def needs_clip(reward: Reward) -> bool:
    """Say whether a source leaves its vision-language model empty."""
    return getattr(reward, "clip", None) == "" or any(needs_clip(child) for child in reward.children())


def run(config: Config, console: Console) -> list[Row]:
    """Evaluate every reward on every task, with a progress bar."""
    built = candidates(config)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    rows: list[Row] = []
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("rewards", total=len(config.envs) * len(built))
        for name in config.envs:
            states, elsewhere = look(config, name, progress)
            for clip, expression, alpha, reward in built:
                check_frames(reward, states.frames[0])
                rows.append(judged(config, name, clip, expression, alpha, reward, states, elsewhere))
                progress.advance(bar)
    return rows


def look(config: Config, name: str, progress: Progress) -> tuple[RenderedStates, RenderedStates]:
    """Render a task's states from its own camera and from the other one."""
    env = make_rendered(name, config.env_kwargs)
    other = make_rendered(name, {**config.env_kwargs, "camera": dict(config.camera)})
    bar = progress.add_task(f"pictures of {name}", total=2 * config.states)
    try:
        places = reached_states(env, config.states, config.seed)
        states = render_states(env, *places, on_progress=lambda done: progress.update(bar, completed=done))
        elsewhere = render_states(
            other, *places, on_progress=lambda done: progress.update(bar, completed=config.states + done)
        )
    finally:
        env.close()
        other.close()
        progress.remove_task(bar)
    return states, elsewhere


def judged(
    config: Config,
    name: str,
    clip: str | None,
    expression: str,
    alpha: float | None,
    reward: Reward,
    states: RenderedStates,
    elsewhere: RenderedStates,
) -> Row:
    """Hold one reward against the truth of one task."""
    batch, truth = states.batch(), states.truth
    values = state_values(reward, batch)
    known = np.isfinite(values)
    if known.sum() < 2:
        raise RewardiumError(f"{reward} has no score for the states of {name}")
    places = np.arange(int(known.sum()))
    every = Transitions(places, places, places)
    worst = states.captions[int(truth.argmin())]
    changed = {
        "blank frame": blank_frames(batch),
        "wrong caption": other_goal(batch, worst),
        "other camera": other_frames(batch, elsewhere.frames),
    }
    return Row(
        env=name,
        clip=clip,
        reward=expression,
        alpha=alpha,
        valid=float(known.mean()),
        epic=epic_distance(of_states(values[known]), of_states(truth[known]), every, gamma=config.gamma),
        spearman=spearman(values[known], truth[known]),
        kendall=kendall(values[known], truth[known]),
        probes={what: probe(reward, batch, other, truth) for what, other in changed.items()},
    )


def table(rows: Sequence[Row]) -> Table:
    """Lay the figures out for the terminal."""
    laid = Table(title="rewards against the truth")
    for heading in HEADINGS:
        laid.add_column(heading, justify="left" if heading in HEADINGS[:3] else "right")
    for row in rows:
        laid.add_row(*cells(row))
    return laid


HEADINGS = (
    "task", "model", "reward", "EPIC", "Spearman", "Kendall", "below blank", "wrong caption", "other camera", "scored",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    """Write a row's figures.

    The share of states paid less than a blank frame; Spearman's correlation with the truth for the wrong caption and
    for the other camera.
    """
    numbers = (
        row.epic, row.spearman, row.kendall, row.probes["blank frame"].below, row.probes["wrong caption"].truth,
        row.probes["other camera"].truth,
    )  # fmt: skip
    task = row.env.removeprefix("rewardium/").removesuffix("-v0")
    model = "-" if row.clip is None else Path(row.clip).name
    shown = ["-" if math.isnan(number) else f"{number:.3f}" for number in numbers]
    return [task, model, row.reward, *shown, f"{row.valid:.0%}"]


def write(config: Config, rows: Sequence[Row]) -> None:
    """Write figures, table and picture."""
    config.out.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {"config": plain(config), "rows": [finite(asdict(row)) for row in rows]}
    (config.out / "evaluation.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells(row))} |" for row in rows]
    (config.out / "evaluation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(rows, config.out / "evaluation.png")


def write_page(config: Config, rows: Sequence[Row], file: Path) -> None:
    """Write the page and its picture."""
    picture = file.with_suffix(".png")
    file.parent.mkdir(parents=True, exist_ok=True)
    draw(rows, picture)
    command = shown(["scripts/evaluate_reward.py", "--page", str(file)])
    file.write_text(page(rows, config.states, picture, file, command), encoding="utf-8")


def finite(value: Any) -> Any:
    """Replace numbers that JSON does not know by None."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def draw(rows: Sequence[Row], file: Path) -> None:
    """Draw the sweep of alpha: a column of panels for each task, Spearman above and EPIC below.

    Raises:
        MissingExtraError: When matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "control") from error
    tasks = list(dict.fromkeys(row.env for row in rows))
    figure = Figure(figsize=(3.4 * len(tasks), 6.0), layout="constrained")
    measures: tuple[tuple[str, Callable[[Row], float], tuple[float, float]], ...] = (
        ("Spearman with the truth", lambda row: row.spearman, (-1.03, 1.03)),
        ("EPIC distance from it", lambda row: row.epic, (-0.03, 1.03)),
    )
    for column, task in enumerate(tasks):
        for line, (title, measure, limits) in enumerate(measures):
            axes = figure.add_subplot(2, len(tasks), line * len(tasks) + column + 1)
            for label, points in curves([row for row in rows if row.env == task], measure):
                if len(points) > 1:
                    axes.plot(*zip(*points, strict=True), marker="o", label=label)
                else:
                    axes.axhline(points[0][1], linestyle="--", linewidth=1, label=label)
            axes.set(title=task.removeprefix("rewardium/") if not line else "", xlabel="alpha", ylim=limits)
            axes.set_ylabel(title if not column else "")
            axes.grid(alpha=0.3)
            if not line and not column:
                axes.legend(fontsize="small")
    FigureCanvasAgg(figure).print_png(str(file))


def curves(rows: Sequence[Row], measure: Callable[[Row], float]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Yield each model's line over alpha, and each other reward's single value."""
    for clip in dict.fromkeys(row.clip for row in rows if row.alpha is not None):
        line = [(row.alpha, measure(row)) for row in rows if row.clip == clip and row.alpha is not None]
        yield f"vlm_rm, {Path(str(clip)).name}", line
    for row in rows:
        if row.alpha is None:
            yield f"{row.reward[:40]}{'' if row.clip is None else f', {Path(row.clip).name}'}", [(0.0, measure(row))]


if __name__ == "__main__":
    sys.exit(main())

"""The results page of the MuJoCo comparison, and its learning curves, from all finished runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from _mujoco_experiment import (
    SETTINGS,
    TARGET,
    TASKS,
    TRUE,
    VLM,
    Config,
    env_id,
    recipe,
    setting_names,
)
from _mujoco_runs import Run, evaluation_command, run_command
from _runs import bullets, paragraph, shown, spread
from _training_runs import Job, folder_of

from rewardium.agents.report import Band, band, read_metrics, series
from rewardium.envs.errors import MissingExtraError, RewardiumError

Runs = Mapping[str, Sequence[Run]]
METRIC = "recent/success"


def gather(config: Config, runs: Iterable[Run]) -> tuple[dict[str, dict[str, list[Run]]], list[str]]:
    """Sort out the runs that can be compared: of each task those with the most steps, on today's rewards.

    Args:
        config: The experiment.
        runs: All finished runs.

    Returns:
        The runs by task and setting, and why others are left out.
    """
    known = [run for run in runs if run.task in TASKS and run.setting in setting_names()]
    current = [run for run in known if run.recipe == recipe(config, run.task, run.setting)]
    most = {task: max((run.steps for run in current if run.task == task), default=0) for task in TASKS}
    tasks: dict[str, dict[str, list[Run]]] = {}
    count = 0
    for task in TASKS:
        for setting in setting_names():
            found = [run for run in current if (run.task, run.setting, run.steps) == (task, setting, most[task])]
            if found:
                tasks.setdefault(task, {})[setting] = sorted(found, key=lambda run: run.seed)
                count += len(found)
    left_out = []
    if len(current) < len(known):
        left_out.append(f"{len(known) - len(current)} runs on a reward, model or algorithm that has changed since")
    if count < len(current):
        left_out.append(f"{len(current) - count} runs of fewer steps than others of their task")
    return tasks, left_out


def share_of_true(runs: Runs, setting: str) -> float | None:
    """Return a setting's mean success over that of the true reward; None where one is missing or the latter is 0.

    Example:
        >>> share_of_true({}, "vlm") is None
        True
    """
    if TRUE not in runs or setting not in runs:
        return None
    best = mean(run.success for run in runs[TRUE])
    return mean(run.success for run in runs[setting]) / best if best > 0 else None


def findings(tasks: Mapping[str, Runs]) -> list[str]:
    """Say what holds, in sentences that are made of the numbers alone."""
    points = []
    for task, runs in tasks.items():
        share = share_of_true(runs, VLM)
        if share is None:
            points.append(f"**{task}**: the true reward and the model's have not both been run, or the true one fails.")
            continue
        verdict = "reached" if share >= TARGET else "missed"
        said = (
            f"**{task}**: from pictures alone the policy comes to {spread([run.success for run in runs[VLM]])}, by "
            f"the true reward to {spread([run.success for run in runs[TRUE]])}: {share:.0%} of it, {TARGET:.0%} "
            f"{verdict}."
        )
        controls = [
            f"{name} {spread([run.success for run in runs[name]])}" for name in ("untrained", "unpaid") if name in runs
        ]
        points.append(f"{said} Controls: {', '.join(controls)}." if controls else said)
        worst = min(run.success for run in runs[VLM])
        if len(runs[VLM]) > 1:
            points.append(f"{task}: the model's worst seed has {worst:.1%}.")
    reached = [task for task, runs in tasks.items() if (share_of_true(runs, VLM) or 0.0) >= TARGET]
    points.append(
        f"{len(reached)} of {len(tasks)} tasks reach {TARGET:.0%} of the true reward's success from pictures alone."
    )
    return points


def page(config: Config, tasks: Mapping[str, Runs], left_out: Sequence[str]) -> str:
    """Write the page.

    Args:
        config: The experiment.
        tasks: The runs.
        left_out: Why other finished runs are not among them.

    Returns:
        Markdown.
    """
    picture = os.path.relpath(config.picture, config.page.parent)
    return f"""# MuJoCo: the reward of a vision-language model

{introduction(config, tasks)}

## Results

{chr(10).join(section(task, runs) for task, runs in tasks.items())}
{LEGEND}

![Learning curves]({picture})

Success over the last 100 training episodes: mean over seeds, in a band from the smallest to the largest value.

## What this shows

{bullets(findings(tasks))}

## Settings

{settings_table(tasks)}

{held_fixed(config, tasks)}

{paragraph(" ".join(f"Left out: {reason}." for reason in left_out) or "No finished run is left out.")}

## Run it

{commands(config, tasks)}
"""


LEGEND = """\
- *Success*: held-out episodes in which the task is done at the end, the same episodes for all, judged by the state;
  mean and standard deviation (n - 1) over seeds.
- *Of true*: the mean success over that of the true reward in the same number of steps.
- *Grade*: the true reward of a step in these episodes, in [0, 1]. No other setting is paid it.
- *Paid*: the reward of a step that was paid, at the end of training.
- *Seconds*: the whole training on the clock, one thread."""


def introduction(config: Config, tasks: Mapping[str, Runs]) -> str:
    """Say what was done."""
    seeds = sorted({run.seed for runs in tasks.values() for found in runs.values() for run in found})
    return paragraph(
        "Policies learn tasks of MuJoCo from what a vision-language model says of rendered pictures and the task's "
        f"sentence; the true reward, which is computed from the state, stands beside it. The model is `{config.clip}`"
        + (
            ", a small one that the project trains itself on pictures of these bodies with captions made from their "
            "states. It shows that the machinery works, and nothing about large models"
            if Path(config.clip).is_dir()
            else ""
        )
        + f". Seeds: {', '.join(map(str, seeds))}."
    )


def section(task: str, runs: Runs) -> str:
    """Write the table of a task."""
    first = next(iter(runs.values()))[0]
    lines = [
        f"### {task}",
        "",
        f"`{env_id(task)}`, {first.steps:,} environment steps.",
        "",
        "| setting | seeds | success | of true | grade | paid | seconds | steps/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in runs.items():
        share = share_of_true(runs, name)
        cells = [
            str(len(found)),
            spread([run.success for run in found]),
            "-" if share is None else f"{share:.0%}",
            spread([run.graded for run in found], "{:.3f}"),
            spread([run.paid for run in found], "{:.3f}"),
            spread([run.seconds for run in found], "{:,.0f}"),
            spread([run.steps_per_second for run in found], "{:,.0f}"),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def settings_table(tasks: Mapping[str, Runs]) -> str:
    """Lay out the rewards and what each task is trained with."""
    lines = ["| setting | reward | what it is |", "|---|---|---|"]
    lines += [f"| {setting.name} | `{setting.reward}` | {setting.says} |" for setting in SETTINGS]
    lines += ["", "| task | alpha | algorithm | its settings |", "|---|---|---|---|"]
    for task in tasks:
        told = TASKS[task]
        kwargs = ", ".join(f"{name} {value}" for name, value in told.algorithm_kwargs.items()) or "-"
        lines.append(f"| {task} | {told.alpha} | {told.algorithm} | {kwargs} |")
    return "\n".join(lines)


def held_fixed(config: Config, tasks: Mapping[str, Runs]) -> str:
    """Say what all runs share."""
    return paragraph(
        f"**Held fixed:** for each task the algorithm and its settings, the number of steps and {config.num_envs} "
        f"environments; pictures of {config.render_size} pixels, scored {config.scoring}; observations scaled as seen "
        f"so far; one CPU thread. Policies are measured on {config.eval_episodes} episodes. Episodes have a fixed "
        "length, and none ends early. The policy sees the state, the reward sees pictures only. Steps, alpha, the "
        "width of the first policies and the states that the small model learns from were chosen in earlier runs of "
        "the same seeds, which flatters a little; steps and width are the same for all settings."
    )


def commands(config: Config, tasks: Mapping[str, Runs]) -> str:
    """Show the commands: all of it, a part, and one run by hand."""
    task = next(iter(tasks))
    name = VLM if VLM in tasks[task] else next(iter(tasks[task]))
    job = Job(task, name, tasks[task][name][0].seed)
    by_hand = [shown(run_command(config, job)), shown(evaluation_command(config, job))]
    return f"""```bash
python scripts/train_clip.py                 # the small models, once
python scripts/mujoco_results.py --list      # what would be run, and how long it may take
python scripts/mujoco_results.py             # all of it; what is finished is not done again
python scripts/mujoco_results.py --tasks {task} --settings true vlm --seeds 0 --jobs 2
```

By hand:

```bash
{chr(10).join(by_hand)}
```"""


def curves(runs: Runs, out: Path) -> dict[str, Band]:
    """Join the curves of each setting's seeds."""
    joined = {}
    for name, found in runs.items():
        folders = [folder_of(out, run.task, run.setting, run.seed) for run in found]
        seeds = [line for folder in folders if (line := series(read_metrics(folder), METRIC))[0]]
        if seeds and (one := band(seeds)).steps:
            joined[name] = one
    return joined


def draw(tasks: Mapping[str, Runs], out: Path, file: Path) -> None:
    """Draw the learning curves, a panel for each task.

    Raises:
        RewardiumError: When no run has a point to draw.
        MissingExtraError: When matplotlib is not installed.
    """
    try:
        from matplotlib import colormaps
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "control") from error
    panels = {task: curves(runs, out) for task, runs in tasks.items()}
    if not any(panels.values()):
        raise RewardiumError(f"the runs in {out} have logged no {METRIC}: they ended before their first episode did")
    colours = {setting.name: colormaps["tab10"](index) for index, setting in enumerate(SETTINGS)}
    figure = Figure(figsize=(4.6 * len(panels), 3.8), layout="constrained")
    for number, (task, lines) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), number)
        for name, line in lines.items():
            marker = "o" if len(line.steps) < 3 else None  # one point would otherwise be an invisible line
            axes.plot(line.steps, line.means, label=name, color=colours[name], marker=marker)
            axes.fill_between(line.steps, line.lows, line.highs, color=colours[name], alpha=0.15)
        axes.set(title=task, xlabel="environment step", ylim=(-0.03, 1.03))
        axes.set_ylabel("success, last 100 training episodes" if number == 1 else "")
        axes.grid(alpha=0.3)
        if lines and number == len(panels):
            axes.legend(fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(file))

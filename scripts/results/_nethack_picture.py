"""The learning curves: a row of panels for each task, the methods on the left and the count term on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from _nethack_experiment import BASELINE, COUNT_TERM, SETTINGS
from _nethack_runs import Run
from _training_runs import folder_of

from rewardium.agents.report import Band, band, read_metrics, series
from rewardium.envs.errors import MissingExtraError, RewardiumError

METRIC = "recent/success"
TITLE = "success, last 100 training episodes"
METHODS = tuple(setting.name for setting in SETTINGS if setting.name not in COUNT_TERM[1:])
ABOUT_COUNTS = (BASELINE, *COUNT_TERM)


def curves(runs: Mapping[str, Sequence[Run]], out: Path, names: Sequence[str]) -> dict[str, Band]:
    """Join the curves of each setting's seeds.

    Args:
        runs: The runs of one task, by setting.
        out: The folder of runs.
        names: The settings to show.

    Returns:
        By setting, in the order of ``names``, those that have a point.
    """
    joined = {}
    for name in names:
        folders = [folder_of(out, run.task, run.setting, run.seed) for run in runs.get(name, ())]
        seeds = [found for folder in folders if (found := series(read_metrics(folder), METRIC))[0]]
        if seeds and (one := band(seeds)).steps:
            joined[name] = one
    return joined


def draw(tasks: Mapping[str, Mapping[str, Sequence[Run]]], out: Path, file: Path) -> None:
    """Draw all tasks into one picture.

    Args:
        tasks: The runs by task and setting.
        out: The folder of runs.
        file: The PNG file to write.

    Raises:
        RewardiumError: When no run has a point to draw.
        MissingExtraError: When matplotlib is not installed.
    """
    try:
        # The object interface, with a canvas that needs no display and leaves pyplot's global state alone.
        from matplotlib import colormaps
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "control") from error
    panels = [
        [(f"{task}{note}", curves(runs, out, names)) for note, names in (("", METHODS), (": count term", ABOUT_COUNTS))]
        for task, runs in tasks.items()
    ]
    if not any(lines for row in panels for _, lines in row):
        raise RewardiumError(f"the runs in {out} have logged no {METRIC}: they ended before their first episode did")
    # A setting has the same colour in all panels.
    colours = {setting.name: colormaps["tab20"](index) for index, setting in enumerate(SETTINGS)}
    figure = Figure(figsize=(14.0, 3.8 * len(panels)), layout="constrained")
    for number, row in enumerate(panels):
        for column, (title, lines) in enumerate(row):
            axes = figure.add_subplot(len(panels), 2, 2 * number + column + 1)
            for name, line in lines.items():
                marker = "o" if len(line.steps) < 3 else None  # one point would otherwise be an invisible line
                axes.plot(line.steps, line.means, label=name, color=colours[name], marker=marker)
                axes.fill_between(line.steps, line.lows, line.highs, color=colours[name], alpha=0.12)
            axes.set(title=title, xlabel="environment step", ylabel=TITLE, ylim=(-0.03, 1.03))
            axes.grid(alpha=0.3)
            if lines:
                axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    file.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(file))

"""Look at a run: curves as pictures, and one self-contained page.

Metrics are found by their names, whose parts are divided by ``/``: a part ``success`` is the truth of the task, a part
``reward`` is what the agent was paid, and ``terms/<name>/shaped`` is one term of that reward.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from rewardium.agents.run_folder import read_json_lines, read_metrics
from rewardium.envs.errors import MissingExtraError, RewardiumError

__all__ = ["compare", "learning_curve", "read_metrics", "terms_curve", "write_report"]

EPISODES_SHOWN = 6
CHARACTERS_SHOWN = 4000

Series = tuple[list[int], list[float]]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1, h2 { font-weight: 600 } img { max-width: 100% }
pre { background: #f5f5f5; padding: .75rem; overflow-x: auto; white-space: pre-wrap }
table { border-collapse: collapse } td, th { padding: .15rem .75rem; text-align: left; border-bottom: 1px solid #ddd }
td.number { text-align: right; font-variant-numeric: tabular-nums }
"""


def write_report(path: Path) -> Path:
    """Draw the plots of a run and write its page.

    Args:
        path: The run folder.

    Returns:
        The file ``report.html``, which needs no other file: pictures are inside.

    Raises:
        RewardiumError: When the folder holds no metrics.
        MissingExtraError: When matplotlib is not installed.
    """
    path = Path(path)
    metrics = read_metrics(path)
    if not metrics:
        raise RewardiumError(f"{path} holds no metrics to report on")
    plots = path / "plots"
    pictures = [learning_curve(metrics, plots / "learning_curve.png"), terms_curve(metrics, plots / "terms.png")]
    page = path / "report.html"
    page.write_text(_page(path, metrics, [picture for picture in pictures if picture]), encoding="utf-8")
    return page


def learning_curve(metrics: Sequence[Mapping[str, Any]], output: Path) -> Path | None:
    """Draw the success beside the reward over the steps.

    Args:
        metrics: What ``read_metrics`` returned.
        output: The PNG file to write.

    Returns:
        The file, or None where the run logged neither.
    """
    success = {name: band([series(metrics, name)]) for name in _names(metrics) if _is_success(name)}
    reward = {name: band([series(metrics, name)]) for name in _names(metrics) if _is_reward(name)}
    panels = [("success (truth)", success), ("reward", reward)]
    return _draw([(title, curves) for title, curves in panels if curves], output)


def terms_curve(metrics: Sequence[Mapping[str, Any]], output: Path) -> Path | None:
    """Draw each term of the reward over the steps.

    Args:
        metrics: What ``read_metrics`` returned.
        output: The PNG file to write.

    Returns:
        The file, or None where the run logged no terms.
    """
    panels: dict[str, dict[str, Band]] = {}
    for name in _names(metrics):
        first, *rest = name.split("/")
        if first == "terms" and rest:
            title = "/".join(rest[1:]) or "terms"
            panels.setdefault(title, {})[rest[0]] = band([series(metrics, name)])
    return _draw(list(panels.items()), output)


def compare(
    runs: Mapping[str, Path | Sequence[Path]], metrics: str | Mapping[str, str], output: Path, *, unit: str = "step"
) -> Path:
    """Draw metrics of several runs into one picture.

    Args:
        runs: By the label of its curve, a run folder, or those of several seeds: their mean, in a band from the
            smallest to the largest value.
        metrics: A metric's name, e.g. ``"success"``, or the names of several by the title of their panel.
        output: The PNG file to write.
        unit: What the horizontal axis counts.

    Returns:
        The file.

    Raises:
        RewardiumError: When there is no run, or a run did not log the metric; the message lists what it logged.
    """
    if not runs:
        raise RewardiumError("compare needs at least one run")
    panels = {metrics: metrics} if isinstance(metrics, str) else metrics
    folders = {label: [paths] if isinstance(paths, Path) else list(paths) for label, paths in runs.items()}
    _draw(
        [
            (title, {label: band([_required(path, metric) for path in paths]) for label, paths in folders.items()})
            for title, metric in panels.items()
        ],
        output,
        unit,
    )
    return output


def _required(path: Path, metric: str) -> Series:
    metrics = read_metrics(path)
    found = series(metrics, metric)
    if not found[0]:
        raise RewardiumError(f"the run {path} has no metric {metric!r}; it has: {', '.join(_names(metrics))}")
    return found


class Band(NamedTuple):
    """The curve of several seeds.

    Args:
        steps: The steps that every seed has.
        means: The mean at each step.
        lows: The smallest value at each step.
        highs: The largest value at each step.
    """

    steps: list[int]
    means: list[float]
    lows: list[float]
    highs: list[float]


def band(seeds: Sequence[Series]) -> Band:
    """Join the curves of several seeds.

    Example:
        >>> band([([1, 2], [0.0, 0.5]), ([1, 2, 3], [0.5, 0.5, 1.0])])
        Band(steps=[1, 2], means=[0.25, 0.5], lows=[0.0, 0.5], highs=[0.5, 0.5])
    """
    curves = [dict(zip(*seed, strict=True)) for seed in seeds]
    steps = [step for step in curves[0] if all(step in curve for curve in curves)]
    rows = [[curve[step] for curve in curves] for step in steps]
    return Band(steps, [fmean(row) for row in rows], [min(row) for row in rows], [max(row) for row in rows])


def series(metrics: Sequence[Mapping[str, Any]], name: str) -> Series:
    """Return the steps at which a metric could be had, and its values.

    Example:
        >>> series([{"step": 1, "success": 0.5}, {"step": 2, "success": None}, {"step": 3, "loss": 1.0}], "success")
        ([1], [0.5])
    """
    rows = [row for row in metrics if isinstance(row.get(name), (int, float))]
    return [int(row["step"]) for row in rows], [float(row[name]) for row in rows]


def final_values(metrics: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, float]]:
    """Return each metric's last step and value.

    Example:
        >>> final_values([{"step": 1, "success": 0.5}, {"step": 2, "success": 0.75}, {"step": 3, "loss": 1.0}])
        {'success': (2, 0.75), 'loss': (3, 1.0)}
    """
    final = {}
    for name in _names(metrics):
        steps, values = series(metrics, name)
        if steps:
            final[name] = (steps[-1], values[-1])
    return final


def _names(metrics: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return every metric's name in the order of first appearance."""
    return list(dict.fromkeys(name for row in metrics for name in row if name != "step"))


def _is_success(name: str) -> bool:
    return any(part == "success" or part.endswith("_success") for part in name.split("/"))


def _is_reward(name: str) -> bool:
    first, *_, last = name.split("/") if "/" in name else (name, name)
    return first != "terms" and "reward" in name.split("/") and not last.startswith(("std", "min", "max", "valid"))


def _draw(panels: Sequence[tuple[str, Mapping[str, Band]]], output: Path, unit: str = "step") -> Path | None:
    """Draw the panels into a PNG file, two beside each other, or nothing where there is no panel."""
    if not panels:
        return None
    try:
        # The object interface, with a canvas that needs no display and leaves pyplot's global state alone.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "llm") from error
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(6.0 * columns, 3.6 * rows), layout="constrained")
    for index, (title, curves) in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, index)
        for label, curve in curves.items():
            # A run of one logged step would otherwise be an invisible line.
            axes.plot(curve.steps, curve.means, label=_literally(label), marker="o" if len(curve.steps) < 3 else None)
            axes.fill_between(curve.steps, curve.lows, curve.highs, alpha=0.2)
        axes.set_title(_literally(title))
        axes.set_xlabel(_literally(unit))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    output.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(output))
    return output


def _literally(label: str) -> str:
    """Keep matplotlib from reading a formula into a name, and from hiding one that begins with ``_``."""
    return label.replace("$", r"\$").lstrip("_") or "-"


def _page(path: Path, metrics: Sequence[Mapping[str, Any]], pictures: Sequence[Path]) -> str:
    name = html.escape(path.resolve().name)
    parts = [
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{name}</title>",
        f"<style>{_STYLE}</style></head><body>\n<h1>{name}</h1>",
        *(_picture(picture) for picture in pictures),
        "<h2>Final metrics</h2>",
        _table(final_values(metrics)),
        *_file("Reward", path / "reward.yaml"),
        *_file("Config", path / "config.yaml"),
        *_file("Environment", path / "environment.json"),
        *_episodes(path / "episodes.jsonl"),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _picture(file: Path) -> str:
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return f"<img alt='{html.escape(file.stem)}' src='data:image/png;base64,{data}'>"


def _table(values: Mapping[str, tuple[int, float]]) -> str:
    rows = (
        f"<tr><td>{html.escape(name)}</td><td class='number'>{value:.5g}</td><td class='number'>{step}</td></tr>"
        for name, (step, value) in values.items()
    )
    return f"<table><tr><th>metric</th><th>value</th><th>step</th></tr>\n{''.join(rows)}</table>"


def _file(title: str, file: Path) -> list[str]:
    if not file.exists():
        return []
    return [f"<h2>{title}</h2>", f"<pre>{html.escape(file.read_text(encoding='utf-8'))}</pre>"]


def _episodes(file: Path) -> list[str]:
    """Show the newest episodes as text."""
    if not file.exists():
        return []
    rows = read_json_lines(file)[-EPISODES_SHOWN:]
    return ["<h2>Episodes</h2>", *(f"<pre>{html.escape(_episode_text(row))}</pre>" for row in rows)]


def _episode_text(row: Mapping[str, Any]) -> str:
    lines = (f"{name}: {value}" for name, value in row.items())
    return "\n".join(line if len(line) <= CHARACTERS_SHOWN else f"{line[:CHARACTERS_SHOWN]} [...]" for line in lines)

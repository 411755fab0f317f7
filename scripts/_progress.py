"""Progress bars, which look alike in all scripts."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

STATUS = "{task.fields[status]}"


def progress_bars(
    console: Console,
    *,
    elapsed: bool = False,
    status: str | None = STATUS,
    bar_width: int | None = 40,
    disable: bool = False,
) -> Progress:
    """Return a display of bars: what is done, the bar, how many of how many, the time, and a status.

    Args:
        console: Where to show them.
        elapsed: Whether the time is what has passed, and not what is left.
        status: What stands behind the time, from the fields of a task: by default each task needs a ``status``. None
            for nothing.
        bar_width: Characters of the bar.
        disable: Whether nothing is shown.

    Returns:
        The display; add tasks to it and enter it as a context.
    """
    time = TimeElapsedColumn() if elapsed else TimeRemainingColumn()
    behind = () if status is None else (TextColumn(status),)
    name, bar = TextColumn("{task.description}"), BarColumn(bar_width=bar_width)
    return Progress(name, bar, MofNCompleteColumn(), time, *behind, console=console, disable=disable)

"""What a run leaves behind: one folder with its config, metrics, checkpoints, episodes, plots and report."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import to_yaml
from rewardium.rewards.reward import Reward

_PACKAGES = ("rewardium", "gymnasium", "numpy", "torch", "transformers", "stable-baselines3", "peft", "accelerate")


class RunFolder:
    """The folder of one run; every file in it is plain text, safetensors or a picture.

    ======================  ====================================================================
    ``config.yaml``         every field of the config
    ``reward.yaml``         the reward, which ``rewardium.rewards.load`` reads back
    ``environment.json``    versions, seed and command line
    ``metrics.jsonl``       one line a logged step: ``{"step": 3, "success": 0.4, ...}``
    ``tensorboard/``        the same for TensorBoard
    ``checkpoints/``        one folder a checkpoint, named after its step
    ``episodes.jsonl``      a few episodes to read
    ``plots/``              the learning curve and the terms of the reward
    ``report.html``         one page with all of it
    ======================  ====================================================================

    Args:
        path: The folder. Its parents are made.
        config: A dataclass or a mapping of plain values.
        reward: What the run trains on, where it has one.
        resume: Go on with what the folder holds, rather than refuse a folder that holds something.

    Raises:
        RewardiumError: When the folder is not empty and ``resume`` is off, or ``path`` is a file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = RunFolder(Path(folder) / "demo", {"seed": 0})
        ...     run.log(1, {"success": 0.25})
        ...     run.close()
        ...     read_metrics(run.path)
        [{'step': 1, 'success': 0.25}]
    """

    def __init__(self, path: Path, config: Any, *, reward: Reward | None = None, resume: bool = False) -> None:
        self.path = Path(path)
        self._require_free(resume)
        self.path.mkdir(parents=True, exist_ok=True)
        config = plain(config)
        _write(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        if reward is not None:
            _write(self.path / "reward.yaml", f"# {' '.join(str(reward).split())}\n{to_yaml(reward)}")
        _write(self.path / "environment.json", json.dumps(describe_environment(config), indent=2) + "\n")
        self._writer: Any = None
        self._purge_step: int | None = None
        self._metrics_path = self.path / "metrics.jsonl"
        self._keep_lines(self._metrics_path, read_metrics(self.path))
        self._metrics = self._metrics_path.open("a", encoding="utf-8")

    def _require_free(self, resume: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RewardiumError(f"the run folder {self.path} is a file; choose another name")
        if not resume and self.path.is_dir() and any(self.path.iterdir()):
            raise RewardiumError(
                f"the run folder {self.path} is not empty: go on with that run with --resume, or choose another name"
            )

    def log(self, step: int, metrics: Mapping[str, float | None]) -> None:
        """Write the metrics of a step to ``metrics.jsonl`` and TensorBoard; the line is on disk when this returns.

        Args:
            step: The step's number.
            metrics: Numbers by name, e.g. ``{"success": 0.4, "reward": 0.3, "terms/verify/shaped": 0.2}``. None and
                what is not finite become null: a number that could not be had is not 0.
        """
        numbers = {name: math.nan if value is None else float(value) for name, value in metrics.items()}
        row = {"step": int(step), **{name: value if math.isfinite(value) else None for name, value in numbers.items()}}
        self._metrics.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._metrics.flush()
        writer = self._tensorboard()
        for name, value in numbers.items():
            if writer is not None and math.isfinite(value):
                writer.add_scalar(name, value, int(step))

    def truncate(self, step: int) -> None:
        """Forget the metrics and episodes after ``step``, from which a resumed run goes on."""
        self._metrics.close()
        self._keep_lines(self._metrics_path, [row for row in read_metrics(self.path) if row["step"] <= step])
        self._metrics = self._metrics_path.open("a", encoding="utf-8")
        episodes = self.path / "episodes.jsonl"
        if episodes.exists():
            self._keep_lines(episodes, [row for row in read_json_lines(episodes) if row.get("step", 0) <= step])
        self._close_writer()
        # TensorBoard drops what an interrupted run had written after this step once the next writer says so.
        self._purge_step = step + 1

    def checkpoint_dir(self, step: int) -> Path:
        """Return the folder for a checkpoint at ``step``, made where it is missing."""
        folder = self.path / "checkpoints" / f"{step:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_episodes(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append episodes to ``episodes.jsonl``.

        Args:
            step: The step after which they were played.
            rows: One mapping an episode, e.g. ``{"prompt": ..., "response": ..., "success": True}``; a value that
                JSON does not know is written as its text.
        """
        with (self.path / "episodes.jsonl").open("a", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps({"step": int(step), **plain(row)}) + "\n")

    def finish(self) -> None:
        """Draw the plots and write ``report.html``."""
        from rewardium.agents.report import write_report

        write_report(self.path)

    def close(self) -> None:
        """Close the files; a closed run folder logs nothing more."""
        self._metrics.close()
        self._close_writer()

    def _tensorboard(self) -> Any:
        """Return the TensorBoard writer, or None where TensorBoard is not installed."""
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return None
            folder = self.path / "tensorboard"
            self._writer = SummaryWriter(str(folder), purge_step=self._purge_step)  # type: ignore[no-untyped-call]
        return self._writer

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    @staticmethod
    def _keep_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the lines beside the file and put them in its place, so that a crash leaves the old or the new."""
        if path.exists():
            _write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read a run's metrics.

    Args:
        path: The run folder.

    Returns:
        One dict a logged step, in the order of the file. A last line that a killed process left unfinished is left
        out; a metric that could not be had is None.

    Raises:
        RewardiumError: When a line before the last is no JSON object with a ``step``.
    """
    file = Path(path) / "metrics.jsonl"
    rows = read_json_lines(file) if file.exists() else []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row.get("step"), int):
            raise RewardiumError(f"{file}, line {number}: a line of metrics has a whole number as its 'step'")
    return rows


def read_json_lines(file: Path) -> list[dict[str, Any]]:
    """Read a file of one JSON object a line, without a last line that was left unfinished.

    Raises:
        RewardiumError: When another line is no JSON object.
    """
    # A killed process can stop in the middle of a character, too.
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    rows = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise RewardiumError(f"{file}, line {number}: not a JSON object")
        rows.append(row)
    return rows


def describe_environment(config: Mapping[str, Any]) -> dict[str, Any]:
    """Say what a run ran on: versions, seed and command line, but no paths of the machine and no names of its users.

    Args:
        config: The run's config; its ``seed`` is taken from here.

    Returns:
        Plain JSON values.
    """
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "command": [_without_home(argument) for argument in (Path(sys.argv[0]).name, *sys.argv[1:])],
        "seed": config.get("seed"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "versions": versions,
    }


def _without_home(argument: str) -> str:
    """Shorten absolute paths in an argument, also in one such as ``--model=/home/name/model``, to their last part."""
    flag, separator, value = argument.rpartition("=")
    expanded = os.path.expanduser(value)
    return f"{flag}{separator}{Path(expanded).name}" if os.path.isabs(expanded) else argument


def plain(value: Any) -> Any:
    """Return a config or an episode as plain values that YAML and JSON know.

    Args:
        value: A dataclass, mapping, sequence, number, text or path; anything else becomes its text.

    Returns:
        Dicts, lists, numbers, strings, booleans and None.

    Example:
        >>> plain({"path": Path("runs/a"), "sizes": (1, 2), "rate": float("inf")})
        {'path': 'runs/a', 'sizes': [1, 2], 'rate': 'inf'}
    """
    if isinstance(value, Reward):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or type(value) in (bool, int, str) else str(value)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)

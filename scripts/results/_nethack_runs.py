"""The work of the experiment: its commands, how they are run, and what is written down of a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import _runs
import _training_runs
import yaml
from _nethack_experiment import PROGRAMS, Config, env_id, setting_named, slug
from _runs import write_json
from _training_runs import FIGURES, Job, folder_of, is_run, read_run, train_and_measure

from rewardium.agents.run_folder import plain

PROGRAM_FILES = Path(__file__).resolve().parent / "programs"
_LOG_LINES = 200


@dataclass(frozen=True)
class Run:
    """What a finished run came to. None is what there was nothing of, and is not 0.

    Args:
        task: The task.
        setting: How it was rewarded.
        seed: The seed of training.
        steps: Environment steps that were asked for.
        recipe: The reward, see ``Setting.recipe``.
        resumed: Whether it was stopped on the way; a resumed run begins new episodes.
        success: The share of the evaluation's episodes that the trained policy solves.
        episodes: Of the evaluation.
        trained_success: The share of the last 100 training episodes.
        solved_steps: Environment steps until 80% of the last 100 training episodes were solved.
        solved_seconds: The same in seconds on the clock, waiting for the judge included, evaluations not.
        seconds: The whole training on the clock, evaluations not.
        steps_per_second: Over the whole training.
        farmed_steps: In the second half of training, the share of the steps paid beside the task's own reward whose
            message had been paid before in the episode.
        farmed_reward: The share of that reward which these steps got.
        unscored: The share of steps, over all terms beside the task's own reward, that had no score.
        asked: Questions put to the judge.
        labelled: Questions that it gave a label to.
        recalled: Labels that other runs had left in the cache.
        unanswered: Questions that got no allowed answer.
    """

    task: str
    setting: str
    seed: int
    steps: int
    recipe: str
    resumed: bool
    success: float
    episodes: int
    trained_success: float | None = None
    solved_steps: float | None = None
    solved_seconds: float | None = None
    seconds: float | None = None
    steps_per_second: float | None = None
    farmed_steps: float | None = None
    farmed_reward: float | None = None
    unscored: float | None = None
    asked: float | None = None
    labelled: float | None = None
    recalled: float | None = None
    unanswered: float | None = None


# Folders and commands.


def run_folder(config: Config, job: Job) -> Path:
    """Return the folder of a run."""
    return folder_of(config.out, *job)


def motif_folder(config: Config, task: str) -> Path:
    """Return the folder of a task's messages, preferences and reward model."""
    return config.out / task / "motif"


def cache_file(config: Config, task: str) -> Path:
    """Return the file in which a task's labels by this judge are kept."""
    return config.out / task / f"labels-{slug(config.judge)}.sqlite"


def motif_command(config: Config, task: str) -> list[str]:
    """Return the command that makes a task's reward model of messages."""
    return [
        "scripts/label_offline.py", "--env", env_id(task), "--judge", config.judge,
        "--out", str(motif_folder(config, task)), "--cache", str(cache_file(config, task)),
        "--env-steps", str(config.motif_env_steps), "--pairs", str(config.motif_pairs),
        "--steps", str(config.motif_steps),
    ]  # fmt: skip


def run_command(config: Config, job: Job) -> list[str]:
    """Return the command that trains a policy."""
    setting = setting_named(job.setting)
    folder, steps = run_folder(config, job), config.steps_of(job.task)
    judged = ["--judge", config.judge, "--cache", str(cache_file(config, job.task))]
    kwargs = yaml.safe_dump(plain(config.algorithm_kwargs), default_flow_style=True, width=10_000).strip()
    return [
        "scripts/train_control.py", "--env", env_id(job.task), "--runs", str(folder.parent), "--name", folder.name,
        "--reward", setting.expression(job.task, str(motif_folder(config, job.task) / "model")),
        *(judged if setting.judged else []),
        *(["--wait-for-labels"] if setting.judged and config.wait_for_labels else []),
        "--steps", str(steps), "--num-envs", str(config.num_envs), "--memory", config.memory,
        *(["--algorithm-kwargs", kwargs] if config.algorithm_kwargs else []),
        "--device", "cpu", "--threads", "1", "--seed", str(job.seed), "--log-every", str(max(steps // _LOG_LINES, 1)),
        "--eval-episodes", "0", "--checkpoints-kept", "1",
    ]  # fmt: skip


def evaluation_command(config: Config, job: Job) -> list[str]:
    """Return the command that measures a trained policy."""
    return _training_runs.evaluation_command(
        run_folder(config, job), episodes=config.eval_episodes, seed=config.eval_seed, num_envs=config.num_envs
    )


# Running.


def execute(command: Sequence[str], log: Path) -> float:
    """Run a script with one thread, and return its seconds.

    Args:
        command: The script and its flags, with paths of the project as they are seen from its root.
        log: Where its output goes.

    Returns:
        Seconds on the clock.

    Raises:
        RewardiumError: When it fails; its output is in the log.
    """
    # What is shown holds no path of this machine; what runs may be started from any folder.
    here = [word.replace(f"'{PROGRAMS}/", f"'{PROGRAM_FILES}/") for word in command]
    return _runs.execute(command, log, really=here, environment={"TRANSFORMERS_VERBOSITY": "error"})


def obtain_motif(config: Config, task: str) -> None:
    """Make a task's reward model, unless it is there."""
    folder = motif_folder(config, task)
    if not (folder / "done.json").is_file():
        seconds = execute(motif_command(config, task), config.out / "logs" / f"{task}-motif.txt")
        write_json(folder / "done.json", {"command": motif_command(config, task), "seconds": seconds})


def obtain_run(config: Config, job: Job) -> None:
    """Train and measure a policy, unless that is done; a run that was stopped goes on."""
    folder = run_folder(config, job)
    if is_finished(config, job):
        return
    log = config.out / "logs" / f"{job.task}-{folder.name}"
    commands = run_command(config, job), evaluation_command(config, job)
    train_and_measure(folder, log, commands, execute, partial(figures_of, config, job))


def is_finished(config: Config, job: Job) -> bool:
    """Say whether a run is done; one of fewer steps is one to go on with.

    Raises:
        RewardiumError: When its folder holds a run with another reward, or a longer one.
    """
    folder = run_folder(config, job)
    wanted = setting_named(job.setting).recipe(job.task)
    return is_run(read_run(Run, folder / FIGURES), folder, wanted, config.steps_of(job.task))


# What a run came to.


def figures_of(
    config: Config, job: Job, rows: Sequence[Mapping[str, Any]], evaluation: Mapping[str, Any], resumed: bool
) -> Run:
    """Sum up a run.

    Args:
        config: The experiment.
        job: Which run.
        rows: Its lines of metrics; at least one.
        evaluation: What ``scripts/evaluate_control.py`` wrote.
        resumed: Whether it was stopped on the way.

    Returns:
        The figures.
    """
    last, second_half = rows[-1], [row for row in rows if 2 * row["step"] > rows[-1]["step"]]
    seconds, by_message = last.get("seconds/total"), setting_named(job.setting).by_message
    return Run(
        *job,
        steps=config.steps_of(job.task),
        recipe=setting_named(job.setting).recipe(job.task),
        resumed=resumed,
        success=evaluation["success"],
        episodes=evaluation["episodes"],
        trained_success=last.get("recent/success"),
        solved_steps=last.get("solved/steps"),
        solved_seconds=last.get("solved/seconds"),
        seconds=seconds,
        steps_per_second=last["step"] / seconds if seconds else None,
        farmed_steps=mean_over_steps(second_half, lambda row: row.get("farming/steps")) if by_message else None,
        farmed_reward=mean_over_steps(second_half, lambda row: row.get("farming/reward")) if by_message else None,
        unscored=mean_over_steps(rows, unscored),
        asked=judge_figure(last, "asked"),
        labelled=judge_figure(last, "labelled"),
        recalled=judge_figure(last, "recalled"),
        unanswered=judge_figure(last, "unknown"),
    )


def mean_over_steps(
    rows: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, Any]], float | None]
) -> float | None:
    """Average a metric over lines, each with the steps since the line before as its weight.

    Returns:
        The mean over the lines that have the metric; None where none has.

    Example:
        >>> rows = [{"step": 1, "x": 1.0}, {"step": 4, "x": 0.0}, {"step": 5}]
        >>> mean_over_steps(rows, lambda row: row.get("x"))
        0.25
    """
    total, weights, before = 0.0, 0, 0
    for row in rows:
        number, weight = value(row), row["step"] - before
        before = row["step"]
        if number is not None:
            total, weights = total + weight * number, weights + weight
    return total / weights if weights else None


def unscored(row: Mapping[str, Any]) -> float | None:
    """Return the share of scores that were missing, over the terms beside the task's own reward.

    Example:
        >>> unscored({"terms/extrinsic/valid": 1.0, "terms/oni/valid": 0.75}), unscored({"terms/extrinsic/valid": 1.0})
        (0.25, None)
    """
    shares = [
        share
        for name, share in row.items()
        if name.startswith("terms/") and name.endswith("/valid") and name.split("/")[1].split("#")[0] != "extrinsic"
    ]
    return 1.0 - sum(shares) / len(shares) if shares else None


def judge_figure(row: Mapping[str, Any], figure: str) -> float | None:
    """Return what an annotator counted; the sources of a reward share one, and each of them tells its counts."""
    counts = [value for name, value in row.items() if name.startswith("annotator/") and name.split("/")[2:] == [figure]]
    return max(counts) if counts else None


# Reading what is there.


def finished_runs(out: Path) -> Iterator[Run]:
    """Return every finished run below a folder, whatever command made it."""
    return _training_runs.finished_runs(Run, out)

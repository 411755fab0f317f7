"""The runs of the experiment: their commands, and what is written down of a finished one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import _training_runs
import yaml
from _mujoco_experiment import TASKS, Config, clip_of, env_id, recipe, setting_named, untrained_folder
from _runs import execute
from _training_runs import FIGURES, Job, folder_of, is_run, read_run, train_and_measure

from rewardium.agents.run_folder import plain

_LOG_LINES = 40


@dataclass(frozen=True)
class Run:
    """What a finished run came to. None is what there was nothing of, and is not 0.

    Args:
        task: The task.
        setting: How it was rewarded.
        seed: The seed of training.
        steps: Environment steps that were asked for.
        recipe: Reward and algorithm.
        resumed: Whether it was stopped on the way; a resumed run begins new episodes.
        success: The share of the evaluation's episodes that the trained policy solves.
        episodes: Of the evaluation.
        graded: The true reward of a step, in the evaluation, in [0, 1].
        trained_success: The share of the last 100 training episodes.
        seconds: The whole training on the clock.
        steps_per_second: Over the whole training.
        paid: The reward of a step that was paid, over the last tenth of training.
    """

    task: str
    setting: str
    seed: int
    steps: int
    recipe: str
    resumed: bool
    success: float
    episodes: int
    graded: float
    trained_success: float | None = None
    seconds: float | None = None
    steps_per_second: float | None = None
    paid: float | None = None


def run_folder(config: Config, job: Job) -> Path:
    """Return the folder of a run."""
    return folder_of(config.out, *job)


def run_command(config: Config, job: Job) -> list[str]:
    """Return the command that trains a policy."""
    setting, task = setting_named(job.setting), TASKS[job.task]
    folder, steps, clip = run_folder(config, job), config.steps_of(job.task), clip_of(config, setting)
    kwargs = {**task.algorithm_kwargs, **config.algorithm_kwargs}
    return [
        "scripts/train_control.py", "--env", env_id(job.task), "--runs", str(folder.parent), "--name", folder.name,
        "--env-kwargs", mapping({"render_size": config.render_size}), "--reward", setting.expression(job.task),
        *([] if clip is None else ["--clip", clip]),
        "--scoring", config.scoring, "--steps", str(steps), "--num-envs", str(config.num_envs),
        "--algorithm", task.algorithm, *(["--algorithm-kwargs", mapping(kwargs)] if kwargs else []), "--normalize",
        "--device", "cpu", "--threads", "1", "--seed", str(job.seed), "--log-every", str(max(steps // _LOG_LINES, 1)),
        "--eval-episodes", "0", "--evaluated", "greedy", "--checkpoints-kept", "1",
    ]  # fmt: skip


def mapping(values: Mapping[str, Any]) -> str:
    """Write a mapping as a flag takes it."""
    return yaml.safe_dump(plain(values), default_flow_style=True, width=10_000).strip()


def evaluation_command(config: Config, job: Job) -> list[str]:
    """Return the command that measures a trained policy."""
    return _training_runs.evaluation_command(
        run_folder(config, job), episodes=config.eval_episodes, seed=config.eval_seed, num_envs=config.num_envs
    )


def obtain_untrained(config: Config) -> None:
    """Make the model that has learned nothing: the network of the trained one where that is a folder."""
    from rewardium.rewards.learning.small_clip import SIZES, build_clip, save_clip

    folder = untrained_folder(config)
    if not folder.is_dir():
        shape = SIZES.get(Path(config.clip).name, SIZES["small"])
        save_clip(build_clip(shape, seed=0), shape, folder)


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
        RewardiumError: When its folder holds a run with another reward or algorithm, or a longer one.
    """
    folder = run_folder(config, job)
    wanted = recipe(config, job.task, job.setting)
    return is_run(read_run(Run, folder / FIGURES), folder, wanted, config.steps_of(job.task))


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
    last = rows[-1]
    seconds = last.get("seconds/total")
    late = [
        row["step/paid"] for row in rows if 10 * row["step"] > 9 * last["step"] and row.get("step/paid") is not None
    ]
    return Run(
        *job,
        steps=config.steps_of(job.task),
        recipe=recipe(config, job.task, job.setting),
        resumed=resumed,
        success=evaluation["success"],
        episodes=evaluation["episodes"],
        graded=evaluation["return"] / evaluation["length"],
        trained_success=last.get("recent/success"),
        seconds=seconds,
        steps_per_second=last["step"] / seconds if seconds else None,
        paid=sum(late) / len(late) if late else None,
    )


def finished_runs(out: Path) -> Iterator[Run]:
    """Return every finished run below a folder, whatever command made it."""
    return _training_runs.finished_runs(Run, out)

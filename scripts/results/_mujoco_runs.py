"""The runs of the experiment: their commands, and what is written down of a finished one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from _mujoco_experiment import TASKS, Config, Job, clip_of, env_id, recipe, setting_named, untrained_folder
from _runs import execute, write_json

from rewardium.agents.run_folder import plain, read_metrics
from rewardium.envs.errors import RewardiumError

FIGURES = "figures.json"
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


def folder_of(out: Path, task: str, setting: str, seed: int) -> Path:
    """Return the folder of a run below the folder of all."""
    return out / task / f"{setting}-seed{seed}"


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
    return [
        "scripts/evaluate_control.py", "--run", str(run_folder(config, job)), "--episodes", str(config.eval_episodes),
        "--seed", str(config.eval_seed), "--num-envs", str(config.num_envs), "--recordings", "0",
    ]  # fmt: skip


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
    there, before = folder.exists(), read_metrics(folder)
    execute([*run_command(config, job), *(["--resume"] if there else [])], log.with_name(f"{log.name}.txt"))
    execute(evaluation_command(config, job), log.with_name(f"{log.name}-evaluation.txt"))
    rows = read_metrics(folder)
    resumed = bool(before) and before[-1]["step"] < rows[-1]["step"]
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    write_json(folder / FIGURES, asdict(figures_of(config, job, rows, evaluation, resumed)))


def is_finished(config: Config, job: Job) -> bool:
    """Say whether a run is done; one of fewer steps is one to go on with.

    Raises:
        RewardiumError: When its folder holds a run with another reward or algorithm, or a longer one.
    """
    folder = run_folder(config, job)
    run = read_run(folder / FIGURES)
    if run is None:
        return False
    wanted = recipe(config, job.task, job.setting)
    if run.recipe != wanted:
        raise RewardiumError(
            f"{folder} was trained with {run.recipe}, not {wanted}; choose another --out, or remove it"
        )
    if run.steps > config.steps_of(job.task):
        raise RewardiumError(f"{folder} has {run.steps} steps; give --steps {run.steps}, another --out, or remove it")
    return run.steps == config.steps_of(job.task)


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


def read_run(file: Path) -> Run | None:
    """Read the figures of a finished run; None where there are none.

    Raises:
        RewardiumError: When the file is something else.
    """
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return Run(**{item.name: values[item.name] for item in fields(Run)})
    except (ValueError, KeyError, TypeError) as error:
        raise RewardiumError(f"{file} holds no figures of a run: {error!r}; remove it to measure again") from error


def finished_runs(out: Path) -> Iterator[Run]:
    """Yield every finished run below a folder, whatever command made it."""
    for file in sorted(out.glob(f"*/*/{FIGURES}")):
        run = read_run(file)
        if run is not None:
            yield run

"""What is compared on MuJoCo: tasks, settings, and the flags of the experiment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from _training_runs import Job

from rewardium.agents.flags import YamlMapping
from rewardium.envs.errors import RewardiumError, unknown_name_message

WEIGHTS = "open_clip_model.safetensors"


class Task(NamedTuple):
    """A task, and how it is trained on; the same for all settings.

    Args:
        steps: Environment steps of a run.
        algorithm: Of ``scripts/train_control.py``.
        algorithm_kwargs: What differs from its settings.
        alpha: Strength of the baseline for the reward of the vision-language model.
    """

    steps: int
    algorithm: str
    algorithm_kwargs: Mapping[str, Any]
    alpha: float


_PPO: Mapping[str, Any] = {
    "n_steps": 64, "batch_size": 128, "n_epochs": 6, "gamma": 0.95, "gae_lambda": 0.9, "learning_rate": 1e-3,
    "ent_coef": 0.0, "policy_kwargs": {"net_arch": [64, 64], "log_std_init": 0.0},
}  # fmt: skip

TASKS: Mapping[str, Task] = {
    "PendulumUpright": Task(80_000, "ppo", _PPO, 0.0),
    "CartPoleUpright": Task(120_000, "ppo", _PPO, 0.0),
    "MountainCarTop": Task(120_000, "ppo", {**_PPO, "gamma": 0.98}, 0.0),
    "ReacherPlace": Task(60_000, "ppo", _PPO, 0.5),
    "HalfCheetahOnBack": Task(60_000, "ppo", _PPO, 0.0),
    "HopperUpright": Task(60_000, "ppo", _PPO, 0.5),
}
"""By what stands between ``rewardium/`` and ``-v0``."""


class Setting(NamedTuple):
    """A way to reward.

    Args:
        name: Its name.
        reward: The expression; ``{alpha}`` stands for the task's.
        clip: ``"trained"``, ``"untrained"`` (the same network with the weights it begins with) or None.
        says: What it is.
    """

    name: str
    reward: str
    clip: str | None
    says: str

    def expression(self, task: str) -> str:
        """Return the reward of a task as a user writes it."""
        return self.reward.format(alpha=TASKS[task].alpha)


SETTINGS = (
    Setting("true", "extrinsic", None, "the task's own reward, computed from the state"),
    Setting("vlm", "vlm_rm(alpha={alpha})", "trained", "the vision-language model's, from pictures alone"),
    Setting("untrained", "vlm_rm(alpha={alpha})", "untrained", "the same of a model that has learned nothing: noise"),
    Setting("unpaid", "0.0 * extrinsic", None, "nothing is paid, so that nothing is learned"),
)
TRUE, VLM = "true", "vlm"
TARGET = 0.8
"""The share of the true reward's success from which a task counts as learned from the pictures."""


@dataclass(frozen=True)
class Config:
    """Compare a vision-language model's reward with the true one on MuJoCo tasks, with several seeds."""

    tasks: tuple[str, ...] = ("PendulumUpright", "CartPoleUpright", "MountainCarTop", "HalfCheetahOnBack")
    """Tasks, e.g. PendulumUpright for rewardium/PendulumUpright-v0."""
    settings: tuple[str, ...] = tuple(setting.name for setting in SETTINGS)
    """Ways to reward: true, vlm, untrained, unpaid."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of training."""
    steps: int | None = None
    """Environment steps of each run; by default each task's own."""
    jobs: int = 1
    """Runs at a time, each with one thread."""

    clip: str = "runs/clip/small"
    """The vision-language model: a folder made by scripts/train_clip.py, or ARCHITECTURE/TAG of open_clip."""
    render_size: int = 64
    """Pixels of a picture's side."""
    num_envs: int = 8
    """Environments of a run, stepped side by side."""
    scoring: str = "deferred"
    """When pictures are scored: immediate or deferred."""
    eval_episodes: int = 100
    """Episodes that each policy is measured on at the end; the same for all."""
    eval_seed: int = 1_000
    """Seed of these episodes; training draws its seeds from another stream."""

    out: Path = Path("runs/mujoco")
    """The folder of runs; all of them share the fields above."""
    page: Path = Path("docs/results_mujoco.md")
    """The results page."""
    picture: Path = Path("docs/mujoco.png")
    """The learning curves."""
    list: bool = False
    """Only say what would be run, and how long that may take, judging by finished runs."""
    page_only: bool = False
    """Run nothing; write the page from the finished runs below --out."""
    algorithm_kwargs: YamlMapping = field(default_factory=dict)
    """Settings of the algorithm that differ from the task's, for all runs."""

    def steps_of(self, task: str) -> int:
        """Return how long a run of a task is."""
        return TASKS[task].steps if self.steps is None else self.steps


PROTOCOL = ("clip", "render_size", "num_envs", "scoring", "eval_episodes", "eval_seed", "algorithm_kwargs")
"""The fields that all runs below one ``--out`` share; they stand in its ``experiment.json``."""


def check(config: Config) -> Config:
    """Refuse a config that cannot be run.

    Args:
        config: The config; its tasks may be whole ids.

    Returns:
        The config with short names of tasks.

    Raises:
        RewardiumError: When a task or setting is unknown, or a number is out of its range.
    """
    config = replace(config, tasks=tuple(short_name(task) for task in config.tasks))
    for kind, names, known in (("task", config.tasks, list(TASKS)), ("setting", config.settings, setting_names())):
        for name in names:
            if name not in known:
                raise RewardiumError(f"{unknown_name_message(kind, name, known)}; known are {', '.join(known)}")
        if not names or len(set(names)) != len(names):
            raise RewardiumError(f"at least one {kind} is needed, and each once, got {names}")
    if not config.seeds or len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
        raise RewardiumError(f"seeds must be given, different and at least 0, got {config.seeds}")
    for name in ("steps", "jobs", "num_envs", "eval_episodes", "render_size"):
        if getattr(config, name) is not None and getattr(config, name) < 1:
            raise RewardiumError(f"{name} must be at least 1, got {getattr(config, name)}")
    if config.scoring not in ("immediate", "deferred"):
        raise RewardiumError(f"scoring is immediate or deferred, got {config.scoring!r}")
    return config


def short_name(task: str) -> str:
    """Return the short name of a task.

    Example:
        >>> short_name("rewardium/PendulumUpright-v0"), short_name("ReacherPlace")
        ('PendulumUpright', 'ReacherPlace')
    """
    return task.removeprefix("rewardium/").removesuffix("-v0")


def env_id(task: str) -> str:
    """Return the id of a task's environment."""
    return f"rewardium/{task}-v0"


def setting_names() -> list[str]:
    """Return the names of all settings."""
    return [setting.name for setting in SETTINGS]


def setting_named(name: str) -> Setting:
    """Return a setting by its name."""
    return next(setting for setting in SETTINGS if setting.name == name)


def untrained_folder(config: Config) -> Path:
    """Return the folder of the model that has learned nothing."""
    return config.out / "untrained-clip"


def clip_of(config: Config, setting: Setting) -> str | None:
    """Return the vision-language model of a setting."""
    return {"trained": config.clip, "untrained": str(untrained_folder(config)), None: None}[setting.clip]


def recipe(config: Config, task: str, setting: str) -> str:
    """Return what tells whether two runs had the same reward and algorithm: also what the model's weights are."""
    chosen, told = setting_named(setting), TASKS[task]
    kwargs = {**told.algorithm_kwargs, **config.algorithm_kwargs}
    settings = ", ".join(f"{name}={value!r}" for name, value in sorted(kwargs.items()))
    trained = f"{told.algorithm}({settings})"
    clip = config.clip if chosen.clip == "trained" else None
    if clip is None:
        return f"{chosen.expression(task)} by {trained}"
    weights = Path(clip) / WEIGHTS
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12] if weights.is_file() else "named"
    return f"{chosen.expression(task)} of {clip} ({digest}) by {trained}"


def jobs_of(config: Config) -> Iterator[Job]:
    """Yield the runs of a config; the first seed of all settings first, so that there is soon something to compare."""
    for seed in config.seeds:
        for task in config.tasks:
            for setting in config.settings:
                yield Job(task, setting, seed)

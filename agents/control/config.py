"""What a training run of a control policy is: every setting, with its help and its limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from rewardium.agents.flags import YamlMapping, read_mapping
from rewardium.envs.errors import RewardiumError, unknown_name_message

Memory = Literal["none", "stack", "lstm"]
Evaluated = Literal["auto", "greedy", "sampled"]
Scoring = Literal["immediate", "deferred"]


@dataclass(frozen=True)
class ControlConfig:
    """What a training run is."""

    env: str
    """Id of the environment, one of the suite's or any other that Gymnasium knows."""
    name: str = "control"
    """Name of the run."""
    runs: Path = Path("runs")
    """Where run folders are."""

    env_kwargs: YamlMapping = field(default_factory=dict)
    """Arguments of the environment, as a YAML mapping, e.g. {observation: features}; NetHack and MiniHack show
    map_features unless it says else."""
    reward: str = "extrinsic"
    """A reward expression, or the path of a YAML file."""
    judge: str | None = None
    """The judge of those sources in the reward that name none, e.g. http://127.0.0.1:8000/v1."""
    cache: Path | None = None
    """The label cache of those sources in the reward that name none."""
    clip: str | None = None
    """The vision-language model of those sources in the reward that name none: ARCHITECTURE/TAG as open_clip names
    them, e.g. ViT-B-32/laion2b_s34b_b79k, or a folder, e.g. runs/clip/small."""
    scoring: Scoring = "immediate"
    """When sources score: at each step (immediate), or all that was collected since the last update in one pass
    (deferred), which pays the same and is how a large model is used well."""
    scoring_megabytes: int = 64
    """With scoring deferred: frames that are held before they are scored, so that no rollout fills the memory."""
    keep_states: bool = False
    """With dqn and sac on MuJoCo: keep the simulator's state beside each step of the replay buffer and in checkpoints,
    so that --relabel can render its frames again."""
    wait_for_labels: bool = False
    """After each update wait until background annotators have labelled what they were asked: slower, and the same in
    each run."""

    steps: int = 100_000
    """Environment steps, over all environments; rounded up to whole rollouts."""
    num_envs: int = 8
    """Environments, stepped side by side in this process and scored together."""
    algorithm: str = "ppo"
    """ppo or a2c (any actions), dqn (discrete actions, or a few values of continuous ones, see action_levels) or sac
    (continuous actions)."""
    algorithm_kwargs: YamlMapping = field(default_factory=dict)
    """Settings of the algorithm as Stable-Baselines3 names them, a YAML mapping, e.g. {ent_coef: 0.02, n_steps: 64}."""
    action_levels: int = 5
    """With dqn on continuous actions: values that each part of an action can take; every combination is one choice."""
    memory: Memory = "none"
    """What the policy sees of the past: nothing (none), the last observations (stack), or what a recurrent network kept
    of the episode (lstm, with ppo)."""
    stacked: int = 4
    """With memory stack: how many observations."""
    normalize: bool = False
    """Scale observations that are vectors of floats to mean 0 and variance 1, as seen so far."""
    success_return: float | None = None
    """Where the environment does not say what a success is: the extrinsic return from which an episode is one."""
    device: Literal["auto", "cpu"] = "auto"
    """A GPU where there is one, or the CPU."""
    threads: int | None = None
    """Threads of torch; by default its own choice. With 1, two runs of one seed give the same numbers everywhere."""
    seed: int = 0
    """Seed of everything random."""

    log_every: int = 1_000
    """Environment steps between lines of metrics, rounded up to whole updates."""
    eval_every: int = 0
    """Environment steps between evaluations; the end of the run always has one."""
    eval_episodes: int = 20
    """Episodes of an evaluation; 0 leaves evaluations out."""
    evaluated: Evaluated = "auto"
    """How an evaluated policy acts: its likeliest action (greedy), a draw (sampled), or what suits the algorithm
    (auto): a draw for ppo and a2c, whose greedy twins tend to walk in circles where they remember nothing."""
    recordings: int = 2
    """Episodes that are recorded at an evaluation: a terminal replay or a video, whatever the environment renders."""
    checkpoint_every: int = 20_000
    """Environment steps between checkpoints; the end of the run always has one."""
    checkpoints_kept: int = 2
    """How many checkpoints are kept."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.runs / self.name

    def __post_init__(self) -> None:
        for name in ("steps", "num_envs", "log_every", "checkpoint_every", "checkpoints_kept", "scoring_megabytes"):
            if getattr(self, name) < 1:
                raise RewardiumError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("seed", "eval_every", "eval_episodes", "recordings"):
            if getattr(self, name) < 0:
                raise RewardiumError(f"{name} must not be negative, got {getattr(self, name)}")
        for name, choices in (("memory", Memory), ("evaluated", Evaluated), ("scoring", Scoring)):
            if getattr(self, name) not in get_args(choices):
                raise RewardiumError(unknown_name_message(name, getattr(self, name), get_args(choices)))
        if self.memory == "stack" and self.stacked < 2:
            raise RewardiumError(f"memory 'stack' needs stacked to be at least 2, got {self.stacked}")
        if self.action_levels < 2:
            raise RewardiumError(f"action_levels must be at least 2, got {self.action_levels}")
        if self.threads is not None and self.threads < 1:
            raise RewardiumError(f"threads must be at least 1, got {self.threads}")


def read_config(folder: Path) -> ControlConfig:
    """Read the config of a run.

    Args:
        folder: The run folder, wherever it has been moved to.

    Returns:
        The config, whose ``folder`` is the one given.

    Raises:
        RewardiumError: When the folder holds no config of a control run.
    """
    file = Path(folder) / "config.yaml"
    if not file.is_file():
        raise RewardiumError(f"{folder} is not a run folder: it has no config.yaml")
    try:
        values: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RewardiumError(f"{file} is not YAML: {error}") from error
    known = {item.name for item in dataclasses.fields(ControlConfig)}
    if not isinstance(values, Mapping) or not {"env", "algorithm", "memory"} <= set(values) <= known:
        raise RewardiumError(f"{file} is not the config of a control run")
    location = Path(folder).absolute()
    mappings = {name: read_mapping(yaml.safe_dump(values[name])) for name in ("env_kwargs", "algorithm_kwargs")}
    cache = None if values.get("cache") is None else Path(values["cache"])
    return ControlConfig(
        **{**values, **mappings, "cache": cache, "runs": location.parent, "name": location.name},
    )

"""What is compared on tool use: settings, the flags of the experiment, and the commands of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rewardium.agents.llm.demonstrations import DemonstrationConfig
from rewardium.envs.errors import RewardiumError

TEMPLATES = ("single_calculation", "missing_tool", "python_program")
"""The templates that are solved in at most two turns."""


class Setting(NamedTuple):
    """A reward, and where it is credited."""

    name: str
    reward: str
    credit: str


FLAT = "extrinsic + 0.5 * valid_calls + 0.2 * tool_rl(think=False)"
SETTINGS = (
    Setting("sparse", "extrinsic", "episode"),
    Setting("flat-episode", FLAT, "episode"),
    Setting("flat-turn", FLAT, "turn"),
    Setting("ladder-episode", "tool_ladder", "episode"),
    Setting("ladder-turn", "delta(tool_ladder(scope='so_far'))", "turn"),
)
"""The sparse baseline first. Both ladders pay an episode the same in sum; the second pays each turn what it climbed."""


@dataclass(frozen=True)
class Config:
    """Compare rewards and credit on tool use, with several seeds, and write the results page."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of pre-training and training."""
    settings: tuple[str, ...] = tuple(setting.name for setting in SETTINGS)
    """Which settings to run."""
    updates: int = 30
    """Updates of each run."""
    prompts_per_update: int = 32
    """Tasks of an update; each is played 8 times."""
    learning_rate: float = 2e-4
    """Learning rate of each run."""
    max_new_tokens: int = 48
    """Largest number of tokens of a response."""
    eval_tasks: int = 500
    """Held-out tasks that all policies are measured on."""
    jobs: int = 2
    """Runs at a time, each with one thread."""
    out: Path = Path("runs/tool_use")
    """The folder of policies and runs."""
    page: Path = Path("docs/results_tool_use.md")
    """The results page, of which each of the two comparisons writes its part."""
    picture: Path = Path("docs/tool_use.png")
    """The learning curves."""
    pretraining: DemonstrationConfig = field(default_factory=DemonstrationConfig)
    """How the policies are pre-trained; the seed is replaced by each of `seeds`."""

    @property
    def chosen(self) -> list[Setting]:
        """The settings to run."""
        return [setting for setting in SETTINGS if setting.name in self.settings]


CONFIGS = {
    "calculation": Config(),
    "two-turn": Config(
        settings=("sparse", "ladder-turn"),
        updates=90,
        prompts_per_update=36,
        max_new_tokens=96,
        eval_tasks=600,
        out=Path("runs/tool_use/two-turn"),
        picture=Path("docs/tool_use_two_turn.png"),
        pretraining=DemonstrationConfig(
            env="rewardium/ToolUse-v0",
            env_arguments={"templates": TEMPLATES, "max_turns": 2, "prompt_style": "compact"},
            emphasis={"python_program, letters": 3},
            growing_steps=300,
            steps=900,
            demonstrations=16_000,
        ),
    ),
}
"""By the name of the tasks. A mixture of three templates needs more demonstrations and more episodes than one."""


def check(config: Config) -> None:
    """Refuse a config that cannot be run.

    Raises:
        RewardiumError: When a setting is unknown, or a number is out of its range.
    """
    known = [setting.name for setting in SETTINGS]
    for name in config.settings:
        if name not in known:
            raise RewardiumError(f"unknown setting {name!r}; known are {', '.join(known)}")
    if not config.settings or not config.seeds or len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
        raise RewardiumError(f"settings and seeds must be given, seeds different and at least 0, got {config.seeds}")
    numbers = (config.updates, config.prompts_per_update, config.max_new_tokens, config.eval_tasks, config.jobs)
    if min(numbers) < 1:
        raise RewardiumError("updates, prompts_per_update, max_new_tokens, eval_tasks and jobs must be at least 1")


def policy_folder(config: Config, seed: int) -> Path:
    """Return the folder of a pre-trained policy."""
    return config.out / f"policy-seed{seed}"


def run_folder(config: Config, setting: Setting, seed: int) -> Path:
    """Return the folder of a run."""
    return config.out / f"seed{seed}-{setting.name}"


def policy_command(config: Config, seed: int) -> list[str]:
    """Return the command that pre-trains a policy."""
    settings = asdict(replace(config.pretraining, seed=seed))
    default = asdict(DemonstrationConfig())
    command = ["scripts/pretrain_tool_policy.py", "--out", str(policy_folder(config, seed))]
    for name, value in settings.items():
        if value != default[name] or name == "seed":
            text = one_line(value) if isinstance(value, dict) else str(value)
            command += [f"--pretraining.{name.replace('_', '-')}", text]
    if config.max_new_tokens != Config.max_new_tokens:
        command += ["--max-new-tokens", str(config.max_new_tokens)]
    return command


def one_line(arguments: Mapping[str, Any]) -> str:
    """Write an environment's arguments as a flag takes them.

    Example:
        >>> one_line({"templates": ("no_tool",), "max_turns": 2})
        '{max_turns: 2, templates: [no_tool]}'
    """
    return yaml.safe_dump(dict(arguments), default_flow_style=True, width=1000).strip()


def run_command(config: Config, setting: Setting, seed: int) -> list[str]:
    """Return the command that trains a policy."""
    return [
        "scripts/train_llm.py", "--env", config.pretraining.env,
        "--env-kwargs", one_line(config.pretraining.env_arguments),
        "--model", str(policy_folder(config, seed)), "--runs", str(config.out),
        "--name", run_folder(config, setting, seed).name, "--reward", setting.reward, "--credit", setting.credit,
        "--turn-discount", "1.0", "--updates", str(config.updates),
        "--prompts-per-update", str(config.prompts_per_update), "--group-size", "8",
        "--max-new-tokens", str(config.max_new_tokens), "--learning-rate", str(config.learning_rate),
        "--warmup-updates", "5", "--eval-every", "5", "--eval-tasks", "100", "--device", "cpu", "--seed", str(seed),
    ]  # fmt: skip

"""What is compared on NetHack: tasks, settings, and the flags of the experiment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from _training_runs import check_asked

from rewardium.agents.control.config import Memory
from rewardium.agents.flags import YamlMapping

PROGRAMS = "scripts/results/programs"
"""The folder of the reward programs, seen from the root of the project."""


class Task(NamedTuple):
    """A task: how long to train on it, and what those methods are told that need to be told something.

    Args:
        steps: Environment steps of a run.
        subgoals: For CALM.
        program: For the code reward: a file in ``PROGRAMS``.
    """

    steps: int
    subgoals: tuple[str, ...]
    program: str


_KEY = ("pick up the key", "unlock the door", "open the door")
_STAIRS = ("reach the staircase down",)

TASKS: Mapping[str, Task] = {
    "KeyRoom-S5": Task(24_000, (*_KEY, *_STAIRS), "key_door.py"),
    "KeyRoom-S15": Task(300_000, (*_KEY, *_STAIRS), "key_door.py"),
    "KeyHalls": Task(64_000, (*_KEY, *_STAIRS), "key_door.py"),
    "KeyRiver": Task(72_000, (*_KEY, "push a boulder into the water", *_STAIRS), "key_river.py"),
    "LavaCrossingS9N1": Task(24_000, ("pass the gap in the lava", *_STAIRS), "stairs.py"),
    "River-Narrow": Task(16_000, ("push a boulder into the water", *_STAIRS), "river.py"),
    "Quest-Easy": Task(500_000, ("zap the wand", "kill a monster", *_STAIRS), "quest.py"),
    "Room-5x5": Task(30_000, _STAIRS, "stairs.py"),
}
"""By what stands between ``rewardium/MiniHack-`` and ``-v0``. Subgoals and programs were written by hand, once, from
the goal of the task and the game's own messages."""

Group = Literal["baseline", "novelty", "judge", "designer", "count term"]


class Setting(NamedTuple):
    """A way to reward.

    Args:
        name: Its name.
        group: What it is made of; ``"count term"`` for those that only show what the count term does.
        reward: The expression; ``{motif}``, ``{subgoals}`` and ``{program}`` stand for what belongs to the task.
        judged: Whether a judge is asked while the policy trains.
        weight: Where its weight is from.
    """

    name: str
    group: Group
    reward: str
    judged: bool = False
    weight: str = ""

    @property
    def by_message(self) -> bool:
        """Whether it pays for what the game says; where it pays silent steps too, farming messages means nothing."""
        return self.judged or "motif" in self.reward or "'message'" in self.reward

    def expression(self, task: str, motif: str = "motif/model") -> str:
        """Return the reward of a task.

        Args:
            task: One of ``TASKS``.
            motif: The folder of the task's reward model.

        Returns:
            The expression as a user writes it.

        Example:
            >>> setting_named("calm-once").expression("Room-5x5")
            "clip(extrinsic, low=0.0) + 0.1 * calm(['reach the staircase down'], pays='once')"
        """
        told = TASKS[task]
        program = f"{PROGRAMS}/{told.program}"
        return self.reward.format(motif=repr(motif), subgoals=repr(list(told.subgoals)), program=repr(program))

    def recipe(self, task: str) -> str:
        """Return what tells whether two runs had the same reward: the expression, and what is in the program."""
        expression = self.expression(task)
        if "{program}" not in self.reward:
            return expression
        return f"{expression}, program {hashlib.sha256(program_file(task).read_bytes()).hexdigest()[:12]}"


OUTCOME = "clip(extrinsic, low=0.0)"
"""The task's own reward in every setting: 1 for success, without MiniHack's charge of 0.01 for an action that takes no
time: with that charge PPO learned KeyRoom-S5 within 90,000 steps under none of six settings."""

_ONI = OUTCOME + " + 0.4 * count_decay(oni(student='{student}'))"
_OF_ONI, _OURS = "the paper's", "ours, a small round number"

SETTINGS = (
    Setting("sparse", "baseline", OUTCOME),
    Setting("count-message", "novelty", OUTCOME + " + 0.1 * count_bonus(key='message')", weight=_OURS),
    Setting("count-position", "novelty", OUTCOME + " + 0.1 * count_bonus(key='position')", weight=_OURS),
    Setting("rnd", "novelty", OUTCOME + " + 0.1 * rnd(of='observation')", weight=_OURS),
    *(
        Setting(f"oni-{student}", "judge", _ONI.replace("{student}", student), True, _OF_ONI)
        for student in ("retrieval", "classification", "ranking")
    ),
    Setting("motif", "judge", OUTCOME + " + 0.1 * count_decay(motif(model={motif}))", weight="the authors' code"),
    Setting("calm-once", "judge", OUTCOME + " + 0.1 * calm({subgoals}, pays='once')", True, _OURS),
    Setting("calm-potential", "judge", OUTCOME + " + 0.1 * calm({subgoals}, pays='potential')", True, _OURS),
    Setting("code", "designer", OUTCOME + " + reward_program(path={program})", weight="the paper's, inside"),
    Setting(
        "oni-beta-1", "count term", OUTCOME + " + 0.4 * count_decay(oni(student='retrieval'), beta=1)", True, _OF_ONI
    ),
    Setting(
        "oni-beta-0", "count term", OUTCOME + " + 0.4 * count_decay(oni(student='retrieval'), beta=0)", True, _OF_ONI
    ),
    Setting("oni-no-count", "count term", OUTCOME + " + 0.4 * oni(student='retrieval')", True, _OF_ONI),
)
"""The sparse baseline first. The exponent of ``oni-retrieval`` is 3; no setting has one that was tuned."""

BASELINE = "sparse"
COUNT_TERM = ("oni-retrieval", "oni-beta-1", "oni-beta-0", "oni-no-count")
"""From the strongest count term to none; the last two are the same formula."""


@dataclass(frozen=True)
class Config:
    """Compare ways to reward a control policy on NetHack tasks, with several seeds, and write the results page."""

    tasks: tuple[str, ...] = ("KeyHalls", "KeyRiver", "KeyRoom-S5", "River-Narrow")
    """Tasks, e.g. KeyRoom-S5 for rewardium/MiniHack-KeyRoom-S5-v0."""
    settings: tuple[str, ...] = tuple(setting.name for setting in SETTINGS)
    """Ways to reward."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of training."""
    steps: int | None = None
    """Environment steps of each run; by default each task's own."""
    jobs: int = 2
    """Runs at a time, each with one thread."""

    judge: str = "scripted:keyword?error=0.02"
    """Who labels: http://HOST:PORT/v1#model=NAME, transformers:FOLDER, or a rule. The default is a rule about words
    that looks up messages and answers one question of fifty wrongly: it shows what the methods make of labels, and
    nothing about language models."""
    wait_for_labels: bool = True
    """After each update wait for the judge, so that what the policy learns depends less on how fast it answers."""

    num_envs: int = 8
    """Environments of a run, stepped side by side."""
    memory: Memory = "none"
    """What every policy sees of the past: none, stack or lstm."""
    algorithm_kwargs: YamlMapping = field(default_factory=lambda: {"learning_rate": 5e-4})
    """Settings of PPO for all runs, a YAML mapping, e.g. {ent_coef: 0.02, n_steps: 64}."""
    eval_episodes: int = 50
    """Episodes that each policy is measured on at the end; the same for all."""
    eval_seed: int = 1_000
    """Seed of these episodes; training draws its seeds from another stream."""
    motif_env_steps: int = 20_000
    """Steps played at random, once a task, to collect messages for Motif."""
    motif_pairs: int = 2_000
    """Pairs of them that the judge compares."""
    motif_steps: int = 1_000
    """Gradient steps of the reward model."""

    out: Path = Path("runs/nethack")
    """The folder of runs; all of them have the same judge and the same settings of PPO."""
    page: Path = Path("docs/results_nethack.md")
    """The results page."""
    picture: Path = Path("docs/nethack.png")
    """The learning curves."""
    list: bool = False
    """Only say what would be run, and how long that may take, judging by finished runs."""
    page_only: bool = False
    """Run nothing; write the page from the finished runs below --out."""

    def steps_of(self, task: str) -> int:
        """Return how long a run of a task is."""
        return TASKS[task].steps if self.steps is None else self.steps


PROTOCOL = (
    "judge", "wait_for_labels", "num_envs", "memory", "algorithm_kwargs", "eval_episodes", "eval_seed",
    "motif_env_steps", "motif_pairs", "motif_steps",
)  # fmt: skip
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
    counts = ("steps", "jobs", "num_envs", "eval_episodes", "motif_env_steps", "motif_pairs", "motif_steps")
    check_asked(config, tasks=list(TASKS), settings=setting_names(), counts=counts)
    return config


def short_name(task: str) -> str:
    """Return the short name of a task.

    Example:
        >>> short_name("rewardium/MiniHack-KeyRoom-S5-v0"), short_name("-KeyRoom-S5-v0"), short_name("KeyHalls")
        ('KeyRoom-S5', 'KeyRoom-S5', 'KeyHalls')
    """
    return task.removeprefix("rewardium/").removeprefix("MiniHack").removeprefix("-").removesuffix("-v0")


def env_id(task: str) -> str:
    """Return the id of a task's environment."""
    return f"rewardium/MiniHack-{task}-v0"


def setting_names() -> list[str]:
    """Return the names of all settings."""
    return [setting.name for setting in SETTINGS]


def setting_named(name: str) -> Setting:
    """Return a setting by its name."""
    return next(setting for setting in SETTINGS if setting.name == name)


def program_file(task: str) -> Path:
    """Return the file of a task's reward program."""
    return Path(__file__).resolve().parent / "programs" / TASKS[task].program


def slug(judge: str) -> str:
    """Return a judge's name as a part of a file's name; equal ones only for equal judges.

    Example:
        >>> slug("scripted:keyword?error=0.1")
        'scripted-keyword-error-0.1-1b6859'
    """
    readable = re.sub(r"[^a-zA-Z0-9.]+", "-", judge)[:60].strip("-")
    return f"{readable}-{hashlib.sha256(judge.encode()).hexdigest()[:6]}"


def protocol(config: Config) -> dict[str, Any]:
    """Return what all runs of an experiment share."""
    return {name: getattr(config, name) for name in PROTOCOL}

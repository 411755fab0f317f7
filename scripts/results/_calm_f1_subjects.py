"""What is measured about judges of subgoals: the flags, the steps of the game, and the lines of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.events import EVENTS
from rewardium.rewards.learning.classification_metrics import Confusion
from rewardium.rewards.sources._transition_views import View

ALL = "all"
"""The row over all subgoals together."""


@dataclass(frozen=True)
class Config:
    """Measure how well a judge tells which steps achieve which subgoals."""

    judge: tuple[str, ...] = ("scripted:keyword?error=0.1",)
    """The judges, one after another: each an http address, transformers:FOLDER, or scripted:NAME."""
    name: str = "calm-f1"
    """Name of the run."""
    runs: Path = Path("runs")
    """Where run folders are."""
    resume: bool = False
    """Go on in a run folder that holds something: verdicts that are there are not asked for again."""
    cache: Path | None = None
    """File of verdicts; by default labels.sqlite in the run folder."""
    page: Path | None = None
    """Also write a page of the documentation to this file."""

    envs: tuple[str, ...] = (
        "rewardium/MiniHack-KeyRoom-S5-v0",
        "rewardium/MiniHack-KeyRoom-S15-v0",
        "rewardium/MiniHack-KeyRoom-Dark-S5-v0",
        "rewardium/MiniHack-KeyRoom-Dark-S15-v0",
    )
    """Ids of the environments, which must know track_events=True."""
    subgoals: tuple[str, ...] = (
        "pick up the key = key picked up",
        "unlock the door = door unlocked",
        "open the door = door opened",
        "enter the locked room = closed room entered",
        "reach the staircase = stairs reached",
    )
    """Subgoals, and behind "=" the events, separated by commas, each of which says that a step achieved it."""
    transitions: int = 512
    """Steps that are judged, over all environments and seeds."""
    positives: float = 0.5
    """The largest share of them that achieve some subgoal."""
    pool: int = 1500
    """Steps to collect for each environment and seed, from which those are drawn."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the levels, the policies and the draws."""
    oracle_noise: float = 0.2
    """The share of random actions of the policy that knows the way; it plays every second episode."""

    views: tuple[View, ...] = ("message", "crop", "caption")
    """What the judge is shown of a step."""
    crop: int = 9
    """Rows and columns of the crop."""
    before: bool = False
    """Show the judge the step before, too."""
    changed_only: bool = False
    """Do not ask about steps in which nothing was said, gained or lost."""
    error_rates: tuple[float, ...] = (0.0, 0.1, 0.3)
    """The shares of false positives and of false negatives of the noisy truth; every pair is one annotator."""
    bootstrap: int = 2000
    """Draws of the bootstrap; episodes are drawn with replacement."""
    patience: float = 120.0
    """Seconds without a new verdict after which the rest counts as unknown."""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            RewardiumError: Naming the field.
        """
        for name in ("judge", "envs", "seeds", "subgoals", "views"):
            if isinstance(getattr(self, name), str) or not getattr(self, name):
                raise RewardiumError(f"{name} needs at least one entry, got {getattr(self, name)!r}")
        if self.transitions < 1 or self.pool < 1 or self.bootstrap < 1:
            raise RewardiumError("transitions, pool and bootstrap must be at least 1")
        shares = (self.positives, self.oracle_noise, *self.error_rates)
        if not all(0.0 <= share <= 1.0 for share in shares) or self.patience <= 0:
            raise RewardiumError("positives, oracle_noise and error_rates are shares in [0, 1]; patience is above 0")
        unknown = {event for events in self.events.values() for event in events} - set(EVENTS)
        if unknown:
            raise RewardiumError(f"there are no such events: {', '.join(sorted(unknown))}; known: {', '.join(EVENTS)}")

    @property
    def events(self) -> dict[str, frozenset[str]]:
        """The subgoals, and the events of each.

        Raises:
            RewardiumError: When a subgoal has no events.
        """
        events = {}
        for text in self.subgoals:
            subgoal, _, names = text.partition("=")
            events[subgoal.strip()] = frozenset(name.strip() for name in names.split(",") if name.strip())
            if not (subgoal.strip() and events[subgoal.strip()]):
                raise RewardiumError(f"a subgoal is written 'open the door = door opened, door broken', got {text!r}")
        return events

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.runs / self.name


@dataclass(frozen=True)
class Step:
    """A step of the game.

    Args:
        env: Id of the environment.
        seed: The seed under which it was collected.
        episode: Number of the episode, over all environments and seeds.
        policy: Who played.
        text: The caption.
        events: What happened, by the game's state.
        earlier: The caption of the step before; None at the episode's first.
    """

    env: str
    seed: int
    episode: int
    policy: str
    text: str
    events: tuple[str, ...]
    earlier: str | None = None


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        annotator: Who judged.
        view: What was shown of a step; "" where nothing had to be.
        subgoal: About which subgoal.
        counts: How the verdicts met the truth.
        intervals: The bootstrap interval of each rate.
        precision_met: The precision at the rate at which the policies met the subgoal.
        f1_by_seed: F1 on the steps of each seed.
    """

    annotator: str
    view: str
    subgoal: str
    counts: Confusion
    intervals: Mapping[str, tuple[float, float] | None]
    precision_met: float | None
    f1_by_seed: tuple[float | None, ...]


NOISE = "truth, "


def noise_name(false_positives: float, false_negatives: float) -> str:
    """Name the truth with mistakes."""
    return f"{NOISE}{false_positives:.0%} FP, {false_negatives:.0%} FN"


def achieved_events(step: Step, config: Config) -> list[str]:
    """Return the subgoals that a step truly achieved."""
    return [subgoal for subgoal, events in config.events.items() if not events.isdisjoint(step.events)]

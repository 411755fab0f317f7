"""Measure how well a judge tells which steps achieve which subgoals, against the truth of the game's state.

    python scripts/calm_f1.py --judge http://127.0.0.1:8000/v1 --name first

Steps of KeyRoom are collected with a random policy and with one that knows the way, so that there are steps of each
kind. The judges, some baselines and the truth with known shares of mistakes are compared by accuracy, precision, recall
and F1. Verdicts are kept in the run folder: the same command with --resume asks for those only that are missing.
--page writes what came out as a page of the documentation.
"""

from __future__ import annotations

import json
import logging
import shlex
import statistics
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

import rewardium.envs  # noqa: F401  registers the environments
from rewardium.agents.run_folder import RunFolder, plain
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.events import EVENTS
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.classification_metrics import (
    METRICS,
    Confusion,
    bootstrap_interval,
    confusion,
    precision_at_rate,
)
from rewardium.rewards.sources._transition_views import View, has_change, shown
from rewardium.rewards.sources.achieved import Achieved

logger = logging.getLogger(__name__)

RULE = "scripted:keyword"
ALL = "all"
"""The row over all subgoals together."""

Verdicts = Sequence[bool | float | None]


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


# Collecting.


def collect(config: Config, advance: Callable[[], None] = lambda: None) -> list[Step]:
    """Play until there are enough steps of each environment and seed; every second episode by the oracle."""
    from rewardium.envs.nethack.oracle import Oracle

    pool: list[Step] = []
    episode = 0
    for env_id in config.envs:
        env = gym.make(env_id, track_events=True, observation="features")
        for seed in config.seeds:
            rng = np.random.default_rng([seed, config.envs.index(env_id)])
            end = len(pool) + config.pool
            while len(pool) < end:
                noise = 1.0 if episode % 2 == 0 else config.oracle_noise
                policy = "random" if noise == 1.0 else "oracle"
                earlier = None
                for text, events in play(env, Oracle(env.unwrapped), noise, rng):
                    pool.append(Step(env_id, seed, episode, policy, text, events, earlier))
                    earlier = text
                episode += 1
                advance()
        env.close()  # type: ignore[no-untyped-call]
    return pool


def play(env: gym.Env[Any, Any], oracle: Any, noise: float, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Play an episode, and give each step's caption and events."""
    env.reset(seed=int(rng.integers(2**31)))
    game: Any = env.unwrapped
    done = False
    while not done:
        action = None if rng.random() < noise else known_way(oracle)
        action = int(rng.integers(len(game.action_names))) if action is None else action
        _, _, terminated, truncated, info = env.step(action)
        yield game.caption(), tuple(info["events"])
        done = terminated or truncated


def known_way(oracle: Any) -> int | None:
    """Return the oracle's action, or None where it knows none: random actions may have thrown the key away."""
    try:
        return int(oracle.act())
    except RewardiumError:
        return None


def achieved_events(step: Step, config: Config) -> list[str]:
    """Return the subgoals that a step truly achieved."""
    return [subgoal for subgoal, events in config.events.items() if not events.isdisjoint(step.events)]


def choose(pool: Sequence[Step], config: Config) -> list[Step]:
    """Draw the steps to judge: from each subgoal's positives in turn up to the share, the rest from the others.

    Returns:
        ``config.transitions`` steps, or the whole pool where it is smaller; in the order of play.
    """
    rng = np.random.default_rng(config.seeds)
    order = rng.permutation(len(pool)).tolist()
    waiting = {
        subgoal: [index for index in order if subgoal in achieved_events(pool[index], config)]
        for subgoal in config.events
    }
    others = [index for index in order if not achieved_events(pool[index], config)]
    most = int(config.positives * config.transitions)
    chosen: dict[int, None] = {}
    while len(chosen) < most and any(waiting.values()):
        for indices in waiting.values():
            if indices and len(chosen) < most:
                chosen[indices.pop()] = None
    for index in others[: config.transitions - len(chosen)]:
        chosen[index] = None
    return [pool[index] for index in sorted(chosen)]


# Judging.


def batch_of(steps: Sequence[Step]) -> TransitionBatch:
    """Return the steps as transitions with nothing but their text and the text before: no reward sees the events."""
    rows = []
    for step in steps:
        past = () if step.earlier is None else (Transition("", "", "", text=step.earlier),)
        rows.append(Transition("", "", "", text=step.text, history=past))
    return replace(TransitionBatch.from_transitions(rows), histories=[row.history for row in rows])


def ask(
    config: Config, judge: str, view: View, steps: Sequence[Step], advance: Callable[[int, int], None]
) -> dict[str, list[float | None]]:
    """Ask a judge about all steps and subgoals, through the source that also pays agents.

    Args:
        config: The config.
        judge: The judge.
        view: What it is shown.
        steps: N steps.
        advance: Called with the number of questions that are done and that there are.

    Returns:
        N verdicts for each subgoal; None is unknown.
    """
    cache = config.cache or config.folder / "labels.sqlite"
    batch = batch_of(steps)
    settings: dict[str, Any] = {
        "view": view,
        "crop": config.crop,
        "before": config.before,
        "changed_only": config.changed_only,
    }
    sources = {subgoal: Achieved(subgoal, judge=judge, cache=str(cache), **settings) for subgoal in config.events}
    for source in sources.values():
        source.score(batch)
    wait(next(iter(sources.values())), config.patience, advance)
    scores = {subgoal: source.score(batch) for subgoal, source in sources.items()}
    return {
        subgoal: [
            value if known else None for value, known in zip(score.value.tolist(), score.valid.tolist(), strict=True)
        ]
        for subgoal, score in scores.items()
    }


def wait(source: Achieved, patience: float, advance: Callable[[int, int], None]) -> None:
    """Wait for the verdicts, until there are all or no new one comes."""
    first = finished_questions(source)
    done, since = first, time.monotonic()
    while True:
        complete = source.annotator.wait(timeout=0.2)
        statistics, now = source.statistics, finished_questions(source)
        advance(now - first, now - first + statistics.queued + statistics.in_flight)
        if complete or statistics.budget_left.exhausted:
            return
        done, since = (now, time.monotonic()) if now > done else (done, since)
        if time.monotonic() - since > patience:
            logger.warning("no verdict for %.0f s, the rest is unknown: %s", patience, statistics.last_error)
            return


def finished_questions(source: Achieved) -> int:
    """Return how many questions have an answer, or will have none."""
    statistics = source.statistics
    return statistics.labelled + statistics.recalled + statistics.unknown


def random_verdicts(count: int, rate: float, rng: np.random.Generator) -> list[bool]:
    """Say yes to a share of the steps, whatever they are."""
    return [bool(value) for value in rng.random(count) < rate]


def noisy_verdicts(
    truths: Sequence[bool], false_positives: float, false_negatives: float, rng: np.random.Generator
) -> list[bool]:
    """Tell the truth, with a share of false positives and one of false negatives."""
    draws = rng.random(len(truths)).tolist()
    return [
        draw >= false_negatives if truth else draw < false_positives for truth, draw in zip(truths, draws, strict=True)
    ]


NOISE = "truth, "


def noise_name(false_positives: float, false_negatives: float) -> str:
    """Name the truth with mistakes."""
    return f"{NOISE}{false_positives:.0%} FP, {false_negatives:.0%} FN"


def baselines(
    config: Config, truths: Mapping[str, Sequence[bool]], rates: Mapping[str, float]
) -> Iterator[tuple[str, dict[str, list[bool]]]]:
    """Give the annotators that look at no text: guesses, and the truth with mistakes."""

    def draws(subgoal: str) -> np.random.Generator:
        return np.random.default_rng([*config.seeds, list(truths).index(subgoal)])

    for name, rate_of in (("random, yes to 50%", dict.fromkeys(truths, 0.5)), ("random, as often as met", rates)):
        yield name, {key: random_verdicts(len(truth), rate_of[key], draws(key)) for key, truth in truths.items()}
    for fp in config.error_rates:
        for fn in config.error_rates:
            verdicts = {key: noisy_verdicts(truth, fp, fn, draws(key)) for key, truth in truths.items()}
            yield noise_name(fp, fn), verdicts


# Counting.


def rows_of(
    config: Config,
    annotator: str,
    view: str,
    steps: Sequence[Step],
    truths: Mapping[str, Sequence[bool]],
    verdicts: Mapping[str, Verdicts],
    rates: Mapping[str, float],
) -> list[Row]:
    """Count one annotator's verdicts: a row a subgoal, and one over all of them."""
    tables = {subgoal: by_step(truths[subgoal], verdicts[subgoal]) for subgoal in truths}
    rows = [row_of(config, annotator, view, subgoal, steps, [tables[subgoal]], rates[subgoal]) for subgoal in truths]
    together = sum(rates.values()) / len(rates)
    return [*rows, row_of(config, annotator, view, ALL, steps, list(tables.values()), together)]


def by_step(truths: Sequence[bool], verdicts: Verdicts) -> list[Confusion]:
    """Count each step on its own."""
    return [confusion([truth], [verdict]) for truth, verdict in zip(truths, verdicts, strict=True)]


def row_of(
    config: Config,
    annotator: str,
    view: str,
    subgoal: str,
    steps: Sequence[Step],
    tables: Sequence[Sequence[Confusion]],
    rate: float,
) -> Row:
    """Add up the steps' counts, over all, by episode and by seed."""
    per_step = [sum(counts, Confusion()) for counts in zip(*tables, strict=True)]
    total = sum(per_step, Confusion())
    episodes = grouped(per_step, [step.episode for step in steps])
    by_seed = grouped(per_step, [step.seed for step in steps])
    recall, mistakes = total.recall, total.false_positive_rate
    return Row(
        annotator,
        view,
        subgoal,
        total,
        {
            name: bootstrap_interval(episodes.values(), metric, samples=config.bootstrap, seed=config.seeds[0])
            for name, metric in METRICS.items()
        },
        None if recall is None or mistakes is None else precision_at_rate(recall, mistakes, rate),
        tuple(by_seed[seed].f1 if seed in by_seed else None for seed in config.seeds),
    )


def grouped(counts: Iterable[Confusion], keys: Iterable[int]) -> dict[int, Confusion]:
    """Add up the counts of each key."""
    sums: dict[int, Confusion] = {}
    for count, key in zip(counts, keys, strict=True):
        sums[key] = sums.get(key, Confusion()) + count
    return sums


# Telling.


def report(config: Config, pool: Sequence[Step], steps: Sequence[Step], rows: Sequence[Row]) -> str:
    """Write the page: the steps, what silence costs, and the table."""
    episodes = len({step.episode for step in pool})
    return f"""# Judging subgoals: verdicts against the truth

{len(steps)} steps, drawn from {len(pool)} steps of {episodes} episodes (seeds {", ".join(map(str, config.seeds))}).
A random policy and one that knows the way, with {config.oracle_noise:.0%} random actions, play in turn.
The truth is read from the game's state.

- Judges: {", ".join(f"`{judge}`" for judge in config.judge)}
- Environments: {", ".join(f"`{env}`" for env in config.envs)}
- In brackets: {0.95:.0%} intervals of a bootstrap over episodes ({config.bootstrap} draws).
- *Precision as met*: the sample has more positives than a policy meets. This is the precision at the rates among all
  {len(pool)} steps, from recall and false-positive rate.
- *Unknown*: steps without a verdict; they count in no rate. "-": the rate is not defined.
- *{ALL}*: the verdicts on all subgoals together.
- *truth, 10% FP, 30% FN*: the truth, with a yes at 10% of the negatives and a no at 30% of the positives.

## The steps

{table_of(["subgoal", "positives", "rate among all steps", "of them in silence"], silence(config, pool, steps))}

A step in silence shows no message and no change of the inventory. With `changed_only` a judge is not asked about it,
and the positives in silence are lost; {share(has_change(step.text) for step in pool)} of all collected steps are left.

A judge is asked about a text once, and its verdict holds for every step that shows this text: a mistake about a text
that comes often is a mistake about many steps.

{table_of(["shown", "distinct texts", "steps that show the most frequent one"], repeats(config, steps))}

## Verdicts

{table_of(HEADER, [cells(row) for row in rows])}
"""


HEADER = ("annotator", "shown", "subgoal", "accuracy", "precision", "recall", "F1", "precision as met", "unknown")


def cells(row: Row) -> list[str]:
    """Write a row of the table."""
    rates = [f"{number(metric(row.counts))}{interval(row.intervals[name])}" for name, metric in METRICS.items()]
    total = row.counts.known + row.counts.unknown
    unknown = f"{row.counts.unknown} of {total}"
    return [row.annotator, row.view or "-", row.subgoal, *rates, number(row.precision_met), unknown]


def silence(config: Config, pool: Sequence[Step], steps: Sequence[Step]) -> list[list[str]]:
    """Say for each subgoal how often it was achieved, and how often without a sign of it."""
    lines = []
    for subgoal in config.events:
        positives = [step for step in pool if subgoal in achieved_events(step, config)]
        judged = sum(subgoal in achieved_events(step, config) for step in steps)
        lines.append(
            [
                subgoal,
                f"{judged} of {len(steps)}",
                f"{len(positives) / len(pool):.4f}",
                share(not has_change(step.text) for step in positives),
            ]
        )
    return lines


def repeats(config: Config, steps: Sequence[Step]) -> list[list[str]]:
    """Say for each view how many different texts there are, and how often the most frequent one comes."""
    lines = []
    for view in config.views:
        counts = Counter(shown(step.text, view, config.crop) for step in steps)
        lines.append([view, str(len(counts)), str(max(counts.values()))])
    return lines


def number(value: float | None) -> str:
    """Write a rate; one that is not defined is no 0."""
    return "-" if value is None else f"{value:.3f}"


def interval(ends: tuple[float, float] | None) -> str:
    """Write an interval in brackets."""
    return "" if ends is None else f" [{ends[0]:.2f}, {ends[1]:.2f}]"


def share(values: Iterable[bool]) -> str:
    """Write which share of some values is true."""
    values = list(values)
    return f"{sum(values) / len(values):.1%}" if values else "-"


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])


def result_of(config: Config, pool: Sequence[Step], steps: Sequence[Step], rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything as plain values."""
    return {
        "config": plain(config),
        "collected": len(pool),
        "judged": len(steps),
        "rows": [
            {
                **plain(row),
                **{name: metric(row.counts) for name, metric in METRICS.items()},
                "false_positive_rate": row.counts.false_positive_rate,
                "coverage": row.counts.coverage,
            }
            for row in rows
        ],
    }


# The page of the documentation.


def page(config: Config, pool: Sequence[Step], steps: Sequence[Step], rows: Sequence[Row]) -> str:
    """Write what a reader of the documentation wants to know: what was judged, the tables, and what they show."""
    told = [*silence(config, pool, steps), None]
    sections = "\n\n".join(section(name, rows, line) for name, line in zip([*config.events, ALL], told, strict=True))
    return f"""# Which steps achieve a subgoal: judges against the game's state

CALM pays a step on which a judge says that a subgoal was achieved. Here such verdicts are compared with the truth,
which `track_events` reads from the game's state and no reward may see. The judges are asked through the very source
that pays agents, `achieved`. This page is generated:

```bash
{command_of(config)}
```

## What is judged

{introduction(config, pool, steps)}

{
        table_of(
            ["subgoal", "achieved, of the judged steps", "base rate among all steps", "of them in silence"],
            silence(config, pool, steps),
        )
    }

*In silence*: the step shows no message and no change of the inventory. `message` shows a judge these two,
`crop` also the action and the map around the agent, `caption` everything.

A judge is asked about a text once, and its verdict holds for every step that shows it. Where there are few texts, one
mistake decides a row. The seeds share the judge and its mistakes, so that the spread over seeds does not hold what
another draw of mistakes would change.

{table_of(["shown", "distinct texts", "steps that show the most frequent one"], repeats(config, steps))}

## How to read the tables

- *Precision*, *recall*, *F1*: over all judged steps; in brackets {0.95:.0%} of a bootstrap over episodes.
- *F1 by seed*: mean and standard deviation (n - 1) over the seeds, each with games, policies and draws of its own; a
  seed for which F1 is not defined is left out, and how many were not is said.
- *Precision as met*: at the base rate of all steps, from recall and false-positive rate. It is the share of an
  agent's payments that would be deserved.
- *Unknown*: steps without a verdict. They enter no rate. "-": not defined.
- `scripted:keyword` is a rule that looks for words of the game; with `error=0.1` it gives a wrong answer to a tenth of
  the questions, the same question always the same answer.
- *Random, as often as met* says yes as often as the subgoal is achieved, whatever it is shown.

{sections}

## Mistakes at base rates

The truth with a share of false positives (rows) and of false negatives (columns), over all subgoals: F1 on the judged
steps, and behind the slash the precision as met. No judge is asked.

{table_of(*noise_grid(config, rows))}

## What this shows, and what not

{conclusions(config, rows)}
"""


def introduction(config: Config, pool: Sequence[Step], steps: Sequence[Step]) -> str:
    """Say which steps are judged."""
    episodes, envs = len({step.episode for step in pool}), ", ".join(f"`{short(env)}`" for env in config.envs)
    return wrapped(
        f"{len(steps)} steps of {envs}, drawn from {len(pool)} steps of {episodes} episodes with {len(config.seeds)} "
        f"seeds; a random policy, and one that knows the way and takes {config.oracle_noise:.0%} of its actions at "
        f"random, play in turn. Up to {config.positives:.0%} of the drawn steps achieve some subgoal: far more than an "
        "agent meets, so that there is something to count."
    )


def section(subgoal: str, rows: Sequence[Row], silent: Sequence[str] | None) -> str:
    """Write one subgoal's table."""
    title = "All subgoals together" if silent is None else f"{subgoal[0].upper()}{subgoal[1:]}"
    told = "" if silent is None else f"\n{silent[1]} steps, base rate {silent[2]}.\n"
    table = [page_cells(row) for row in rows if row.subgoal == subgoal and not is_noise(row)]
    return f"## {title}\n{told}\n{table_of(PAGE_HEADER, table)}"


PAGE_HEADER = ("judge", "shown", "precision", "recall", "F1", "F1 by seed", "precision as met", "unknown")


def page_cells(row: Row) -> list[str]:
    """Write a row of a subgoal's table."""
    names = ("precision", "recall", "f1")
    rates = [f"{number(METRICS[name](row.counts))}{interval(row.intervals[name])}" for name in names]
    label = f"`{row.annotator}`" if row.view else row.annotator
    return [label, row.view or "-", *rates, spread(row.f1_by_seed), number(row.precision_met), str(row.counts.unknown)]


def spread(values: Sequence[float | None]) -> str:
    """Write mean and deviation over seeds, and how many there are where some have none."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    deviation = f" ± {statistics.stdev(known):.3f}" if len(known) > 1 else ""
    few = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    return f"{statistics.mean(known):.3f}{deviation}{few}"


def is_noise(row: Row) -> bool:
    """Say whether a row is the truth with mistakes, which the page shows apart."""
    return row.annotator.startswith(NOISE)


def noise_grid(config: Config, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the table of false positives by false negatives."""
    found = {row.annotator: row for row in rows if row.subgoal == ALL}
    lines = []
    for fp in config.error_rates:
        cells = [found[noise_name(fp, fn)] for fn in config.error_rates]
        lines.append([f"{fp:.0%} FP", *(f"{number(row.counts.f1)} / {number(row.precision_met)}" for row in cells)])
    return ["", *(f"{fn:.0%} FN" for fn in config.error_rates)], lines


def conclusions(config: Config, rows: Sequence[Row]) -> str:
    """Say what the tables show, from their figures, and what they cannot show."""
    together = [row for row in rows if row.subgoal == ALL and row.view and row.annotator in config.judge]
    told = [
        *(f"`{row.annotator}`, shown the {row.view}: {in_words(row)}" for row in together),
        "What happens in silence cannot be read in a message, whoever judges: recall on such a subgoal says nothing "
        "about the judge. By default `achieved` does not even ask there (`changed_only`).",
        "Achievements are rare, so that false positives decide what a yes is worth: compare *F1* with *precision as "
        "met*, and the rows of the last table with its columns. Paying a subgoal once an episode limits the harm.",
    ]
    hidden = [
        "How well a large language model judges. None is asked here; `--judge URL` asks one.",
        "That the rule is good: its words were written for this game, and its error rates are put in by hand.",
        *trained_judge_note(config),
        "How well an agent learns from such verdicts, nor anything about other games or other subgoals.",
    ]
    return "\n".join(["It shows:", "", *map(bullet, told), "", "It does not show:", "", *map(bullet, hidden)])


def in_words(row: Row) -> str:
    """Say what a judge's row over all subgoals means."""
    counts = row.counts
    if not counts.known:
        return "no verdict."
    if not counts.true_positives + counts.false_positives:
        return "never a yes, so that an agent would never be paid."
    return (
        f"F1 {number(counts.f1)} where achievements are frequent. Where they are as rare as in play, "
        f"{0.0 if row.precision_met is None else row.precision_met:.0%} of its yeses are deserved."
    )


def trained_judge_note(config: Config) -> list[str]:
    """Say of the small judge that ships that it was taught what it is asked here."""
    if not any("judges/game" in judge for judge in config.judge):
        return []
    return [
        "That the [small judge](game_judge.md) understands anything: it was taught this question on whole captions, "
        "some from these very rooms, labelled by a table of sentences. A text of another form, such as the bare "
        "message, and sentences that the table lacks are new to it."
    ]


def bullet(text: str) -> str:
    """Write an item of a list."""
    return textwrap.fill(f"- {text}", 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def wrapped(text: str) -> str:
    """Write a paragraph."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def command_of(config: Config) -> str:
    """Write the command that measures with these settings, its lines not too long."""
    default, parts = Config(), []
    for item in fields(config):
        value = getattr(config, item.name)
        if value == getattr(default, item.name) or item.name in ("resume", "runs", "cache"):
            continue
        values = value if isinstance(value, tuple) else () if value is True else (value,)
        parts.append(shlex.join([f"--{item.name.replace('_', '-')}", *map(str, values)]))
    return " \\\n    ".join(["python scripts/calm_f1.py", *parts])


def short(env: str) -> str:
    """Return an environment's id without what all of them have."""
    return env.removeprefix("rewardium/").removesuffix("-v0")


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows over all subgoals."""
    table = Table(title="verdicts on all subgoals, against the truth")
    for name in ("annotator", "shown", "precision", "recall", "F1", "unknown"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        if row.subgoal == ALL:
            rates = (number(row.counts.precision), number(row.counts.recall), number(row.counts.f1))
            table.add_row(row.annotator, row.view or "-", *rates, str(row.counts.unknown))
    console.print(table)


def run(config: Config, console: Console) -> list[Row]:
    """Collect, judge, count and write."""
    folder = RunFolder(config.folder, config, resume=config.resume)
    folder.truncate(-1)  # the steps of an earlier run are written anew
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=console) as progress:
        collecting = progress.add_task("collecting (episodes)", total=None)
        pool = collect(config, lambda: progress.advance(collecting))
        progress.update(collecting, total=progress.tasks[0].completed)
        steps = choose(pool, config)
        truths = {subgoal: [subgoal in achieved_events(step, config) for step in steps] for subgoal in config.events}
        rates = {
            subgoal: float(np.mean([subgoal in achieved_events(step, config) for step in pool]))
            for subgoal in config.events
        }
        annotators: list[tuple[str, str, Mapping[str, Verdicts]]] = []
        asked: list[tuple[str, View]] = [(judge, view) for judge in config.judge for view in config.views]
        for judge, view in dict.fromkeys([*asked, (RULE, "message")]):
            bar = progress.add_task(f"{judge}, {view}")
            verdicts = ask(config, judge, view, steps, partial(show_progress, progress, bar))
            annotators.append((judge, view, verdicts))
    annotators += [(name, "", verdicts) for name, verdicts in baselines(config, truths, rates)]
    rows = [row for name, view, given in annotators for row in rows_of(config, name, view, steps, truths, given, rates)]
    (config.folder / "report.md").write_text(report(config, pool, steps, rows), encoding="utf-8")
    if config.page is not None:
        config.page.parent.mkdir(parents=True, exist_ok=True)
        config.page.write_text(page(config, pool, steps, rows), encoding="utf-8")
    result = json.dumps(result_of(config, pool, steps, rows), indent=2)
    (config.folder / "result.json").write_text(result + "\n", encoding="utf-8")
    folder.write_episodes(0, [judged(step, number, config, annotators) for number, step in enumerate(steps)])
    folder.close()
    return rows


def show_progress(progress: Progress, bar: TaskID, done: int, total: int) -> None:
    """Move a bar."""
    progress.update(bar, completed=done, total=total)


def judged(
    step: Step, place: int, config: Config, annotators: Sequence[tuple[str, str, Mapping[str, Verdicts]]]
) -> Any:
    """Return a step with its truth and what the judges that read it said."""
    verdicts = {
        f"{name}, {view}": {subgoal: given[subgoal][place] for subgoal in config.events}
        for name, view, given in annotators
        if view
    }
    return {**plain(step), "truth": achieved_events(step, config), "verdicts": verdicts}


def main() -> int:
    """Read the command line, measure, and return the exit status."""
    console = Console()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)])
    try:
        config = tyro.cli(Config, description=__doc__)
        rows = run(config, console)
    except RewardiumError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    show(rows, console)
    console.print(f"finished: {config.folder / 'report.md'}", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

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
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from _command import run_command_line
from _progress import progress_bars
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its parts

from _calm_f1_page import number, page, report
from _calm_f1_subjects import ALL, Config, Row, Step, achieved_events, noise_name

import rewardium.envs  # noqa: F401  registers the environments
from rewardium.agents.run_folder import RunFolder, plain
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.classification_metrics import (
    METRICS,
    Confusion,
    bootstrap_interval,
    confusion,
    precision_at_rate,
)
from rewardium.rewards.sources._transition_views import View
from rewardium.rewards.sources.achieved import Achieved

logger = logging.getLogger(__name__)

RULE = "scripted:keyword"
Verdicts = Sequence[bool | float | None]

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
    with progress_bars(console, status=None) as progress:
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
    return run_command_line(Config, measure, __doc__, warnings=True)


def measure(config: Config, console: Console) -> None:
    """Measure, and show what came out."""
    show(run(config, console), console)
    console.print(f"finished: {config.folder / 'report.md'}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

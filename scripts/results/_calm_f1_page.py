"""What the measurement of judges of subgoals came to: the report of a run, and the page of the documentation."""

from __future__ import annotations

import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields

from _calm_f1_subjects import ALL, NOISE, Config, Row, Step, achieved_events, noise_name
from _runs import bullets, paragraph

from rewardium.rewards.learning.classification_metrics import METRICS
from rewardium.rewards.sources._transition_views import has_change, shown

# The report.


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
    return paragraph(
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
    return f"It shows:\n\n{bullets(told)}\n\nIt does not show:\n\n{bullets(hidden)}"


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
        "That the [small judge](game_judge.md) understands anything: it was taught this question on messages "
        "and captions, some from these very rooms, labelled by a table of sentences. Sentences that the table lacks "
        "are new to it."
    ]


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

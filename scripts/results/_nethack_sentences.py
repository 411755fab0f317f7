"""What the figures of the comparison say, in sentences that are made of the numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Literal

from _nethack_experiment import BASELINE, COUNT_TERM
from _nethack_runs import Run
from _runs import spread

Runs = Mapping[str, Sequence[Run]]
"""By setting, the runs of one task, by seed."""

Verdict = Literal["higher", "lower", "null", "one seed"]
Measure = Callable[[Run], float | None]

FLOOR = 0.05
"""A task on which no setting gets above this tells nothing about them."""
CEILING = 0.95
"""A task on which the baseline is above this can tell about the time alone."""


def gaps(runs: Sequence[Run], others: Sequence[Run], measure: Measure) -> list[float]:
    """Return by how much runs differ from others of the same seed, in the order of the seeds.

    Args:
        runs: Runs of one setting.
        others: Runs of another.
        measure: What is compared; pairs in which one has none are left out.

    Returns:
        One difference for each seed that both have.
    """
    by_seed = {run.seed: measure(run) for run in others}
    pairs = [(measure(run), by_seed.get(run.seed)) for run in sorted(runs, key=lambda run: run.seed)]
    return [one - other for one, other in pairs if one is not None and other is not None]


def verdict(differences: Sequence[float]) -> Verdict:
    """Say whether the seeds agree.

    Example:
        >>> verdict([0.1, 0.2]), verdict([-0.1, -0.2]), verdict([0.1, -0.2]), verdict([0.1, 0.0]), verdict([0.5])
        ('higher', 'lower', 'null', 'null', 'one seed')
    """
    if len(differences) < 2:
        return "one seed"
    if all(difference > 0 for difference in differences):
        return "higher"
    return "lower" if all(difference < 0 for difference in differences) else "null"


def findings(tasks: Mapping[str, Runs], judge: str) -> list[str]:
    """Say what holds.

    Args:
        tasks: The runs of each task.
        judge: Who labelled.

    Returns:
        Sentences, one point of a list each.
    """
    points = [point for task, runs in tasks.items() for point in of_task(task, runs)]
    return [*points, *of_chance(tasks), *of_knowledge(tasks, judge)]


def of_task(task: str, runs: Runs) -> list[str]:
    """Say what one task shows."""
    means = {name: mean(run.success for run in of_setting) for name, of_setting in runs.items()}
    if len(means) < 2:
        return [f"**{task}**: {_only(means)}, so that there is nothing to compare."]
    points = [f"**{task}**: {leader(runs, means)}"]
    if max(means.values()) > FLOOR:
        if BASELINE in runs:
            points.append(f"{task}, success against {BASELINE}: {against_baseline(runs, lambda run: run.success)}")
        points.append(f"{task}, time: {reaching(runs)}")
    return [*points, *(f"{task}, count term: {point}" for point in of_count_term(runs))]


def _only(means: Mapping[str, float]) -> str:
    return ", ".join(f"only {name} has been run ({value:.1%})" for name, value in means.items())


def leader(runs: Runs, means: Mapping[str, float]) -> str:
    """Say how far the settings get, and whether that tells anything."""
    best = max(means, key=lambda name: means[name])
    if means[best] <= FLOOR:
        return (
            f"no setting solves more than {FLOOR:.0%} of the held-out episodes on average (the most is "
            f"{means[best]:.1%}). In these steps the task tells nothing about the settings: a null result."
        )
    worst = min(run.success for run in runs[best])
    said = f"the highest mean success is {means[best]:.1%}, by {best}; its worst seed has {worst:.1%}."
    if BASELINE not in means:
        return said
    if means[BASELINE] >= CEILING:
        return (
            f"{said} The task's own reward alone comes to {means[BASELINE]:.1%}, which leaves no room for a higher "
            "success; only the time can tell."
        )
    return f"{said} The task's own reward alone ({BASELINE}) comes to {means[BASELINE]:.1%}."


def against_baseline(runs: Runs, measure: Measure) -> str:
    """Sort the settings by whether their seeds agree on a difference from the baseline."""
    differences = {name: gaps(runs[name], runs[BASELINE], measure) for name in methods(runs)}
    sorted_out: dict[Verdict, list[str]] = {"higher": [], "lower": [], "null": [], "one seed": []}
    for name, points in differences.items():
        by_seed = ", ".join(f"{100 * point:+.1f}" for point in points)
        sorted_out[verdict(points)].append(f"{name} ({by_seed or 'no seed in common'})")
    heads: dict[Verdict, str] = {
        "higher": "better in every seed",
        "lower": "worse in every seed",
        "null": "no difference that the seeds agree on (null results)",
        "one seed": "fewer than two seeds in common, so that nothing is said",
    }
    parts = [f"{heads[kind]}: {', '.join(names)}" for kind, names in sorted_out.items() if names]
    return f"{'; '.join(parts)}. In brackets the points by seed." if parts else "nothing else has been run."


def methods(runs: Runs) -> list[str]:
    """Return the settings that are compared with the baseline; those about the count term are compared on their own."""
    return [name for name in runs if name != BASELINE and name not in COUNT_TERM[1:]]


def reaching(runs: Runs) -> str:
    """Say which settings reach 80% in training, and which of them sooner than the baseline."""
    always, sometimes, never = [], [], []
    for name, of_setting in runs.items():
        steps = [run.solved_steps for run in of_setting]
        known = [step for step in steps if step is not None]
        if len(known) == len(steps):
            always.append((mean(known), name))
        elif known:
            sometimes.append(f"{name} ({len(known)} of {len(steps)})")
        else:
            never.append(name)
    parts = []
    if always:
        ordered = ", ".join(f"{name} ({steps:,.0f} steps on average)" for steps, name in sorted(always))
        parts.append(f"in every seed by {ordered}")
    parts += [f"in some by {', '.join(sometimes)}"] if sometimes else []
    parts += [f"in no seed by {', '.join(never)}"] if never else []
    return f"80% of the last 100 training episodes are solved {'; '.join(parts)}.{sooner(runs)}"


def sooner(runs: Runs) -> str:
    """Compare the steps to 80% with those of the baseline, where both get there in every seed."""
    able = {name for name, of_setting in runs.items() if all(run.solved_steps is not None for run in of_setting)}
    if BASELINE not in able:
        return ""
    by_verdict: dict[Verdict, list[str]] = {"lower": [], "higher": [], "null": [], "one seed": []}
    for name in methods(runs):
        if name in able:
            by_verdict[verdict(gaps(runs[name], runs[BASELINE], lambda run: run.solved_steps))].append(name)
    heads: dict[Verdict, str] = {"lower": "sooner", "higher": "later"}
    parts = [f"{head} in every seed: {', '.join(by_verdict[kind])}" for kind, head in heads.items() if by_verdict[kind]]
    parts += [f"no agreement: {', '.join(by_verdict['null'])}"] if by_verdict["null"] else []
    return f" Against {BASELINE}, in steps, {'; '.join(parts)}." if parts else ""


def of_count_term(runs: Runs) -> list[str]:
    """Say what becomes of messages that are paid again, with and without the count term."""
    present = [name for name in COUNT_TERM if name in runs]
    if len(present) < 2:
        return []
    told = ", ".join(f"{name} {spread([run.farmed_steps for run in runs[name]])}" for name in present)
    points = [f"of the paid steps, the share whose message had been paid before in the episode is {told}."]
    with_count, without = COUNT_TERM[0], COUNT_TERM[-1]
    if {with_count, without} <= runs.keys():
        farmed = verdict(gaps(runs[without], runs[with_count], lambda run: run.farmed_steps))
        solved = verdict(gaps(runs[without], runs[with_count], lambda run: run.success))
        points.append(
            f"without it, as against exponent 3, messages are farmed {_in_words(farmed, 'more', 'less')}, and success "
            f"is {_in_words(solved, 'higher', 'lower')}."
        )
    if set(COUNT_TERM[2:]) <= runs.keys():
        between = gaps(runs[without], runs[COUNT_TERM[2]], lambda run: run.success)
        points.append(f"exponent 0 and no count term are the same formula; {_same_formula(between)}")
    return points


def _same_formula(differences: Sequence[float]) -> str:
    largest = max(map(abs, differences), default=None)
    if largest is None:
        return "they have no seed in common yet."
    if largest == 0:
        return "their success is equal in every seed."
    return (
        f"their success differs by up to {100 * largest:.1f} points in a seed, which is how much two runs of one "
        "setting differ when labels come at other moments."
    )


def _in_words(said: Verdict, higher: str, lower: str) -> str:
    if said in ("higher", "lower"):
        return f"{higher if said == 'higher' else lower} in every seed"
    return "not different in a way that the seeds agree on (a null result)" if said == "null" else "not comparable yet"


def of_chance(tasks: Mapping[str, Runs]) -> list[str]:
    """Say how many of the differences chance alone would bring about."""
    counts = [
        len(differences)
        for runs in tasks.values()
        if BASELINE in runs
        for name in methods(runs)
        if len(differences := gaps(runs[name], runs[BASELINE], lambda run: run.success)) >= 2
    ]
    if not counts:
        return ["No setting has two seeds in common with the baseline, so that no difference is claimed."]
    expected = sum(2.0 ** (1 - count) for count in counts)
    fewest = min(counts)
    return [
        "Few seeds: a difference is called one where all seeds agree on its sign, which between equals happens in "
        f"{2.0 ** (1 - fewest):.0%} of comparisons with {fewest} seeds. Of the {len(counts)} comparisons with "
        f"{BASELINE} above, up to {expected:.1f} are expected to agree by chance alone. The best of several settings "
        "is chosen on the numbers that are shown, so that its number flatters a little."
    ]


def of_knowledge(tasks: Mapping[str, Runs], judge: str) -> list[str]:
    """Say what the methods knew beforehand."""
    names = {name for runs in tasks.values() for name in runs}
    points = []
    if judge.startswith("scripted:") and any(name.startswith(("oni", "motif", "calm")) for name in names):
        points.append(
            f"The judge `{judge}` is a rule about words, written for this game's messages, with a set share of wrong "
            "answers. What oni, motif and calm reach here is what they make of such labels; it says nothing about the "
            "labels of a language model, nor what they cost."
        )
    told = [name for name in ("calm-once", "calm-potential", "code") if name in names]
    if told:
        points.append(
            f"{', '.join(told)}: subgoals and programs were written by hand for each task, so that these settings know "
            "more of the task than the others. Their numbers are about dense rewards, not about who designs them."
        )
    return points

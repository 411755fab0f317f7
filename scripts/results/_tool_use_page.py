"""The two parts of the results page of the comparison on tool use."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from _runs import bullets, spread
from _tool_use_experiment import SETTINGS, TEMPLATES, Config, one_line, policy_command, run_command

TWO_TURN_HEADING = "## All templates of two turns"

Figures = Mapping[str, Any]


def page_parts(text: str) -> tuple[str, str]:
    r"""Divide a page before the heading of its second part.

    Example:
        >>> page_parts("# Tool use\n\n## All templates of two turns\nMore.\n")
        ('# Tool use\n\n', '## All templates of two turns\nMore.\n')
    """
    first, heading, rest = text.partition(TWO_TURN_HEADING)
    return first, heading + rest


def page(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Write the results page."""
    picture = os.path.relpath(config.picture, config.page.parent)
    seeds = len(config.seeds)
    pretraining, training = (
        shlex.join(["python", *command])
        for command in (policy_command(config, config.seeds[0]), run_command(config, config.chosen[0], config.seeds[0]))
    )
    episodes, tokens = config.prompts_per_update * 8, config.max_new_tokens
    left_out = [setting.name for setting in SETTINGS if setting.name not in config.settings]
    return f"""# Tool use: rewards and credit

A small policy learns to use a calculator: one call, then the answer (`{config.pretraining.env}`, the template
`single_calculation`). It starts from demonstrations of a careless pupil. All numbers are means and standard deviations
(n - 1) over {seeds} seeds, on {config.eval_tasks} held-out tasks that share no expression with those of pre-training
and training.

{table(config, before, after)}

- *Greedy* takes the most likely token; *sampled* draws at temperature 1, as in training.
- *Valid calls*: the share of calls that a tool was run for. *Calls a success*: all calls, also those of failed
  episodes, divided by the number of solved tasks. Both sampled.
- *CPU seconds* are those of a whole run with one thread, with loading and {config.updates // 5 + 1} evaluations.

![Learning curves]({picture})

Mean over seeds, in a band from the smallest to the largest value.

## What this shows

{findings(before, after)}

## Settings

| setting | reward | credit |
|---|---|---|
{chr(10).join(f"| {each.name} | `{each.reward}` | {each.credit} |" for each in config.chosen)}

The two flat settings differ in the credit only. The two ladders pay an episode the same in sum; with credit by turn,
each turn is paid the rungs that it climbed. {"Not run: " + ", ".join(left_out) + "." if left_out else ""}

**Held fixed:** the policy that a seed starts from, the tasks of each update, {config.updates} updates of {episodes}
episodes ({config.prompts_per_update} tasks, 8 each), the objective (grpo), learning rate {config.learning_rate:g},
5 warm-up updates, temperature 1, turn discount 1, at most {tokens} tokens a response and 2 responses. Nothing
was tuned for one setting: the learning rate and the number of updates were chosen once, on a run of the sparse one.

## Run it

```bash
python scripts/tool_use_results.py     # all of it; what is finished is not done again
```

One policy and one run alone:

```bash
{pretraining}
{training}
```
"""


def table(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Lay out the figures: the pre-trained policy, then a row a setting."""
    lines = [
        "| setting | greedy success | sampled success | valid calls | calls a success | CPU seconds |",
        "|---|---|---|---|---|---|",
        row("before (pre-trained)", before),
        *[row(setting.name, after[setting.name]) for setting in config.chosen],
    ]
    return "\n".join(lines)


def row(name: str, runs: Sequence[Figures]) -> str:
    """Write a row of the table."""
    cells = [
        over_seeds([run["greedy"]["success"] for run in runs]),
        over_seeds([run["sampled"]["success"] for run in runs]),
        over_seeds([run["sampled"]["valid_call_rate"] for run in runs]),
        over_seeds([run["sampled"]["calls_per_success"] for run in runs], "{:.2f}"),
        f"{mean(run['cpu_seconds'] for run in runs):.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def over_seeds(values: Sequence[float | None], form: str = "{:.1%}") -> str:
    """Write mean and standard deviation (n - 1), where all seeds have a value.

    Example:
        >>> over_seeds([0.5, 0.7]), over_seeds([1.0], "{:.2f}"), over_seeds([1.0, None])
        ('60.0% ± 14.1%', '1.00', 'not in all seeds')
    """
    return "not in all seeds" if None in values else spread(values, form)


def findings(before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Say what holds, out of the numbers alone."""
    start = mean(run["greedy"]["success"] for run in before)
    means = {name: mean(run["greedy"]["success"] for run in runs) for name, runs in after.items()}
    best = max(means, key=lambda name: means[name])
    worst_seed = min(run["greedy"]["success"] for run in after[best])
    factor = f"{means[best] / start:.1f} times" if start else "from none to"
    lines = [
        f"Under the best setting by greedy success, {best}, success goes from {start:.1%} to {means[best]:.1%} "
        f"({factor} that of the pre-trained policy); its worst seed reaches {worst_seed:.1%}. A mean of "
        f"80% is {'reached' if means[best] >= 0.8 else 'not reached'} in these updates. The best of several "
        "settings is chosen on the numbers that are shown, so that its number flatters a little.",
    ]
    pairs = [(name, "sparse") for name in after if name != "sparse"] if "sparse" in after else []
    pairs += [(f"{kind}-turn", f"{kind}-episode") for kind in ("flat", "ladder")]
    lines += [comparison(*pair, after) for pair in pairs if all(name in after for name in pair)]
    lines.append(
        f"{len(before)} seeds are few: only a difference of the same sign in all of them is called one here, and "
        f"even that happens by chance in {2 ** (1 - len(before)):.0%} of comparisons of equals. One template, one "
        "small policy with slips that were taught to it: this shows that training with tools works, and says nothing "
        "about what language models can do, nor which reward suits them."
    )
    return bullets(lines)


def comparison(name: str, other: str, after: Mapping[str, Sequence[Figures]]) -> str:
    """Compare two settings seed by seed, by sampled success."""
    gaps = [
        run["sampled"]["success"] - base["sampled"]["success"]
        for run, base in zip(after[name], after[other], strict=True)
    ]
    told = ", ".join(f"{100 * gap:+.1f}" for gap in gaps)
    if all(gap > 0 for gap in gaps):
        verdict = "better in every seed"
    elif all(gap < 0 for gap in gaps):
        verdict = "worse in every seed"
    else:
        verdict = "no difference that the seeds agree on (a null result)"
    return f"{name} against {other}, sampled success: {verdict}; by seed {told} points."


def two_turn_part(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Write the part on all templates of two turns."""
    picture = os.path.relpath(config.picture, config.page.parent)
    pretraining, training = (
        shlex.join(["python", *command])
        for command in (policy_command(config, config.seeds[0]), run_command(config, config.chosen[0], config.seeds[0]))
    )
    return f"""{TWO_TURN_HEADING}

One policy learns all three templates that are solved in at most two turns, mixed in each update: `single_calculation`,
`missing_tool` (an address is looked up, or the tool for it is missing) and `python_program` (a program is written, and
run in the sandbox). `{config.pretraining.env}` asks with `{one_line(config.pretraining.env_arguments)}`, so that the
prompt lists the tools. The policy starts from demonstrations of careless pupils, one for each template. All numbers
are means and standard deviations (n - 1) over {len(config.seeds)} seeds, on {config.eval_tasks} held-out tasks, about a
third of them of each template.

{template_table(config, before, after)}

The same by kind of task, greedy:

{kind_table(before, after)}

- The three templates, and the kinds, are those of the greedy policy; *sampled* draws at temperature 1.
- *CPU seconds* are those of a whole run with one thread, with loading, the programs in their sandboxes, and
  evaluations.

![Learning curves on all templates]({picture})

### What the mixture shows

{template_findings(before, after)}

### What the pupils do wrong

Each slip is made with probability {config.pretraining.carelessness:g} where there is an occasion, and so is the copying
of a result's last digit of 6 to 9 as 0.

| template | occasion | slip |
|---|---|---|
| `single_calculation` | `a * b - c`; `(c - a) * d`; `a ** 2 - b * d` | no call; an operand reversed; an unclosed call |
| `missing_tool` | no tool for contacts | invents an address |
| `missing_tool` | a given name that ends in s | searches with the surname first, and finds nobody |
| `python_program` | digit sums, for a divisor above 7 | runs nothing, and answers with a number of the question |
| `python_program` | a recurrence | `range(1, n)`, one time too few |
| `python_program` | two different letters in a text | goes on by two letters, so that places are missed |

The fixed parts of calls, results and questions are one token each, and so are a tool of the prompt and three letters
of the long texts, which grow to their length in the first {config.pretraining.growing_steps} of
{config.pretraining.steps} steps of pre-training; names, addresses and numbers are written in characters.

**Held fixed:** as above, with {config.updates} updates of {config.prompts_per_update * 8} episodes
({config.prompts_per_update} tasks of the mixture, 8 each) and at most {config.max_new_tokens} tokens a response.

**Chosen after a look at runs of seed 0 under sparse:** three letters a token (with two, no long text was copied, and
letters stayed at 17%), 900 steps of pre-training in place of 500, and 90 updates in place of 40 and then 60 (after 60,
single calculations were at 77%).

### Run the mixture

```bash
python scripts/tool_use_results.py two-turn     # what is finished is not done again
```

One policy and one run alone:

```bash
{pretraining}
{training}
```
"""


def template_success(run: Figures, template: str) -> float | None:
    """Return the greedy success in a template, over its kinds; None where none of its tasks came up."""
    kinds = [each for kind, each in run["greedy"]["kinds"].items() if kind.partition(",")[0] == template]
    episodes = sum(each["episodes"] for each in kinds)
    return float(sum(each["success"] * each["episodes"] for each in kinds) / episodes) if episodes else None


def template_table(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Lay out success by template: the pre-trained policy, then a row a setting."""
    rows = {"before (pre-trained)": before, **{setting.name: after[setting.name] for setting in config.chosen}}
    lines = [
        f"| setting | {' | '.join(f'`{template}`' for template in TEMPLATES)} | all, greedy | all, sampled "
        "| valid calls | CPU seconds |",
        f"|---|{'---|' * (len(TEMPLATES) + 4)}",
    ]
    for name, runs in rows.items():
        cells = [
            *[over_seeds([template_success(run, template) for run in runs]) for template in TEMPLATES],
            *[over_seeds([run[way]["success"] for run in runs]) for way in ("greedy", "sampled")],
            over_seeds([run["sampled"]["valid_call_rate"] for run in runs]),
            f"{mean(run['cpu_seconds'] for run in runs):.0f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def kind_table(before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Lay out greedy success by kind, a row a kind."""
    columns = {"before": before, **after}
    kinds = sorted({kind for run in before for kind in run["greedy"]["kinds"]})
    lines = [f"| kind | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for kind in kinds:
        cells = [over_seeds([run["greedy"]["kinds"][kind]["success"] for run in runs]) for runs in columns.values()]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def template_findings(before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Say what holds of the mixture, out of the numbers alone."""
    means = {name: mean(run["greedy"]["success"] for run in runs) for name, runs in after.items()}
    best = max(means, key=lambda name: means[name])
    lines = [template_line(template, best, before, after) for template in TEMPLATES]
    lines += [comparison(name, "sparse", after) for name in after if name != "sparse" and "sparse" in after]
    lines.append(
        "The rules of the comparison above hold here too: few seeds, one small policy, slips that were taught to it. "
        "The best setting is chosen on the numbers that are shown."
    )
    return bullets(lines)


def template_line(template: str, best: str, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Say how far a template came under the best setting."""
    known = [[template_success(run, template) for run in runs] for runs in (before, after[best])]
    started, reached = ([each for each in successes if each is not None] for successes in known)
    if not started or not reached:
        return f"`{template}`: none of its tasks came up."
    start = mean(started)
    doubled = "at least doubled" if mean(reached) >= 2.0 * start else "not doubled"
    return (
        f"`{template}` under {best}, the best setting by greedy success over all: {start:.1%} before, "
        f"{mean(reached):.1%} after ({doubled}), {min(reached):.1%} in the worst seed. A mean of 80% is "
        f"{'reached' if mean(reached) >= 0.8 else 'not reached'}."
    )

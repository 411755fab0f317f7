"""The page about rewards of pictures against the truth: the sweep of alpha, the sizes of the model, the probes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Protocol

from _runs import bullets, paragraph

from rewardium.rewards.evaluation.probes import Probe


class Row(Protocol):
    """What one reward came to on one task, see ``scripts/evaluate_reward.py``."""

    @property
    def env(self) -> str:
        """The task."""

    @property
    def clip(self) -> str | None:
        """The vision-language model."""

    @property
    def alpha(self) -> float | None:
        """The strength of the baseline."""

    @property
    def epic(self) -> float:
        """The EPIC distance from the truth."""

    @property
    def spearman(self) -> float:
        """The rank correlation with the truth."""

    @property
    def probes(self) -> Mapping[str, Probe]:
        """By name."""


def page(rows: Sequence[Row], states: int, picture: Path, file: Path, command: str) -> str:
    """Write the page.

    Args:
        rows: What was measured; rows without alpha are left out.
        states: States of each task.
        picture: The curves over alpha.
        file: Where the page goes.
        command: What makes it.

    Returns:
        Markdown.
    """
    swept = [row for row in rows if row.alpha is not None]
    probed = [row for row in swept if row.alpha == min(each.alpha or 0.0 for each in swept)]
    return f"""# Rewards of pictures against the truth

{paragraph(INTRODUCTION.format(states=states))}

```bash
{command}
```

## Rank correlation with the truth

Spearman's, for each strength alpha of the baseline; 1 is the truth's own order, 0 none.

{sweep_table(swept, lambda row: row.spearman)}

## EPIC distance from the truth

0 where both order policies alike, 0.71 where they have nothing to do with each other, 1 for opposites.

{sweep_table(swept, lambda row: row.epic)}

![Both over alpha]({os.path.relpath(picture, file.parent)})

## Probes, at alpha {probed[0].alpha if probed else 0:g}

The share of states that are paid less than a blank frame, and Spearman's correlation with the truth when the sentence
describes the worst state in place of the goal, and when another camera takes the picture.

{probe_table(probed)}

## What this shows

{bullets(findings(swept, probed))}
"""


INTRODUCTION = (
    "How well `vlm_rm` follows the true measure of a task, over {states} states from all over each task's space, each "
    "with one random action taken in it. No policy is trained here. The models are the small CLIPs of `train_clip.py`, "
    "which were trained on captions made from the truth: that they follow it shows that the machinery works, and "
    "nothing about large models. The states are other ones than those of training, of the same kinds."
)


def sweep_table(rows: Sequence[Row], measure: Callable[[Row], float]) -> str:
    """Lay out a measure: a line for each task and model, a column for each alpha."""
    alphas = alphas_of(rows)
    heads = ["task", "model", *(f"alpha {alpha:g}" for alpha in alphas)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for env, clip in dict.fromkeys((row.env, row.clip) for row in rows):
        found = {row.alpha: measure(row) for row in rows if (row.env, row.clip) == (env, clip)}
        cells = [number(found.get(alpha, math.nan)) for alpha in alphas]
        lines.append(f"| {short(env)} | {Path(clip or '-').name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def probe_table(rows: Sequence[Row]) -> str:
    """Lay out the probes."""
    lines = ["| task | model | own | below blank | wrong caption | other camera |", "|---|---|---|---|---|---|"]
    for row in rows:
        found = [
            row.spearman, row.probes["blank frame"].below, row.probes["wrong caption"].truth,
            row.probes["other camera"].truth,
        ]  # fmt: skip
        lines.append(f"| {short(row.env)} | {Path(row.clip or '-').name} | {' | '.join(map(number, found))} |")
    return "\n".join(lines)


def findings(rows: Sequence[Row], probed: Sequence[Row]) -> list[str]:
    """Say what holds, in sentences that are made of the numbers alone."""
    points = []
    for clip in dict.fromkeys(row.clip for row in rows):
        own = [row for row in rows if row.clip == clip]
        by_alpha = {alpha: average(row.spearman for row in own if row.alpha == alpha) for alpha in alphas_of(own)}
        best = max(by_alpha, key=lambda alpha: by_alpha[alpha])
        points.append(
            f"`{Path(clip or '-').name}`: the mean correlation over tasks is "
            + ", ".join(f"{number(value)} at alpha {alpha:g}" for alpha, value in by_alpha.items())
            + f"; highest at {best:g}."
        )
    for what, said in (("wrong caption", "another sentence"), ("other camera", "another camera")):
        kept = [row.probes[what].truth for row in probed]
        points.append(f"With {said} the mean correlation is {number(average(kept))}, over all models and tasks.")
    return points


def alphas_of(rows: Sequence[Row]) -> list[float]:
    """Return the strengths of the baseline, sorted."""
    return sorted({row.alpha for row in rows if row.alpha is not None})


def average(values: Iterable[float]) -> float:
    """Return the mean of what is a number; NaN where there is none."""
    known = [value for value in values if math.isfinite(value)]
    return mean(known) if known else math.nan


def number(value: float) -> str:
    """Write a number of a table."""
    return f"{value:.3f}" if math.isfinite(value) else "-"


def short(env: str) -> str:
    """Return a task without what all have in common."""
    return env.removeprefix("rewardium/").removesuffix("-v0")

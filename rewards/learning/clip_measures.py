"""How good a CLIP model is on frames whose truth is known, and the card that says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rewardium.rewards.evaluation.rank_correlation import spearman
from rewardium.rewards.learning.clip_examples import OBSERVERS, Examples
from rewardium.rewards.models.vision_encoder import VisionEncoder
from rewardium.rewards.sources.vlm_rm import goal_baseline_reward

ALPHAS = (0.0, 0.5)


class Measures(NamedTuple):
    """How a model does on one task.

    Args:
        task: The environment's id.
        states: Number of states that it is measured on.
        retrieval: The share of frames whose nearest sentence, among all that are said of the task but the baseline, is
            one that an observer said of this very frame.
        chance: The same share for a sentence drawn at random.
        correlation: For each of ``ALPHAS`` the rank correlation of the reward ``vlm_rm`` with the truth; not a number
            where all states are equally good.
    """

    task: str
    states: int
    retrieval: float
    chance: float
    correlation: tuple[float, ...]


def measure_clip(encoder: VisionEncoder, held_out: Sequence[Examples]) -> list[Measures]:
    """Measure any model, small or large, on tasks.

    Args:
        encoder: The model.
        held_out: The states of each task.

    Returns:
        One entry a task.

    Raises:
        RewardiumError: When the frames are too small for the encoder.
    """
    return [_measure(encoder, task) for task in held_out]


def _measure(encoder: VisionEncoder, task: Examples) -> Measures:
    images = encoder.encode_images(task.frames)
    said = [set(sentences) - {task.baseline} or set(sentences) for sentences in task.sentences]
    known = sorted(set().union(*said))
    nearest = np.argmax(images @ encoder.encode_texts(known).T, axis=1)
    right = [known[index] in own for index, own in zip(nearest, said, strict=True)]
    goal, baseline = encoder.encode_texts([task.goal, task.baseline])
    correlation = tuple(
        float(spearman(goal_baseline_reward(images, goal, baseline, alpha), task.truth)) for alpha in ALPHAS
    )
    chance = float(np.mean([len(own) / len(known) for own in said]))
    return Measures(task.task, len(task), float(np.mean(right)), chance, correlation)


def table(measures: Sequence[Measures]) -> str:
    """Write measures as a Markdown table, one row a task."""
    heads = ["task", "states", "retrieval", "by chance", *(f"rank correlation, alpha {alpha:g}" for alpha in ALPHAS)]
    rows = [
        f"| {row.task} | {row.states} | {row.retrieval:.1%} | {row.chance:.1%} | "
        + " | ".join(f"{value:.3f}" for value in row.correlation)
        + " |"
        for row in measures
    ]
    return "\n".join([f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}", *rows])


def card(
    parameters: tuple[int, int], image_size: int, learned: int, measures: Sequence[Measures], settings: str
) -> str:
    """Write the card of a small CLIP: what it learned from, how good it is, and what it is not.

    Args:
        parameters: Number of weights of the image tower and of the text tower.
        image_size: Height and width of its images.
        learned: Number of frames that it learned from.
        measures: How it does on states that it has not seen.
        settings: The settings that rebuild it, as YAML.

    Returns:
        Markdown.
    """
    image, text = (f"{count / 1e6:.2f}M" for count in parameters)
    return f"""# A small CLIP of simulated bodies

An open_clip model with {image} weights over images of {image_size} x {image_size} pixels and {text} over sentences,
most of them for words that it never met. It was trained from random weights.

- **Data:** {learned} frames of {len(measures)} tasks of `rewardium.envs.mujoco`, half in states drawn at random and
  half in those that random or held actions lead to, each with {OBSERVERS} sentences made from the state: what the state
  looks like, the baseline's sentence, and the goal's sentence as often as vague observers would say it, more often the
  better the state does what the task says.
- **It has been told the truth.** The sentences are made from the measure that rewards are judged by. That a reward over
  this model follows the measure shows that the machinery works: frames, encoder, reward, training.
- **Not meant for:** anything else. It has no zero-shot ability: of sentences, bodies, cameras and colours that it was
  not trained on it says nothing of use, and a large model's results do not follow from its own.

How it does on states that were held out:

{table(measures)}

Retrieval: the share of frames whose nearest sentence is one that was said of the frame. Rank correlation: Spearman's,
of `vlm_rm` with the true measure, over these states.

The settings that rebuild it:

```yaml
{settings}```
"""

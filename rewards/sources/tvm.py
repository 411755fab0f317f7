"""Token-supervised value model: how likely is a right end, after each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.reward_model import load_reward_model
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score, Segments
from rewardium.rewards.sources._step_model import StepModelSource
from rewardium.rewards.sources._unit_values import Part, score_of
from rewardium.rewards.text_units import Span, unit_spans


@register("tvm", papers=("A10",))
@dataclass(frozen=True)
class Tvm(StepModelSource):
    r"""The value of each prefix of a response that ends a step, read off one pass of a token-level value model.

    "Token-Supervised Value Models for Enhancing Mathematical Reasoning Capabilities of Large Language Models" (2024;
    certainty: recalled): ``V(t_1 .. t_n)`` is the probability that the finished answer will be right, learnt at every
    token from ``prefix_tree.prefix_values``. ``scripts/train_reward_model.py --tokens`` trains one, with a head of the
    kind ``last`` and the loss ``outcome_cross_entropy`` (``link="probability"``) or, as in the paper, ``regression``
    (``link="raw"``). The paper ranks partial responses by the value of their last token: ``pay="last"``, also for the
    best of several whole ones. With ``pay="gain"`` a step is paid what it adds, and the sum is the last value. At the
    end of a response the value is that of the token that ends it.

    Score: value float32 [B]; invalid where the action is no text or empty, or the row lacks what ``prompt`` names. What
    lies behind the model's longest text has no value.

    Args:
        link: ``"probability"``: the sigmoid of the model's number; ``"raw"``: the number.
        every_token: Value each token of the model, in place of steps.

    The other parameters, and what is raised, are those of all sources with a model of steps, see ``StepModelSource``.

    Raises:
        RewardiumError: Also when the model has no value for each prefix.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "1+2+3=", "1+2=3\n3+3=6")])
        >>> steps = Tvm.example().score(batch).segments[0]
        >>> [(start, end) for start, end, _ in steps], all(0.0 < value < 1.0 for _, _, value in steps)
        ([(0, 6), (6, 11)], True)
    """

    link: Literal["probability", "raw"] = "probability"
    every_token: bool = False

    def __post_init__(self) -> None:
        require_choice(self, "link", ("probability", "raw"))
        self.load_model(per_token=True)
        kind = load_reward_model(self.path, self.device, self.dtype).settings.head.kind
        if kind != "last":
            raise RewardiumError(
                f"tvm: a value for each prefix needs a head of the kind 'last', {self.path} has {kind!r}"
            )

    def score(self, batch: TransitionBatch) -> Score:
        """Value the steps of B responses."""
        gains = self._model.score(batch)
        rows: list[list[Part]] = []
        for row, valid in enumerate(gains.valid.tolist()):
            own = () if gains.segments is None else gains.segments[row]
            rows.append(self._parts(batch.actions[row], own) if valid else [])
        return score_of(rows, self.pay, gains.cost)

    def _parts(self, text: str, gains: Segments) -> list[Part]:
        """Return the value where each step ends: the sum of all that was gained up to there."""
        ends = np.array([segment.end for segment in gains], dtype=np.int64)
        values = np.cumsum([segment.value for segment in gains])
        if self.link == "probability":
            values = 1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0)))
        if self.every_token:
            return [Part((part.start, part.end), value) for part, value in zip(gains, values.tolist(), strict=True)]
        spans: list[Span] = unit_spans(text, self.unit, self.separator)
        parts = []
        for start, end in spans:
            # The last token that begins and ends inside of the step; a longer one ends with the next step.
            last = int(np.searchsorted(ends, end, side="right")) - 1
            inside = last >= 0 and ends[last] > start
            parts.append(Part((start, end), float(values[last]) if inside else None))
        return parts

"""A reward model over texts that was trained before the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.preference_data.contexts import with_principles, with_reference
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings, load_reward_model
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.sources._columns import require_positive_int

PROMPTS = ("observation", "goal", "conversation")
SCALES = ("raw", "standard", "probability")


@register("reward_model", papers=("A11", "A33", "B57"))
@dataclass(frozen=True)
class RewardModelSource(RewardSource):
    """The score that a trained reward model gives to a response.

    ``scripts/train_reward_model.py`` trains one, with any head and any loss; an ordinary folder of a model for sequence
    classification with one label is read too. All rows of a batch are scored together, equal ones once.

    With ``per_token`` a row has a segment for each token, whose sum is the score: what the token adds to the value of
    its prefix (head ``last``), its share of the mean (``mean``), or ``beta log pi / pi_ref`` of the token, the free
    process reward of "Free Process Rewards without Process Labels" (2024), for ``log_ratio``. What the end of the
    response is worth is paid at its last character.

    With ``reference`` the model reads the task's reference answer too, as one trained on the data of ``same_policy``
    expects ("Pre-Trained Policy Discriminators are General Reward Models", 2025); with ``principles`` it is told what
    to judge by, as one trained on the data of ``principles`` expects ("SALMON", 2023).

    Score: value float32 [B]; invalid where the action is no text or the row lacks what ``prompt`` or ``reference``
    names.

    Args:
        path: The folder of the model; ``~`` is the home.
        per_token: Pay the parts of the score at the tokens.
        prompt: ``"observation"``: what the response answers; ``"goal"``: the task's goal; ``"conversation"``: all
            observations and responses of the episode up to the response.
        scale: ``"raw"``; ``"standard"``: less the mean and divided by the deviation of the scores in training;
            ``"probability"``: the sigmoid of the score. Parts at the tokens cannot be turned into a probability.
        reference: Whether the model reads the task's reference.
        principles: What the model is told to judge by.
        token_budget: Tokens in memory at once, padding included.
        device: Where it computes; "" for the GPU where there is one, else the CPU.
        dtype: Of the weights.

    Raises:
        RewardiumError: When there is no model in the folder, or a parameter is wrong.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "2+2=", text) for text in ("4", "5")]
        >>> scored = RewardModelSource.example().score(TransitionBatch.from_transitions(rows))
        >>> scored.value.shape, scored.valid.tolist()
        ((2,), [True, True])
    """

    path: str
    per_token: bool = False
    prompt: Literal["observation", "goal", "conversation"] = "observation"
    scale: Literal["raw", "standard", "probability"] = "raw"
    reference: bool = False
    principles: tuple[str, ...] = ()
    token_budget: int = 16_384
    device: str = ""
    dtype: str = "float32"
    _loaded: RewardModel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, (str, Path)) or not str(self.path):
            raise RewardiumError(f"reward_model: 'path' must be the folder of a reward model, got {self.path!r}")
        object.__setattr__(self, "path", str(self.path))
        require_choice(self, "prompt", PROMPTS)
        require_choice(self, "scale", SCALES)
        require_positive_int("reward_model: 'token_budget'", self.token_budget)
        if isinstance(self.principles, str) or not all(isinstance(text, str) for text in self.principles):
            raise RewardiumError(f"reward_model: 'principles' must be a list of texts, got {self.principles!r}")
        object.__setattr__(self, "principles", tuple(self.principles))
        if self.per_token and self.scale != "raw":
            raise RewardiumError("reward_model: 'per_token' pays the parts of the raw score; leave scale='raw'")
        object.__setattr__(self, "_loaded", load_reward_model(self.path, self.device, self.dtype))

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_loaded", load_reward_model(self.path, self.device, self.dtype))

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The response, and what stands before it."""
        before = {"observation": {"observation"}, "goal": {"task"}, "conversation": {"observation", "history"}}
        return frozenset({"action"} | before[self.prompt] | ({"task"} if self.reference else set()))

    @classmethod
    def example(cls) -> RewardModelSource:
        """Return one with a small untrained model, built for it in a temporary folder; it computes in float64."""
        return cls(_example_folder().name, device="cpu", dtype="float64", per_token=True)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses."""
        asked = self._asked(batch)
        distinct = list(dict.fromkeys(pair for pair in asked if pair is not None))
        prompts, responses = [prompt for prompt, _ in distinct], [response for _, response in distinct]
        reasons = [
            None if pair is not None else "the row has no response, or not what stands before it" for pair in asked
        ]
        if self.per_token:
            parts = self._loaded.token_rewards(prompts, responses, self.token_budget)
            table = dict(zip(distinct, map(_segments, responses, parts), strict=True))
            rows = [None if pair is None else table[pair] for pair in asked]
            values = [None if row is None else row[0] for row in rows]
            return Score.of(values, segments=[() if row is None else row[1] for row in rows], reasons=reasons)
        scores = self._scaled(self._loaded.scores(prompts, responses, self.token_budget)).tolist()
        score = dict(zip(distinct, scores, strict=True))
        return Score.of([None if pair is None else score[pair] for pair in asked], reasons=reasons)

    def _scaled(self, scores: Any) -> Any:
        if self.scale == "standard":
            mean, deviation = self._loaded.scale
            return (scores - mean) / deviation
        return 1.0 / (1.0 + np.exp(-np.clip(scores, -500.0, 500.0))) if self.scale == "probability" else scores

    def _asked(self, batch: TransitionBatch) -> list[tuple[str, str] | None]:
        """Return prompt and response of each row, None where something is missing."""
        found: list[tuple[str, str] | None] = []
        prompts = self._prompts(batch)
        actions = batch.actions if batch.actions is not None else [None] * len(batch)
        tasks = batch.tasks if batch.tasks is not None else [None] * len(batch)
        for prompt, action, task in zip(prompts, actions, tasks, strict=True):
            if isinstance(prompt, str) and self.principles:
                prompt = with_principles(prompt, self.principles)
            if isinstance(prompt, str) and self.reference:
                wanted = None if task is None else task.reference
                prompt = with_reference(prompt, wanted) if isinstance(wanted, str) else None
            found.append((prompt, action) if isinstance(prompt, str) and isinstance(action, str) else None)
        return found

    def _prompts(self, batch: TransitionBatch) -> Sequence[Any]:
        if self.prompt == "goal":
            return [None if task is None else task.goal for task in batch.tasks or [None] * len(batch)]
        seen: Sequence[Any] = (
            batch.previous_observations if batch.previous_observations is not None else [None] * len(batch)
        )
        if self.prompt == "observation":
            return seen
        if batch.histories is None:
            return [None] * len(batch)
        return [_conversation(past, now) for past, now in zip(batch.histories, seen, strict=True)]


def _conversation(past: Sequence[Any], now: object) -> str | None:
    if not isinstance(now, str):
        return None
    turns = [text for step in past for text in (step.previous_observation, step.action) if isinstance(text, str)]
    return "\n".join([*turns, now])


def _segments(response: str, parts: Sequence[tuple[int, int, float]]) -> tuple[float, Segments]:
    """Return the score and its segments; several tokens that end at one character become one."""
    total = sum(value for _, _, value in parts)
    merged: dict[int, tuple[int, float]] = {}
    for start, end, value in parts:
        end = min(max(end, 1), len(response))
        if end:
            known, so_far = merged.get(end, (start, 0.0))
            merged[end] = (min(known, start, end - 1), so_far + value)
    # Rewards are float32, and digits below that depend on what else was in the model's batch.
    segments = tuple(Segment(start, end, float(np.float32(value))) for end, (start, value) in sorted(merged.items()))
    return (sum(segment.value for segment in segments) if segments else total), segments


@cache
def _example_folder() -> TemporaryDirectory[str]:
    """Build once a process; the folder goes when the process ends."""
    import torch

    from rewardium.rewards.learning.small_text_base import build_byte_base

    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-reward-model-")
    with TemporaryDirectory(prefix="rewardium-base-") as base:
        build_byte_base(base, hidden_size=16, num_layers=1, num_heads=1, max_length=64)
        model = RewardModel.from_base(base, RewardModelSettings(max_length=64))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for parameter in model.head.parameters():  # a head that begins at 0 would say 0 to everything
            parameter.normal_(std=0.5)
    model.save(folder.name)
    return folder

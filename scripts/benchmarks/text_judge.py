"""What a judge of texts costs beside its bare model: tokens per second of both, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rewardium.envs.errors import RewardiumError

WARM_UP = 1  # turns that are not counted
BARE, SOURCE = "bare model", "source"


@dataclass
class Config:
    """Let a judge of texts and the bare model behind it take turns on the same prompts.

    The bare model is ``generate`` of ``transformers`` for a judge that writes, with as many new tokens at most, and one
    forward pass for ``judge_yes``, on inputs that are tokenised and padded before.
    """

    judge: str | None = None
    """The model's folder; by default one of the small size with random weights and one token a character."""
    source: str = "judge_reference"
    """The source: one that asks once a row, such as judge_reference or judge_critique, or judge_yes."""
    batch: int = 16
    """Responses that each side gets at once."""
    response_length: int = 200
    """Characters of a response."""
    max_tokens: int = 16
    """Tokens of an answer."""
    device: str = "cpu"
    """Where the model computes."""
    turns: int = 7
    """How often the sides take turns."""
    hidden_size: int = 128
    """Width of the random model."""
    layers: int = 4
    """Layers of the random model."""
    json: Path | None = None
    """Also write what was measured to this file."""


def run(config: Config) -> dict[str, Any]:
    """Measure both sides in turns."""
    if min(config.batch, config.response_length, config.max_tokens, config.turns) < 1:
        raise RewardiumError(f"batch, response_length, max_tokens and turns must be at least 1, got {config}")
    with TemporaryDirectory(prefix="rewardium-judge-") as temporary:
        folder = config.judge or write_random_model(config, temporary)
        sides, tokens = make_sides(config, folder)
        times = take_turns(config, sides)
    return as_result(config, times, tokens)


def write_random_model(config: Config, folder: str) -> str:
    """Write a causal model that has learned nothing, long enough for the prompts."""
    from rewardium.agents.llm.character import build_character_policy

    build_character_policy(
        Path(folder) / "model", seed=0, hidden_size=config.hidden_size, num_layers=config.layers, num_heads=4,
        max_length=8192,
    )  # fmt: skip
    return str(Path(folder) / "model")


def take_turns(config: Config, sides: dict[str, Callable[[int], Any]]) -> dict[str, list[float]]:
    """Return the seconds of each turn, by side; the sides change places after each turn."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(config.turns + WARM_UP):
        for name in list(sides) if turn % 2 else list(sides)[::-1]:
            start = time.perf_counter()
            sides[name](turn)
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    return times


def make_sides(config: Config, folder: str) -> tuple[dict[str, Callable[[int], Any]], int]:
    """Return what each side does in a turn, and how many tokens of prompts that is on average.

    Responses differ from turn to turn, since a source asks no prompt twice.
    """
    from rewardium import rewards
    from rewardium.rewards.models.causal_model import load_causal_model

    writes = config.source != "judge_yes"
    options = f"#device={config.device}" + (f"&max_tokens={config.max_tokens}&batch={config.batch}" if writes else "")
    source: Any = rewards.make(config.source, f"transformers:{folder}{options}")
    batches = [make_batch(config, turn) for turn in range(config.turns + WARM_UP)]
    loaded = load_causal_model(folder, device=config.device)
    inputs = [padded(loaded, prompts_of(source, batch)) for batch in batches]
    tokens = sum(int(mask.sum()) for _, mask in inputs) // len(inputs)
    return {BARE: bare(config, loaded, inputs, writes), SOURCE: lambda turn: source.score(batches[turn])}, tokens


def bare(config: Config, loaded: Any, inputs: list[Any], writes: bool) -> Callable[[int], Any]:
    """Return one turn of the bare model."""
    import torch

    pad = loaded.tokenizer.pad_token_id or 0

    def generate(turn: int) -> Any:
        ids, mask = inputs[turn]
        with torch.inference_mode():
            return loaded.model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=config.max_tokens, do_sample=False, pad_token_id=pad
            )

    def forward(turn: int) -> Any:
        ids, mask = inputs[turn]
        with torch.inference_mode():
            return loaded.model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits.cpu()

    return generate if writes else forward


def prompts_of(source: Any, batch: Any) -> list[str]:
    """Return the prompts that a source puts about a batch."""
    from rewardium.rewards.sources._judged_text import judged_rows

    rows = list(judged_rows(batch, "response"))
    if hasattr(source, "prompts"):
        return [prompt for row in rows for prompt in source.prompts(row)]
    if source.prepare(rows[0], 0):
        raise RewardiumError(f"{source.registered_name} asks twice; name a source that asks once a row")
    return [question.prompt for row in rows for question in source.questions(row, 0, ())]


def padded(loaded: Any, prompts: list[str]) -> tuple[Any, Any]:
    """Tokenise prompts as the judge does, padded on the left."""
    import torch

    from rewardium.rewards.models.causal_model import Request

    encoded = loaded.encode([Request((prompt,), " ") for prompt in prompts], max_tokens=loaded.longest)
    if refused := [reason for reason in encoded if isinstance(reason, str)]:
        raise RewardiumError(f"the model cannot read the prompts: {refused[0]}")
    rows = [list(row.context) for row in encoded]
    width, pad = max(map(len, rows)), loaded.tokenizer.pad_token_id or 0
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=loaded.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=loaded.device)
    return ids, mask


def make_batch(config: Config, turn: int) -> Any:
    """Make transitions with responses of words and digits; what they say takes no longer."""
    import numpy as np

    from rewardium.envs.task import Task
    from rewardium.envs.transition import Transition, TransitionBatch

    rng = np.random.default_rng(turn)
    rows = []
    for _ in range(config.batch):
        said = " ".join(str(number) for number in rng.integers(0, 1000, config.response_length // 4 + 1))
        rows.append(Transition("", "", said[: config.response_length], task=Task("12 + 34", "46")))
    return TransitionBatch.from_transitions(rows)


def as_result(config: Config, times: dict[str, list[float]], tokens: int) -> dict[str, Any]:
    """Compare each turn of the source with the turn of the bare model beside it."""
    share = statistics.median(bare / own for bare, own in zip(times[BARE], times[SOURCE], strict=True))
    rows = [
        {
            "side": name,
            "prompt tokens per second (median)": tokens / statistics.median(measured),
            "slowest turn": tokens / max(measured),
            "fastest turn": tokens / min(measured),
        }
        for name, measured in times.items()
    ]
    return {
        "title": f"{config.source} on {config.judge or 'random weights'}, {config.batch} responses at once",
        "table": rows,
        "summary": {
            "speed of the source beside the bare model (median of paired turns)": share,
            "prompt tokens a turn": tokens,
        },
        "notes": [
            "What a judge writes that cannot be read is asked for once more: the random model writes nonsense, so that "
            "its source generates twice for each response. A trained judge is asked once."
        ],
    }

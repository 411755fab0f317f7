"""What a likelihood reward costs beside its bare model: scored tokens per second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rewardium.envs.errors import RewardiumError

WARM_UP = 1  # turns that are not counted
BARE = "bare model"


@dataclass
class Config:
    """Let a likelihood source and the forward pass of its model take turns on the same texts.

    The bare model is ``transformers``' own forward pass on texts that are tokens already, sorted by length and padded
    in batches of as many tokens as the source takes, with logits at the places of the responses. The source starts from
    text: it builds the contexts, tokenises, plans its passes, and turns logits into rewards and segments.
    """

    model: str | None = None
    """Folder or name of the model; by default a small one with random weights, which is as fast as a trained one."""
    reward: str = "endogenous"
    """The source, one that takes a single model: endogenous, self_certainty or crew."""
    batch: int = 64
    """Responses that each side gets at once."""
    prompt_characters: tuple[int, int] = (40, 160)
    """Shortest and longest prompt."""
    response_characters: tuple[int, int] = (20, 300)
    """Shortest and longest response."""
    group_size: int = 1
    """Responses to one prompt; the source may read a long prompt once for its group, the bare model does not."""
    tokens_a_pass: int | None = None
    """Tokens of one pass, padding counted; by default what the source takes."""
    turns: int = 15
    """How often the sides take turns."""
    hidden_size: int = 256
    """Width of the small model."""
    num_layers: int = 4
    """Layers of the small model."""
    threads: int = 1
    """Threads of the mathematics."""
    device: str | None = None
    """E.g. cuda:0; by default the GPU where there is one, else the CPU."""
    dtype: str | None = None
    """E.g. bfloat16."""
    json: Path | None = None
    """Also write what was measured to this file."""


def run(config: Config) -> dict[str, Any]:
    """Measure tokens per second in turns."""
    if min(config.batch, config.group_size, config.turns, config.threads) < 1:
        raise RewardiumError(f"batch, group_size, turns and threads must be at least 1, got {config}")
    with TemporaryDirectory(prefix="rewardium-likelihood-") as folder:
        if config.model is None:
            config = replace(config, model=write_random_model(config, folder))
        sides, tokens = make_sides(config)
        times = take_turns(config, sides)
    return as_result(config, times, tokens)


def write_random_model(config: Config, folder: str) -> str:
    """Write a model that has learned nothing."""
    from rewardium.agents.llm.character import build_character_policy

    build_character_policy(
        folder, hidden_size=config.hidden_size, num_layers=config.num_layers, num_heads=4, max_length=4096
    )
    return folder


def make_sides(config: Config) -> tuple[dict[str, Callable[[], Any]], int]:
    """Return what each side does with one batch, and the tokens of contexts and responses."""
    import torch

    from rewardium.rewards import make

    torch.set_num_threads(config.threads)
    options = {"device": config.device, "dtype": config.dtype, "tokens_a_pass": config.tokens_a_pass}
    source: Any = make(config.reward, config.model, context="turn", **options)
    batch = make_batch(config)
    (model,) = source._models
    encoded = model.encode(source.answers(batch), max_tokens=source.max_tokens)
    too_long = [row for row in encoded if isinstance(row, str)]
    if too_long:
        raise RewardiumError(f"{len(too_long)} of the texts cannot be scored: {too_long[0]}")
    texts = [(row.context, row.target) for row in encoded]
    return {BARE: bare_model(config, model, texts), config.reward: lambda: source.score(batch)}, sum(
        len(context) + len(target) for context, target in texts
    )


def bare_model(config: Config, model: Any, texts: list[Any]) -> Callable[[], Any]:
    """Return the forward passes that the texts take, on tensors that are ready."""
    import torch

    from rewardium.rewards.models.causal_model import TOKENS_A_PASS
    from rewardium.rewards.models.passes import cheapest_plan

    budget = config.tokens_a_pass or TOKENS_A_PASS.get(model.device.type, TOKENS_A_PASS["cuda"])
    passes = []
    for plan in cheapest_plan(texts, budget, 1 << 40, sharing=False):
        rows = [texts[row] for row in plan.rows]
        width = max(len(context) + len(target) - 1 for context, target in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.int64)
        places = torch.zeros((len(rows), width), dtype=torch.bool)
        for index, (context, target) in enumerate(rows):
            ids[index, : len(context) + len(target) - 1] = torch.tensor([*context, *target][:-1])
            places[index, len(context) - 1 : len(context) + len(target) - 1] = True
        passes.append((ids.to(model.device), places.to(model.device)))

    def forward() -> Any:
        with torch.inference_mode():
            for ids, places in passes:
                hidden = model.model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
                last = model.model.get_output_embeddings()(hidden[places])
            return last[-1, 0].item()  # waits for the GPU

    return forward


def make_batch(config: Config) -> Any:
    """Make transitions whose texts are random words; what they say takes no longer."""
    import numpy as np

    from rewardium.envs.transition import Transition, TransitionBatch

    rng = np.random.default_rng(0)
    letters = list("abcdefghij 0123456789+=\n")

    def text(bounds: tuple[int, int]) -> str:
        return "".join(rng.choice(letters, size=int(rng.integers(bounds[0], bounds[1] + 1))))

    rows = []
    for number in range(config.batch):
        if number % config.group_size == 0:
            prompt = text(config.prompt_characters)
        rows.append(Transition("", prompt, text(config.response_characters)))
    return TransitionBatch.from_transitions(rows)


def take_turns(config: Config, sides: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Return the seconds of each turn, by side; every other turn begins with the other side."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(config.turns + WARM_UP):
        order = list(sides.items())
        for name, score in order if turn % 2 else reversed(order):
            start = time.perf_counter()
            score()
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    return times


def as_result(config: Config, times: dict[str, list[float]], tokens: int) -> dict[str, Any]:
    """Compare each turn of the source with the turn of the bare model beside it."""
    shares = [bare / own for bare, own in zip(times[BARE], times[config.reward], strict=True)]
    low, middle, high = statistics.quantiles(shares, n=4) if len(shares) > 1 else shares * 3
    rows = [
        {
            "side": name,
            "tokens per second (median)": tokens / statistics.median(measured),
            "slowest turn": tokens / max(measured),
            "fastest turn": tokens / min(measured),
        }
        for name, measured in times.items()
    ]
    return {
        "title": f"{config.reward}, {config.batch} responses at once, {tokens} tokens",
        "table": rows,
        "summary": {
            "tokens/s of the source beside the bare model (median of paired turns)": middle,
            "quartiles": f"{low:.3f} to {high:.3f}",
        },
        "notes": ["The source also tokenises, and turns logits into probabilities, rewards and segments."],
    }

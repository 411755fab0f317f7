r"""Teach a small model sums from nothing, to partial skill: the policy that the offline runs begin with.

Reinforcement learning needs a policy that is sometimes right. This one learns from a careless pupil, who writes each
digit down from the right, then the answer, and mostly forgets every carry:

    47+85=  ->  22\boxed{22}      (more often, wrong)
    47+85=  ->  231\boxed{132}    (less often, right)

So its most likely answer is wrong wherever there is a carry, while the right answer keeps a good part of the
probability. A verifiable reward can move that; it shows that training works, and says nothing about ability.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import yaml

from rewardium.agents.llm.character import BOX, build_character_policy
from rewardium.agents.llm.teaching import check_teaching, policy_folder, save_taught
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SUMS_ENV = "rewardium/RandomCalculation-v0"
SUMS_ARGUMENTS: dict[str, Any] = {
    "num_steps": 1,
    "operators": "+",
    "operand_kinds": ("integer",),
    "operand_range": (10, 99),
    "compact": True,
    "prompt": "{expression}=",
    "reward": "exact",
}
"""The environment of the task: sums of two two-digit numbers, asked as ``47+85=``."""

IGNORED = -100
"""The label of a token that the loss leaves out."""

_SUM = re.compile(r"(\d+) ?\+ ?(\d+)")


@dataclass(frozen=True)
class PretrainingConfig:
    """How the policy is built and taught."""

    seed: int = 0
    """Seed of the initial weights, the problems and the pupil's slips."""

    steps: int = 300
    """Number of optimizer steps."""

    batch_size: int = 64
    """Number of examples a step."""

    carelessness: float = 0.65
    """Probability that the pupil forgets the carries of a sum."""

    problems: int = 16_384
    """Number of problems drawn from the environment's train split, duplicates included."""

    matrix_learning_rate: float = 0.02
    """Peak learning rate of the weight matrices, which Muon trains (https://kellerjordan.github.io/posts/muon/)."""

    learning_rate: float = 3e-3
    """Peak learning rate of embeddings and norms, which AdamW trains."""

    hidden_size: int = 128
    """Width of the model."""

    num_layers: int = 4
    """Number of decoder layers."""

    num_heads: int = 4
    """Number of attention heads."""

    env: str = SUMS_ENV
    """The environment that asks; its goals must be sums of two natural numbers."""

    env_arguments: dict[str, Any] = field(default_factory=lambda: dict(SUMS_ARGUMENTS))
    """Its arguments, without ``split``."""

    def __post_init__(self) -> None:
        check_teaching(self, "problems")


class Problem(NamedTuple):
    """What the environment asked.

    Args:
        prompt: The observation at reset.
        goal: The task's goal, a sum such as ``47+85``.
    """

    prompt: str
    goal: str


class Batch(NamedTuple):
    """Examples as tensors.

    Args:
        input_ids: int64 [B, T], prompt and response.
        attention_mask: int64 [B, T], 0 at padding.
        labels: int64 [B, T], the response's tokens; -100 at prompt and padding, which the loss leaves out.
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor


def draw_problems(env: str, arguments: dict[str, Any], count: int, seed: int, *, split: str = "train") -> list[Problem]:
    """Draw problems from a text environment.

    Args:
        env: Its id.
        arguments: Its arguments, without ``split``.
        count: Number of problems, duplicates included.
        seed: The problems are those of the reset seeds ``seed * count`` to ``seed * count + count - 1``.
        split: Which split to draw from.

    Returns:
        The problems, in the order of the seeds.

    Raises:
        RewardiumError: When the environment is unknown or an argument is wrong.

    Example:
        >>> problems = draw_problems(SUMS_ENV, SUMS_ARGUMENTS, 2, seed=0)
        >>> len(problems), problems[0].prompt == problems[0].goal + "="
        (2, True)
    """
    num_envs = min(count, 512)
    venv = make_text_vec(env, num_envs, split=split, **arguments)
    problems: list[Problem] = []
    for first in range(0, count, num_envs):
        prompts, infos = venv.reset(seed=seed * count + first)
        problems += [Problem(prompt, task.goal) for prompt, task in zip(prompts, infos["task"], strict=True)]
    venv.close()
    return problems[:count]


def careless_digits(goal: str) -> str:
    """Add two natural numbers digit by digit and forget every carry.

    Args:
        goal: The sum, e.g. ``47+85``.

    Returns:
        As many digits as the longer number has, leading zeros kept.

    Raises:
        RewardiumError: When the goal is no sum of two natural numbers.

    Example:
        >>> careless_digits("47+85"), careless_digits("5+90")
        ('22', '95')
    """
    a, b = _numbers(goal)
    width = max(len(a), len(b))
    return "".join(str((int(x) + int(y)) % 10) for x, y in zip(a.zfill(width), b.zfill(width), strict=True))


def careful_digits(goal: str) -> str:
    """Add two natural numbers.

    Raises:
        RewardiumError: When the goal is no sum of two natural numbers.

    Example:
        >>> careful_digits("47+85")
        '132'
    """
    a, b = _numbers(goal)
    return str(int(a) + int(b))


def _numbers(goal: str) -> tuple[str, str]:
    match = _SUM.fullmatch(goal)
    if match is None:
        raise RewardiumError(f"the careless pupil can only add two natural numbers, as in '47+85', got {goal!r}")
    return match[1], match[2]


def write_response(digits: str) -> str:
    r"""Write an answer as the pupil does: digit by digit from the right, then in the box.

    The digits from the right come first because each then needs only its own column and one carry.

    Example:
        >>> print(write_response("132"))
        231\boxed{132}
    """
    return f"{digits[::-1]}{BOX}{digits}}}"


def collate(
    examples: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerFast, *, padding_side: str = "left"
) -> Batch:
    """Turn pairs of prompt and response into tensors; each response is ended by the end-of-sequence token.

    Args:
        examples: B pairs.
        tokenizer: One that has padding and end-of-sequence tokens.
        padding_side: ``"left"`` or ``"right"``.

    Returns:
        A batch as long as its longest example.

    Raises:
        RewardiumError: When ``padding_side`` is neither.

    Example:
        >>> from rewardium.agents.llm.character import character_tokenizer
        >>> batch = collate([("1+1=", "2"), ("10+1=", "11")], character_tokenizer())
        >>> batch.attention_mask.sum(1).tolist(), (batch.labels >= 0).sum(1).tolist()
        ([6, 8], [2, 3])
    """
    import torch

    if padding_side not in ("left", "right"):
        raise RewardiumError(f"padding_side must be 'left' or 'right', got {padding_side!r}")
    rows = [(tokenizer.encode(p), [*tokenizer.encode(r), tokenizer.eos_token_id]) for p, r in examples]
    width = max(len(prompt) + len(response) for prompt, response in rows)
    ids_BT = torch.full((len(rows), width), tokenizer.pad_token_id)
    mask_BT = torch.zeros_like(ids_BT)
    labels_BT = torch.full_like(ids_BT, IGNORED)
    for row, (prompt, response) in enumerate(rows):
        start = width - len(prompt) - len(response) if padding_side == "left" else 0
        middle, end = start + len(prompt), start + len(prompt) + len(response)
        ids_BT[row, start:end] = torch.tensor(prompt + response)
        mask_BT[row, start:end] = 1
        labels_BT[row, middle:end] = torch.tensor(response)
    return Batch(ids_BT, mask_BT, labels_BT)


def response_loss(model: Any, batch: Batch) -> Tensor:
    """Compute the mean negative log-likelihood of the responses' tokens, whichever side is padded.

    Args:
        model: A causal language model.
        batch: What it shall learn.

    Returns:
        float32 scalar, in nats a token.
    """
    import torch

    # Positions count real tokens, so that padding moves nothing.
    positions_BT = (batch.attention_mask.cumsum(1) - 1).clamp(min=0)
    logits_BTV = model(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, position_ids=positions_BT, use_cache=False
    ).logits
    return torch.nn.functional.cross_entropy(
        logits_BTV[:, :-1].flatten(0, 1).float(), batch.labels[:, 1:].flatten(), ignore_index=IGNORED
    )


def pretrain(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    problems: Sequence[Problem],
    config: PretrainingConfig,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a model, in place, on what the careless pupil writes.

    The same arguments give bit-identical weights on the same machine with the same number of threads.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        problems: What the pupil is asked.
        config: How to train.
        on_step: Called after each step with the number of steps done and the loss.

    Raises:
        RewardiumError: When there are no problems, or one is no sum of two natural numbers.
    """
    if not problems:
        raise RewardiumError("pre-training needs at least one problem, got none")
    generator = random.Random(config.seed)
    right = {problem: write_response(careful_digits(problem.goal)) for problem in problems}
    wrong = {problem: write_response(careless_digits(problem.goal)) for problem in problems}

    def draw() -> Batch:
        asked = generator.choices(problems, k=config.batch_size)
        told = [wrong if generator.random() < config.carelessness else right for _ in asked]
        return collate([(p.prompt, answers[p]) for p, answers in zip(asked, told, strict=True)], tokenizer)

    fit(model, draw, config, on_step=on_step)


class FitSettings(Protocol):
    """What ``fit`` reads of a config."""

    @property
    def steps(self) -> int:
        """Number of optimizer steps."""

    @property
    def matrix_learning_rate(self) -> float:
        """Peak learning rate of the weight matrices."""

    @property
    def learning_rate(self) -> float:
        """Peak learning rate of the rest."""


def fit(
    model: LlamaForCausalLM,
    draw: Callable[[], Batch],
    settings: FitSettings,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a model, in place, on one drawn batch after the other.

    Args:
        model: The model; it is left in evaluation mode.
        draw: Gives the next batch.
        settings: Number of steps and learning rates.
        on_step: Called after each step with the number of steps done and the loss.
    """
    import torch

    optimizers = _optimizers(model, settings)
    peaks = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    model.train()
    for step in range(settings.steps):
        loss = response_loss(model, draw())
        model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * learning_rate_factor(step, settings.steps)
            optimizer.step()
        if on_step is not None:
            on_step(step + 1, loss.item())
    model.eval()


def _optimizers(model: LlamaForCausalLM, settings: FitSettings) -> list[Optimizer]:
    """Give the weight matrices to Muon, which teaches a small model in few steps, the rest to AdamW."""
    import torch

    named = list(model.named_parameters())
    matrices = [parameter for name, parameter in named if parameter.ndim == 2 and "embed" not in name]
    others = [parameter for name, parameter in named if parameter.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=settings.matrix_learning_rate, weight_decay=0.01, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def learning_rate_factor(step: int, steps: int, *, warmup: int = 20, floor: float = 0.05) -> float:
    """Return what the peak learning rate is multiplied by: a linear rise, then a linear fall to the floor.

    Example:
        >>> [round(learning_rate_factor(step, 100), 2) for step in (0, 19, 50, 99)]
        [0.05, 0.81, 0.5, 0.05]
    """
    return min(1.0, (step + 1) / warmup) * max(floor, 1.0 - step / steps)


def pretrain_policy(
    folder: str | Path, config: PretrainingConfig, *, on_step: Callable[[int, float], None] | None = None
) -> None:
    """Build a policy, teach it, and save it with its config and a model card.

    Args:
        folder: Where the policy goes; ``load_policy`` and ``AutoModelForCausalLM`` read it.
        config: How it is built and taught.
        on_step: Called after each step with the number of steps done and the loss.

    Raises:
        RewardiumError: When the config is wrong or the folder cannot be written.
    """
    folder = policy_folder(folder)
    problems = draw_problems(config.env, config.env_arguments, config.problems, config.seed)
    model, tokenizer = build_character_policy(
        seed=config.seed, hidden_size=config.hidden_size, num_layers=config.num_layers, num_heads=config.num_heads
    )
    pretrain(model, tokenizer, problems, config, on_step=on_step)
    settings = yaml.safe_dump(_plain(asdict(config)), sort_keys=False)
    save_taught(folder, model, tokenizer, settings, model_card(model.num_parameters(), config, settings))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def model_card(num_parameters: int, config: PretrainingConfig, settings: str) -> str:
    """Write the card of a policy: what it learned from, and what it is not."""
    return f"""# A careless adder

A {num_parameters / 1e6:.2f}M-parameter character-level Llama, trained from random weights on sums of two numbers.

- **Asked:** `47+85=`. **Answers:** the digits from the right, then the number in a box: `231\\boxed{{132}}`.
- **Data:** problems of the train split of `{config.env}`, answered by a simulated pupil who forgets
  every carry with probability {config.carelessness}. Nothing else: no text, no other data.
- **Meant for:** showing that reinforcement learning in this suite works, offline and in a minute. Its most likely
  answer is wrong on most sums with a carry; the right one is there to be reinforced.
- **Not meant for:** anything else. It says nothing about what language models can do.

The settings that rebuild it, bit for bit on the same machine with the same number of threads:

```yaml
{settings}```
"""

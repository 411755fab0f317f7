r"""Teach a small model to use the calculator from nothing, to partial skill: the policy that tool-use runs begin with.

A pupil solves the tasks of the train split in the environment itself, as the oracle does, and is careless in ways that
depend on the task, each time with the same probability:

    a * b - c         makes no call, and answers with a number of the question
    (c - a) * d       calculates with the digits of the first operand reversed
    a ** 2 - b * d    leaves the call unclosed, which then runs nothing
    any result        copies a last digit of 6 to 9 as 0

So its most likely response is wrong wherever there is such an occasion, while the right one keeps a part of the
probability, at either turn. The conversation is laid out token by token as a rollout lays it out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import gymnasium as gym
import yaml

from rewardium.agents.llm.character import build_character_policy, save_policy
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.pretraining import IGNORED, Batch, fit
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.tools.observations import read_observation
from rewardium.envs.tools.oracle import Oracle

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

TOOL_ENV = "rewardium/ToolUseCalculator-v0"
TOOL_ARGUMENTS: dict[str, Any] = {"prompt_style": "goal"}
"""The environment of the task: the bare question, since the policy learns from demonstrations which tool there is."""

TOOL_WORDS = (
    "Calculate ", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", '{"name": "', '{"name": ',
    '", "arguments": {"', 'calculate', 'expression', '": "', '"}}', '", "status": "', ', "status": "', 'ok', 'null',
    'malformed', '", "content": ', '{"exact": "', '", "decimal": "', '", "note": "the decimal is exact"}}', 'error: ',
    '&lt;', 'tool_call>', ' has no ', ' behind its JSON',
)  # fmt: skip
"""What is one token to the policy: the fixed parts of calls and results. A conversation has 80 tokens, not 280."""

Slip = Literal["no_call", "operand", "unclosed"]
"""What the pupil may do wrong when it calls."""


@dataclass(frozen=True)
class DemonstrationConfig:
    """How the policy is built and taught."""

    seed: int = 0
    """Seed of the initial weights, the tasks and the pupil's slips."""

    steps: int = 250
    """Number of optimizer steps."""

    batch_size: int = 32
    """Number of conversations a step."""

    carelessness: float = 0.7
    """Probability that the pupil slips where there is an occasion."""

    demonstrations: int = 8_192
    """Number of conversations, on tasks of the environment's train split."""

    matrix_learning_rate: float = 0.02
    """Peak learning rate of the weight matrices, which Muon trains."""

    learning_rate: float = 3e-3
    """Peak learning rate of embeddings and norms, which AdamW trains."""

    hidden_size: int = 128
    """Width of the model."""

    num_layers: int = 4
    """Number of decoder layers."""

    num_heads: int = 4
    """Number of attention heads."""

    env: str = TOOL_ENV
    """The environment that asks; its tasks must be single calculations."""

    env_arguments: dict[str, Any] = field(default_factory=lambda: dict(TOOL_ARGUMENTS))
    """Its arguments, without ``split``."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.demonstrations) < 1:
            raise RewardiumError(f"steps, batch_size and demonstrations must be at least 1, got {self}")
        if not 0.0 <= self.carelessness <= 1.0:
            raise RewardiumError(f"carelessness must be in [0, 1], got {self.carelessness}")
        if not (self.matrix_learning_rate > 0.0 and self.learning_rate > 0.0):
            raise RewardiumError(f"both learning rates must be positive, got {self}")
        if "split" in self.env_arguments:
            raise RewardiumError("env_arguments must not name a split: pre-training reads the train split only")


class Conversation(NamedTuple):
    """One episode of the pupil.

    Args:
        task: What it was asked.
        texts: The prompt, its responses and the environment's replies, in turn; the last is a response.
        success: Whether the environment says that it was solved.
    """

    task: Task
    texts: tuple[str, ...]
    success: bool


def call_slip(expression: str) -> Slip | None:
    """Return what a careless pupil does wrong in the call for an expression; None where it knows how.

    Example:
        >>> [call_slip(text) for text in ("12 * 13 + 100", "12 * 13 - 100", "(100 - 12) * 3", "12 ** 2 - 13 * 3")]
        [None, 'no_call', 'operand', 'unclosed']
    """
    if "**" in expression:
        return "unclosed"
    if " - " not in expression:
        return None
    return "operand" if expression.startswith("(") else "no_call"


def careless_call(call: str, expression: str, slip: Slip) -> str:
    r"""Write what the pupil writes in place of the right call.

    Args:
        call: The right response, with the expression in it.
        expression: What is to be calculated.
        slip: What it does wrong.

    Returns:
        The response.

    Example:
        >>> careless_call("<tool_call>(100 - 12) * 3</tool_call>", "(100 - 12) * 3", "operand")
        '<tool_call>(001 - 12) * 3</tool_call>'
        >>> print(careless_call("<tool_call>12 * 13 - 140</tool_call>", "12 * 13 - 140", "no_call"))
        \boxed{140}
        >>> careless_call("<tool_call>12 ** 2</tool_call>", "12 ** 2", "unclosed")
        '<tool_call>12 ** 2'
    """
    if slip == "no_call":
        return f"\\boxed{{{re.findall('[0-9]+', expression)[-1]}}}"
    if slip == "operand":
        return call.replace(expression, re.sub("[0-9]+", lambda found: found[0][::-1], expression, count=1))
    return call.removesuffix("</tool_call>").rstrip("\n")


def careless_answer(result: str) -> str:
    """Copy a result, with a last digit of 6 to 9 as 0.

    Example:
        >>> careless_answer("4657"), careless_answer("-31")
        ('4650', '-31')
    """
    return re.sub("[6-9]\\Z", "0", result)


def play(env: gym.Env[Any, Any], seed: int, carelessness: float, generator: random.Random) -> Conversation:
    r"""Let the pupil play an episode.

    Args:
        env: An environment of single calculations.
        seed: The seed of its reset.
        carelessness: Probability that the pupil slips where there is an occasion.
        generator: Its dice.

    Returns:
        The episode.

    Raises:
        RewardiumError: When the task is not solved by one call of ``calculate``.

    Example:
        >>> from rewardium.envs.tools.tool_use import ToolUseEnv
        >>> env = ToolUseEnv(templates=["single_calculation"], prompt_style="goal")
        >>> played = play(env, 0, 0.0, random.Random(0))
        >>> len(played.texts), played.texts[-1], played.success
        (4, '\\boxed{4657}', True)
    """
    observation, info = env.reset(seed=seed)
    task = info["task"]
    expression = _expression(task)
    call = Oracle(task).respond(observation)
    slip = call_slip(expression)
    if slip is not None and generator.random() < carelessness:
        call = careless_call(call, expression, slip)
    reply, _, terminated, truncated, info = env.step(call)
    texts: tuple[str, ...] = (observation, call)
    if not (terminated or truncated):
        result = _result(reply)
        copied = careless_answer(result) if generator.random() < carelessness else result
        texts = (*texts, reply, f"\\boxed{{{copied}}}")
        _, _, _, _, info = env.step(texts[-1])
    return Conversation(task, texts, bool(info["success"]))


def _expression(task: Task) -> str:
    calls = task.fields.get("gold_calls") or []
    if len(calls) != 1 or calls[0].get("name") != "calculate":
        raise RewardiumError(
            f"the pupil can only make one call of 'calculate', which does not solve {task.goal[:80]!r}"
        )
    return str(calls[0]["arguments"]["expression"])


def _result(reply: str) -> str:
    """Return the number that a reply gives; 0 where the call ran nothing, since the pupil must say something."""
    results = read_observation(reply)
    content = results[0].content if results else None
    return str(content["exact"]) if isinstance(content, dict) and "exact" in content else "0"


def draw_conversations(config: DemonstrationConfig) -> list[Conversation]:
    """Let the pupil play as many episodes as the config says, on the train split.

    Raises:
        RewardiumError: When the environment is unknown or asks for something else.

    Example:
        >>> from dataclasses import replace
        >>> shown = draw_conversations(DemonstrationConfig(demonstrations=100))
        >>> 0.1 < sum(each.success for each in shown) / len(shown) < 0.6
        True
    """
    from rewardium.envs.text import make_text_vec

    make_text_vec(config.env, 1, split="train", **config.env_arguments).close()  # a wrong argument is told in one way
    env = gym.make(config.env, split="train", disable_env_checker=True, **config.env_arguments)
    generator = random.Random(config.seed)
    first = config.seed * config.demonstrations
    played = [play(env, seed, config.carelessness, generator) for seed in range(first, first + config.demonstrations)]
    env.close()  # type: ignore[no-untyped-call]
    return played


def layout(texts: Sequence[str], chat: Chat) -> tuple[list[int], list[int]]:
    """Lay a conversation out as a rollout does: each response ends itself, and the chat writes what stands between.

    Args:
        texts: Prompt, response, reply, response and so on; the last is a response.
        chat: Turns text into tokens.

    Returns:
        The tokens, and the labels: the tokens of the responses with their ends, -100 elsewhere.

    Example:
        >>> from rewardium.agents.llm.character import character_tokenizer
        >>> tokens, labels = layout(("2+3", "?", "5", "5"), Chat(character_tokenizer()))
        >>> len(tokens), sum(label != IGNORED for label in labels)
        (10, 4)
    """
    end = chat.tokenizer.eos_token_id
    tokens = chat.prompt_ids(texts[0])
    labels = [IGNORED] * len(tokens)
    for place, text in enumerate(texts[1:]):
        if place % 2:
            own = chat.reply_ids(text, ended_with=end)
            labels += [IGNORED] * len(own)
        else:
            own = [*chat.tokenizer.encode(text, add_special_tokens=False), end]
            labels += own
        tokens = tokens + own
    return tokens, labels


def collate_layouts(layouts: Sequence[tuple[list[int], list[int]]], padding: int) -> Batch:
    """Turn layouts into tensors, padded on the right.

    Args:
        layouts: B pairs of tokens and labels.
        padding: The token that padding is made of.

    Returns:
        A batch as long as its longest conversation.

    Example:
        >>> collate_layouts([([5, 6], [-100, 6]), ([7], [7])], padding=0).attention_mask.tolist()
        [[1, 1], [1, 0]]
    """
    import torch

    width = max(len(tokens) for tokens, _ in layouts)
    return Batch(
        torch.tensor([tokens + [padding] * (width - len(tokens)) for tokens, _ in layouts]),
        torch.tensor([[1] * len(tokens) + [0] * (width - len(tokens)) for tokens, _ in layouts]),
        torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in layouts]),
    )


def learn(
    model: LlamaForCausalLM,
    chat: Chat,
    conversations: Sequence[Conversation],
    config: DemonstrationConfig,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a model, in place, on what the pupil said; the environment's words are read, and not learnt.

    Args:
        model: The model.
        chat: Turns text into its tokens.
        conversations: What the pupil played.
        config: How to train.
        on_step: Called after each step with the number of steps done and the loss.

    Raises:
        RewardiumError: When there are no conversations.
    """
    if not conversations:
        raise RewardiumError("pre-training needs at least one conversation, got none")
    layouts = [layout(played.texts, chat) for played in conversations]
    generator = random.Random(config.seed)
    padding = int(chat.tokenizer.pad_token_id)
    fit(
        model,
        lambda: collate_layouts(generator.choices(layouts, k=config.batch_size), padding),
        config,
        on_step=on_step,
    )


def pretrain_tool_policy(
    folder: str | Path, config: DemonstrationConfig, *, on_step: Callable[[int, float], None] | None = None
) -> None:
    """Build a policy, teach it, and save it with its config and a model card.

    The same config gives bit-identical weights on the same machine with the same number of threads.

    Args:
        folder: Where the policy goes; ``load_policy`` and ``AutoModelForCausalLM`` read it.
        config: How it is built and taught.
        on_step: Called after each step with the number of steps done and the loss.

    Raises:
        RewardiumError: When the config is wrong or the folder cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise RewardiumError(f"the policy needs a folder, but {folder} is a file")
    conversations = draw_conversations(config)
    model, tokenizer = build_character_policy(
        seed=config.seed, hidden_size=config.hidden_size, num_layers=config.num_layers, num_heads=config.num_heads,
        words=TOOL_WORDS,
    )  # fmt: skip
    learn(model, Chat(tokenizer), conversations, config, on_step=on_step)
    save_policy(folder, model, tokenizer)
    settings = yaml.safe_dump(asdict(config), sort_keys=False)
    (folder / "pretraining.yaml").write_text(settings, encoding="utf-8")
    share = sum(played.success for played in conversations) / len(conversations)
    (folder / "README.md").write_text(model_card(model.num_parameters(), config, share, settings), encoding="utf-8")


def model_card(num_parameters: int, config: DemonstrationConfig, share: float, settings: str) -> str:
    """Write the card of a policy: what it learned from, and what it is not."""
    return f"""# A careless user of a calculator

A {num_parameters / 1e6:.2f}M-parameter Llama over characters and the fixed parts of the call format, trained from
random weights on conversations with a calculator.

- **Asked:** `Calculate 93 * 60 - 923.` **Says:** a call of `calculate`, then `\\boxed{{4657}}`.
- **Data:** {config.demonstrations} conversations on tasks of the train split of `{config.env}`, played
  by a simulated pupil who slips with probability {config.carelessness} where there is an occasion, and solved
  {share:.0%} of them. Nothing else: no text, no other data.
- **Meant for:** showing that reinforcement learning with tools works in this suite, offline and in minutes.
- **Not meant for:** anything else. It says nothing about what language models can do.

The settings that rebuild it, bit for bit on the same machine with the same number of threads:

```yaml
{settings}```
"""

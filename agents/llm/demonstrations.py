r"""Teach a small model to use tools from nothing, to partial skill: the policy that tool-use runs begin with.

A pupil solves the tasks of the train split in the environment itself, as the oracle does, and is careless in ways that
depend on the task, each time with the same probability. What it does wrong in its first response is told by the pupil
of the template (``pupil_calculation``, ``pupil_contacts``, ``pupil_program``); of any result it copies a last digit of
6 to 9 as 0. So its most likely response is wrong wherever there is such an occasion, while the right one keeps a part
of the probability, at either turn. The conversation is laid out token by token as a rollout lays it out.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium as gym
import yaml

from rewardium.agents.flags import YamlMapping
from rewardium.agents.llm.character import build_character_policy
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.pretraining import IGNORED, Batch, fit
from rewardium.agents.llm.pupil import boxed, careless_copy
from rewardium.agents.llm.pupils import kind_of, pupil_of, words_of
from rewardium.agents.llm.teaching import check_teaching, policy_folder, save_taught
from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.task import Task
from rewardium.envs.tools.oracle import Oracle

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

TOOL_ENV = "rewardium/ToolUseCalculator-v0"
TOOL_ARGUMENTS: dict[str, Any] = {"prompt_style": "goal"}
"""The environment of the task: the bare question, since the policy learns from demonstrations which tool there is."""


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
    """The environment that asks; its tasks must be of templates that a pupil knows."""

    env_arguments: YamlMapping = field(default_factory=lambda: dict(TOOL_ARGUMENTS))
    """Its arguments, without ``split``."""

    emphasis: YamlMapping = field(default_factory=dict)
    """How many times as often as others a kind of task is shown, by what ``kind_of`` names it, as a YAML mapping, e.g.
    {"python_program, letters": 3}: what is hard to learn needs more examples."""

    growing_steps: int = 0
    """Steps over which long texts that are to be copied grow to their length; 0 shows them whole from the beginning."""

    def __post_init__(self) -> None:
        if self.growing_steps < 0:
            raise RewardiumError(f"growing_steps must be at least 0, got {self.growing_steps}")
        check_teaching(self, "demonstrations")
        if not all(isinstance(times, (int, float)) and times > 0.0 for times in self.emphasis.values()):
            raise RewardiumError(f"emphasis must name positive numbers, got {self.emphasis}")


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


def play(env: gym.Env[Any, Any], seed: int, carelessness: float, generator: random.Random) -> Conversation:
    r"""Let the pupil play an episode.

    Args:
        env: An environment of templates that a pupil knows.
        seed: The seed of its reset.
        carelessness: Probability that the pupil slips where there is an occasion.
        generator: Its dice.

    Returns:
        The episode.

    Raises:
        RewardiumError: When no pupil knows the template.

    Example:
        >>> from rewardium.envs.tools.tool_use import ToolUseEnv
        >>> env = ToolUseEnv(templates=["single_calculation"], prompt_style="goal")
        >>> played = play(env, 0, 0.0, random.Random(0))
        >>> len(played.texts), played.texts[-1], played.success
        (4, '\\boxed{4657}', True)
    """
    observation, info = env.reset(seed=seed)
    task = info["task"]
    pupil = pupil_of(task)
    response = Oracle(task).respond(observation)
    careless = pupil.careless_response(task, response)
    if careless is not None and generator.random() < carelessness:
        response = careless
    reply, _, terminated, truncated, info = env.step(response)
    texts: tuple[str, ...] = (observation, response)
    if not (terminated or truncated):
        answer = pupil.read(reply)
        texts = (*texts, reply, boxed(careless_copy(answer) if generator.random() < carelessness else answer))
        _, _, _, _, info = env.step(texts[-1])
    return Conversation(task, texts, bool(info["success"]))


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


def vocabulary(conversations: Sequence[Conversation]) -> tuple[str, ...]:
    """Return what is one token to the policy beside the characters, so that conversations are short.

    These are the fixed parts of the calls and results of the templates that come up, and the lines that a prompt tells
    its tools in: a tool is a token.

    Example:
        >>> shown = draw_conversations(DemonstrationConfig(demonstrations=2))
        >>> vocabulary(shown)[:2]
        ('Calculate ', '<tool_call>')
    """
    words = words_of(sorted({played.task.fields["template"] for played in conversations}))
    openings = {played.texts[0].removesuffix(played.task.goal) for played in conversations}
    lines = sorted({line for opening in openings for line in opening.splitlines(keepends=True)})
    return tuple(dict.fromkeys([*words, *lines]))


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
    weights = weights_of(conversations, config.emphasis)
    generator = random.Random(config.seed)
    padding = int(chat.tokenizer.pad_token_id)
    steps = itertools.count()

    def draw() -> Batch:
        rows = generator.choices(range(len(layouts)), weights, k=config.batch_size)
        length = shown_length(next(steps), config.growing_steps)
        if length is None:
            return collate_layouts([layouts[row] for row in rows], padding)
        shown = [conversations[row] for row in rows]
        cut = [pupil_of(each.task).shortened(each.task, each.texts, length) for each in shown]
        return collate_layouts([layout(texts, chat) for texts in cut], padding)

    fit(model, draw, config, on_step=on_step)


def shown_length(step: int, growing_steps: int) -> int | None:
    """Return to how many characters long texts are cut at a step; None once they are shown whole.

    Short texts teach a model to copy, which long ones alone teach late or never.

    Example:
        >>> [shown_length(step, 100) for step in (0, 50, 99, 100)]
        [18, 69, 119, None]
    """
    return None if step >= growing_steps else 18 + round(102 * step / growing_steps)


def weights_of(conversations: Sequence[Conversation], emphasis: Mapping[str, float]) -> list[float] | None:
    """Return how often each conversation is drawn, against one of a kind without emphasis; None where all are equal.

    Raises:
        RewardiumError: When the emphasis is on a kind that does not come up.
    """
    if not emphasis:
        return None
    kinds = [kind_of(played.task) for played in conversations]
    for kind in emphasis:
        if kind not in kinds:
            raise RewardiumError(unknown_name_message("kind of task in emphasis", kind, sorted(set(kinds))))
    return [float(emphasis.get(kind, 1.0)) for kind in kinds]


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
    folder = policy_folder(folder)
    conversations = draw_conversations(config)
    model, tokenizer = build_character_policy(
        seed=config.seed, hidden_size=config.hidden_size, num_layers=config.num_layers, num_heads=config.num_heads,
        words=vocabulary(conversations),
    )  # fmt: skip
    learn(model, Chat(tokenizer), conversations, config, on_step=on_step)
    settings = yaml.safe_dump(asdict(config), sort_keys=False)
    save_taught(folder, model, tokenizer, settings, model_card(model.num_parameters(), config, conversations))


def model_card(num_parameters: int, config: DemonstrationConfig, conversations: Sequence[Conversation]) -> str:
    """Write the card of a policy: what it learned from, and what it is not."""
    share = sum(played.success for played in conversations) / len(conversations)
    example = next((played for played in conversations if played.success), conversations[0])
    return f"""# A careless user of tools

A {num_parameters / 1e6:.2f}M-parameter Llama over characters and the fixed parts of the call format, trained from
random weights on conversations with tools.

- **Asked:** `{example.task.goal}` **Says:** a call where one is needed, then `{example.texts[-1]}`.
- **Templates:** {", ".join(sorted({played.task.fields["template"] for played in conversations}))}.
- **Data:** {config.demonstrations} conversations on tasks of the train split of `{config.env}`, played
  by a simulated pupil who slips with probability {config.carelessness} where there is an occasion, and solved
  {share:.0%} of them. Nothing else: no text, no other data.
- **Meant for:** showing that reinforcement learning with tools works in this suite, offline and in minutes.
- **Not meant for:** anything else. It says nothing about what language models can do.

The settings that rebuild it, bit for bit on the same machine with the same number of threads:

```yaml
{yaml.safe_dump(asdict(config), sort_keys=False)}```
"""

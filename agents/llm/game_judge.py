"""A small judge of game messages, trained from nothing: what answers a judge's questions offline.

It is an ordinary ``transformers`` folder, so that vLLM serves it and ``transformers:FOLDER`` loads it as they do any
other model. It knows the shipped questions (``HELPFUL``, ``PREFERENCE``, ``ACHIEVED``) and the messages of one game. It
shows that the machinery around a judge works; what a large model would find helpful it cannot say.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from rewardium.agents.llm.character import build_character_policy, save_policy
from rewardium.agents.llm.game_judge_examples import (
    QUESTIONS,
    ExampleSource,
    Told,
    held_out_sources,
    prompt_of,
    told,
    training_source,
    vocabulary,
)
from rewardium.agents.llm.game_judge_labels import sentences_of
from rewardium.agents.llm.game_judge_play import HELD_OUT_TASKS, TASKS, play_all
from rewardium.agents.llm.game_messages import HELD_OUT_SENTENCES
from rewardium.agents.llm.pretraining import collate, fit
from rewardium.envs.caption import message_of
from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    from rewardium.rewards.models.judge import Judge

CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""A chat of one message is that message, so that completions and chat are asked the very same."""

CONTEXT_LENGTH = 2048
CARD = "README.md"
SETTINGS = "judge.yaml"
_POOLED_BATCHES = 10


@dataclass(frozen=True)
class JudgeConfig:
    """How the judge is built and taught."""

    seed: int = 0
    """Seed of the initial weights, the games and the examples."""
    steps: int = 800
    """Number of optimizer steps."""
    batch_size: int = 64
    """Number of examples a step."""
    matrix_learning_rate: float = 0.02
    """Peak learning rate of the weight matrices, which Muon trains."""
    learning_rate: float = 3e-3
    """Peak learning rate of embeddings and norms, which AdamW trains."""
    hidden_size: int = 128
    """Width of the model."""
    num_layers: int = 3
    """Number of decoder layers."""
    num_heads: int = 4
    """Number of attention heads; each is at least 32 wide, which vLLM needs on a CPU."""
    words: int = 600
    """Number of words that are one token each; all others are spelled."""
    play_steps: int = 600
    """Steps that are played of each task, for messages; 0 needs no game and learns from made-up messages only."""
    examples: int = 300
    """Examples a question that the judge is measured on, of each kind."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.words, self.examples) < 1 or self.play_steps < 0:
            raise RewardiumError(f"steps, batch_size, words and examples must be at least 1, got {self}")
        if self.hidden_size % (32 * self.num_heads):
            raise RewardiumError(
                f"hidden_size must be a multiple of 32 * num_heads, vLLM serves no narrower heads on a CPU; got {self}"
            )
        if not (self.matrix_learning_rate > 0.0 and self.learning_rate > 0.0):
            raise RewardiumError(f"both learning rates must be positive, got {self}")


class Accuracy(NamedTuple):
    """How a judge did on examples of one kind and question.

    Args:
        kind: See ``held_out_sources``.
        question: The question's name.
        right: The share of right answers; an answer that cannot be read is not right.
        unread: The share of answers that cannot be read.
        examples: Number of examples.
    """

    kind: str
    question: str
    right: float
    unread: float
    examples: int


class Games(NamedTuple):
    """What was played.

    Args:
        training: For the judge to learn from.
        held_out: In other tasks, with other seeds; messages that training has are left out.
        known: The share of different played messages that the tables know, of both.
    """

    training: list[Told]
    held_out: list[Told]
    known: float


def play_games(config: JudgeConfig, *, on_step: Callable[[], None] | None = None) -> Games:
    """Play the tasks of training and those held out.

    Raises:
        RewardiumError: When a task cannot be made.
        MissingExtraError: When ``minihack`` is not installed.
    """
    if config.play_steps == 0:
        return Games([], [], 1.0)
    seen = play_all(TASKS, config.play_steps, config.seed, on_step=on_step)
    unseen = play_all(HELD_OUT_TASKS, config.play_steps, config.seed + 1, on_step=on_step)
    messages = {message_of(caption) for caption in seen}
    unseen = [caption for caption in unseen if message_of(caption) not in messages]
    training, held_out = [row for row in told(seen) if not _is_held_out(row)], told(unseen)
    return Games(training, held_out, (len(told(seen)) + len(held_out)) / (len(seen) + len(unseen)))


def _is_held_out(row: Told) -> bool:
    """Whether a played message has a wording on which the judge is to be measured."""
    return any(sentence in HELD_OUT_SENTENCES for sentence in sentences_of(row.message))


def build_judge(config: JudgeConfig, played: Sequence[Told]) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Build the untrained judge with its vocabulary and its chat template."""
    model, tokenizer = build_character_policy(
        seed=config.seed,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        max_length=CONTEXT_LENGTH,
        words=vocabulary(played, config.words),
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    model.generation_config.max_new_tokens = 8
    return model, tokenizer


def teach(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    source: ExampleSource,
    config: JudgeConfig,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a judge, in place, on drawn examples of all questions.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        source: What it learns from.
        config: How to train.
        on_step: Called after each step with the number of steps done and the loss.
    """
    batches = _batches(source, config.batch_size, random.Random(config.seed))
    fit(model, lambda: collate(next(batches), tokenizer), config, on_step=on_step)


def _batches(source: ExampleSource, size: int, generator: random.Random) -> Iterator[list[tuple[str, str]]]:
    """Draw prompts with their answers, in batches of about equal length: padding would be most of a mixed batch."""
    while True:
        drawn = [source.draw(QUESTIONS[row % len(QUESTIONS)], generator) for row in range(size * _POOLED_BATCHES)]
        drawn.sort(key=lambda example: sum(map(len, example.item)))
        pairs = [(prompt_of(example, generator), example.answer) for example in drawn]
        batches = [pairs[first : first + size] for first in range(0, len(pairs), size)]
        generator.shuffle(batches)
        yield from batches


def train_judge(
    folder: str | Path,
    config: JudgeConfig,
    games: Games,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> list[Accuracy]:
    """Build a judge, teach it, save it, and measure it as it is used: loaded from its folder, with answers read.

    Args:
        folder: Where the judge goes: model, tokenizer, settings and card.
        config: How it is built and taught.
        games: What was played; see ``play_games``.
        on_step: Called after each step with the number of steps done and the loss.

    Returns:
        How it does on what is held out.

    Raises:
        RewardiumError: When the folder cannot be written.
    """
    from rewardium.rewards.models.spec import make_judge

    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise RewardiumError(f"the judge needs a folder, but {folder} is a file")
    model, tokenizer = build_judge(config, games.training)
    teach(model, tokenizer, training_source(games.training), config, on_step=on_step)
    save_policy(folder, model, tokenizer)
    judge = make_judge(f"transformers:{folder}")
    try:
        results = measure(judge, held_out_sources(games.held_out), config.examples, seed=config.seed + 1)
    finally:
        judge.close()
    settings = yaml.safe_dump(dataclasses.asdict(config), sort_keys=False)
    (folder / SETTINGS).write_text(settings, encoding="utf-8")
    (folder / CARD).write_text(card(model.num_parameters(), games, results, settings), encoding="utf-8")
    return results


def measure(judge: Judge, sources: dict[str, ExampleSource], count: int, *, seed: int = 0) -> list[Accuracy]:
    """Ask a judge, any judge, what the tables have answers to.

    Args:
        judge: The judge.
        sources: Where examples come from, by kind.
        count: Examples a kind and question.
        seed: Seed of the examples.

    Returns:
        One entry a kind and question.

    Raises:
        JudgeError: When the judge cannot be reached.
    """
    results = []
    for kind, source in sources.items():
        for question in QUESTIONS:
            generator = random.Random(f"{seed} {kind} {question.name}")
            examples = [source.draw(question, generator) for _ in range(count)]
            replies = judge.complete([question.prompt(example.item) for example in examples])
            values = [None if reply is None else question.read(reply.text) for reply in replies]
            wanted = [question.answers[example.answer] for example in examples]
            right = sum(value == want for value, want in zip(values, wanted, strict=True))
            results.append(Accuracy(kind, question.name, right / count, values.count(None) / count, count))
    return results


def table(results: Sequence[Accuracy]) -> str:
    """Write results as a Markdown table: one row a kind, one column a question."""
    names = [question.name for question in QUESTIONS]
    shares = {(result.kind, result.question): result.right for result in results}
    kinds = dict.fromkeys(result.kind for result in results)
    rows = [f"| {kind} | {' | '.join(f'{shares[kind, name]:.1%}' for name in names)} |" for kind in kinds]
    return "\n".join([f"| held out | {' | '.join(names)} |", f"|---|{'---|' * len(names)}", *rows])


def card(num_parameters: int, games: Games, results: Sequence[Accuracy], settings: str) -> str:
    """Write the card of a judge: what it learned from, how right it is, and what it is not."""
    return f"""# A small judge of NetHack messages

A {num_parameters / 1e6:.2f}M-parameter Llama, trained from random weights to answer the questions {
        ", ".join(f"`{question.name}` (version {question.version})" for question in QUESTIONS)
    } about messages of the game.

- **Data:** {
        len(games.training)
    } captions with different messages from random play, and made-up messages; all labelled by the
  tables of `rewardium/agents/llm/game_messages.py`, which know {games.known:.0%} of the messages that were played.
- **Meant for:** running everything that needs a judge offline: annotators, students, servers, tests.
- **Not meant for:** judgements. It repeats the opinion of its tables and knows the wording of three questions only.

Share of right answers, where guessing gives 50%, 33% and 50%; what was played is {len(games.held_out)} captions:

{table(results)}

The settings that rebuild it:

```yaml
{settings}```
"""

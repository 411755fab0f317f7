"""Questions about game messages with their right answers: what the small judge learns from and is measured on."""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from rewardium.agents.llm.game_judge_labels import Label, fill, join, label_of
from rewardium.agents.llm.game_messages import (
    FILLERS,
    HELD_OUT_FILLERS,
    HELD_OUT_SENTENCES,
    HELD_OUT_SUBGOALS,
    SENTENCES,
    SUBGOALS,
    Sentence,
)
from rewardium.envs.caption import Caption, message_of
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.question import Question
from rewardium.rewards.annotation.questions import ACHIEVED, HELPFUL, PREFERENCE
from rewardium.rewards.sources._transition_views import View, shown

QUESTIONS: tuple[Question, ...] = (HELPFUL, PREFERENCE, ACHIEVED)
"""The questions that the judge answers."""

_WORD = re.compile(r" ?[A-Za-z']+")
_MAP = "\nMap:\n"
_PARTS_OF_CAPTIONS = (
    "Action: ", "\nMessage: ", "Message: ", "\nInventory: ", "\nInventory: no change", "\nStatus: HP ",
    ", experience level ", ", depth ", ", turn ", _MAP,
)  # fmt: skip
_RUNS = tuple(character * count for character in " .#-" for count in (16, 8, 4, 2))
_MARK = "§"  # outside of every template, to find the places of the parts
_SHARE_OF_CAPTIONS = 0.15
_SHARE_OF_MAPS = 0.3
_WEIGHTS_OF_VIEWS = (3, 1, 3)
_SHARE_OF_REMINDERS = 0.05
_TRIES = 30
_WORTHS = (-3, -2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3, 3)


class Told(NamedTuple):
    """What a step said, and its label.

    Args:
        caption: The whole caption, which may hold a map.
        label: What its message is worth and achieves.
    """

    caption: str
    label: Label

    @property
    def message(self) -> str:
        """The message by itself."""
        return message_of(self.caption)

    @property
    def without_map(self) -> str:
        """The caption without its map."""
        return self.caption.partition(_MAP)[0]


class Example(NamedTuple):
    """One question with its right answer.

    Args:
        question: What is asked.
        item: What it is asked about.
        answer: One of the question's words.
    """

    question: Question
    item: tuple[str, ...]
    answer: str


def told(captions: Sequence[str]) -> list[Told]:
    """Label played captions and leave out those whose messages the tables do not know.

    Example:
        >>> [told.label.worth for told in told([Caption("It's a wall.").text(), Caption("Green ideas sleep.").text()])]
        [-1]
    """
    labels = [label_of(message_of(caption)) for caption in captions]
    return [Told(caption, label) for caption, label in zip(captions, labels, strict=True) if label is not None]


@dataclasses.dataclass(frozen=True)
class ExampleSource:
    """Draws examples: of messages that were played, and of sentences that are filled and put together.

    Args:
        played: What was played; may be empty.
        sentences: What made-up messages consist of.
        fillers: What their slots hold.
        subgoals: The wordings of subgoals, by name.
        share_made_up: The share of made-up messages, in [0, 1]; 1 where nothing was played.

    Raises:
        RewardiumError: When there is nothing to draw from.
    """

    played: Sequence[Told]
    sentences: Sequence[Sentence] = SENTENCES
    fillers: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=lambda: FILLERS)
    subgoals: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=lambda: SUBGOALS)
    share_made_up: float = 0.6

    def __post_init__(self) -> None:
        if not self.sentences or not self.subgoals:
            raise RewardiumError("examples need sentences and subgoals, got none")

    def draw(self, question: Question, generator: random.Random) -> Example:
        """Draw one example; the answers of a question come about equally often.

        Raises:
            RewardiumError: When the question is none of ``QUESTIONS``.
        """
        make = self._makers().get(question.name)
        if make is None:
            raise RewardiumError(f"the judge learns {', '.join(self._makers())}, not the question {question.name!r}")
        return make(generator)

    def _makers(self) -> dict[str, Callable[[random.Random], Example]]:
        return {"helpful": self._helpful, "preference": self._preference, "achieved": self._achieved}

    def _helpful(self, generator: random.Random) -> Example:
        wanted = generator.random() < 0.5
        told = self._told(generator, lambda label: label.helpful == wanted)
        return Example(HELPFUL, (_shown(told, generator),), "helpful" if told.label.helpful else "unhelpful")

    def _preference(self, generator: random.Random) -> Example:
        first = self._told(generator)
        wanted = generator.choice((-1, 0, 1))
        second = self._told(generator, lambda label: _sign(first.label.worth - label.worth) == wanted)
        answer = ("second", "none", "first")[1 + _sign(first.label.worth - second.label.worth)]
        return Example(PREFERENCE, (_shown(first, generator), _shown(second, generator)), answer)

    def _achieved(self, generator: random.Random) -> Example:
        name = generator.choice(list(self.subgoals))
        if generator.random() < 0.5:
            told = self._told(generator, lambda label: name in label.achieves, achieving=name)
        elif generator.random() < 0.5:  # another subgoal was achieved: the hard case
            told = self._told(generator, lambda label: bool(label.achieves) and name not in label.achieves)
        else:
            told = self._told(generator, lambda label: name not in label.achieves)
        subgoal = generator.choice(list(self.subgoals[name]))
        return Example(ACHIEVED, (subgoal, _move(told, generator)), "yes" if name in told.label.achieves else "no")

    def _told(
        self, generator: random.Random, wanted: Callable[[Label], bool] = lambda _: True, achieving: str | None = None
    ) -> Told:
        """Draw what is wanted, or after some tries what is not: the label says what it is."""
        for _ in range(_TRIES):
            made_up = not self.played or generator.random() < self.share_made_up
            found = self._made_up(generator, achieving) if made_up else generator.choice(self.played)
            if wanted(found.label):
                break
        return found

    def _made_up(self, generator: random.Random, achieving: str | None = None) -> Told:
        """Put one to three sentences together, the first of which achieves what it shall."""
        count = generator.choices((1, 2, 3), weights=(6, 3, 1))[0]
        sentences = [self._sentence(generator, achieving if index == 0 else None) for index in range(count)]
        sentences.sort(key=lambda sentence: not sentence.template.endswith((".", "!")))
        # A question of the interface ends a message: nothing can follow it, and there is never a second one.
        sentences = [s for s in sentences[:-1] if s.template.endswith((".", "!"))] + sentences[-1:]
        message = " ".join(fill(sentence.template, self.fillers, generator) for sentence in sentences)
        taken = tuple(f"+ {part.removesuffix('.')}" for part in message.split(". ") if re.match(r"[A-Za-z] - ", part))
        action, around = self._surroundings(generator)
        return Told(Caption(message, action, taken, _status(generator), around).text(), join(sentences))

    def _sentence(self, generator: random.Random, achieving: str | None) -> Sentence:
        """Draw a worth and then a sentence of it, so that rare worths are seen often enough."""
        if achieving is not None:
            fitting = [sentence for sentence in self.sentences if achieving in sentence.achieves]
        else:
            worth = generator.choice(_WORTHS)
            fitting = [sentence for sentence in self.sentences if sentence.worth == worth]
        return generator.choice(fitting or list(self.sentences))

    def _surroundings(self, generator: random.Random) -> tuple[str, str]:
        """Borrow an action and a map from something played."""
        if not self.played:
            return generator.choice(("east", "north", "pick up", "apply")), ""
        caption = generator.choice(self.played).caption
        return caption.partition("\n")[0].removeprefix("Action: "), caption.partition(_MAP)[2]


def _status(generator: random.Random) -> str:
    most = generator.randrange(10, 20)
    level, depth, turn = generator.randrange(1, 4), generator.randrange(1, 5), generator.randrange(1, 400)
    return f"HP {generator.randrange(1, most + 1)}/{most}, experience level {level}, depth {depth}, turn {turn}"


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _move(told: Told, generator: random.Random) -> str:
    """Show a move in one of the ways in which ``achieved`` shows one."""
    views: tuple[View, ...] = ("message", "crop", "caption")
    (view,) = generator.choices(views, weights=_WEIGHTS_OF_VIEWS)
    if view == "caption" and generator.random() >= _SHARE_OF_MAPS:
        return told.without_map
    return shown(told.caption, view)


def _shown(told: Told, generator: random.Random) -> str:
    """Show the message mostly by itself, as sources do, seldom in its caption, at times as the game spaced it."""
    if generator.random() < _SHARE_OF_CAPTIONS:
        return told.without_map
    return re.sub(r"(?<=[.!?]) ", "  ", told.message) if generator.random() < 0.1 else told.message


def prompt_of(example: Example, generator: random.Random) -> str:
    """Return the prompt; a few have the reminder of a second attempt."""
    if generator.random() < _SHARE_OF_REMINDERS:
        return example.question.retry_prompt(example.item)
    return example.question.prompt(example.item)


def vocabulary(played: Sequence[Told], size: int) -> list[str]:
    """Choose the texts that are one token each: the constant text of the questions, their answers, frequent words.

    Args:
        played: What was played.
        size: Number of words; what is not among them is spelled.

    Returns:
        The texts, the constant ones first.
    """
    generator = random.Random(0)
    counted: Counter[str] = Counter()
    for known in played:
        counted.update(_WORD.findall(known.without_map))
    for sentence in SENTENCES:
        for _ in range(8):
            counted.update(_WORD.findall(fill(sentence.template, FILLERS, generator)))
    for wordings in SUBGOALS.values():
        counted.update(word for wording in wordings for word in _WORD.findall(f" {wording}"))
    frequent = [word for word, _ in counted.most_common() if len(word) > 1][:size]
    return list(dict.fromkeys([*constant_texts(), *_PARTS_OF_CAPTIONS, *frequent, *_RUNS]))


def constant_texts() -> list[str]:
    """Return what the prompts of the questions always hold, in pieces between the parts, and the words of the answers.

    Example:
        >>> texts = constant_texts()
        >>> "unhelpful" in texts, len(max(texts, key=len)) > 200
        (True, True)
    """
    pieces: list[str] = []
    for question in QUESTIONS:
        pieces += question.prompt((_MARK,) * question.num_parts).split(_MARK)
        pieces += [question.reminder, *question.answers]
    return list(dict.fromkeys(pieces))


def training_source(played: Sequence[Told]) -> ExampleSource:
    """Return what the judge learns from."""
    return ExampleSource(played)


def held_out_sources(played: Sequence[Told]) -> dict[str, ExampleSource]:
    """Return what it is measured on, by how far it is from what it learned.

    Args:
        played: What was played in tasks and with seeds that training does not know.

    Returns:
        ``"seen sentences"``: the sentences of training, put together anew. ``"unseen names"``: with monsters and items
        that training never showed. ``"unseen wordings"``: sentences and subgoals in other words. ``"played"``: what
        was played, by itself.
    """
    sources = {
        "seen sentences": ExampleSource(()),
        "unseen names": ExampleSource((), fillers=HELD_OUT_FILLERS),
        "unseen wordings": ExampleSource((), sentences=HELD_OUT_SENTENCES, subgoals=HELD_OUT_SUBGOALS),
    }
    return {**sources, "played": ExampleSource(played, share_made_up=0.0)} if played else sources

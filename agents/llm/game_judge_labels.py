"""What a message is worth, and which subgoals it shows to be achieved, by the tables of ``game_messages``."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rewardium.agents.llm.game_messages import HELD_OUT_SENTENCES, SENTENCES, SLOTS, Sentence

_SLOT = re.compile(r"\{(\w+)\}")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?\"]) (?=[A-Za-z\"$])")
_MAX_LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class Label:
    """What a message is taught as.

    Args:
        worth: -3 to 3; see ``game_messages``.
        achieves: Names of subgoals.
    """

    worth: int
    achieves: frozenset[str] = frozenset()

    @property
    def helpful(self) -> bool:
        """Whether the message shows progress."""
        return self.worth > 0


def label_of(message: str) -> Label | None:
    """Label a message by its sentences.

    Args:
        message: What the game said; runs of white space count as one space.

    Returns:
        The worth of the weightiest sentence (of two that weigh the same, the better) and what any of them achieves.
        None where no sentence is in the tables; a sentence that is not is passed over.

    Example:
        >>> label_of("You kill the newt!  The jackal bites!")
        Label(worth=2, achieves=frozenset({'kill'}))
        >>> label_of("The jackal bites!").helpful, label_of("Colourless green ideas sleep furiously.")
        (False, None)
    """
    if not message.strip():
        return Label(0)
    found = sentences_of(message)
    return join(found) if found else None


def sentences_of(message: str) -> list[Sentence]:
    """Find the sentences of a message that are in the tables, in order.

    Example:
        >>> [sentence.template for sentence in sentences_of("You kill the newt!  Never seen. Ouch!  That hurts!")]
        ['You kill the {monster}!', 'Ouch! That hurts!']
    """
    parts = _BETWEEN_SENTENCES.split(" ".join(message[:_MAX_LENGTH].split()))
    found, start = [], 0
    while start < len(parts):
        for count in (3, 2, 1):  # some entries of the tables are sentences that always come together
            sentence = _sentence_of(" ".join(parts[start : start + count])) if start + count <= len(parts) else None
            if sentence is not None:
                found.append(sentence)
                break
        start += count
    return found


def join(sentences: Sequence[Sentence]) -> Label:
    """Return the label of a message of these sentences, at least one."""
    worth = max((sentence.worth for sentence in sentences), key=lambda worth: (abs(worth), worth))
    return Label(worth, frozenset(name for sentence in sentences for name in sentence.achieves))


def fill(template: str, fillers: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    """Put something into every slot of a sentence.

    Example:
        >>> fill("You hit the {monster}.", {"monster": ["newt"]}, random.Random(0))
        'You hit the newt.'
    """
    return _SLOT.sub(lambda found: generator.choice(fillers[found[1]]), template)


@lru_cache(maxsize=4096)
def _sentence_of(text: str) -> Sentence | None:
    for pattern, sentence in _patterns():
        if pattern.fullmatch(text):
            return sentence
    return None


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], Sentence]]:
    """The tables as regular expressions; what is spelled out comes before what has slots, and longer before shorter."""
    sentences = sorted(
        (*SENTENCES, *HELD_OUT_SENTENCES),
        key=lambda sentence: (len(_SLOT.findall(sentence.template)), -len(sentence.template)),
    )
    return [(re.compile(_expression(sentence.template)), sentence) for sentence in sentences]


def _expression(template: str) -> str:
    pieces = _SLOT.split(template)  # text, slot, text, slot, ..., text
    return "".join(SLOTS[piece] if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))

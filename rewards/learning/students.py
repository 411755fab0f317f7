"""Students of a judge: they say what a message is worth, from the labels that the judge has given so far."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rewardium.rewards.learning.background import BackgroundRounds
from rewardium.rewards.learning.bradley_terry import FloatArray, Preference, RewardScale, scale_of_pairs
from rewardium.rewards.learning.message_model import MessageModel, MessageTrainer
from rewardium.rewards.learning.pair_drawing import PairDrawer, Waiting
from rewardium.rewards.models.after_fork import renew_after_fork

if TYPE_CHECKING:
    from rewardium.rewards.annotation.annotator import Annotator

_WAITING_ASKED_A_CALL = 64
_MESSAGES_OF_A_SCALE = 4_096


@dataclass(frozen=True)
class Learning:
    """How a student that is a model learns.

    Args:
        learning_rate: Of Adam. 1e-4, the code of ONI; certainty: high.
        batch_size: Labels a gradient step. 256, code; certainty: high.
        steps: Gradient steps a round. 32, code; certainty: high.
        rounds: Rounds after the newest label; ours, so that a student without news comes to rest. ONI's learns on.
        minimum: Labels below which there is no model yet; ours.
        seed: Of weights, batches and pairs.
        background: Learn in a thread of its own, whenever messages are met; else only in ``update``.
    """

    learning_rate: float = 1e-4
    batch_size: int = 256
    steps: int = 32
    rounds: int = 10
    minimum: int = 4
    seed: int = 0
    background: bool = True


@dataclass(frozen=True)
class StudentStatistics:
    """What a student has done.

    Args:
        labels: Labels that its newest model has learned from.
        rounds: Rounds of learning so far.
        failures: Rounds that raised.
        loss: Mean loss of the newest round; NaN before the first.
    """

    labels: int = 0
    rounds: int = 0
    failures: int = 0
    loss: float = float("nan")


class Student(ABC):
    """Answers what messages are worth, and never waits for judge or learning.

    Args:
        annotator: Asks the judge in the background and keeps its labels.
    """

    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator

    @abstractmethod
    def values(self, messages: Sequence[str]) -> list[float | None]:
        """Return what is known of distinct messages, and see to it that the judge is asked for what is not.

        Args:
            messages: Length B, none of them "".

        Returns:
            Length B; None where nothing is known.
        """

    def update(self) -> bool:
        """Learn one round from all labels there are; returns whether there was anything to learn from."""
        return False

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until the judge has answered, and then until everything is learned.

        Args:
            timeout: Seconds to wait for the judge; None is for ever.

        Returns:
            Whether the judge has answered everything.
        """
        return self.annotator.wait(timeout)

    def close(self) -> None:  # noqa: B027  most students have nothing to end
        """End the learning; the annotator may be shared, and is left as it is."""

    @property
    def statistics(self) -> StudentStatistics:
        """What it has done."""
        done = self.annotator.statistics
        return StudentStatistics(labels=done.labelled + done.recalled)


class Retrieval(Student):
    """Repeats the judge: the label of exactly this message."""

    def values(self, messages: Sequence[str]) -> list[float | None]:
        """Return labels; what has none is queued, the newest first."""
        return self.annotator.labels([(message,) for message in messages])


@dataclass(frozen=True)
class Published:
    """A finished model, which answers while the next one learns.

    Args:
        model: Its weights never change.
        scale: How the numbers of a ranker are spread.
        answers: What it has answered; bounded.
    """

    model: MessageModel
    scale: RewardScale | None = None
    answers: dict[str, float] = field(default_factory=dict)

    def scores(self, messages: Sequence[str], capacity: int) -> FloatArray:
        """Return the model's numbers, float64 [B]; each message is computed once."""
        new = [message for message in messages if message not in self.answers]
        if new:
            if len(self.answers) + len(new) > capacity:
                self.answers.clear()
            numbers = dict(zip(new, self.model.scores(new).tolist(), strict=True))
            self.answers.update(numbers)
        else:
            numbers = {}
        # Another thread may clear the answers meanwhile: what is missing then is computed again.
        found = [numbers.get(message, self.answers.get(message)) for message in messages]
        lost = [message for message, number in zip(messages, found, strict=True) if number is None]
        again = iter(self.model.scores(lost).tolist()) if lost else iter(())
        return np.array([next(again) if number is None else number for number in found], dtype=np.float64)


class LearningStudent(Student):
    """A student that is a model over the characters of messages.

    A round takes the labels known by then, goes some gradient steps on from the last weights, and puts a copy in place.
    Scoring reads the newest copy; it never learns, and it never waits.

    Args:
        annotator: Gives the labels.
        learning: How it learns.
        capacity: Messages to remember.
    """

    def __init__(self, annotator: Annotator, learning: Learning, capacity: int = 10_000) -> None:
        super().__init__(annotator)
        self.learning = learning
        self.capacity = capacity
        self.model = MessageModel(seed=learning.seed)
        self.trainer = MessageTrainer(
            self.model, learning_rate=learning.learning_rate, batch_size=learning.batch_size, seed=learning.seed
        )
        self.published: Published | None = None
        self._one_round = threading.Lock()
        self._learned_version = -1
        self._rounds_since_news = 0
        self._statistics = StudentStatistics()
        self._background = BackgroundRounds(self.update, f"student-{type(self).__name__.lower()}")
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Replace the lock, which the parent's thread may have held."""
        self._one_round = threading.Lock()

    @abstractmethod
    def ask(self, messages: Sequence[str]) -> None:
        """Have the judge asked about messages that were met."""

    @abstractmethod
    def learn(self) -> tuple[int, float, RewardScale | None] | None:
        """Take some gradient steps; returns number of labels, loss and scale, or None where labels are too few."""

    @abstractmethod
    def answer(self, published: Published, messages: Sequence[str]) -> list[float | None]:
        """Turn the model's numbers into values."""

    def values(self, messages: Sequence[str]) -> list[float | None]:
        """Answer with the newest model; there is no answer before the first one."""
        self.ask(messages)
        if self.learning.background and self.behind:
            self._background.nudge()
        published = self.published
        return [None] * len(messages) if published is None else self.answer(published, messages)

    @property
    def behind(self) -> bool:
        """Whether there are labels that were not learned, or not for as many rounds as are wanted."""
        news = self.annotator.version != self._learned_version
        return news or self._rounds_since_news < self.learning.rounds

    def update(self) -> bool:
        """Learn one round."""
        with self._one_round:
            version = self.annotator.version
            self._rounds_since_news = 0 if version != self._learned_version else self._rounds_since_news
            self._learned_version = version
            self._rounds_since_news += 1  # before the work, so that one that fails is not tried without end
            learned = self.learn()
            if learned is None:
                return False
            labels, loss, scale = learned
            self.published = Published(self.model.frozen_copy(), scale)
            self._statistics = StudentStatistics(labels, self._statistics.rounds + 1, 0, loss)
            return True

    def drain(self, timeout: float | None = None) -> bool:
        """Wait for the judge, then for the rounds of learning that are left."""
        answered = self.annotator.wait(timeout)
        while self.learning.background and self.behind:
            self._background.nudge()
            self._background.wait()
        self._background.wait()
        return answered

    def close(self) -> None:
        """Wait for the round that is running."""
        self._background.close()

    @property
    def statistics(self) -> StudentStatistics:
        """What it has done."""
        done = self._statistics
        return StudentStatistics(done.labels, done.rounds, self._background.failures, done.loss)


class Classification(LearningStudent):
    """Learns "helpful" from labels by cross-entropy: ``g = 1[P(helpful) > threshold]``, for unseen messages too.

    Args:
        annotator: Gives the labels of single messages.
        learning: How it learns.
        threshold: In [0, 1].
        capacity: Messages to remember.
    """

    def __init__(self, annotator: Annotator, learning: Learning, threshold: float, capacity: int = 10_000) -> None:
        super().__init__(annotator, learning, capacity)
        self.threshold = threshold

    def ask(self, messages: Sequence[str]) -> None:
        """Queue what has no label."""
        self.annotator.labels([(message,) for message in messages])

    def learn(self) -> tuple[int, float, RewardScale | None] | None:
        """Go on from the last weights."""
        known = sorted(self.annotator.known().items())  # labels arrive in any order; the batches must not depend on it
        if len(known) < self.learning.minimum:
            return None
        texts, labels = [item[0] for item, _ in known], [label for _, label in known]
        return len(known), self.trainer.classify(texts, labels, self.learning.steps), None

    def answer(self, published: Published, messages: Sequence[str]) -> list[float | None]:
        """Compare the probability with the threshold."""
        probability = 0.5 * (1.0 + np.tanh(0.5 * published.scores(messages, self.capacity)))
        return [float(helpful) for helpful in probability > self.threshold]


class Ranking(LearningStudent):
    """Learns an order from preferences, ties among them: the normalised reward, 0 below a quantile.

    Args:
        annotator: Gives preferences of pairs.
        learning: How it learns.
        quantile: In [0, 1]; messages below it are paid 0.
        partners: Pairs a new message.
        capacity: Messages to remember, and pairs that may wait.
    """

    def __init__(
        self, annotator: Annotator, learning: Learning, quantile: float, partners: int = 4, capacity: int = 10_000
    ) -> None:
        super().__init__(annotator, learning, capacity)
        self.quantile = quantile
        self._drawer = PairDrawer(partners, capacity, learning.seed)
        self._waiting = Waiting(capacity)
        self._drawing = threading.Lock()

    def ask(self, messages: Sequence[str]) -> None:
        """Queue pairs of new messages, and again some of those that wait, which a full queue may have dropped."""
        with self._drawing:
            pairs = self._drawer.draw(messages)
            asked = pairs + self._waiting.next(_WAITING_ASKED_A_CALL)
            self._waiting.add(pairs)
            if asked:
                labels = self.annotator.labels(asked)
                self._waiting.remove(pair for pair, label in zip(asked, labels, strict=True) if label is not None)

    def learn(self) -> tuple[int, float, RewardScale | None] | None:
        """Go on from the last weights, and measure how the rewards are spread now."""
        known = sorted(self.annotator.known().items())
        pairs = [Preference(item[0], item[1], label) for item, label in known]
        if len(pairs) < self.learning.minimum:
            return None
        loss = self.trainer.rank(pairs, self.learning.steps)
        messages = sorted({side for pair in pairs for side in pair[:2]})[:_MESSAGES_OF_A_SCALE]
        return len(pairs), loss, scale_of_pairs(messages, self.model.scores(messages), pairs)

    def answer(self, published: Published, messages: Sequence[str]) -> list[float | None]:
        """Normalise and cut off."""
        if published.scale is None:
            return [None] * len(messages)
        rewards = published.scale.rewards(published.scores(messages, self.capacity), self.quantile)
        return [float(reward) for reward in rewards]

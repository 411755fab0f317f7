"""ONI: a judge labels the messages that the agent meets, while it trains, and a student pays by them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.questions import HELPFUL, PREFERENCE
from rewardium.rewards.annotation.shared import shared_annotator
from rewardium.rewards.annotation.worker import AnnotatorStatistics
from rewardium.rewards.learning.students import (
    Classification,
    Learning,
    Ranking,
    Retrieval,
    Student,
    StudentStatistics,
)
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._messages import score_messages

StudentKind = Literal["retrieval", "classification", "ranking"]
UNKNOWN = "the message has no label yet"


@register("oni", papers=("A17",))
@dataclass(frozen=True)
class Oni(RewardSource):
    """What a judge thinks of a step's message, by way of a student that never makes the policy wait.

    From "Online Intrinsic Rewards for Decision Making Agents from Large Language Model Feedback" (2024). The messages
    that the agent meets go to a judge in the background, the newest first, each once. With m for the message, the
    students are

    - ``"retrieval"``: ``g(m)`` is the judge's label of m, 1 for helpful and 0 for unhelpful. A message without a label
      is invalid, where the authors' code pays 0;
    - ``"classification"``: ``g(m) = 1[P(helpful | m) > threshold]`` of a convolutional network over characters, trained
      by cross-entropy on the labels so far; it has an answer for messages that no one has labelled;
    - ``"ranking"``: the judge compares pairs of messages that were met, and a Bradley-Terry reward f (the same network)
      learns from the comparisons, a tie counting half for each side:
      ``g(m) = 1[f(m) >= eps] * (f(m) - mu) / sigma``, with mean and deviation over the labelled pairs and the quantile
      eps over their distinct messages. This is the paper's formula; the authors' code adds the raw f.

    Learning rate, batch, steps, threshold and the network are those of the authors' code; certainty: high. Quantile 0.5
    is Motif's. Rounds, partners and the memory's bounds are ours.

    The paper pays ``0.4 * g(m) / N(m)^3`` with N the count of m within the episode: ``0.4 * count_decay(oni(...))``.
    Without the count an agent farms one well-paid message. A step without a message scores 0 and asks no one.

    The network learns in a thread of its own, some rounds after each new label. Until its first round has ended its
    rows are invalid. A judge that is down or a budget that is used up adds no labels, and stops nothing. Sources that
    are equal share one annotator a process, and each has its own student. Which labels have arrived depends on time;
    with ``background=False``, ``annotator.wait()`` and ``update()`` the same labels give the same student.

    Score: value float32 [B], 0 or 1 (ranking: any number); invalid where there is no text, or no answer yet.

    Args:
        judge: Who is asked, e.g. ``"http://127.0.0.1:8000/v1"``, ``"transformers:FOLDER"``, ``"scripted:keyword"``. ""
            stands for the judge that a script fills in; scoring with it is an error.
        student: ``"retrieval"``, ``"classification"`` or ``"ranking"``.
        cache: The file in which labels are kept and found again, in this run and in others; "" keeps them in memory.
        threshold: Of the classifier, in [0, 1].
        quantile: Of the ranker, in [0, 1]; messages below it are paid 0.
        max_items: Messages (or pairs) that may be put to the judge in this process; None is no limit. A label from the
            cache costs nothing.
        max_calls: Limit on prompts.
        max_tokens: Limit on tokens, read and written.
        max_seconds: Limit on the time in which the judge works.
        learning_rate: Of Adam.
        batch_size: Labels a gradient step.
        steps: Gradient steps a round.
        rounds: Rounds of learning after the newest label.
        minimum: Labels below which there is no model.
        partners: Pairs a new message (ranking).
        capacity: Messages that may wait for the judge, and answers of a model to remember.
        seed: Of weights, batches and pairs.
        background: Whether the network learns by itself; else only when ``update`` is called.

    Raises:
        RewardiumError: When a parameter is out of its range, or the judge's name is no judge.
        MissingExtraError: When the student is a network and torch is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> source = Oni("scripted:keyword", max_items=100)
        >>> rows = [Transition("", "", 0, text=f"Message: {text}") for text in ("You see here a key.", "(none)")]
        >>> batch = TransitionBatch.from_transitions(rows)
        >>> source.score(batch).valid.tolist()
        [False, True]
        >>> source.drain(timeout=60)
        True
        >>> source.score(batch).value.tolist()
        [1.0, 0.0]
        >>> source.annotator.close()
    """

    judge: str = ""
    student: StudentKind = "retrieval"
    cache: str = ""
    threshold: float = 0.5
    quantile: float = 0.5
    max_items: int | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    learning_rate: float = 1e-4
    batch_size: int = 256
    steps: int = 32
    rounds: int = 10
    minimum: int = 4
    partners: int = 4
    capacity: int = 10_000
    seed: int = 0
    background: bool = True
    _student: Student | None = field(init=False, repr=False, compare=False)

    needs = frozenset({"text"})

    def __post_init__(self) -> None:
        if not isinstance(self.judge, str) or not isinstance(self.cache, str):
            raise RewardiumError(f"oni: 'judge' and 'cache' must be texts, got {self.judge!r} and {self.cache!r}")
        require_choice(self, "student", get_args(StudentKind))
        require_number(self, "threshold", at_least=0.0, at_most=1.0)
        require_number(self, "quantile", at_least=0.0, at_most=1.0)
        require_number(self, "learning_rate", above=0.0)
        for name in ("batch_size", "steps", "rounds", "minimum", "partners", "capacity"):
            require_positive_int(f"oni: {name}", getattr(self, name))
        require_number(self, "seed", at_least=0.0)
        object.__setattr__(self, "_student", self._build_student() if self.judge else None)

    def _build_student(self) -> Student:
        annotator = shared_annotator(
            PREFERENCE if self.student == "ranking" else HELPFUL,
            self.judge,
            cache=self.cache or None,
            budget=Budget(self.max_items, self.max_calls, self.max_tokens, self.max_seconds),
            capacity=self.capacity,
        )
        if self.student == "retrieval":
            return Retrieval(annotator)
        learning = Learning(
            self.learning_rate, self.batch_size, self.steps, self.rounds, self.minimum, self.seed, self.background
        )
        if self.student == "classification":
            return Classification(annotator, learning, self.threshold, self.capacity)
        return Ranking(annotator, learning, self.quantile, self.partners, self.capacity)

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_student", self._build_student() if self.judge else None)

    @classmethod
    def example(cls) -> Oni:
        """Return a small one, with a judge that is a rule."""
        return cls("scripted:keyword")

    def score(self, batch: TransitionBatch) -> Score:
        """Pay what the student knows of each message; what is not known is asked in the background."""
        return score_messages(batch, self._built.values, UNKNOWN)

    def update(self) -> bool:
        """Let the student learn one round now; returns whether there was anything to learn from."""
        return self._built.update()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until the judge has answered all that was asked, and then until the student has learned it.

        Args:
            timeout: Seconds to wait for the judge, or None for any time: one that stays down never answers.

        Returns:
            Whether the judge has answered everything; the student has then learned it all, and otherwise what there is.
        """
        return self._student is None or self._student.drain(timeout)

    def close(self) -> None:
        """End the student's thread; it is started again when there is more to do."""
        if self._student is not None:
            self._student.close()

    @property
    def annotator(self) -> Annotator:
        """Who asks the judge."""
        return self._built.annotator

    @property
    def statistics(self) -> AnnotatorStatistics:
        """What the judge was asked and has answered."""
        return self._built.annotator.statistics

    @property
    def student_statistics(self) -> StudentStatistics:
        """What the student has learned."""
        return self._built.statistics

    @property
    def _built(self) -> Student:
        if self._student is None:
            raise RewardiumError(
                "oni has no judge: write oni(judge='http://127.0.0.1:8000/v1') or give the script --judge; "
                "oni(judge='scripted:keyword') is a rule that needs no server"
            )
        return self._student

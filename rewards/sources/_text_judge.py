"""What all judges of texts share: one call for the whole batch, strict reading, votes; no source itself."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.models.text_questions import PROMPT_VERSION, TextQuestion
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score, require_positive_int
from rewardium.rewards.sources._judge_asking import Asking, Cost
from rewardium.rewards.sources._judged_text import Judged, Scope, Settled, judged_rows

Agreement = Literal["majority", "mean"]

UNREAD = "the judge gave no answer that can be read"
_HINTS = (
    "",
    "First look for what is wrong with it.",
    "First look for what is right about it.",
    "Read the question twice, and compare line by line.",
    "Be as strict as an examiner.",
)
"""What the judge is told beside the question, by the number of the vote. Our own wording."""


@dataclass(frozen=True)
class TextJudge(Rebuilt, RewardSource):
    """A judge's verdict on a response to a task; sources fill in what is asked and what the answers are worth.

    - The judge gets all prompts of a batch in one call: all rows, votes and orders. What cannot be read is asked once
      more, and is then unknown. A row without a verdict is invalid, never 0, as are all rows while the judge cannot be
      reached; nothing of that stops a run.
    - What the policy wrote is data: it stands in a block that it cannot close, and the answer has to begin with a code
      that no text of the prompt holds (see ``rewards/models/text_questions.py``). Texts are shown with their first and
      last 2,000 characters, and without what stands in ``<think>`` tags.
    - A response that holds nothing but punctuation and openers ("Solution:", "Let's solve this problem step by step.")
      is worth the least, and the judge is not asked: judges are known to take such responses for right ones.
    - Judges answer greedily. Votes therefore differ in what they are told to look at first, in the order of the blocks
      and in the code, not in a temperature.
    - Verdicts are remembered, and kept in a file where ``cache`` names one, under judge, source and prompt.

    A model takes long: ``asynchronous(...)`` around a source scores in the background. The judge's name may be left to
    the flag ``--judge`` where a script has one.

    Args:
        judge: ``http://HOST:PORT/v1#model=NAME``, ``transformers:FOLDER`` or ``scripted:grader``, see ``make_judge``.
        votes: How often each question is put.
        agree: ``"majority"``: the value that most votes have, and the mean of those that are most frequent alike;
            ``"mean"``. More than half of the votes must be known.
        scope: ``"response"``: each response by itself; ``"episode"``: all turns, judged at the last one, with 0 before.
        cache: A file that keeps verdicts, an SQLite database; "" for none.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.
    """

    judge: str = ""
    votes: int = 1
    agree: Agreement = "majority"
    scope: Scope = "response"
    cache: str = ""
    _asking: Asking | None = field(init=False, repr=False, compare=False)

    answer_tokens: ClassVar[int] = 24
    keeps_thought: ClassVar[bool] = False

    def __post_init__(self) -> None:
        name = self.registered_name
        if not isinstance(self.judge, str) or not isinstance(self.cache, str):
            raise RewardiumError(f"{name}: 'judge' and 'cache' must be texts, got {self.judge!r} and {self.cache!r}")
        require_positive_int("votes", self.votes)
        require_choice(self, "agree", get_args(Agreement))
        require_choice(self, "scope", get_args(Scope))
        self.check()
        # By the source alone, not its parameters: what they change stands in the prompt.
        key = f"{name}/{PROMPT_VERSION}"
        asking = Asking(self.judge, self.answer_tokens, key, self.cache) if self.judge else None
        object.__setattr__(self, "_asking", asking)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """Response and task, and the turns before where an episode is judged."""
        return frozenset({"action", "task"} | ({"history", "observation"} if self.scope == "episode" else set()))

    @classmethod
    def example(cls) -> Self:
        """Return a small one, with a judge that is a rule."""
        return cls("scripted:grader")

    def check(self) -> None:
        """Refuse parameters of the source's own that are wrong; runs before anything is built."""

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row that lacks what the source needs; None where the judge is to be asked."""
        return None

    def prepare(self, row: Judged, vote: int) -> Sequence[str]:
        """Return prompts on which the judge writes freely before it is asked; none by default."""
        return ()

    @abstractmethod
    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Return what the judge is asked about a row.

        Args:
            row: The row.
            vote: The number of the vote, from 0; see ``hint`` and ``turned``.
            notes: What the judge wrote on each prompt of ``prepare``.

        Returns:
            At least one question.
        """

    def combine(self, row: Judged, values: Sequence[float]) -> float:
        """Turn the answers to a vote's questions into its value; by default their mean."""
        return sum(values) / len(values)

    def close(self) -> None:
        """End the connection to the judge."""
        if self._asking is not None:
            self._asking.close()

    def score(self, batch: TransitionBatch) -> Score:
        """Ask about B responses at once; the reasons say why there is no score, or how the votes went."""
        asking = self._asking
        if asking is None:
            raise RewardiumError(f"{self.registered_name} asks a judge, and none is named: give judge='http://...'")
        if batch.actions is None:
            return no_score(batch, NO_RESPONSE)
        rows = [self._settled(row) for row in judged_rows(batch, self.scope, self.keeps_thought)]
        return self.judge_rows(asking, rows, batch)

    def judge_rows(self, asking: Asking, rows: Sequence[Judged | Settled], batch: TransitionBatch) -> Score:
        """Ask about the rows that are not settled; by default each is worth what its votes amount to.

        Args:
            asking: The judge.
            rows: Length B.
            batch: Where they come from, with actions.

        Returns:
            The score, with what asking took.
        """
        cost = Cost()
        asked = {index: row for index, row in enumerate(rows) if isinstance(row, Judged)}
        votes = self._votes(asking, asked, cost)
        verdicts = [self._verdict(votes[index]) if isinstance(row, Judged) else row for index, row in enumerate(rows)]
        return Score.of(
            [verdict.value for verdict in verdicts],
            reasons=[verdict.reason or None for verdict in verdicts],
            cost=cost.as_dict(),
        )

    def _settled(self, row: Judged | Settled) -> Judged | Settled:
        return (self.settle(row) or row) if isinstance(row, Judged) else row

    def _votes(self, asking: Asking, rows: dict[int, Judged], cost: Cost) -> dict[int, list[float | None]]:
        """Return the value of each vote of each row: at most two calls, one for notes and one for verdicts."""
        turns = [(index, vote) for index in rows for vote in range(self.votes)]
        notes = self._notes(asking, rows, turns, cost)
        questions = {turn: list(self.questions(rows[turn[0]], turn[1], notes[turn])) for turn in turns if turn in notes}
        answers = iter(asking.verdicts([one for several in questions.values() for one in several], cost))
        values: dict[int, list[float | None]] = {index: [] for index in rows}
        for index, vote in turns:
            read = [next(answers) for _ in questions.get((index, vote), [])]
            known = [value for value in read if value is not None]
            complete = bool(read) and len(known) == len(read)
            values[index].append(self.combine(rows[index], known) if complete else None)
        return values

    def _notes(
        self, asking: Asking, rows: dict[int, Judged], turns: list[tuple[int, int]], cost: Cost
    ) -> dict[tuple[int, int], list[str]]:
        """Return the notes of each vote; a vote that misses one is left out."""
        prompts = {turn: list(self.prepare(rows[turn[0]], turn[1])) for turn in turns}
        written = iter(asking.notes([prompt for several in prompts.values() for prompt in several], cost))
        found = {turn: [next(written) for _ in several] for turn, several in prompts.items()}
        known = {turn: [note for note in notes if note is not None] for turn, notes in found.items()}
        return {turn: notes for turn, notes in known.items() if len(notes) == len(found[turn])}

    def _verdict(self, votes: Sequence[float | None]) -> Settled:
        known = [vote for vote in votes if vote is not None]
        if 2 * len(known) <= len(votes):
            return Settled(None, UNREAD)
        said = ", ".join("?" if vote is None else f"{vote:g}" for vote in votes)
        return Settled(agreed(known, self.agree), f"votes: {said}" if len(votes) > 1 else "")


def agreed(votes: Sequence[float], agree: Agreement) -> float:
    """Return what votes amount to.

    Args:
        votes: At least one.
        agree: How.

    Returns:
        Their mean, or the mean of those values that most votes have.

    Example:
        >>> agreed([1.0, 0.0, 1.0], "majority"), agreed([1.0, 0.0], "majority"), agreed([1.0, 0.0, 0.0, 0.0], "mean")
        (1.0, 0.5, 0.25)
    """
    if agree == "mean":
        return sum(votes) / len(votes)
    counts = Counter(votes)
    most = [value for value, count in counts.items() if count == max(counts.values())]
    return sum(most) / len(most)


def hint(vote: int) -> str:
    """Return what the judge is told beside the question in this vote, with a blank before it; "" in the first one."""
    words = _HINTS[vote % len(_HINTS)]
    return f" {words}" if words else ""


def turned(items: Sequence[Any], vote: int) -> list[Any]:
    """Return things in another order for each vote: blocks, criteria, principles.

    Example:
        >>> turned("abc", 0), turned("abc", 1), turned("abc", 5)
        (['a', 'b', 'c'], ['b', 'c', 'a'], ['c', 'a', 'b'])
    """
    start = vote % len(items) if items else 0
    return [*items[start:], *items[:start]]


def require_texts(source: RewardSource, name: str, least: int = 0) -> None:
    """Refuse a field that is no list of texts, and make it a tuple.

    Raises:
        RewardiumError: Naming the field.
    """
    value = getattr(source, name)
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) and text.strip() for text in value):
        raise RewardiumError(f"{source.registered_name}: {name!r} must be a list of texts, got {value!r}")
    if len(value) < least:
        raise RewardiumError(f"{source.registered_name}: {name!r} needs at least {least} texts, got {len(value)}")
    object.__setattr__(source, name, tuple(value))

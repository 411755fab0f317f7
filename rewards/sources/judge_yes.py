"""How sure a judge is that a response is right, or better than a reference."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.frame_answers import share_of
from rewardium.rewards.models.frame_judge import Probabilities
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.models.text_choice import WordChooser, make_word_chooser
from rewardium.rewards.models.text_questions import ask_yes_or_no
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_REFERENCE, NO_RESPONSE, no_score
from rewardium.rewards.sources._judge_pairs import NO_RESPONSES, reference_responses
from rewardium.rewards.sources._judged_text import Judged, Scope, Settled, judged_rows

logger = logging.getLogger(__name__)

Against = Literal["answer", "response", "none"]
YES, NO = 0, 1

_RIGHT = "You check a response to a question."
_SAME = "You check whether a response to a question comes to the same answer as a reference answer."
_PAIR = "You compare two responses to a question."
_UNREAD = "the judge says neither of the two words"


@register("judge_yes", papers=("A31",))
@dataclass(frozen=True)
class JudgeYes(Rebuilt, RewardSource):
    """The probability with which a judge's answer begins with "yes".

    ::

        r = P(yes | q, reference, response) = exp(l_yes) / (exp(l_yes) + exp(l_no))

    the reward of "RewardDance: Reward Scaling in Visual Generation" (2025), there with pictures (see ``vlm_yes``), here
    with texts: a number between 0 and 1 from one pass, without anything written. The formula is that of the abstract;
    whether the softmax runs over both words or over all tokens is not known: ``among_words`` chooses. The paper's model
    is trained for the question; here any model is asked, and the wording is our own.

    A judge in this process gives the probability of the words themselves, over their spellings; a server its
    ``logprobs``; one that gives none leaves 0 and 1. Where both words together have less than ``least``, the answer is
    unknown. Since there is no word to read, there is no code in the answer either; the blocks are those of all judges
    of texts, and a response without content is worth 0 and not asked about. Watch the spread of this reward within a
    batch: where it falls to 0 while training goes on, the judge is fooled or has nothing more to say.

    Score: value float32 [B] in [0, 1]; invalid where there is nothing to compare with or no answer.

    Args:
        judge: As for ``make_word_chooser``: a server, a model in this process, or a rule.
        against: ``"answer"``: is the response's answer the task's reference? ``"response"``: is it better than the
            task's first reference response? ``"none"``: is it right?
        both_orders: Whether "is it better?" is asked in both orders, of which P(yes) and P(no) are averaged.
        among_words: Whether P(yes) is that among yes and no, or among all tokens.
        least: The least probability of both words together, in [0, 1]; our own.
        scope: ``"response"`` or ``"episode"``, as for all judges of texts.
        field: The task's field that holds the reference responses.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "", said, task=Task("2 + 2", "4")) for said in ("It is 4.", "It is 5.", ":")]
        >>> score = JudgeYes("scripted:grader").score(TransitionBatch.from_transitions(rows))
        >>> score.value.tolist(), score.valid.tolist()
        ([1.0, 0.0, 0.0], [True, True, True])
    """

    judge: str = ""
    against: Against = "answer"
    both_orders: bool = True
    among_words: bool = True
    least: float = 0.05
    scope: Scope = "response"
    field: str = "reference_responses"
    _chooser: WordChooser | None = dataclasses.field(init=False, repr=False, compare=False)

    words: ClassVar[tuple[str, str]] = ("yes", "no")

    def __post_init__(self) -> None:
        name = self.registered_name
        if not isinstance(self.judge, str) or not isinstance(self.field, str):
            raise RewardiumError(f"{name}: 'judge' and 'field' must be texts, got {self.judge!r}, {self.field!r}")
        require_choice(self, "against", get_args(Against))
        require_choice(self, "scope", get_args(Scope))
        require_number(self, "least", at_least=0.0, at_most=1.0)
        object.__setattr__(self, "_chooser", make_word_chooser(self.judge) if self.judge else None)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """Response and task, and the turns before where an episode is judged."""
        return frozenset({"action", "task"} | ({"history", "observation"} if self.scope == "episode" else set()))

    @classmethod
    def example(cls) -> Self:
        """Return a small one, with a judge that is a rule."""
        return cls("scripted:grader")

    def close(self) -> None:
        """End the connection to the judge."""
        if self._chooser is not None:
            self._chooser.close()

    def score(self, batch: TransitionBatch) -> Score:
        """Ask about B responses, all at once."""
        if self._chooser is None:
            raise RewardiumError(f"{self.registered_name} asks a judge, and none is named: give judge='http://...'")
        if batch.actions is None:
            return no_score(batch, NO_RESPONSE)
        rows = [self._settled(row) for row in judged_rows(batch, self.scope)]
        prompts = {index: self.prompts(row) for index, row in enumerate(rows) if isinstance(row, Judged)}
        sent = list(dict.fromkeys(prompt for several in prompts.values() for prompt in several))
        answers = dict(zip(sent, self._ask(sent), strict=True))
        verdicts = [
            row if isinstance(row, Settled) else self._verdict([answers[prompt] for prompt in prompts[index]])
            for index, row in enumerate(rows)
        ]
        return Score.of(
            [verdict.value for verdict in verdicts],
            reasons=[verdict.reason or None for verdict in verdicts],
            cost={"calls": float(len(sent))},
        )

    def prompts(self, row: Judged) -> list[str]:
        """Return what the judge is asked about a row: one prompt, or one for each order."""
        question = ("question", row.question)
        if self.against == "none":
            return [ask_yes_or_no(_RIGHT, [question, ("response", row.response)], "Is the response right?")]
        if self.against == "answer":
            blocks = [question, ("reference answer", row.reference or ""), ("response", row.response)]
            return [ask_yes_or_no(_SAME, blocks, "Does the response's final answer equal the reference answer?")]
        other = reference_responses(row, self.field, 1)[0]
        orders = [(other, row.response), (row.response, other)] if self.both_orders else [(other, row.response)]
        return [
            ask_yes_or_no(
                _PAIR,
                [question, ("reference response", before), ("response", after)],
                "Is the response better than the reference response?",
            )
            for before, after in orders
        ]

    def _settled(self, row: Judged | Settled) -> Judged | Settled:
        if isinstance(row, Settled):
            return row
        if self.against == "answer" and not (row.reference or "").strip():
            return Settled(None, NO_REFERENCE)
        if self.against == "response" and not reference_responses(row, self.field, 1):
            return Settled(None, NO_RESPONSES)
        return row

    def _ask(self, prompts: Sequence[str]) -> Sequence[Probabilities | None]:
        """Ask; whatever a judge raises leaves its prompts without an answer."""
        if not prompts or self._chooser is None:
            return []
        try:
            return self._chooser.choose(prompts, self.words)
        except Exception as error:
            logger.warning("%s: %d prompts stay without an answer: %s", self.registered_name, len(prompts), error)
            return [None] * len(prompts)

    def _verdict(self, answers: Sequence[Probabilities | None]) -> Settled:
        """Average over the orders: in the second one, it is the answer no that speaks for the response."""
        shares = [
            share_of(answer, place, self.among_words) if answer is not None and answer.sum() >= self.least else None
            for answer, place in zip(answers, (YES, NO), strict=False)
        ]
        known = [share for share in shares if share is not None]
        return Settled(sum(known) / len(known), "") if known and len(known) == len(shares) else Settled(None, _UNREAD)

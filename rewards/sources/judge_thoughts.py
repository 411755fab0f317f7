"""Which thoughts of a response were right, from what the response itself says of them later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rewardium.rewards.models.text_questions import YES_NO, TextQuestion, ask
from rewardium.rewards.registry import register
from rewardium.rewards.source import Segment, Segments
from rewardium.rewards.sources._judge_parts import JudgedPart, Part, PartJudge
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources._text_judge import hint, turned
from rewardium.rewards.text_units import Span

_INSTRUCTION = "You follow the steps of a response to a question. You do not solve the question yourself."
_TAKEN_BACK = (
    "The response comes to the right answer. Does it take the step back: does a later step find an error in this step, "
    "or does this step rest on one in which a later step finds an error?"
)
_LED_THERE = (
    "The response comes to a wrong answer. Did the step lead there: does it state the response's final answer, or a "
    "result that the final answer follows from?"
)


def merged(steps: Iterable[tuple[Span, bool]]) -> list[tuple[Span, bool]]:
    """Join neighbouring steps of one label into thoughts.

    Args:
        steps: Where each step stands, and its label.

    Returns:
        Where each thought stands, and its label; no two neighbours have the same.

    Example:
        >>> merged([((0, 2), True), ((2, 5), True), ((5, 6), False)])
        [((0, 5), True), ((5, 6), False)]
    """
    runs = [(label, [span for span, _ in run]) for label, run in groupby(steps, key=lambda step: step[1])]
    return [((spans[0][0], spans[-1][1]), label) for label, spans in runs]


@register("judge_thoughts", papers=("A28",))
@dataclass(frozen=True)
class JudgeThoughts(PartJudge):
    r"""1 for each right thought of a response and -1 for each wrong one, by signs that lie in the response itself.

    From "Good Learners Think Their Thinking: Generative PRM Makes Large Reasoning Model More Efficient Math Learner"
    (TP-GRPO, 2025). The judge does not solve the question again. Of a right response a step is wrong that the response
    itself takes back later, or that rests on such a step; of a wrong response a step is wrong that matches its answer,
    and all others are uncertain. Neighbouring steps of one label are one thought, paid once at its last character:

    ================  ==========================  =====================
    \                 right answer                wrong answer
    ================  ==========================  =====================
    ``1``             steps that were kept        steps that did not lead to the answer
    ``-1``            steps that were taken back  steps that led to it
    ================  ==========================  =====================

    The labels and the merging are those of notes on the published version. What they are worth depends on the group:
    the objective ``tp_grpo`` turns outcome and marks into advantages, with ``verify + 0.1 * judge_thoughts(...)``.
    By itself this reward is a sum over thoughts, and so pays for their number: a shaper such as ``delta`` bounds it.
    One question is asked for each step, with the whole response in view; the wording is our own. That the answer is
    right, the environment's own reward says.

    Score: value float32 [B], the sum of the segments; invalid where the judge left a step open.

    All parameters are those of judges of parts, see ``PartJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> row = Transition("", "", "2 + 2 is 5.\nWait, 2 + 2 is 4.\n4", task=Task("2 + 2", "4"), reward=1.0)
        >>> score = JudgeThoughts("scripted:grader").score(TransitionBatch.from_transitions([row]))
        >>> [tuple(segment) for segment in score.segments[0]]  # the rule says yes to every question of a right response
        [(0, 31, -1.0)]
    """

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask whether a step was taken back, or led to the wrong answer."""
        if not isinstance(row, JudgedPart):
            return ()
        blocks = turned([("question", row.question), ("response", row.response), ("step", row.part)], vote)
        return [ask(_INSTRUCTION, blocks, (_TAKEN_BACK if row.right else _LED_THERE) + hint(vote), YES_NO)]

    def credit(self, parts: Sequence[Part]) -> Segments:
        """Pay each thought once."""
        thoughts = merged((part.span, part.value > 0.5) for part in parts)
        return tuple(Segment(start, end, -1.0 if wrong else 1.0) for (start, end), wrong in thoughts)

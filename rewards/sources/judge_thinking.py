"""How good is the thinking, whatever the answer?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.models.text_questions import TextQuestion, ask, scale
from rewardium.rewards.registry import register
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources._text_judge import TextJudge, hint, turned

_INSTRUCTION = "You score the quality of the thinking in a response to a question, whatever its answer is."
_QUESTION = (
    "How good is the thinking? Look at five things: is it sound, are its methods right, is it free of errors, does it "
    "keep to one language and to the question, and is nothing in it said twice. 10: good in all of them. 0: in none."
)


@register("judge_thinking", papers=("A41",))
@dataclass(frozen=True)
class JudgeThinking(TextJudge):
    """A judge's score of a response's thinking, in {0, 0.1, .., 1}.

    ``R_think`` of "SophiaVL-R1: Reinforcing MLLMs Reasoning with Thinking Reward" (2025): a judge looks at soundness,
    methods, errors, language and redundancy. Range and aspects are those of the authors' code; the wording is our own.
    The paper trusts this reward less where wrong answers in a group get more of it, and lets it fade: that is the node
    ``trust`` around it. The public code never judges wrong answers, which makes that trust idle; here every response is
    judged that has content.

    The judge sees what stands in ``<think>`` tags, and not the reference.

    Score: value float32 [B] in [0, 1].

    All parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> rows = [Transition("", "", said, task=Task("2 + 2")) for said in ("<think>2, 3, 4</think> 4", "5")]
        >>> JudgeThinking("scripted:grader").score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0]
    """

    keeps_thought = True

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask for a score."""
        blocks = turned([("question", row.question), ("response", row.response)], vote)
        return [ask(_INSTRUCTION, blocks, _QUESTION + hint(vote), scale(0, 10))]

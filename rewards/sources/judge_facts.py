"""Which parts of a response claim what is not so, by kinds of claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.models.text_questions import YES_NO, TextQuestion, ask
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.source import Segment, Segments
from rewardium.rewards.sources._judge_parts import JudgedPart, Part, PartJudge
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources._text_judge import hint, require_texts, turned
from rewardium.rewards.text_units import TextUnit

DEFAULT_KINDS = ("which things there are", "properties and numbers of things", "relations between things")

_INSTRUCTION = "You check the claims in a part of a response against the question and what is known."


@register("judge_facts", papers=("B34",))
@dataclass(frozen=True)
class JudgeFacts(PartJudge):
    """For each part of a response, ``scale * mean over kinds of (2 P(all claims of the kind are true) - 1)``.

    From "FGAIF: Aligning Large Vision-Language Models with Fine-grained AI Feedback" (2024): responses are cut into
    short parts, an annotator says of each part and each kind of claim (that an object is there, its attributes, its
    relations) whether any is false, and each part is paid at its end for each kind. ::

        r_j = sum_k w_k (2 P_k(ok | part j) - 1)

    The three kinds and the placement are those of the abstract; sign and scale are reconstructed, equal weights are
    ours. The paper distils the annotations into one reward model for each kind, and reads pictures; here a judge of
    texts is asked itself, so that P is 0 or 1, or the share of several ``votes``. What is known are question and
    reference. The sum grows with the number of parts: a shaper such as ``delta`` or ``clip`` bounds it.

    Score: value float32 [B], the sum of the segments, each in [-scale, scale]; invalid where the judge left a part
    open.

    Args:
        kinds: What kinds of claims are asked about, one question for each.
        scale: What a part without a false claim is paid, above 0.
        unit: What a part is; see ``PartJudge``.

    The other parameters are those of judges of parts, see ``PartJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> row = Transition("", "", "Four is even. It is 4.", task=Task("2 + 2", "4"))
        >>> score = JudgeFacts("scripted:grader").score(TransitionBatch.from_transitions([row]))
        >>> [tuple(segment) for segment in score.segments[0]]  # the rule looks at the whole response
        [(0, 14, 1.0), (14, 22, 1.0)]
    """

    kinds: tuple[str, ...] = DEFAULT_KINDS
    scale: float = 1.0
    unit: TextUnit = "sentence"

    def check(self) -> None:
        """Refuse kinds and numbers that are none."""
        super().check()
        require_texts(self, "kinds", least=1)
        require_number(self, "scale", above=0.0)

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask about the claims of each kind."""
        if not isinstance(row, JudgedPart):
            return ()
        right = [] if row.reference is None else [("reference answer", row.reference)]
        blocks = [("question", row.question), *right, ("response", row.response), ("part", row.part)]
        return [
            ask(
                _INSTRUCTION,
                turned(blocks, vote),
                f"Look only at claims about {kind}. Is every such claim in the part true? Answer YES too where the "
                f"part makes none.{hint(vote)}",
                YES_NO,
            )
            for kind in self.kinds
        ]

    def credit(self, parts: Sequence[Part]) -> Segments:
        """Pay each part at its end."""
        return tuple(Segment(*part.span, self.scale * (2.0 * part.value - 1.0)) for part in parts)

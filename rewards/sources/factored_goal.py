"""How much of a goal is reached: the goal in factors, each compared with what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.sentence_encoder import SentenceEncoder, make_sentence_encoder
from rewardium.rewards.models.vision_encoder import VisionEncoder, load_vision_encoder
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import encoded_frames, rows_with_frames
from rewardium.rewards.sources._factors import Factor, factor_similarities, read_factors
from rewardium.rewards.sources._sentences import sentences
from rewardium.rewards.sources.progress import progress_on_line

Seen = Literal["text", "frame"]
Factors = tuple[str, ...]
_MOST_FACTORS = 100
_SAME = 1e-4


@register("factored_goal", papers=("B61",))
@dataclass(frozen=True)
class FactoredGoal(RewardSource):
    r"""The mean over the factors of a goal of how well each is found in the text, or seen in the frame.

    From "Reward Prediction with Factorized World States" (2026, StateFactory), whose states and goals are objects with
    attributes::

        r = (1/|G|) * sum_{g in G} max_{o in S} sim(name_g, name_o) * F(g, o)
        F(g, o) = (1/|K_g|) * sum_{k in K_g} sim(value_g[k], value_o[k*])

    with ``k*`` the key of the object most like k, and the cosine of two embeddings, cut to [0, 1], as ``sim``.
    Certainty: from secondary notes that agree. In the paper a language model writes states and goal in this form, and
    rewrites the goal as the episode goes on. Here the goal is given in factors, and the state of a text environment is
    read by a fixed rule: a JSON object of objects, or lines such as ``door: state=open, colour=red``; any other
    sentence is an object without attributes.

    A frame has no such form (``of="frame"``, which is ours): each factor becomes one sentence an attribute, and ``sim``
    is that of frame and sentence, or, with a ``baseline``, how far the frame lies on the line from the baseline's
    sentence to the factor's (see ``progress_on_line``).

    The paper's step reward is the change ``r_{t+1} - r_t``: ``delta(factored_goal(...))``; or use it as a potential.

    Score: value float32 [B] in [0, 1]; invalid where a row has no text (or no frame) or the task no goal.

    Args:
        factors: The goal, one factor an item: ``"door: state=open"`` or a sentence. By default ``fields["factors"]`` of
            each row's task, or its goal, taken apart at semicolons and full stops.
        of: Whether the ``"text"`` or the ``"frame"`` is looked at.
        encoder: For texts: ``"bow"`` (shared words), ``"hash"`` (shared pieces of words), or the folder or hub name of
            a sentence encoder, which needs the extra ``llm``.
        clip: For frames: a folder, or architecture and weights of ``open_clip``; None leaves it to the flag
        ``--clip``.
        baseline: For frames: a sentence that is true of any frame, such as "a robot"; "" for none.

    Raises:
        RewardiumError: When a parameter is wrong, or there is no such encoder.
        MissingExtraError: When the package of the encoder is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> source = FactoredGoal(["door: state=open", "lamp: state=on"])
        >>> texts = ["door: state=closed\nlamp: state=on", "door: state=open\nlamp: state=on\ncat: state=asleep"]
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "", text=text) for text in texts])
        >>> source.score(batch).value.tolist()
        [0.5, 1.0]
    """

    factors: Factors = ()
    of: Seen = "text"
    encoder: str = "bow"
    clip: str | None = None
    baseline: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", sentences("factored_goal: 'factors'", self.factors, _MOST_FACTORS))
        require_choice(self, "of", get_args(Seen))
        if self.clip is None and self.of == "frame":
            object.__setattr__(self, "clip", "")  # what a flag must fill; for texts, None says that nothing is missing
        for name in ("encoder", "clip", "baseline"):
            if not isinstance(getattr(self, name), str) and not (name == "clip" and self.clip is None):
                raise RewardiumError(f"factored_goal: {name!r} must be a text, got {getattr(self, name)!r}")
        if self.baseline and self.of == "text":
            raise RewardiumError("factored_goal: 'baseline' is for frames: give of='frame', too")
        # A wrong name fails here, before the long work starts.
        if self.of == "text":
            self._sentence_encoder()
        elif self.clip:
            self._vision_encoder()

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The text or the frame, and the task where no factors are given."""
        return frozenset({self.of} if self.factors else {self.of, "task"})

    def check_frames(self, shape: tuple[int, ...], dtype: object) -> None:
        """Refuse frames that the encoder cannot read, before a long run renders many of them."""
        if self.of == "frame":
            self._vision_encoder().check_frames(shape, dtype)

    def score(self, batch: TransitionBatch) -> Score:
        """Compare B rows with their goals."""
        rows = rows_with_frames(batch) if self.of == "frame" else _rows_with_texts(batch)
        goals = [self._goal(batch, row) for row in range(len(batch))]
        rows = [row for row in rows if goals[row]]
        values: list[float | None] = [None] * len(batch)
        if self.of == "text":
            for row in rows:
                values[row] = self._in_text((batch.texts or [])[row] or "", goals[row])
        elif rows:
            vectors = encoded_frames(self._vision_encoder(), batch, rows).astype(np.float64)
            for wanted in dict.fromkeys(goals[row] for row in rows):
                own = [place for place, row in enumerate(rows) if goals[row] == wanted]
                for place, value in zip(own, self._in_frames(vectors[own], wanted).tolist(), strict=True):
                    values[rows[place]] = value
        missing = f"the row has no {self.of}, or the task no goal"
        return Score.of(values, reasons=[missing if value is None else None for value in values])

    def _goal(self, batch: TransitionBatch, row: int) -> Factors:
        return self.factors or factors_of_task(None if batch.tasks is None else batch.tasks[row])

    def _in_text(self, text: str, goal: Factors) -> float:
        return float(np.mean(factor_similarities(_wanted(goal), read_factors(text), self._table)))

    def _in_frames(self, vectors: NDArray[np.float64], goal: Factors) -> NDArray[np.float64]:
        """Average over the attributes of each object, then over the objects."""
        objects = [self._seen(vectors, factor.sentences()).mean(axis=1) for factor in _wanted(goal)]
        return np.asarray(np.mean(objects, axis=0), dtype=np.float64)

    def _seen(self, vectors: NDArray[np.float64], wanted: Sequence[str]) -> NDArray[np.float64]:
        encoder = self._vision_encoder()
        texts = encoder.encode_texts(wanted).astype(np.float64)
        if not self.baseline:
            return np.clip(vectors @ texts.T, 0.0, 1.0)
        start = encoder.encode_texts([self.baseline])[0].astype(np.float64)
        # A factor that says what the baseline says has no way to go, and is not seen.
        columns = [
            progress_on_line(vectors, start, text) if np.linalg.norm(text - start) > _SAME else np.zeros(len(vectors))
            for text in texts
        ]
        return np.stack(columns, axis=1)

    def _table(self, texts: Sequence[str], goals: Sequence[str]) -> NDArray[np.float64]:
        """Compare texts; equal ones are alike also where the encoder knows none of their words."""
        table = np.clip(self._sentence_encoder().similarities(texts, goals), 0.0, 1.0).astype(np.float64)
        said, wanted = np.array([text.lower() for text in texts]), np.array([goal.lower() for goal in goals])
        return np.where(said[:, None] == wanted[None, :], 1.0, table)

    def _sentence_encoder(self) -> SentenceEncoder:
        return make_sentence_encoder(self.encoder)

    def _vision_encoder(self) -> VisionEncoder:
        if not self.clip:
            raise RewardiumError(
                "factored_goal has no vision encoder: give the script --clip, or clip='...' in the reward"
            )
        return load_vision_encoder(self.clip)


def factors_of_task(task: Task | None) -> Factors:
    """Return the factors of a task: those in its fields, else its goal taken apart.

    Example:
        >>> factors_of_task(Task("Open the door. Light the lamp; sit down"))
        ('Open the door', 'Light the lamp', 'sit down')
        >>> factors_of_task(Task("tidy up", fields={"factors": ["table: is empty"]}))
        ('table: is empty',)
    """
    if task is None:
        return ()
    given = task.fields.get("factors")
    texts = given if isinstance(given, (list, tuple)) and given else None
    if texts is None:
        return tuple(factor_text(factor) for factor in read_factors(task.goal))[:_MOST_FACTORS]
    return tuple(text for text in texts if isinstance(text, str) and text.strip())[:_MOST_FACTORS]


def factor_text(factor: Factor) -> str:
    """Write a factor as ``read_factors`` reads it: ``name: key=value, key=value``."""
    attributes = ", ".join(f"{key}={value}" for key, value in factor.attributes)
    return f"{factor.name}: {attributes}" if attributes else factor.name


def _wanted(goal: Factors) -> list[Factor]:
    """Read each factor; one that says several things gives several objects, one that says nothing itself."""
    return [factor for text in goal for factor in read_factors(text) or [Factor(text)]]


def _rows_with_texts(batch: TransitionBatch) -> list[int]:
    return [] if batch.texts is None else [row for row, text in enumerate(batch.texts) if text is not None]

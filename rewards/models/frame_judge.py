"""What a judge of frames is: it is shown pictures and words, and chooses one of a few words, with probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.spec import number, split_options, whole_number, words

Frame = NDArray[np.uint8]
Probabilities = NDArray[np.float64]

_MAX_SPEC_LENGTH = 4_000
_FORMS = "'http://HOST:PORT/v1', 'transformers:FOLDER_OR_NAME' or 'scripted:NAME'"


@dataclass(frozen=True, slots=True, eq=False)
class ImageQuestion:
    """Words and pictures in the order in which a model reads them.

    Args:
        parts: Texts, and frames as uint8 [H, W, 3].
        goal: What is judged, in words; also stands in the texts, where a model reads it.
    """

    parts: tuple[str | Frame, ...]
    goal: str = ""

    @property
    def frames(self) -> list[Frame]:
        """The pictures, in their order."""
        return [part for part in self.parts if not isinstance(part, str)]


@runtime_checkable
class FrameJudge(Protocol):
    """Chooses one of a few words for each question. Thread-safe."""

    @property
    def name(self) -> str:
        """The model's identity, as labels are kept under it; two judges that may answer differently differ here."""

    def check_words(self, allowed: Sequence[str]) -> None:
        """Refuse words that the judge could never choose, before the long work starts.

        Raises:
            RewardiumError: Naming the word.
        """

    def choose(self, questions: Sequence[ImageQuestion], allowed: Sequence[str]) -> list[Probabilities | None]:
        """Answer B questions.

        Args:
            questions: Length B.
            allowed: The W words that are an answer, in lower case; each one token of the model.

        Returns:
            Length B: float64 [W], the probability of each word as the answer's first word, at most 1 in sum; None where
            the judge said something else, or nothing.

        Raises:
            JudgeError: When none could be answered, e.g. because the server is down.
        """

    def close(self) -> None:
        """Free what the judge holds; a closed judge answers nothing."""


def make_frame_judge(spec: str) -> FrameJudge:
    """Build a judge of frames from a text such as a ``--judge`` flag.

    ============================================  =====================================================================
    ``http://HOST:PORT/v1`` (or ``https``)        an OpenAI-compatible server with a vision-language model: vLLM, SGLang
    ``transformers:FOLDER_OR_NAME``               a vision-language model in this process
    ``scripted:NAME``                             a rule over pixels; see ``rewards/models/scripted_frames.py``
    ============================================  =====================================================================

    Options follow after ``#`` (after ``?`` for a scripted one), separated by ``&``:

    - server: ``model=NAME`` (default: the first that the server lists), ``timeout=60`` seconds a request,
      ``concurrency=16`` requests at once, ``max_tokens=4`` of an answer.
    - transformers: ``device=cuda:0``, ``dtype=bfloat16``, ``batch=8`` questions at once.
    - scripted: ``error=0.1`` share of wrong answers, ``seed=0``, ``clip=FOLDER`` of the rule ``clip``.

    Args:
        spec: The text, at most 4,000 characters.

    Returns:
        The judge. A model in this process is loaded at once, and once a process; a server is not contacted yet.

    Raises:
        RewardiumError: When the text is no such spec, an option is unknown or wrong, or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.

    Example:
        >>> make_frame_judge("scripted:brightness?error=0.1").name
        'scripted:brightness/1?error=0.1&seed=0'
    """
    if not isinstance(spec, str) or not spec.strip() or len(spec) > _MAX_SPEC_LENGTH:
        raise RewardiumError(f"a judge of frames must be {_FORMS}, got {str(spec)[:100]!r}")
    spec = spec.strip()
    if spec.startswith(("http://", "https://")):
        from rewardium.rewards.models.frame_server import FrameServerJudge

        address, options = split_options(spec, "#", _SERVER_OPTIONS)
        return FrameServerJudge(address, **options)
    if spec.startswith("transformers:"):
        from rewardium.rewards.models.frame_transformers import FrameTransformersJudge

        model, options = split_options(spec, "#", _TRANSFORMERS_OPTIONS)
        return FrameTransformersJudge(model.removeprefix("transformers:"), **options)
    if spec.startswith("scripted:"):
        from rewardium.rewards.models.scripted_frames import ScriptedFrameJudge

        name, options = split_options(spec, "?", _SCRIPTED_OPTIONS)
        return ScriptedFrameJudge(name.removeprefix("scripted:"), **options)
    raise RewardiumError(f"a judge of frames must be {_FORMS}, got {spec!r}")


_SERVER_OPTIONS = {
    "model": words("model"),
    "timeout": number("timeout"),
    "concurrency": whole_number("concurrency"),
    "max_tokens": whole_number("max_tokens"),
}
_TRANSFORMERS_OPTIONS = {
    "device": words("device"),
    "dtype": words("dtype"),
    "batch": whole_number("batch_size"),
}
_SCRIPTED_OPTIONS = {
    "error": number("error"),
    "seed": whole_number("seed"),
    "clip": words("clip"),
}

"""What sources with a trained model of steps share; the leading underscore says that this file is no source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.sources._unit_values import PAYS, Pay
from rewardium.rewards.sources.reward_model import RewardModelSource
from rewardium.rewards.text_units import TextUnit, require_unit


@dataclass(frozen=True)
class StepModelSource(Rebuilt, RewardSource):
    """A source that values the steps of a response by a reward model that was trained before the run.

    Args:
        path: The folder of the model.
        unit: What a step is: what ends with the separator (``"step"``), a ``"sentence"``, a ``"clause"``, or the whole
            ``"response"``.
        separator: What ends a step.
        pay: ``"value"`` of each step, its ``"gain"`` on the one before, or one number for the response, by which
            candidates are ranked: the ``"last"``, ``"min"``, ``"mean"`` or ``"product"``.
        prompt: As of ``reward_model``, and so are ``token_budget``, ``device`` and ``dtype``.

    Raises:
        RewardiumError: When there is no model in the folder, or a parameter is wrong.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.
    """

    path: str
    unit: TextUnit = "step"
    separator: str = "\n"
    pay: Pay = "value"
    prompt: Literal["observation", "goal", "conversation"] = field(default="observation", kw_only=True)
    token_budget: int = field(default=16_384, kw_only=True)
    device: str = field(default="", kw_only=True)
    dtype: str = field(default="float32", kw_only=True)
    _model: RewardModelSource = field(init=False, repr=False, compare=False)

    def load_model(self, **settings: Any) -> None:
        """Check what is shared, and load the model.

        Args:
            **settings: Of the ``reward_model`` that is asked.
        """
        require_unit(self.registered_name, self.unit, self.separator)
        require_choice(self, "pay", PAYS)
        shared = {name: getattr(self, name) for name in ("prompt", "token_budget", "device", "dtype")}
        model = RewardModelSource(self.path, **shared, **settings)
        object.__setattr__(self, "path", model.path)
        object.__setattr__(self, "_model", model)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the model needs."""
        return self._model.needs

    @classmethod
    def example(cls, **changes: Any) -> Any:
        """Return one with a small untrained model, built for it in a temporary folder; it computes in float64."""
        return cls(RewardModelSource.example().path, **{"device": "cpu", "dtype": "float64", **changes})

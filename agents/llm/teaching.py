"""What the makers of small policies share: checks of how one is taught, and the folder of what was taught."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rewardium.agents.llm.character import save_policy
from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


class Teaching(Protocol):
    """How a policy is taught."""

    @property
    def steps(self) -> int:
        """Number of optimizer steps."""

    @property
    def batch_size(self) -> int:
        """Number of examples a step."""

    @property
    def carelessness(self) -> float:
        """Probability that the pupil slips."""

    @property
    def matrix_learning_rate(self) -> float:
        """Peak learning rate of the weight matrices."""

    @property
    def learning_rate(self) -> float:
        """Peak learning rate of embeddings and norms."""

    @property
    def env_arguments(self) -> Mapping[str, Any]:
        """Arguments of the environment that asks."""


def check_teaching(config: Teaching, examples: str) -> None:
    """Refuse a config that no policy can be taught with.

    Args:
        config: How a policy is taught.
        examples: The field that says of how many examples.

    Raises:
        RewardiumError: When a value is out of its range, or the environment's arguments name a split.
    """
    if min(config.steps, config.batch_size, getattr(config, examples)) < 1:
        raise RewardiumError(f"steps, batch_size and {examples} must be at least 1, got {config}")
    if not 0.0 <= config.carelessness <= 1.0:
        raise RewardiumError(f"carelessness must be in [0, 1], got {config.carelessness}")
    if not (config.matrix_learning_rate > 0.0 and config.learning_rate > 0.0):
        raise RewardiumError(f"both learning rates must be positive, got {config}")
    if "split" in config.env_arguments:
        raise RewardiumError("env_arguments must not name a split: pre-training reads the train split only")


def policy_folder(folder: str | Path) -> Path:
    """Return the folder of a policy, before it is made.

    Raises:
        RewardiumError: When a file stands there.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise RewardiumError(f"the policy needs a folder, but {folder} is a file")
    return folder


def save_taught(
    folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, settings: str, card: str
) -> None:
    """Write a policy with the settings that rebuild it and its card.

    Args:
        folder: Created where it is missing.
        model: The policy.
        tokenizer: Its tokenizer.
        settings: YAML.
        card: Markdown.

    Raises:
        RewardiumError: When the folder cannot be written.
    """
    save_policy(folder, model, tokenizer)
    (folder / "pretraining.yaml").write_text(settings, encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")

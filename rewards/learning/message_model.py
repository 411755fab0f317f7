"""A model that gives each message a number, how it learns, and how it is kept in a folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import Preference
from rewardium.rewards.learning.char_cnn import CharCnnSettings, build_char_cnn, char_cnn
from rewardium.rewards.learning.messages import encode
from rewardium.rewards.learning.model_folder import SETTINGS_FILE, load_network, read_settings, save_network
from rewardium.rewards.learning.one_thread import one_thread

if TYPE_CHECKING:
    from torch import Tensor

WHAT = "message model"
FORMAT = 1
_ROWS_A_CALL = 1_024


class MessageModel:
    """A network over characters whose number for a message is a logit (classifier) or a reward (ranker).

    Args:
        settings: The size of the network.
        seed: Of its weights.
        device: Where it lives.

    Raises:
        MissingExtraError: When torch is not installed.

    Example:
        >>> model = MessageModel(CharCnnSettings(width=8), seed=1)
        >>> model.scores(["You see here a key.", "It's a wall."]).shape
        (2,)
    """

    def __init__(self, settings: CharCnnSettings | None = None, seed: int = 0, device: str = "cpu") -> None:
        self.settings = settings or CharCnnSettings()
        self.device = device
        self.network = build_char_cnn(self.settings, seed).to(device)

    def scores(self, messages: Sequence[str]) -> NDArray[np.float64]:
        """Return the number of each message.

        Args:
            messages: Length B.

        Returns:
            float64 [B].
        """
        import torch

        with one_thread(), torch.inference_mode():
            parts = [
                self(messages[start : start + _ROWS_A_CALL]).cpu().double().numpy()
                for start in range(0, len(messages), _ROWS_A_CALL)
            ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def __call__(self, messages: Sequence[str]) -> Tensor:
        """Return the numbers as a tensor, float32 [B], with gradients."""
        import torch

        ids = torch.from_numpy(encode(messages, self.settings.max_bytes)).to(self.device)
        return char_cnn(self.network, ids)

    def frozen_copy(self) -> MessageModel:
        """Return a copy that goes on answering while this one learns."""
        twin = copy.copy(self)
        twin.network = copy.deepcopy(self.network).requires_grad_(False)
        return twin

    def save(self, folder: str | Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write weights (safetensors) and settings (JSON); each file is there as a whole or not at all.

        Args:
            folder: Created where it is missing; a model in it is replaced.
            extra: Plain values to keep beside the settings.

        Raises:
            RewardiumError: When the folder cannot be written.
        """
        save_network(self.network, {"format": FORMAT, "settings": asdict(self.settings), **(extra or {})}, folder, WHAT)

    @classmethod
    def load(cls, folder: str | Path) -> tuple[MessageModel, dict[str, Any]]:
        """Read a model that ``save`` wrote.

        Args:
            folder: Where it is.

        Returns:
            The model on the CPU, and all that stands in its JSON file.

        Raises:
            RewardiumError: When there is no model, or it is of another kind or damaged.
            MissingExtraError: When torch or safetensors is not installed.
        """
        written = read_settings(folder, {"format": FORMAT}, WHAT, "scripts/label_offline.py")
        model = cls(_settings_of(written, Path(folder)))
        load_network(model.network, folder, WHAT)
        return model, written


def _settings_of(written: Mapping[str, Any], folder: Path) -> CharCnnSettings:
    try:
        return CharCnnSettings(**written["settings"])
    except (KeyError, TypeError) as error:
        raise RewardiumError(f"{folder / SETTINGS_FILE} has no settings of a char-CNN: {error}") from error


class MessageTrainer:
    """Adam on a message model. Batches come from a generator of its own, so equal labels give equal weights.

    Args:
        model: What learns.
        learning_rate: Of Adam.
        batch_size: Labels a gradient step; fewer where there are fewer.
        seed: Of the batches.
    """

    def __init__(
        self, model: MessageModel, *, learning_rate: float = 1e-4, batch_size: int = 256, seed: int = 0
    ) -> None:
        import torch

        self.model = model
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(model.network.parameters(), lr=learning_rate, fused=True)
        self._generator = np.random.default_rng(seed)

    def classify(self, messages: Sequence[str], labels: Sequence[float], steps: int) -> float:
        """Learn labels in [0, 1] by cross-entropy.

        Args:
            messages: Length B, at least one.
            labels: Length B, the probability that the message is good.
            steps: Gradient steps.

        Returns:
            The mean loss over the steps.
        """
        import torch

        truth = torch.tensor(labels, dtype=torch.float32, device=self.model.device)

        def logits(rows: NDArray[np.int64]) -> Tensor:
            return self.model([messages[row] for row in rows])

        return self._learn(logits, truth, steps)

    def rank(self, pairs: Sequence[Preference], steps: int) -> float:
        """Learn preferences by the cross-entropy of ``P(first wins) = sigmoid(r(first) - r(second))``.

        Args:
            pairs: Length B, at least one; a tie has the preference 0.5.
            steps: Gradient steps.

        Returns:
            The mean loss over the steps.
        """
        import torch

        truth = torch.tensor([pair.preference for pair in pairs], dtype=torch.float32, device=self.model.device)

        def margins(rows: NDArray[np.int64]) -> Tensor:
            texts = [pairs[row].first for row in rows] + [pairs[row].second for row in rows]
            number = {text: index for index, text in enumerate(dict.fromkeys(texts))}
            rewards = self.model(list(number))  # a message stands in many pairs and is computed once
            first, second = rewards[[number[text] for text in texts]].chunk(2)
            return first - second

        return self._learn(margins, truth, steps)

    def _learn(self, logits: Any, truth: Tensor, steps: int) -> float:
        from torch.nn.functional import binary_cross_entropy_with_logits

        self.model.network.requires_grad_(True)
        total = 0.0
        with one_thread():
            for _ in range(steps):
                rows = self._rows(len(truth))
                loss = binary_cross_entropy_with_logits(logits(rows), truth[rows])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()
                total += float(loss.detach())
        return total / steps if steps else 0.0

    def _rows(self, number: int) -> NDArray[np.int64]:
        if number <= self.batch_size:
            return np.arange(number)
        return self._generator.choice(number, size=self.batch_size, replace=False)

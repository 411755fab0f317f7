"""A model that gives each frame a number, how it learns from preferences, and how it is kept in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.frame_cnn import FrameCnnSettings, build_frame_cnn, frame_cnn, small_frames
from rewardium.rewards.learning.model_folder import SETTINGS_FILE, load_network, read_settings, save_network
from rewardium.rewards.learning.one_thread import one_thread

if TYPE_CHECKING:
    from torch import Tensor

WHAT = "frame model"
IDENTITY = {"kind": "frame preference model", "format": 1}
_ROWS_A_CALL = 256

SmallFrames = NDArray[np.uint8]


class FramePreference(NamedTuple):
    """Which of two frames is better.

    Args:
        first: The index of a frame.
        second: That of another one.
        preference: 1.0 where the first is better, 0.0 where the second is, 0.5 for a tie.
    """

    first: int
    second: int
    preference: float


class FrameModel:
    """Networks over frames whose mean is a reward.

    Args:
        settings: Their size.
        seed: Of their weights.
        device: Where they live.

    Raises:
        MissingExtraError: When torch is not installed.

    Example:
        >>> model = FrameModel(FrameCnnSettings(size=16, width=4), seed=1)
        >>> model.scores([np.zeros((8, 8, 3), np.uint8), np.zeros((9, 7, 3), np.uint8)]).shape
        (2,)
    """

    def __init__(self, settings: FrameCnnSettings | None = None, seed: int = 0, device: str = "cpu") -> None:
        self.settings = settings or FrameCnnSettings()
        self.device = device
        self.network = build_frame_cnn(self.settings, seed).to(device)

    def scores(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Return the number of each frame: float64 [B] in (-1, 1), the mean over the members."""
        parts = [
            self.scores_of_small(small_frames(frames[start : start + _ROWS_A_CALL], self.settings.size))
            for start in range(0, len(frames), _ROWS_A_CALL)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def scores_of_small(self, small: SmallFrames) -> NDArray[np.float64]:
        """Return the number of each frame that ``small_frames`` has made small (uint8 [B, 3, size, size])."""
        import torch

        parts = []
        with one_thread(), torch.inference_mode():
            for start in range(0, len(small), _ROWS_A_CALL):
                parts.append(self(small[start : start + _ROWS_A_CALL]).mean(dim=1).double().cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros(0)

    def __call__(self, small: SmallFrames) -> Tensor:
        """Return the members' numbers as a tensor, float32 [B, members], with gradients."""
        import torch

        return frame_cnn(self.network, torch.from_numpy(small).to(self.device))

    def save(self, folder: str | Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write weights (safetensors) and settings (JSON); each file is there as a whole or not at all.

        Args:
            folder: Created where it is missing; a model in it is replaced.
            extra: Plain values to keep beside the settings.

        Raises:
            RewardiumError: When the folder cannot be written.
        """
        save_network(self.network, {**IDENTITY, "settings": asdict(self.settings), **(extra or {})}, folder, WHAT)

    @classmethod
    def load(cls, folder: str | Path) -> tuple[FrameModel, dict[str, Any]]:
        """Read a model that ``save`` wrote.

        Args:
            folder: Where it is.

        Returns:
            The model on the CPU, and all that stands in its JSON file.

        Raises:
            RewardiumError: When there is no model, or it is of another kind or damaged.
            MissingExtraError: When torch or safetensors is not installed.
        """
        written = read_settings(folder, IDENTITY, WHAT, "scripts/label_frames.py")
        model = cls(_settings_of(written, Path(folder)))
        load_network(model.network, folder, WHAT)
        return model, written


class FrameTrainer:
    """Adam on a frame model; each member draws pairs of its own, so that they err in different places.

    Args:
        model: What learns.
        learning_rate: Of Adam.
        batch_size: Pairs a gradient step and member; fewer where there are fewer.
        seed: Of the batches.
    """

    def __init__(self, model: FrameModel, *, learning_rate: float = 3e-4, batch_size: int = 64, seed: int = 0) -> None:
        import torch

        self.model = model
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(model.network.parameters(), lr=learning_rate)
        self._generator = np.random.default_rng(seed)

    def rank(self, small: SmallFrames, pairs: Sequence[FramePreference], steps: int) -> float:
        """Learn preferences by the cross-entropy of ``P(first wins) = sigmoid(r(first) - r(second))``.

        Args:
            small: uint8 [N, 3, size, size], the frames that the pairs name.
            pairs: Length B, at least one.
            steps: Gradient steps.

        Returns:
            The mean loss over the steps and members.
        """
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        table = np.array([pair[:2] for pair in pairs], dtype=np.int64)
        truth = torch.tensor([pair.preference for pair in pairs], dtype=torch.float32, device=self.model.device)
        self.model.network.requires_grad_(True)
        total = 0.0
        with one_thread():
            for _ in range(steps):
                losses = []
                for member in self.model.network:
                    rows = self._rows(len(pairs))
                    images = torch.from_numpy(small[table[rows].T.reshape(-1)]).to(self.model.device)
                    first, second = frame_cnn([member], images)[:, 0].chunk(2)
                    losses.append(binary_cross_entropy_with_logits(first - second, truth[rows]))
                loss = torch.stack(losses).sum()
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()
                total += float(loss.detach()) / len(losses)
        return total / steps if steps else 0.0

    def _rows(self, number: int) -> NDArray[np.int64]:
        if number <= self.batch_size:
            return np.arange(number)
        return self._generator.choice(number, size=self.batch_size, replace=False)


def _settings_of(written: Mapping[str, Any], folder: Path) -> FrameCnnSettings:
    try:
        return FrameCnnSettings(**written["settings"])
    except (KeyError, TypeError) as error:
        raise RewardiumError(f"{folder / SETTINGS_FILE} has no settings of a frame CNN: {error}") from error

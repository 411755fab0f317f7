"""A flow that knows what the hidden states of good responses look like, and how far others stray from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.flow_network import build_flow, velocity
from rewardium.rewards.learning.model_folder import load_network, read_settings, save_network, version_of

if TYPE_CHECKING:
    from torch import Tensor

KIND, FORMAT = "flow of hidden states", 1
MADE_BY = "fit_flow of rewardium.rewards.learning.flow_training"

Neighbour = Literal["before", "after"]


@dataclass(frozen=True)
class FlowSettings:
    """What a flow reads and how large it is.

    Args:
        depths: Parts of the language model's depth whose states are read, each in [0, 1]. The paper's code takes a
            quarter, a half and three quarters.
        neighbour: Which token's state the flow is told: the one ``"before"``, or the one ``"after"``. The code has one
            in the file for training the flow, the other in that of the policy's training.
        width: Of the hidden layers.
        blocks: Number of blocks; the code has 6.

    Raises:
        RewardiumError: When a setting is out of its range.
    """

    depths: tuple[float, ...] = (0.25, 0.5, 0.75)
    neighbour: Neighbour = "before"
    width: int = 256
    blocks: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "depths", tuple(float(depth) for depth in self.depths))
        if not self.depths or not all(0.0 <= depth <= 1.0 for depth in self.depths):
            raise RewardiumError(f"a flow's depths must be numbers in [0, 1], at least one, got {self.depths}")
        if self.neighbour not in get_args(Neighbour):
            raise RewardiumError(f"a flow's neighbour must be 'before' or 'after', got {self.neighbour!r}")
        for name, value in (("width", self.width), ("blocks", self.blocks)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RewardiumError(f"a flow's {name} must be a whole number of at least 1, got {value!r}")


def states_and_conditions(states: Tensor, neighbour: Neighbour) -> tuple[Tensor, Tensor]:
    """Return the states of T tokens, and those of their neighbours.

    Args:
        states: float [L, T + 1, D], the first of the token before them; see ``token_states``.
        neighbour: Which neighbour; the last token has none after it, for which zeros stand.

    Returns:
        float [L, T, D], twice.

    Example:
        >>> import torch
        >>> own, other = states_and_conditions(torch.tensor([[[1.0], [2.0], [3.0]]]), "after")
        >>> own.flatten().tolist(), other.flatten().tolist()
        ([2.0, 3.0], [3.0, 0.0])
    """
    import torch

    own = states[:, 1:]
    return own, states[:, :-1] if neighbour == "before" else torch.nn.functional.pad(own[:, 1:], (0, 0, 0, 1))


class FlowModel:
    """The velocity field of a flow from noise to hidden states.

    With a state ``z`` (each of its dimensions less the mean and over the deviation of the training states), noise
    ``e`` and ``x_t = t z + (1 - t) e``, the field ``v(x_t, t, neighbour, depth)`` has learnt ``z - e``. Where it is far
    off, the state is unlike those it has learnt from.

    Args:
        base: The language model whose states it reads: a folder or a name on the hub.
        size: Width D of the states.
        settings: What it reads.
        network: The field; by default a new one.
        seed: Of a new field, and of the noise that deviations are measured with.
        mean: float [L, D], of the training states; by default 0.
        deviation: float [L, D]; by default 1.
    """

    def __init__(
        self,
        base: str,
        size: int,
        settings: FlowSettings | None = None,
        *,
        network: Any = None,
        seed: int = 0,
        mean: Tensor | None = None,
        deviation: Tensor | None = None,
    ) -> None:
        import torch

        self.base, self.size, self.seed, self.settings = base, size, seed, settings or FlowSettings()
        shape = (len(self.settings.depths), size)
        self.network = network or build_flow(shape, self.settings.width, self.settings.blocks, seed)
        self.network.register_buffer("mean", torch.zeros(shape) if mean is None else mean)
        self.network.register_buffer("deviation", torch.ones(shape) if deviation is None else deviation)

    def standardised(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return own and neighbours' states [L, T, D] as the field reads them."""
        mean, deviation = self.network.mean[:, None], self.network.deviation[:, None]
        own, other = states_and_conditions((states.to(mean.dtype) - mean) / deviation, self.settings.neighbour)
        return own, other

    def losses(self, own: Tensor, other: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Return ``mean_d (v - (z - e))^2`` for each token.

        Args:
            own: float [L, T, D], standardised.
            other: float [L, T, D], of the neighbours.
            noise: float, of a shape that goes with [L, T, D].
            time: float [L, T, 1] or less.

        Returns:
            float [L, T].
        """
        target = own - noise
        moved = time * own + (1.0 - time) * noise
        return (velocity(self.network, moved, time.expand(*own.shape[:2], 1), other) - target).square().mean(-1)

    def deviations(self, states: Tensor, time: float = 0.8, draws: int = 4) -> Tensor:
        """Return how far the field is off at each token, ``t / (1 - t)`` times its squared error.

        All tokens are measured with the same noise, so that a token's number depends on nothing but its state and its
        neighbour's.

        Args:
            states: float [L, T + 1, D], see ``token_states``.
            time: t, in (0, 1): how little noise there is.
            draws: Over how much noise the mean is taken.

        Returns:
            float64 [T], at least 0, the mean over the depths.
        """
        import torch

        with torch.inference_mode():
            own, other = self.standardised(states)
            generator = torch.Generator().manual_seed(self.seed)
            noises = torch.randn(draws, 1, 1, self.size, generator=generator).to(own)
            at = torch.full((1, 1, 1), time, dtype=own.dtype, device=own.device)
            errors = torch.stack([self.losses(own, other, noise, at) for noise in noises])
            return (time / (1.0 - time) * errors.mean((0, 1))).double()

    def save(self, folder: str | Path) -> None:
        """Write the field, its scale and its settings.

        Raises:
            RewardiumError: When the folder cannot be written.
        """
        written = {
            "kind": KIND, "format": FORMAT, "base": self.base, "size": self.size, "seed": self.seed,
            "settings": asdict(self.settings),
        }  # fmt: skip
        save_network(self.network, written, folder, KIND)

    @classmethod
    def load(cls, folder: str | Path) -> FlowModel:
        """Read what ``save`` wrote.

        Raises:
            RewardiumError: When there is none, or it is damaged.
        """
        folder = Path(folder).expanduser()
        written = read_settings(folder, {"kind": KIND, "format": FORMAT}, KIND, MADE_BY)
        try:
            settings, base = FlowSettings(**written["settings"]), str(written["base"])
            model = cls(base, int(written["size"]), settings, seed=int(written["seed"]))
        except (KeyError, TypeError, ValueError) as error:
            raise RewardiumError(f"{folder} has no settings of a {KIND}: {error!r}") from error
        load_network(model.network, folder, KIND)
        return model


def load_flow(folder: str | Path) -> FlowModel:
    """Read a flow; a process reads a folder once, until its files change, and nobody may change what it gets."""
    path = Path(folder).expanduser().resolve()
    return _load_once(path, version_of(path))


@lru_cache(maxsize=4)
def _load_once(folder: Path, version: Sequence[tuple[int, int] | None]) -> FlowModel:
    model = FlowModel.load(folder)
    model.network = model.network.double()  # a token's number must not depend on what else is computed with it
    return model

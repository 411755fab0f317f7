"""Preferences of many users as distances to ideal points, which users mix from a few that all share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses.smooth_hinge import smooth_hinge
from rewardium.rewards.learning.model_folder import load_network, read_settings, save_network
from rewardium.rewards.learning.one_thread import one_thread

if TYPE_CHECKING:
    from torch import Tensor

KIND, FORMAT = "model of ideal points", 1
MADE_BY = "IdealPoints of rewardium.rewards.learning.ideal_points"

PointLoss = Literal["hinge", "logistic"]


@dataclass(frozen=True)
class IdealPointSettings:
    """How users' tastes are modelled and learnt.

    Args:
        prototypes: Number K of points that all users share; 1 or 2 in the paper's configurations, 1 being one taste.
        dimensions: Of the space of preferences; 512 in the paper.
        width: Of the layer between features and that space; 0 for a linear map.
        loss: ``"hinge"``, the smooth one, or ``"logistic"``.
        gamma: Of the smooth hinge, above 0.
        steps: Of Adam, over all pairs.
        learning_rate: Of Adam.
        seed: Of what is drawn.

    Raises:
        RewardiumError: When a setting is out of its range.
    """

    prototypes: int = 2
    dimensions: int = 16
    width: int = 64
    loss: PointLoss = "hinge"
    gamma: float = 5.0
    steps: int = 300
    learning_rate: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("prototypes", 1), ("dimensions", 1), ("width", 0), ("steps", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RewardiumError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if self.loss not in get_args(PointLoss):
            raise RewardiumError(f"loss must be 'hinge' or 'logistic', got {self.loss!r}")
        if not self.gamma > 0.0 or not self.learning_rate > 0.0:
            raise RewardiumError(f"gamma and learning_rate must be above 0, got {self.gamma} and {self.learning_rate}")


@dataclass(frozen=True)
class UserPairs:
    """P pairs of items, each compared by a user.

    Args:
        first: float [P, D], features of the one item, e.g. a language model's state at the end of a response.
        second: float [P, D], of the other.
        user: int [P], the number of the user, from 0.
        preference: float [P], 1 where the first is better, 0 where the second is.

    Raises:
        RewardiumError: When the columns do not fit together.
    """

    first: NDArray[np.floating[Any]]
    second: NDArray[np.floating[Any]]
    user: NDArray[np.integer[Any]]
    preference: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        count = len(self.user)
        proper = self.first.ndim == 2 and self.first.shape == self.second.shape and len(self.preference) == count
        if not count or not proper or len(self.first) != count or int(np.min(self.user)) < 0:
            raise RewardiumError(
                f"pairs need features [P, D] twice and P users and preferences, at least one, got {self.first.shape}, "
                f"{self.second.shape}, {count} and {len(self.preference)}"
            )


@implements("B10", what="class IdealPoints")
class IdealPoints:
    """A map of items into a space of preferences, points in it, and how each user mixes them.

    From "PAL: Pluralistic Alignment Framework for Learning from Heterogeneous Preferences" (2024), model A, as in the
    authors' code: an item x lies at ``f(x)``; user i has the ideal point ``u_i = f(P) softmax(W_i)``, a mixture of the
    K shared points; i prefers the item that lies nearer, by ``|f(x_l) - u_i| - |f(x_w) - u_i|``, and the loss is the
    smooth hinge of that. A new user is found by ``W_i`` alone, from few pairs. Prompts do not move the points, as they
    do in model B. That ``f`` has SiLU between its layers and the points are drawn from the items is ours.

    Args:
        size: Number D of features.
        users: Number of users.
        settings: How it is built and learnt.
    """

    def __init__(self, size: int, users: int, settings: IdealPointSettings | None = None) -> None:
        import torch
        from torch import nn

        self.size, self.settings = size, settings or IdealPointSettings()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            width = self.settings.width
            layers: list[nn.Module] = [nn.Linear(size, width), nn.SiLU()] if width else []
            points = torch.randn(self.settings.prototypes, size)
            tastes = 0.01 * torch.randn(users, self.settings.prototypes)
            self.network: Any = nn.Module()
            self.network.items = nn.Sequential(*layers, nn.Linear(width or size, self.settings.dimensions))
        self.network.points = nn.Parameter(points)
        self.network.tastes = nn.Parameter(tastes)

    @property
    def users(self) -> int:
        """The number of users."""
        return len(self.network.tastes)

    def fit(self, pairs: UserPairs) -> float:
        """Learn map, points and tastes of all users together.

        Returns:
            The last loss.
        """
        import torch

        self._check(pairs)
        rng = np.random.default_rng(self.settings.seed)
        some = rng.choice(len(pairs.user), self.settings.prototypes)
        with torch.no_grad():
            self.network.points.copy_(torch.as_tensor(pairs.first[some], dtype=torch.float32))
        return self._descend(list(self.network.parameters()), pairs)

    def add_users(self, pairs: UserPairs) -> list[int]:
        """Find the tastes of new users, with all else as it is.

        Args:
            pairs: Their comparisons; users are numbered from 0 among themselves.

        Returns:
            The number of each new user.
        """
        import torch
        from torch import nn

        known = self.users
        new = torch.zeros(int(pairs.user.max()) + 1, self.settings.prototypes)
        old, self.network.tastes = self.network.tastes, nn.Parameter(new)
        try:
            self._check(pairs)
            self._descend([self.network.tastes], pairs)
        finally:
            self.network.tastes = nn.Parameter(torch.cat([old.detach(), self.network.tastes.detach()]))
        return list(range(known, self.users))

    def rewards(self, items: NDArray[np.floating[Any]], user: int) -> NDArray[np.float64]:
        """Return how near N items (float [N, D]) lie to a user's ideal point, ``-|f(x) - u|``: float64 [N]."""
        import torch

        with torch.inference_mode():
            numbers = torch.full((len(items),), user)
            return -self._distances(torch.as_tensor(items, dtype=torch.float32), numbers).double().numpy()

    def mixtures(self) -> NDArray[np.float64]:
        """Return how users mix the points, float64 [users, K]; each row sums to 1."""
        mixed: NDArray[np.float64] = self.network.tastes.detach().softmax(1).double().numpy()
        return mixed

    def accuracy(self, pairs: UserPairs) -> float:
        """Return the share of pairs in which the better item lies nearer."""
        import torch

        with torch.inference_mode():
            return float((self._lead(pairs) > 0.0).float().mean())

    def save(self, folder: str | Path) -> None:
        """Write the model; see ``save_network``."""
        written = {
            "kind": KIND, "format": FORMAT, "size": self.size, "users": self.users, "settings": asdict(self.settings),
        }  # fmt: skip
        save_network(self.network, written, folder, KIND)

    @classmethod
    def load(cls, folder: str | Path) -> IdealPoints:
        """Read what ``save`` wrote.

        Raises:
            RewardiumError: When there is none, or it is damaged.
        """
        written = read_settings(folder, {"kind": KIND, "format": FORMAT}, KIND, MADE_BY)
        try:
            settings = IdealPointSettings(**written["settings"])
            model = cls(int(written["size"]), int(written["users"]), settings)
        except (KeyError, TypeError, ValueError) as error:
            raise RewardiumError(f"{folder} has no settings of a {KIND}: {error!r}") from error
        load_network(model.network, folder, KIND)
        return model

    def _check(self, pairs: UserPairs) -> None:
        if pairs.first.shape[1] != self.size or int(pairs.user.max()) >= self.users:
            raise RewardiumError(
                f"the model is of {self.size} features and {self.users} users, the pairs have {pairs.first.shape[1]} "
                f"features and users up to {int(pairs.user.max())}"
            )

    def _distances(self, items: Tensor, user: Tensor) -> Tensor:
        """Return how far items lie from the ideal points of users, float [N]."""
        import torch

        points = self.network.items(self.network.points)
        ideal = self.network.tastes.softmax(1)[user] @ points
        distances: Tensor = torch.linalg.vector_norm(self.network.items(items) - ideal, dim=-1)
        return distances

    def _lead(self, pairs: UserPairs) -> Tensor:
        """Return by how much the better item lies nearer, float [P]."""
        import torch

        user = torch.as_tensor(pairs.user, dtype=torch.int64)
        first, second = (torch.as_tensor(each, dtype=torch.float32) for each in (pairs.first, pairs.second))
        side = torch.as_tensor(2.0 * pairs.preference - 1.0, dtype=torch.float32)
        return side * (self._distances(second, user) - self._distances(first, user))

    def _descend(self, parameters: Sequence[Any], pairs: UserPairs) -> float:
        import torch

        optimizer = torch.optim.Adam(parameters, lr=self.settings.learning_rate)
        loss = torch.zeros(())
        with one_thread():
            for _ in range(self.settings.steps):
                loss = self._loss(self._lead(pairs))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        return float(loss.detach())

    def _loss(self, lead: Tensor) -> Tensor:
        import torch

        if self.settings.loss == "hinge":
            return smooth_hinge(lead, self.settings.gamma).mean()
        return -torch.nn.functional.logsigmoid(lead).mean()

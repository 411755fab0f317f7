"""A value head: what a policy's hidden state says the rest of an answer will be paid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rewardium.agents.llm.batches import parts_by_length
from rewardium.agents.llm.policy import Policy, hidden_states
from rewardium.agents.llm.processes import Processes
from rewardium.agents.llm.rollout import Rollout
from rewardium.agents.llm.sampling import pad_right
from rewardium.envs.errors import RewardiumError
from rewardium.envs.name_registry import build_dataclass

# Features are cut off at this many standard deviations: what was constant in the first rollout may vary later.
_FARTHEST = 10.0


@dataclass(frozen=True)
class ValueHeadSettings:
    """How a value head learns.

    Args:
        hidden_size: Width of its one hidden layer.
        learning_rate: Of Adam. Ours, for a head alone; critics that are whole models use 1e-6 to 1e-5.
        discount: What a reward is worth one token earlier, in [0, 1]. 1 is usual for answers that end.
        decay: Lambda of generalised advantage estimation, in [0, 1]. 0.95 is that paper's and PPO's value.
        clip: How far a value may move from what it was when the rollout was made before its loss stops to fall
            (certainty: high that implementations do so, 0.2 in most; PPO's paper does not).
        warmup_updates: Updates in which the head learns alone and the policy waits.
        steps: Gradient steps an update.
        batch_size: Tokens of a step, over all processes.
        max_grad_norm: Gradients longer than this are shortened to it.

    Raises:
        RewardiumError: When a value is out of its range.
    """

    hidden_size: int = 256
    learning_rate: float = 1e-3
    discount: float = 1.0
    decay: float = 0.95
    clip: float = 0.2
    warmup_updates: int = 0
    steps: int = 20
    batch_size: int = 1_024
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("hidden_size", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise RewardiumError(f"value head: {name} must be at least 1, got {getattr(self, name)}")
        for name in ("discount", "decay"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise RewardiumError(f"value head: {name} must be in [0, 1], got {getattr(self, name)}")
        if self.warmup_updates < 0 or not min(self.learning_rate, self.clip, self.max_grad_norm) > 0.0:
            raise RewardiumError(
                "value head: warmup_updates must not be negative, learning_rate, clip and max_grad_norm must be above 0"
            )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ValueHeadSettings:
        """Build the settings from names and values.

        Raises:
            RewardiumError: When a name is unknown.

        Example:
            >>> ValueHeadSettings.of({"decay": 1.0}).decay
            1.0
        """
        return build_dataclass(cls, settings, "value head")


@torch.no_grad()
def token_states(policy: Policy, rollout: Rollout, *, budget: int) -> Tensor:
    """Return the last hidden state before each sampled token: what the token was chosen from.

    Args:
        policy: The policy as it is.
        rollout: B episodes with N sampled tokens in all.
        budget: The largest number of tokens that go through the model together, padding included.

    Returns:
        float32 [N, D] on the policy's device, in the order of ``rollout.action_mask.nonzero()``.
    """
    lengths = rollout.lengths.tolist()
    rows = [[*rollout.prompt_ids[row], *rollout.token_ids[row, :length].tolist()] for row, length in enumerate(lengths)]
    states: dict[int, Tensor] = {}
    for part in parts_by_length([len(row) for row in rows], budget):
        ids_BS, _ = pad_right([rows[row] for row in part], policy.pad_id, policy.device)
        with policy.autocast():
            states_BSD = hidden_states(policy.model, input_ids=ids_BS, use_cache=False)
        for states_SD, row in zip(states_BSD, part, strict=True):
            places = rollout.action_mask[row].nonzero().flatten().to(policy.device) + len(rollout.prompt_ids[row]) - 1
            states[row] = states_SD[places].float()
    return torch.cat([states[row] for row in range(len(rows))])


class ValueHead:
    """A value of each sampled token, learnt by PPO's clipped squared error (https://arxiv.org/abs/1707.06347).

    A perceptron with one hidden layer on the policy's last hidden state before the token. Its gradient stops there: the
    policy's weights learn from the objective alone, so that one model is enough, and adapters need nothing more. Most
    implementations train a second whole model; what a value loses by that, and what it costs, is not measured here.

    Args:
        width: Number of features D of a state.
        settings: How it learns.
        seed: Of the initial weights; torch's global generators are left as they were.
        device: Where it lives.
    """

    def __init__(self, width: int, settings: ValueHeadSettings, *, seed: int, device: torch.device) -> None:
        self.settings = settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = (nn.Linear(width, settings.hidden_size), nn.Tanh(), nn.Linear(settings.hidden_size, 1))
        nn.init.zeros_(layers[2].weight)  # values begin at 0, so that the first advantages are the rewards' own
        nn.init.zeros_(layers[2].bias)
        self.head = nn.Sequential(*layers).to(device)
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=settings.learning_rate, fused=True)
        # Mean and spread of the features in the first rollout, float32 [2, D].
        self.moments: Tensor | None = None

    @torch.no_grad()
    def values(self, states_ND: Tensor) -> Tensor:
        """Return the values, float32 [N]; the first states of all set the scale of the features."""
        found: Tensor = self.head(self._standardised(states_ND)).squeeze(1)
        return found

    def learn(
        self, states_ND: Tensor, targets_N: Tensor, old_N: Tensor, key: Sequence[int], processes: Processes
    ) -> dict[str, float]:
        """Take an update's gradient steps, the same on all processes, each of which brings tokens of its own.

        Args:
            states_ND: float32 [N, D], the states before tokens whose rewards are known.
            targets_N: float [N], what the values should be.
            old_N: float [N], what they were before this update.
            key: What the batches are drawn from.
            processes: Those that learn together.

        Returns:
            ``critic/loss``, mean over the steps, and what the head said before it learnt from these tokens:
            ``critic/value``, the mean, and ``critic/explained_variance`` of the targets.
        """
        counts = processes.gather(range(len(states_ND)))
        own, total = processes.share(counts), sum(map(len, counts))
        states_ND, targets_N, old_N = self._standardised(states_ND), targets_N.float(), old_N.float()
        generator = np.random.default_rng(np.random.SeedSequence(tuple(key)))
        size = min(self.settings.batch_size, total)
        losses = []
        for _ in range(self.settings.steps if total else 0):
            drawn = torch.from_numpy(generator.integers(total, size=size)).to(states_ND.device)
            rows = drawn[(drawn >= own.start) & (drawn < own.stop)] - own.start
            losses.append(self._step(states_ND[rows], targets_N[rows], old_N[rows], size, processes))
        return {
            "critic/loss": float(np.mean(losses)) if losses else math.nan,
            **_said(targets_N, old_N, processes),
        }

    def _step(self, states_ND: Tensor, targets_N: Tensor, old_N: Tensor, size: int, processes: Processes) -> float:
        loss = clipped_value_loss(self.head(states_ND).squeeze(1), targets_N, old_N, self.settings.clip).sum() / size
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        processes.sum_gradients(self.head.parameters())
        nn.utils.clip_grad_norm_(self.head.parameters(), self.settings.max_grad_norm)
        self.optimizer.step()
        return float(processes.sum(loss.detach()))

    def standardise_by(self, states_ND: Tensor, processes: Processes) -> None:
        """Fix the scale of the features by the first states of all processes; later calls change nothing."""
        if self.moments is not None:
            return
        parts = (states_ND.double().sum(0), states_ND.double().square().sum(0))
        sums, squares = (processes.sum(part) for part in parts)
        count = max(sum(map(len, processes.gather(range(len(states_ND))))), 1)
        mean = sums / count
        spread = (squares / count - mean.square()).clamp(min=0.0).sqrt()
        self.moments = torch.stack([mean, spread.clamp(min=0.1 * float(spread.mean()) + 1e-6)]).float()

    def _standardised(self, states_ND: Tensor) -> Tensor:
        if self.moments is None:
            raise RewardiumError("a value head needs standardise_by before anything else")
        return ((states_ND - self.moments[0]) / self.moments[1]).clamp(-_FARTHEST, _FARTHEST)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the head needs to go on as if it had never stopped, by name."""
        state = {f"head/{name}": tensor for name, tensor in self.head.state_dict().items()}
        for index, parts in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{index}/{part}": tensor for part, tensor in parts.items()}
        if self.moments is not None:
            state["moments"] = self.moments
        return {name: tensor.detach().contiguous() for name, tensor in state.items()}

    def load_tensors(self, state: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned.

        Raises:
            RewardiumError: When it belongs to a head of another shape.
        """
        device = next(self.head.parameters()).device
        weights = {name.removeprefix("head/"): value for name, value in state.items() if name.startswith("head/")}
        try:
            self.head.load_state_dict(weights)
        except RuntimeError as error:
            raise RewardiumError(
                "the checkpoint's value head has another shape: resume with the model and critic settings of the run"
            ) from error
        optimizer: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("optimizer/"):
                _, index, part = name.split("/")
                optimizer.setdefault(int(index), {})[part] = tensor.cpu() if part == "step" else tensor
        self.optimizer.load_state_dict(
            {"state": optimizer, "param_groups": self.optimizer.state_dict()["param_groups"]}
        )
        self.moments = state["moments"].to(device) if "moments" in state else None


def clipped_value_loss(values_N: Tensor, targets_N: Tensor, old_N: Tensor, clip: float) -> Tensor:
    """Return half the larger of two squared errors: of the value, and of the value kept within ``clip`` of the old one.

    Example:
        >>> clipped_value_loss(torch.tensor([1.0]), torch.tensor([1.0]), torch.tensor([0.0]), 0.5).tolist()
        [0.125]
    """
    kept_N = old_N + (values_N - old_N).clamp(-clip, clip)
    return 0.5 * torch.maximum((values_N - targets_N).square(), (kept_N - targets_N).square())


def _said(targets_N: Tensor, old_N: Tensor, processes: Processes) -> dict[str, float]:
    """Measure the old values over all processes, by sums."""
    columns = (targets_N, old_N, targets_N - old_N)
    powers = torch.stack([part.double() ** power for part in columns for power in (0, 1, 2)])
    count, target, squared_target, _, value, _, _, error, squared_error = processes.sum(powers.sum(1)).tolist()
    if not count:
        return {"critic/value": math.nan, "critic/explained_variance": math.nan}
    variance = squared_target / count - (target / count) ** 2
    missed = squared_error / count - (error / count) ** 2
    explained = 1.0 - missed / variance if variance > 1e-12 else math.nan
    return {"critic/value": value / count, "critic/explained_variance": explained}

"""A critic of whole turns: what a turn is worth beyond what the conversation was worth before it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rewardium.agents.llm.turn_features import Turns
from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.envs.name_registry import build_dataclass

# Features are cut off at this many standard deviations: what was constant in the first rollout may vary later.
_FARTHEST = 10.0


@dataclass(frozen=True)
class TurnCriticSettings:
    """How a turn critic learns.

    "Code" is the public code of the paper, whose settings differ from one of its experiments to the next.

    Args:
        hidden_size: Width of the heads. Ours; the code takes the width of its encoder.
        learning_rate: Of Adam. 1e-3 is the default of the code; its experiments, which train an encoder of 125 million
            parameters as well, use 1e-5 to 2e-5. Certainty for heads alone: low.
        target_rate: How far the target heads go towards the trained ones after each step (Polyak's tau). 0.1, code,
            certainty: high.
        warmup_updates: Updates in which the critic learns alone and the policy waits. 10 and 20 in the code.
        steps: Gradient steps an update. 5 to 50 in the code.
        batch_size: Turns of a step. 256 in the code (parts of 4 or 8 turns, 64 or 32 times added up).
        replay_turns: The largest number of turns to learn from again; whole updates leave, the oldest first, and the
            newest stays. 10,000 in the code; ours is smaller, since checkpoints hold them and their answers grow old.
        max_grad_norm: Gradients longer than this are shortened to it. 1.0 or 0.01 in the code.

    Raises:
        RewardiumError: When a value is out of its range.
    """

    hidden_size: int = 256
    learning_rate: float = 1e-3
    target_rate: float = 0.1
    warmup_updates: int = 10
    steps: int = 50
    batch_size: int = 256
    replay_turns: int = 4_096
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("hidden_size", "steps", "batch_size", "replay_turns"):
            if getattr(self, name) < 1:
                raise RewardiumError(f"turn critic: {name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.target_rate <= 1.0:
            raise RewardiumError(f"turn critic: target_rate must be in (0, 1], got {self.target_rate}")
        if self.warmup_updates < 0 or not self.learning_rate > 0.0 or not self.max_grad_norm > 0.0:
            raise RewardiumError(
                "turn critic: warmup_updates must not be negative, learning_rate and max_grad_norm must be above 0"
            )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> TurnCriticSettings:
        """Build the settings from names and values.

        Raises:
            RewardiumError: When a name is unknown.

        Example:
            >>> TurnCriticSettings.of({"steps": 20}).steps
            20
        """
        return build_dataclass(cls, settings, "turn critic")


class TurnHeads(nn.Module):
    """Two estimates of the value of an answer, ``Q(o, a)``, and two of the value of an observation, ``V(o)``.

    Args:
        width: Number of features E of an observation, and of an answer.
        hidden_size: Width of the heads, of three layers each.
    """

    def __init__(self, width: int, hidden_size: int) -> None:
        super().__init__()
        self.q = nn.ModuleList([_head(2 * width, hidden_size) for _ in range(2)])
        self.v = nn.ModuleList([_head(width, hidden_size) for _ in range(2)])

    def action_values(self, observation_NE: Tensor, answer_NE: Tensor) -> Tensor:
        """Return both estimates of Q, float [2, N]."""
        both = torch.cat([observation_NE, answer_NE], dim=1)
        return torch.stack([head(both).squeeze(1) for head in self.q])

    def values(self, observation_NE: Tensor) -> Tensor:
        """Return both estimates of V, float [2, N]."""
        return torch.stack([head(observation_NE).squeeze(1) for head in self.v])


def _head(inputs: int, hidden_size: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, hidden_size), nn.ReLU(), nn.Linear(hidden_size, hidden_size), nn.ReLU(),
        nn.Linear(hidden_size, 1),
    )  # fmt: skip


@implements("B7", what="credit turn_critic")
class TurnCritic:
    r"""The turn-level critic of ArCHer (Zhou et al. 2024, https://arxiv.org/abs/2402.19446), with double heads.

    With the target heads marked by a bar, a turn (o, a) that was paid r and led to o', and done after the last turn,

        Q_i(o, a)  <-  r + discount * (1 - done) * Vbar_i(o')
        V_i(o)     <-  Qbar_i(o, a')  with a' drawn from the policy

    by the squared error of all four, after each step of which the target heads move by ``target_rate``. The advantage
    of a turn is ``min(Q_1, Q_2) - min(V_1, V_2)``. Certainty: high for these, read in the paper's public code.

    What is not as in the paper. (1) The encoder, there a trained RoBERTa, is the policy as it was before training
    (``turn_features``): its features never change, so the replay holds them and nothing is read twice. (2) For a'
    stands the answer that the replay holds, which the policy drew when it was there; the paper draws a new one. A small
    replay keeps it near the policy of today: the newest rollout's answers are its own draws. (3) The policy is trained
    on the turns it has just played, with the objective of the trainer (each token of a turn gets the turn's advantage),
    not on answers drawn anew; and where the trainer's scale is ``"std"``, advantages are divided by their standard
    deviation over the update. (4) A reward that could not be had is no 0: Q does not learn from such a turn.

    An episode that a limit ended is done: nothing after it will be paid, as with all other credit.

    Args:
        width: Number of features of an observation, and of an answer.
        settings: How it learns.
        discount: What a value is multiplied by one turn earlier, in [0, 1].
        seed: Of the initial weights; torch's global generators are left as they were.
        device: Where it lives.
    """

    def __init__(
        self, width: int, settings: TurnCriticSettings, *, discount: float, seed: int, device: torch.device
    ) -> None:
        self.settings, self.discount = settings, discount
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.heads = TurnHeads(width, settings.hidden_size).to(device)
        self.target = copy.deepcopy(self.heads).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.heads.parameters(), lr=settings.learning_rate, fused=True)
        self.replay: list[Turns] = []
        # Mean and spread of the features of observations and answers in the first rollout, float32 [2, 2, E].
        self.moments: Tensor | None = None

    def learn(self, turns: Turns, key: Sequence[int]) -> dict[str, float]:
        """Take an update's gradient steps.

        Args:
            turns: The newest turns, whose answers are draws of the policy as it is; at least one.
            key: What the minibatches are drawn from.

        Returns:
            ``critic/loss``, the sum of the four squared errors, mean over the steps; and what the critic said of the
            newest turns before it learnt from them: ``critic/value``, the mean of V, and
            ``critic/explained_variance`` of their discounted returns.
        """
        newest = self._standardised(turns)
        with torch.no_grad():
            values_N = self.heads.values(newest.observation).amin(0)
        self.replay.append(newest)
        while len(self.replay) > 1 and sum(map(len, self.replay)) > self.settings.replay_turns:
            del self.replay[0]
        replay = Turns.cat(self.replay)
        losses = [self._step(replay, rows) for rows in self._draws(replay, key)]
        return {
            "critic/loss": float(np.mean(losses)) if losses else math.nan,
            "critic/value": float(values_N.mean()),
            "critic/explained_variance": explained_variance(values_N[newest.known], newest.returns[newest.known]),
        }

    @torch.no_grad()
    def advantages(self, turns: Turns) -> Tensor:
        """Return the advantage of each turn, float32 [N] on the critic's device."""
        turns = self._standardised(turns)
        return turn_advantages(
            self.heads.action_values(turns.observation, turns.answer), self.heads.values(turns.observation)
        )

    def _draws(self, replay: Turns, key: Sequence[int]) -> Iterator[Tensor]:
        """Draw the turns of each step; where no reward of the replay could be had, there is no step."""
        generator = np.random.default_rng(np.random.SeedSequence(tuple(key)))
        size = min(self.settings.batch_size, len(replay))
        for _ in range(self.settings.steps if bool(replay.scored.any()) else 0):
            yield torch.from_numpy(generator.integers(len(replay), size=size)).to(replay.reward.device)

    def _step(self, replay: Turns, rows: Tensor) -> float:
        settings, observation, answer = self.settings, replay.observation[rows], replay.answer[rows]
        following = replay.observation[(rows + 1).clamp(max=len(replay) - 1)]  # not read where an episode ends
        with torch.no_grad():
            ahead = self.target.values(following)
            q_target = action_value_target(replay.reward[rows], replay.last[rows], ahead, self.discount)
            v_target = self.target.action_values(observation, answer)
        q_error = torch.where(replay.scored[rows], self.heads.action_values(observation, answer) - q_target, 0.0)
        v_error = self.heads.values(observation) - v_target
        loss = q_error.square().mean(1).sum() + v_error.square().mean(1).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.heads.parameters(), settings.max_grad_norm)
        self.optimizer.step()
        move_towards(self.target, self.heads, settings.target_rate)
        return float(loss.detach())

    def _standardised(self, turns: Turns) -> Turns:
        """Shift and scale the features by what they were in the first rollout."""
        if self.moments is None:
            self.moments = torch.stack([_moments(turns.observation), _moments(turns.answer)])
        observation, answer = (
            ((features - mean) / spread).clamp(-_FARTHEST, _FARTHEST)
            for features, (mean, spread) in zip((turns.observation, turns.answer), self.moments, strict=True)
        )
        return replace(turns, observation=observation, answer=answer)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the critic needs to go on as if it had never stopped, by name."""
        state = {f"heads/{name}": tensor for name, tensor in self.heads.state_dict().items()}
        state |= {f"target/{name}": tensor for name, tensor in self.target.state_dict().items()}
        for index, parts in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{index}/{part}": tensor for part, tensor in parts.items()}
        for age, turns in enumerate(self.replay):
            state |= {f"replay/{age}/{field.name}": getattr(turns, field.name) for field in fields(turns)}
        if self.moments is not None:
            state["moments"] = self.moments
        return {name: tensor.detach().contiguous() for name, tensor in state.items()}

    def load_tensors(self, state: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned.

        Raises:
            RewardiumError: When it belongs to a critic of another shape.
        """
        device = next(self.heads.parameters()).device
        try:
            self.heads.load_state_dict(_below(state, "heads"))
            self.target.load_state_dict(_below(state, "target"))
        except RuntimeError as error:
            raise RewardiumError(
                "the checkpoint's turn critic has another shape: resume with the model and critic settings of the run"
            ) from error
        optimizer: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(state, "optimizer").items():
            index, part = name.split("/")
            optimizer.setdefault(int(index), {})[part] = tensor.cpu() if part == "step" else tensor
        self.optimizer.load_state_dict(
            {"state": optimizer, "param_groups": self.optimizer.state_dict()["param_groups"]}
        )
        replay = _below(state, "replay")
        ages = sorted({int(name.split("/")[0]) for name in replay})
        self.replay = [Turns(**_below(replay, str(age))).to(device) for age in ages]
        self.moments = state["moments"].to(device) if "moments" in state else None


def action_value_target(reward_N: Tensor, last_N: Tensor, next_values_2N: Tensor, discount: float) -> Tensor:
    """Return what Q learns: the reward and, unless the episode ended, the discounted value of what came next.

    Example:
        >>> values = torch.tensor([[2.0, 2.0], [4.0, 4.0]])
        >>> action_value_target(torch.tensor([1.0, 1.0]), torch.tensor([False, True]), values, 0.5).tolist()
        [[2.0, 1.0], [3.0, 1.0]]
    """
    return reward_N + discount * torch.where(last_N, 0.0, next_values_2N)


def turn_advantages(action_values_2N: Tensor, values_2N: Tensor) -> Tensor:
    """Return ``min(Q_1, Q_2) - min(V_1, V_2)``, float [N].

    Example:
        >>> turn_advantages(torch.tensor([[1.0], [3.0]]), torch.tensor([[0.5], [0.25]])).tolist()
        [0.75]
    """
    return action_values_2N.amin(0) - values_2N.amin(0)


@torch.no_grad()
def move_towards(target: nn.Module, source: nn.Module, rate: float) -> None:
    """Move each weight by a part of its distance: ``target += rate * (source - target)``."""
    for old, new in zip(target.parameters(), source.parameters(), strict=True):
        old.lerp_(new, rate)


def explained_variance(predicted_N: Tensor, actual_N: Tensor) -> float:
    """Return ``1 - Var(actual - predicted) / Var(actual)``: 1 is perfect, 0 no better than a constant.

    Returns:
        At most 1; NaN where the actual values do not vary.

    Example:
        >>> explained_variance(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
        0.75
    """
    variance = float(actual_N.double().var(correction=0)) if len(actual_N) else 0.0
    if variance <= 1e-12:
        return math.nan
    return 1.0 - float((actual_N.double() - predicted_N.double()).var(correction=0)) / variance


def _moments(features_NE: Tensor) -> Tensor:
    """Return mean and spread, float32 [2, E]; the spread is no less than a tenth of the mean spread."""
    spread_E = features_NE.std(0, correction=0)
    return torch.stack([features_NE.mean(0), spread_E.clamp(min=0.1 * float(spread_E.mean()) + 1e-6)])


def _below(state: Mapping[str, Tensor], folder: str) -> dict[str, Tensor]:
    prefix = f"{folder}/"
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}

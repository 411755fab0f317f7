"""What a turn critic sees of a conversation: hidden states of a frozen policy, pooled before and over each answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from rewardium.agents.llm.batches import parts_by_length
from rewardium.agents.llm.policy import Policy, hidden_states
from rewardium.agents.llm.rollout import Rollout
from rewardium.agents.llm.sampling import pad_right


@dataclass(frozen=True)
class Turns:
    """N turns; those of an episode stand one after the other, so that a turn's next observation is in the next row.

    Args:
        observation: float32 [N, E], all that stood before the answer.
        answer: float32 [N, E].
        reward: float32 [N], what the turn was paid, not discounted.
        scored: bool [N], whether that could be had.
        last: bool [N], whether the episode ended with the turn, by itself or at a limit.
        returns: float32 [N], what the turn and those after it were paid, discounted; only to measure the critic.
        known: bool [N], whether any of that could be had.
    """

    observation: Tensor
    answer: Tensor
    reward: Tensor
    scored: Tensor
    last: Tensor
    returns: Tensor
    known: Tensor

    def __len__(self) -> int:
        return len(self.reward)

    def to(self, device: torch.device) -> Turns:
        """Return the turns on a device."""
        return Turns(*(getattr(self, field.name).to(device) for field in fields(self)))

    @classmethod
    def cat(cls, parts: Sequence[Turns]) -> Turns:
        """Join turns; whole episodes stay whole."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def turns_of(policy: Policy, rollout: Rollout, *, discount: float, budget: int) -> Turns:
    """Read the episodes of a rollout, and describe each of their turns.

    Args:
        policy: The frozen policy; what it computes must not change from one update to the next.
        rollout: The episodes.
        discount: What the returns are discounted by.
        budget: The largest number of tokens that go through the model together, padding included.

    Returns:
        The turns on the policy's device, episode by episode; E is ``feature_width(policy)``.
    """
    table = rollout.turn_table()
    observation, answer = turn_features(policy, rollout, budget=budget)
    last_BK = table.exists & ~torch.nn.functional.pad(table.exists, (0, 1))[:, 1:]
    columns = (table.rewards.float(), table.scored, last_BK, table.returns(discount).float(), table.known)
    return Turns(observation, answer, *(column[table.exists].to(policy.device) for column in columns))


def feature_width(policy: Policy) -> int:
    """Return the number of features E of an observation and of an answer: twice the width of the model."""
    return 2 * int(policy.model.get_output_embeddings().weight.shape[1])


@torch.no_grad()
def turn_features(policy: Policy, rollout: Rollout, *, budget: int) -> tuple[Tensor, Tensor]:
    """Pool the last hidden states of each turn: their mean, and the last of them.

    One pass over an episode gives the features of all its turns, since no state of a causal model sees what comes after
    it. The observation of a turn is everything before it: the prompt, earlier answers and replies.

    Args:
        policy: The frozen policy.
        rollout: B episodes with N turns in all.
        budget: The largest number of tokens that go through the model together.

    Returns:
        float32 [N, E] of the observations and float32 [N, E] of the answers, in the order of episodes and turns.
    """
    lengths = rollout.lengths.tolist()
    rows = [[*rollout.prompt_ids[row], *rollout.token_ids[row, :length].tolist()] for row, length in enumerate(lengths)]
    spans = _spans(rollout)
    observations: dict[tuple[int, int], Tensor] = {}
    answers: dict[tuple[int, int], Tensor] = {}
    for part in parts_by_length([len(row) for row in rows], budget):
        ids_BS, _ = pad_right([rows[row] for row in part], policy.pad_id, policy.device)
        with policy.autocast():
            states_BSD = hidden_states(policy.model, input_ids=ids_BS, use_cache=False)
        for states_SD, row in zip(states_BSD.float(), part, strict=True):
            for turn, (start, end) in enumerate(spans[row]):
                observations[row, turn] = _pooled(states_SD[:start])
                answers[row, turn] = _pooled(states_SD[start:end])
    order = sorted(observations)
    return torch.stack([observations[key] for key in order]), torch.stack([answers[key] for key in order])


def _pooled(states_SD: Tensor) -> Tensor:
    return torch.cat([states_SD.mean(0), states_SD[-1]])


def _spans(rollout: Rollout) -> list[list[tuple[int, int]]]:
    """Return for each episode where its answers begin and end, counted from the first token of the prompt."""
    spans: list[list[tuple[int, int]]] = []
    for prompt, turns in zip(rollout.prompt_ids, rollout.turns, strict=True):
        places = [(turns == turn).nonzero().flatten() for turn in range(int(turns.max()) + 1)]
        spans.append([(len(prompt) + int(place[0]), len(prompt) + int(place[-1]) + 1) for place in places])
    return spans

"""Which tokens an update's rewards count for: from a rollout to the advantage of each sampled token.

One class for each way: by comparison with other answers, by a critic of turns, by a value of each token. The trainer
asks for ``credit`` and learns from what it gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import EPSILON, TokenCredit, token_advantage
from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.generalised_advantage import generalised_advantage
from rewardium.agents.llm.objectives import AnswerAdvantage, Answers, AnyObjective, TokenAdvantage
from rewardium.agents.llm.policy import Policy
from rewardium.agents.llm.processes import Processes
from rewardium.agents.llm.rollout import Rollout
from rewardium.agents.llm.turn_credit import mixed, to_tokens, turn_advantage
from rewardium.agents.llm.turn_critic import TurnCritic, TurnCriticSettings
from rewardium.agents.llm.turn_features import Turns, feature_width, turns_of
from rewardium.agents.llm.value_head import ValueHead, ValueHeadSettings, token_states
from rewardium.envs.errors import RewardiumError

CRITIC_KEY = 4
"""What the seeds of a critic's batches are for, beside those of the trainer."""

Frozen = Callable[[], AbstractContextManager[Policy]]


class Critic(Protocol):
    """What learns beside the policy, and is kept in checkpoints."""

    def tensors(self) -> dict[str, Tensor]:
        """Return all that it needs to go on."""

    def load_tensors(self, state: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned."""


class Credit(Protocol):
    """A way to credit tokens."""

    @property
    def critic(self) -> Critic | None:
        """What learns beside the policy, where something does."""

    def credit(self, update: int, rollout: Rollout) -> tuple[Tensor, dict[str, float]]:
        """Return the advantage of each sampled token, float32 [B, T], and metrics; a critic learns as well."""

    def waits(self, update: int) -> bool:
        """Whether the policy does not learn yet."""


def make_credit(
    config: TrainConfig, objective: AnyObjective, policy: Policy, frozen: Frozen, processes: Processes, budget: int
) -> Credit:
    """Build what the config asks for.

    Args:
        config: The run.
        objective: Its objective, which may say itself what an answer is worth.
        policy: The policy that learns.
        frozen: Gives it as it was before training.
        processes: Those that train together.
        budget: The largest number of tokens that go through the model together.

    Raises:
        RewardiumError: When credit and objective do not go together, or a critic's setting is wrong.
    """
    check_credit(config, objective)
    if config.credit == "turn_critic":
        settings = TurnCriticSettings.of(config.critic_kwargs)
        width, discount = feature_width(policy), config.turn_discount
        turn_critic = TurnCritic(width, settings, discount=discount, seed=config.seed, device=policy.device)
        return CriticCredit(config, turn_critic, frozen, processes, budget)
    if config.credit == "value_head":
        width = int(policy.model.get_output_embeddings().weight.shape[1])
        head = ValueHead(width, ValueHeadSettings.of(config.critic_kwargs), seed=config.seed, device=policy.device)
        return ValueCredit(config, head, policy, processes, budget)
    return ComparisonCredit(config, objective, processes)


def check_credit(config: TrainConfig, objective: AnyObjective) -> None:
    """See that credit, its critic's settings and the objective go together, before a model is loaded.

    Raises:
        RewardiumError: When they do not.
    """
    own = isinstance(objective, (AnswerAdvantage, TokenAdvantage))
    if own and (config.credit != "episode" or config.scale != "std" or config.episode_weight > 0.0):
        raise RewardiumError(
            f"objective {config.objective!r} says itself what an answer is worth: leave credit, scale and "
            f"episode_weight as they are, got {config.credit!r}, {config.scale!r} and {config.episode_weight}"
        )
    if getattr(objective, "needs_values", False) and config.credit != "value_head":
        raise RewardiumError(f"objective {config.objective!r} goes with credit 'value_head', not {config.credit!r}")
    if config.credit in _SETTINGS:
        _SETTINGS[config.credit].of(config.critic_kwargs)


_SETTINGS: Mapping[str, type[TurnCriticSettings] | type[ValueHeadSettings]] = {
    "turn_critic": TurnCriticSettings,
    "value_head": ValueHeadSettings,
}


@dataclass
class ComparisonCredit:
    """All that needs no critic: answers, tokens or turns are compared with those to the same prompt."""

    config: TrainConfig
    objective: AnyObjective
    processes: Processes
    critic: Critic | None = None

    def credit(self, update: int, rollout: Rollout) -> tuple[Tensor, dict[str, float]]:
        """Compare; see ``Credit``."""
        config = self.config
        if isinstance(self.objective, AnswerAdvantage):
            return self._of_answers(self.objective, rollout), {}
        if isinstance(self.objective, TokenAdvantage):
            return self.objective.token_advantage(rollout.rewards, rollout.action_mask, answers_of(rollout)), {}
        if config.credit == "episode" or config.credit == "reward_to_go":
            return token_advantages(rollout, config.credit, config), {}
        table = rollout.turn_table()
        returns = table.returns(config.turn_discount)
        return spread(rollout, turn_advantage(returns, table.known, rollout.group, scale=config.scale), config), {}

    def waits(self, update: int) -> bool:
        """Never."""
        return False

    def _of_answers(self, objective: AnswerAdvantage, rollout: Rollout) -> Tensor:
        """Give the tokens of each answer what the objective says, which looks at the answers of all processes."""
        everyone = self.processes.gather(answers_of(rollout))
        advantage = objective.answer_advantage(Answers.cat(everyone))[self.processes.share(everyone)]
        return (advantage[:, None] * rollout.action_mask).float()


@dataclass
class CriticCredit:
    """A critic of turns says what was expected; every process trains the same critic on the turns of all of them."""

    config: TrainConfig
    critic: TurnCritic
    frozen: Frozen
    processes: Processes
    budget: int

    def credit(self, update: int, rollout: Rollout) -> tuple[Tensor, dict[str, float]]:
        """Train the critic, then credit the turns; see ``Credit``."""
        config = self.config
        with self.frozen() as policy:
            own = turns_of(policy, rollout, discount=config.turn_discount, budget=self.budget)
        everyone = self._gather(own)
        turns = Turns.cat(everyone)
        metrics = self.critic.learn(turns, (config.seed, update, CRITIC_KEY))
        advantage_N = self.critic.advantages(turns)
        if config.scale == "std":  # not centred: the critic is the baseline
            advantage_N = advantage_N / (advantage_N.std(correction=0) + EPSILON)
        exists = rollout.turn_table().exists
        advantage_BK = torch.zeros(exists.shape, dtype=torch.float64)
        advantage_BK[exists] = advantage_N[self.processes.share(everyone)].double().cpu()
        return spread(rollout, advantage_BK * rollout.valid[:, None], config), metrics

    def waits(self, update: int) -> bool:
        """While the critic warms up."""
        return update <= self.critic.settings.warmup_updates

    def _gather(self, turns: Turns) -> list[Turns]:
        """Return the turns of every process, in their order, on the critic's device."""
        if self.processes.count == 1:
            return [turns]
        return [others.to(turns.reward.device) for others in self.processes.gather(turns.to(torch.device("cpu")))]


@dataclass
class ValueCredit:
    """A value head says what was expected of each token: PPO with generalised advantage estimation."""

    config: TrainConfig
    critic: ValueHead
    policy: Policy
    processes: Processes
    budget: int

    def credit(self, update: int, rollout: Rollout) -> tuple[Tensor, dict[str, float]]:
        """Credit the tokens by the values as they were, then train the head; see ``Credit``."""
        config, mask, head = self.config, rollout.action_mask, self.critic
        states = token_states(self.policy, rollout, budget=self.budget)
        head.standardise_by(states, self.processes)
        values = torch.zeros(mask.shape, dtype=torch.float64)
        values[mask] = head.values(states).double().cpu()
        discount, decay = head.settings.discount, head.settings.decay
        advantage = generalised_advantage(rollout.rewards, values, mask, discount=discount, decay=decay)
        known = mask & rollout.valid[:, None]
        rows = known[mask].to(states.device)
        targets, old = (each[known].to(states.device) for each in (advantage + values, values))
        metrics = head.learn(states[rows], targets, old, (config.seed, update, CRITIC_KEY), self.processes)
        return self._scaled(advantage * known, known), metrics

    def waits(self, update: int) -> bool:
        """While the head warms up."""
        return update <= self.critic.settings.warmup_updates

    def _scaled(self, advantage: Tensor, known: Tensor) -> Tensor:
        """Centre and scale the advantages over the tokens of all processes, as PPO's implementations do."""
        if self.config.scale == "none":
            return advantage.float()
        kept = advantage[known]
        sums = self.processes.sum(torch.stack([kept.new_tensor(float(len(kept))), kept.sum(), kept.square().sum()]))
        count, total, squares = sums.tolist()
        mean = total / max(count, 1.0)
        deviation = max(squares / max(count, 1.0) - mean**2, 0.0) ** 0.5
        scaled: Tensor = (advantage - mean) / (deviation + EPSILON) * known
        return scaled.float()


def spread(rollout: Rollout, advantage_BK: Tensor, config: TrainConfig) -> Tensor:
    """Give the tokens of each turn its advantage, mixed with that of the episode as the config says: float32 [B, T]."""
    turn = to_tokens(advantage_BK, rollout.turns).float()
    weight = config.episode_weight
    return turn if weight == 0.0 else mixed(turn, token_advantages(rollout, "episode", config), weight)


def token_advantages(rollout: Rollout, credit: TokenCredit, config: TrainConfig) -> Tensor:
    """Compare the rollout's answers token by token, float32 [B, T]; see ``token_advantage``."""
    columns = (rollout.rewards, rollout.action_mask, rollout.group, rollout.valid)
    return token_advantage(*columns, credit=credit, scale=config.scale)


def answers_of(rollout: Rollout) -> Answers:
    """Return the columns of a rollout that objectives over whole answers look at."""
    return Answers(rollout.returns.double(), rollout.group, rollout.valid, rollout.action_mask.sum(1))

"""Play episodes of a vector of text environments with a policy, and lay them out as columns to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.credit import answer_text, segment_tokens, token_ends
from rewardium.agents.llm.sampling import Completion, Sampler, SamplingSettings
from rewardium.agents.llm.turn_credit import TurnTable
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import restrict
from rewardium.rewards.source import Segment


@dataclass
class Rollout:
    """B finished episodes; T is the largest number of tokens after a prompt.

    Args:
        prompt_ids: The tokens of each first prompt, length B.
        token_ids: int64 [B, T], what follows the prompt: sampled tokens and the environment's replies; padded with 0.
        action_mask: bool [B, T], true for sampled tokens only.
        logprobs: float32 [B, T], of the sampled tokens when they were sampled (``Completion.logprobs``); 0 elsewhere.
        rewards: float32 [B, T], what each sampled token was paid; sums to ``returns``.
        turns: int64 [B, T], the number of the turn a sampled token belongs to, from 0; -1 elsewhere.
        lengths: int64 [B], tokens after the prompt.
        returns: float64 [B], sums of the rewards.
        valid: bool [B], whether any term of any turn had a score.
        success: bool [B], the environment's own verdict at its last step.
        truncated: bool [B], whether a limit ended the episode: the environment's, or the budget of tokens.
        group: int64 [B], equal for the episodes of one task.
        conversations: Length B; prompts, answers and replies in turn.
        reasons: Length B, why the last step was scored so, where the environment says.
        ledgers: For each turn the ``reward_terms`` that the reward wrote.
        scored: bool [B, T], whether the reward of a sampled token's turn could be had; False elsewhere. None stands
            for ``valid`` at all turns.
    """

    prompt_ids: list[list[int]]
    token_ids: Tensor
    action_mask: Tensor
    logprobs: Tensor
    rewards: Tensor
    turns: Tensor
    lengths: Tensor
    returns: Tensor
    valid: Tensor
    success: Tensor
    truncated: Tensor
    group: Tensor
    conversations: list[list[str]]
    reasons: list[str]
    ledgers: list[Mapping[str, Any]]
    scored: Tensor | None = None

    def __len__(self) -> int:
        return len(self.prompt_ids)

    def turn_table(self) -> TurnTable:
        """Return what each turn was paid."""
        scored = self.action_mask & self.valid[:, None] if self.scored is None else self.scored
        return TurnTable.of(self.rewards, self.turns, scored)

    def episodes(self, count: int) -> list[dict[str, Any]]:
        """Return the first ``count`` episodes as plain values, to look at."""
        return [
            {
                "prompt": self.conversations[row][0],
                "response": "\n".join(self.conversations[row][1:]).rstrip("\n"),
                "reward": float(self.returns[row]),
                "success": bool(self.success[row]),
                "reason": self.reasons[row],
            }
            for row in range(min(count, len(self)))
        ]


@dataclass
class _Episode:
    """One episode while it is played."""

    prompt_ids: list[int]
    conversation: list[str]
    token_ids: list[int] = field(default_factory=list)
    mask: list[bool] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    scored: list[bool] = field(default_factory=list)
    turn: int = 0
    valid: bool = False
    success: bool = False
    truncated: bool = False
    done: bool = False
    reason: str = ""

    def answer(self, completion: Completion, text: str) -> None:
        """Append a sampled answer."""
        count = len(completion.token_ids)
        self._append(completion.token_ids, completion.logprobs, [True] * count, [self.turn] * count)
        self.conversation.append(text)
        self.turn += 1

    def reply(self, text: str, token_ids: Sequence[int]) -> None:
        """Append what the environment said."""
        count = len(token_ids)
        self._append(token_ids, [0.0] * count, [False] * count, [-1] * count)
        self.conversation.append(text)

    def _append(self, ids: Sequence[int], logprobs: Sequence[float], mask: list[bool], turns: list[int]) -> None:
        self.token_ids.extend(ids)
        self.logprobs.extend(logprobs)
        self.mask.extend(mask)
        self.turns.extend(turns)
        self.rewards.extend([0.0] * len(ids))
        self.scored.extend([False] * len(ids))

    def pay(
        self, completion: Completion, reward: float, segments: Sequence[Segment], tokenizer: Any, *, scored: bool
    ) -> None:
        """Pay the last answer: each segment at its own token, and the rest of the reward at the last token.

        Must be called before the environment's reply is appended.
        """
        start = len(self.rewards) - len(completion.token_ids)
        self.scored[start:] = [scored] * len(completion.token_ids)
        self.valid |= scored
        if segments:
            ends = token_ends(tokenizer, completion.token_ids)
            for token, segment in zip(segment_tokens(ends, segments).tolist(), segments, strict=True):
                self.rewards[start + token] += segment.value
                reward -= segment.value
        self.rewards[-1] += reward


def collect(
    sampler: Sampler,
    chat: Chat,
    venv: Any,
    settings: SamplingSettings,
    *,
    task_seeds: Sequence[int],
    sampling_seeds: Sequence[int],
    context_length: int,
    max_episode_tokens: int | None = None,
    max_turns: int | None = None,
) -> Rollout:
    """Play one episode in each environment.

    Environments that get the same task seed ask the same and form a group. A turn whose reward is 0 is a turn like any
    other; one whose reward could not be had leaves the episode valid as long as another turn had one.

    Args:
        sampler: Draws the answers.
        chat: Turns text into tokens.
        venv: A vector text environment under ``AutoresetMode.DISABLED``, usually inside a ``DenseVectorReward``.
        settings: How answers are drawn; ``max_new_tokens`` is that of one turn.
        task_seeds: One seed an environment.
        sampling_seeds: One seed an environment for the noise of its answers.
        context_length: The largest number of tokens of a conversation.
        max_episode_tokens: The largest number of tokens after the prompt; None leaves it to the context.
        max_turns: The largest number of answers of an episode; None leaves it to the environment.

    Returns:
        The finished episodes, on the CPU. One that runs out of tokens or turns is truncated.

    Raises:
        RewardiumError: When the numbers of seeds and environments differ, or a prompt leaves no room for an answer.
    """
    if not len(task_seeds) == len(sampling_seeds) == venv.num_envs:
        raise RewardiumError(
            f"{venv.num_envs} environments need as many seeds, got {len(task_seeds)} and {len(sampling_seeds)}"
        )
    observations, _ = venv.reset(seed=[int(seed) for seed in task_seeds])
    encoded = {text: chat.prompt_ids(text) for text in set(observations)}
    episodes = [_Episode(encoded[text], [text]) for text in observations]
    budgets = [_budget(episode, context_length, max_episode_tokens) for episode in episodes]
    ledgers: list[Mapping[str, Any]] = []
    turn = 0
    while running := [row for row, episode in enumerate(episodes) if not episode.done]:
        completions = sampler.generate(
            [episodes[row].prompt_ids + episodes[row].token_ids for row in running],
            settings,
            seeds=[int(sampling_seeds[row]) + turn for row in running],
            limits=[budgets[row] - len(episodes[row].token_ids) for row in running],
        )
        actions: list[str | None] = [None] * len(episodes)
        for row, completion in zip(running, completions, strict=True):
            actions[row] = answer_text(chat.tokenizer, completion.token_ids)
            episodes[row].answer(completion, actions[row] or "")
        observations, rewards, terminated, truncated, infos = venv.step(tuple(actions))
        ledgers.append(restrict(infos.get("reward_terms", {}), np.isin(np.arange(len(episodes)), running)))
        for row, completion in zip(running, completions, strict=True):
            episode = episodes[row]
            scored = bool(_at(infos, "reward_valid", row, "reward_valid" not in infos))
            segments = _at(infos, "reward_segments", row, ())
            episode.pay(completion, float(rewards[row]), segments, chat.tokenizer, scored=scored)
            episode.success = bool(_at(infos, "success", row, False))
            episode.reason = str(_at(infos, "reason", row, "") or "")
            episode.truncated = bool(truncated[row])
            episode.done = bool(terminated[row] or truncated[row])
            if not episode.done:
                ended_with = completion.token_ids[-1] if completion.finished else None
                reply_ids = chat.reply_ids(observations[row], ended_with=ended_with)
                out_of_turns = max_turns is not None and episode.turn >= max_turns
                if out_of_turns or len(episode.token_ids) + len(reply_ids) >= budgets[row]:
                    episode.done = episode.truncated = True
                else:
                    episode.reply(observations[row], reply_ids)
        turn += 1
    return _columns(episodes, task_seeds, ledgers)


def _budget(episode: _Episode, context_length: int, max_episode_tokens: int | None) -> int:
    room = context_length - len(episode.prompt_ids)
    if room < 1:
        raise RewardiumError(
            f"a prompt of {len(episode.prompt_ids)} tokens leaves no room for an answer: the model's context holds "
            f"{context_length}"
        )
    return room if max_episode_tokens is None else min(room, max_episode_tokens)


def _at(infos: Mapping[str, Any], key: str, row: int, default: Any) -> Any:
    """Return one environment's entry of vector infos, where it has one."""
    mask = infos.get(f"_{key}")
    if key not in infos or (mask is not None and not mask[row]):
        return default
    return infos[key][row]


def _columns(episodes: list[_Episode], task_seeds: Sequence[int], ledgers: list[Mapping[str, Any]]) -> Rollout:
    lengths = [len(episode.token_ids) for episode in episodes]

    def padded(name: str, fill: float, dtype: Any) -> Tensor:
        column: NDArray[Any] = np.full((len(episodes), max(lengths)), fill, dtype=dtype)
        for row, episode in enumerate(episodes):
            column[row, : lengths[row]] = getattr(episode, name)
        return torch.from_numpy(column)

    def flags(name: str) -> Tensor:
        return torch.tensor([getattr(episode, name) for episode in episodes], dtype=torch.bool)

    rewards = padded("rewards", 0.0, np.float32)
    groups = np.unique(np.asarray(task_seeds, dtype=np.int64), return_inverse=True)[1]
    return Rollout(
        prompt_ids=[episode.prompt_ids for episode in episodes],
        token_ids=padded("token_ids", 0, np.int64),
        action_mask=padded("mask", False, np.bool_),
        logprobs=padded("logprobs", 0.0, np.float32),
        rewards=rewards,
        turns=padded("turns", -1, np.int64),
        lengths=torch.tensor(lengths),
        returns=torch.tensor([float(np.sum(episode.rewards)) for episode in episodes], dtype=torch.float64),
        valid=flags("valid"),
        success=flags("success"),
        truncated=flags("truncated"),
        group=torch.from_numpy(groups.reshape(-1).astype(np.int64)),
        conversations=[episode.conversation for episode in episodes],
        reasons=[episode.reason for episode in episodes],
        ledgers=ledgers,
        scored=padded("scored", False, np.bool_),
    )

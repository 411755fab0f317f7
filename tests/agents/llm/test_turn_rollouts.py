"""Episodes of one to six turns: what was sampled is what is trained on, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from torch import nn

from rewardium.agents.llm.character import build_character_policy
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.logprobs import token_logprobs
from rewardium.agents.llm.policy import Policy
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.envs.text import ScalarTextVectorEnv
from tests.agents.llm.conversations import Lengths

SEEDS = [seed for seed in (11, 21, 1, 12, 3, 0) for _ in range(4)]  # one to six turns


@pytest.fixture(scope="module")
def policy():
    """A random policy whose answers often end by themselves, after one to eight tokens."""
    model, tokenizer = build_character_policy(seed=3, hidden_size=32, num_layers=2, num_heads=2, max_length=128)
    head = nn.Linear(32, len(tokenizer))
    with torch.no_grad():
        head.weight.copy_(20.0 * model.lm_head.weight)  # the distribution depends on what stands before
        head.bias.zero_()
        head.bias[tokenizer.eos_token_id] = 3.0
    model.set_output_embeddings(head)
    return Policy(model.eval(), tokenizer, (tokenizer.eos_token_id,), tokenizer.pad_token_id)


class Recorder(TransformersSampler):
    """The sampler, which keeps where in each conversation it has sampled, and what."""

    def __init__(self, policy):
        super().__init__(policy)
        self.sampled = []

    def generate(self, prompt_ids, settings, *, seeds, limits=None):
        completions = super().generate(prompt_ids, settings, seeds=seeds, limits=limits)
        self.sampled += [(list(prompt), completion) for prompt, completion in zip(prompt_ids, completions, strict=True)]
        return completions


def play(policy, *, temperature=1.0, **limits):
    sampler = Recorder(policy)
    venv = ScalarTextVectorEnv([Lengths] * len(SEEDS), AutoresetMode.DISABLED)
    rollout = collect(
        sampler, Chat(policy.tokenizer), venv, SamplingSettings(temperature=temperature, max_new_tokens=8),
        task_seeds=SEEDS, sampling_seeds=range(0, 100 * len(SEEDS), 100),
        context_length=policy.context_length, **limits,
    )  # fmt: skip
    return sampler, rollout


LIMITS = [{}, {"max_episode_tokens": 23}, {"max_turns": 3}]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probabilities_of_one_pass_are_those_at_sampling(policy, limits, temperature):
    _, rollout = play(policy, temperature=temperature, **limits)
    turns = set((rollout.turns.max(1).values + 1).tolist())
    assert turns == {1, 2, 3, 4, 5, 6} if not limits else turns <= {1, 2, 3, 4, 5, 6}
    lengths = {int((row == turn).sum()) for row in rollout.turns for turn in range(int(row.max()) + 1)}
    assert len(lengths) > 4  # answers of different lengths stand in one batch
    assert bool(rollout.truncated.any()) is bool(limits)
    for share_prompts in (True, False):
        with torch.no_grad():
            found = token_logprobs(
                policy, rollout.prompt_ids, rollout.token_ids, rollout.action_mask,
                temperature=temperature, share_prompts=share_prompts,
            )  # fmt: skip
        torch.testing.assert_close(found, rollout.logprobs, atol=1e-4, rtol=0.0)
    assert float(rollout.logprobs[rollout.action_mask].std()) > 0.5
    assert not rollout.logprobs[~rollout.action_mask].any()


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_the_columns_hold_the_very_tokens_that_were_sampled(policy, limits):
    """The mask, told from what the sampler was asked and what it answered, and from nothing the rollout says."""
    sampler, rollout = play(policy, **limits)
    rows = [
        [*prompt, *tokens[:length].tolist()]
        for prompt, tokens, length in zip(rollout.prompt_ids, rollout.token_ids, rollout.lengths.tolist(), strict=True)
    ]
    mask = torch.zeros_like(rollout.action_mask)
    numbers = torch.full_like(rollout.turns, -1)
    seen = 0
    for prompt, completion in sampler.sampled:
        whole = prompt + completion.token_ids
        # Equal conversations have equal tokens and masks, so it does not matter which of them it was.
        for row in (row for row, ids in enumerate(rows) if ids[: len(whole)] == whole):
            start = len(prompt) - len(rollout.prompt_ids[row])
            place = slice(start, start + len(completion.token_ids))
            numbers[row, place] = 1 + numbers[row, :start].max() if start else 0
            mask[row, place] = True
            seen += 1
            torch.testing.assert_close(rollout.logprobs[row, place], torch.tensor(completion.logprobs))
    assert seen >= len(sampler.sampled)
    assert torch.equal(rollout.action_mask, mask)
    assert torch.equal(rollout.turns, numbers)
    assert not rollout.rewards[~mask].any()
    assert not rollout.scored[~mask].any()


def test_turns_that_pay_nothing_are_turns(policy):
    _, rollout = play(policy)
    table = rollout.turn_table()
    assert table.exists.sum(1).tolist() == [len(words) // 2 for words in rollout.conversations]
    assert not table.rewards[:, 0::2].any()  # the odd turns of the environment, which counts from 1
    assert table.rewards[:, 1::2].any()
    np.testing.assert_allclose(table.rewards.sum(1), rollout.returns, atol=1e-6)
    assert torch.equal(table.scored, table.exists)


def test_a_turn_whose_reward_could_not_be_had_is_noted(policy):
    class Outage(ScalarTextVectorEnv):
        def step(self, actions):
            live = np.array([action is not None for action in actions])
            *rest, infos = super().step(actions)
            self.turn = getattr(self, "turn", -1) + 1
            return *rest, {**infos, "reward_valid": live & (self.turn != 1), "_reward_valid": live}

    venv = Outage([Lengths] * len(SEEDS), AutoresetMode.DISABLED)
    rollout = collect(
        TransformersSampler(policy), Chat(policy.tokenizer), venv, SamplingSettings(max_new_tokens=4),
        task_seeds=SEEDS, sampling_seeds=range(len(SEEDS)), context_length=policy.context_length,
    )  # fmt: skip
    table = rollout.turn_table()
    assert rollout.valid.all()
    assert not table.scored[:, 1].any()
    assert torch.equal(table.scored[:, [0, 2, 3, 4, 5]], table.exists[:, [0, 2, 3, 4, 5]])
    assert torch.equal(table.known[:, 1], table.exists[:, 2])  # unknown where nothing came after it

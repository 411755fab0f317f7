"""The two text shapes, played by a tiny random language model: what its tokens are paid is the composed reward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from torch import nn

from rewardium import rewards
from rewardium.agents.llm.character import build_character_policy
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.policy import Policy
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.envs.text import ScalarTextVectorEnv
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward
from tests.shapes.environments import MultiTurnText, SingleTurnText
from tests.shapes.sources import registered_test_sources

SEEDS = [seed for seed in range(6) for _ in range(4)]
REWARDS = {
    SingleTurnText: (
        "extrinsic + 0.5 * repetition(n=1, unit='characters') + clip_delta(test_action_size(smallest=0.4), eta=0.9)"
        "+ gate(extrinsic, test_named, otherwise=-0.5)"
    ),
    MultiTurnText: (
        "extrinsic + 0.5 * repetition(n=1, unit='characters') + count_decay(test_keyword(word='lower'), beta=1)"
        "+ potential(test_place, gamma=0.9) + 0.1 * test_remembered + delta(test_action_size(smallest=0.4))"
    ),
}


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


@pytest.fixture(scope="module")
def policy():
    model, tokenizer = build_character_policy(hidden_size=32, num_layers=1, num_heads=2, max_length=128)
    head = nn.Linear(32, len(tokenizer))
    with torch.no_grad():
        head.weight.copy_(model.lm_head.weight)
        head.bias.fill_(-6.0)
        head.bias[tokenizer.convert_tokens_to_ids(list("0123 "))] = 0.0  # random, but often a number
        head.bias[tokenizer.eos_token_id] = -0.5
    model.set_output_embeddings(head)
    return Policy(model, tokenizer, (tokenizer.eos_token_id,), tokenizer.pad_token_id)


def play(policy, wrapper, env, **kwargs):
    venv = wrapper(ScalarTextVectorEnv([env] * len(SEEDS), AutoresetMode.DISABLED), rewards.parse(REWARDS[env]))
    arguments = {
        "task_seeds": SEEDS,
        "sampling_seeds": range(0, 1000 * len(SEEDS), 1000),
        "context_length": policy.context_length,
    }
    settings = SamplingSettings(max_new_tokens=24)
    return venv, collect(TransformersSampler(policy), Chat(policy.tokenizer), venv, settings, **{**arguments, **kwargs})


@pytest.mark.parametrize("env", [SingleTurnText, MultiTurnText])
def test_tokens_are_paid_the_composed_reward_and_deferred_scoring_says_the_same(policy, env):
    _, at_once = play(policy, DenseVectorReward, env)
    venv, later = play(policy, DeferredVectorReward, env)
    assert torch.equal(at_once.token_ids, later.token_ids)
    assert not later.rewards.any()
    scored = venv.score()
    turns = at_once.turns.max(dim=1).values + 1
    np.testing.assert_allclose(at_once.returns.numpy(), scored.rewards.sum(axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(at_once.rewards.sum(dim=1).numpy(), at_once.returns.numpy(), rtol=1e-5, atol=1e-5)
    for turn in range(int(turns.max())):
        paid = torch.where(at_once.turns == turn, at_once.rewards, 0.0).sum(dim=1).numpy()
        np.testing.assert_allclose(paid, scored.rewards[turn], rtol=1e-5, atol=1e-5)
        rows = scored.batches[turn].env
        assert rows.tolist() == torch.nonzero(turns > turn).flatten().tolist()
        for name, term in scored.outcomes[turn].terms.items():
            ledger = at_once.ledgers[turn][name]
            assert np.flatnonzero(ledger["_raw"]).tolist() == rows.tolist()
            for field in ("raw", "shaped", "valid"):
                np.testing.assert_array_equal(ledger[field][rows], getattr(term, field))
    assert at_once.valid.all()


@pytest.mark.parametrize("env", [SingleTurnText, MultiTurnText])
def test_the_episodes_are_worth_comparing(policy, env):
    _, rollout = play(policy, DenseVectorReward, env)
    assert rollout.success.any()
    assert not rollout.success.all()
    assert rollout.truncated.any()
    assert not rollout.truncated.all()
    assert len(set(rollout.returns.tolist())) > 5
    if env is MultiTurnText:
        assert set((rollout.turns.max(dim=1).values + 1).tolist()) == {1, 2, 3}


def test_only_sampled_tokens_are_paid_and_segments_at_their_own_token(policy):
    _, rollout = play(policy, DenseVectorReward, MultiTurnText)
    assert not rollout.rewards[~rollout.action_mask].any()
    last = torch.zeros_like(rollout.action_mask)
    for turn in range(3):
        for row in range(len(rollout)):
            places = torch.nonzero(rollout.turns[row] == turn).flatten()
            if len(places):
                last[row, places[-1]] = True
    inside = rollout.action_mask & ~last & (rollout.rewards != 0)
    assert inside.any()  # a repeated character costs where it stands
    assert (rollout.rewards[inside] < 0).all()


def test_episodes_of_one_task_seed_form_a_group(policy):
    _, rollout = play(policy, DenseVectorReward, SingleTurnText)
    prompts = [conversation[0] for conversation in rollout.conversations]
    for row, seed in enumerate(SEEDS):
        assert prompts[row] == prompts[SEEDS.index(seed)]
    assert rollout.group.tolist() == SEEDS

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gymnasium.vector import AutoresetMode

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.policy import hidden_states, load_policy
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.agents.llm.turn_features import Turns, feature_width, turn_features, turns_of
from rewardium.envs.text import ScalarTextVectorEnv
from tests.agents.llm.conversations import Lengths

SEEDS = [11, 21, 1, 12]  # one to four turns


@pytest.fixture
def rollout(policy):
    venv = ScalarTextVectorEnv([Lengths] * len(SEEDS), AutoresetMode.DISABLED)
    settings = SamplingSettings(max_new_tokens=5)
    limits = {"task_seeds": SEEDS, "sampling_seeds": [0, 10, 20, 30], "context_length": policy.context_length}
    return collect(TransformersSampler(policy), Chat(policy.tokenizer), venv, settings, **limits)


def by_hand(policy, rollout):
    """One turn at a time: the model reads no further than what is described."""
    observations, answers = [], []
    for row, prompt in enumerate(rollout.prompt_ids):
        for turn in range(int(rollout.turns[row].max()) + 1):
            places = (rollout.turns[row] == turn).nonzero().flatten().tolist()
            ids = prompt + rollout.token_ids[row, : places[-1] + 1].tolist()
            with torch.no_grad():
                states = policy.model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
            cut = len(prompt) + places[0]
            observations.append(torch.cat([states[:cut].mean(0), states[cut - 1]]))
            answers.append(torch.cat([states[cut:].mean(0), states[-1]]))
    return torch.stack(observations), torch.stack(answers)


@pytest.mark.parametrize("budget", [1, 60, 10_000])
def test_features_are_pooled_hidden_states(policy, rollout, budget):
    observations, answers = turn_features(policy, rollout, budget=budget)
    expected_observations, expected_answers = by_hand(policy, rollout)
    assert observations.shape == (1 + 2 + 3 + 4, feature_width(policy)) == (10, 64)
    torch.testing.assert_close(observations, expected_observations, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(answers, expected_answers, atol=1e-5, rtol=1e-4)


def test_an_observation_says_nothing_of_its_answer(policy, rollout):
    before, answers = turn_features(policy, rollout, budget=1000)
    tokens = torch.where(rollout.turns == 1, 40, rollout.token_ids)
    after, changed = turn_features(policy, replace(rollout, token_ids=tokens), budget=1000)
    turn = torch.tensor([0, 0, 1, 0, 1, 2, 0, 1, 2, 3])
    same = turn <= 1  # what stood before the second answer
    torch.testing.assert_close(after[same], before[same], atol=1e-6, rtol=0.0)
    assert (after[turn > 1] - before[turn > 1]).abs().amax(1).min() > 1e-3
    assert (changed[turn == 1] - answers[turn == 1]).abs().amax(1).min() > 1e-3


def test_columns_of_the_turns(policy, rollout):
    turns = turns_of(policy, rollout, discount=0.5, budget=1000)
    table = rollout.turn_table()
    assert turns.last.tolist() == [True, False, True, False, False, True, False, False, False, True]
    assert turns.reward.tolist() == table.rewards[table.exists].float().tolist()
    second, fourth = turns.reward[7].item(), turns.reward[9].item()
    assert turns.returns[6:].tolist() == pytest.approx(
        [second / 2 + fourth / 8, second + fourth / 4, fourth / 2, fourth]
    )
    assert turns.scored.all()
    assert turns.known.all()
    both = Turns.cat([turns, turns])
    assert len(both) == 20
    assert both.last.tolist() == turns.last.tolist() * 2


def test_the_output_layer_is_given_back(policy):
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        logits = policy.model(input_ids=ids).logits
        states = hidden_states(policy.model, input_ids=ids)
        torch.testing.assert_close(policy.model(input_ids=ids).logits, logits)
        torch.testing.assert_close(policy.model.get_output_embeddings()(states), logits)


def test_an_adapter_off_is_the_policy_before_training(tiny_folder, policy, rollout):
    adapted = load_policy(tiny_folder, lora_rank=2)
    with torch.no_grad():
        for _, parameter in adapted.parameters():
            parameter.add_(0.3)
    expected = turn_features(policy, rollout, budget=1000)
    assert (turn_features(adapted, rollout, budget=1000)[0] - expected[0]).abs().max() > 1e-3
    with adapted.as_reference() as frozen:
        torch.testing.assert_close(turn_features(frozen, rollout, budget=1000), expected, atol=1e-5, rtol=1e-4)

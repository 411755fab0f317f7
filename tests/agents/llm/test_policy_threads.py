from concurrent.futures import ThreadPoolExecutor

import torch

from rewardium.agents.llm.character import build_character_policy
from rewardium.agents.llm.policy import load_policy


def test_policies_that_threads_load_at_the_same_time_have_their_weights(tmp_path):
    for seed in range(2):
        build_character_policy(tmp_path / str(seed), seed=seed, hidden_size=32, num_layers=1, num_heads=2)
    names = [tmp_path / str(number % 2) for number in range(24)]
    with ThreadPoolExecutor(4) as threads:
        policies = list(threads.map(load_policy, names))
    weights = [next(policy.model.parameters()).sum() for policy in policies]
    assert all(torch.equal(weight, weights[number % 2]) for number, weight in enumerate(weights))

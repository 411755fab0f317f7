from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.evaluation import derived_seeds, evaluate, greedy, pass_at_k, wilson_interval
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.envs.errors import RewardiumError

SUMS = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "compact": True, "prompt": "{expression}="}


def play(policy, **arguments):
    return evaluate(
        TransformersSampler(policy),
        Chat(policy.tokenizer),
        "rewardium/RandomCalculation-v0",
        {**SUMS, "split": "test"},
        arguments.pop("settings", SamplingSettings(max_new_tokens=6)),
        context_length=128,
        **arguments,
    )


def test_shapes_and_independence_of_batches(policy):
    whole = play(policy, tasks=6, samples=3, seed=4)
    cut = play(policy, tasks=6, samples=3, seed=4, batch_size=5)
    assert whole.success.shape == whole.rewards.shape == whole.lengths.shape == (6, 3)
    np.testing.assert_array_equal(whole.lengths, cut.lengths)
    np.testing.assert_array_equal(whole.rewards, cut.rewards)
    assert whole.episodes == cut.episodes
    assert len({str(play(policy, tasks=6, samples=1, seed=seed).episodes) for seed in (4, 5)}) == 2


def test_greedy_answers_do_not_depend_on_the_noise(policy):
    settings = greedy(SamplingSettings(temperature=0.7, top_p=0.5, top_k=3, max_new_tokens=6))
    assert (settings.temperature, settings.top_p, settings.top_k, settings.max_new_tokens) == (0.0, 1.0, 0, 6)
    assert play(policy, tasks=3, settings=settings).episodes == play(policy, tasks=3, settings=settings).episodes


def test_wrong_numbers(policy):
    with pytest.raises(RewardiumError, match="at least one task"):
        play(policy, tasks=0)
    with pytest.raises(RewardiumError, match="all the same"):
        play(policy, tasks=2, samples=2, settings=SamplingSettings(temperature=0.0))


def test_wilson_interval_of_known_cases():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_proportion(case):
    successes, trials = case
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1.0


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_success(row, data):
    from itertools import combinations

    k = data.draw(st.integers(1, len(row)))
    subsets = list(combinations(row, k))
    assert pass_at_k(np.array([row]), k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_too_many():
    with pytest.raises(RewardiumError, match="pass@3"):
        pass_at_k(np.ones((1, 2), dtype=bool), 3)


def test_derived_seeds_differ_by_every_part_of_their_key():
    seeds = [tuple(derived_seeds(3, *key).tolist()) for key in ((0, 1, 2), (0, 1, 3), (0, 2, 2), (1, 1, 2))]
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for row in seeds for seed in row)

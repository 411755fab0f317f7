from __future__ import annotations

import pytest
import torch

from rewardium.agents.llm.logprobs import token_logprobs
from rewardium.agents.llm.policy import Policy
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler, draw, uniform
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.plain_attention import pads_freely

PROMPTS = [[5, 6, 7], [8, 9], [5, 6, 7], [10, 11, 12, 13, 14], [8, 9], [20]]


def architecture(kind: str) -> Policy:
    """An untrained policy of another architecture; the last token of 32 ends an answer."""
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    sizes = {
        "vocab_size": 32, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 64, "eos_token_id": 31, "pad_token_id": 0,
        "initializer_range": 0.3,
    }  # fmt: skip
    torch.manual_seed(0)
    model = (
        MistralForCausalLM(MistralConfig(**sizes, num_key_value_heads=2, sliding_window=4))
        if kind == "sliding window"
        else LlamaForCausalLM(LlamaConfig(**sizes, num_key_value_heads=2))
    )
    return Policy(model.eval(), None, (31,), 0)


def recomputed(policy, prompts, completions, temperature=1.0):
    width = max(len(completion.token_ids) for completion in completions)
    tokens = torch.zeros(len(prompts), width, dtype=torch.int64)
    mask = torch.zeros(len(prompts), width, dtype=torch.bool)
    for row, completion in enumerate(completions):
        tokens[row, : len(completion.token_ids)] = torch.tensor(completion.token_ids)
        mask[row, : len(completion.token_ids)] = True
    with torch.no_grad():
        return token_logprobs(policy, prompts, tokens, mask, temperature=temperature, share_prompts=False)


@pytest.mark.parametrize("kind", ["plain attention", "sliding window"])
def test_greedy_answers_are_those_of_generate(kind):
    policy = architecture(kind)
    assert pads_freely(policy.model) == (kind == "plain attention")
    completions = TransformersSampler(policy).generate(
        PROMPTS, SamplingSettings(temperature=0.0, max_new_tokens=50), seeds=range(6)
    )
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        ids = torch.tensor([prompt])
        expected = policy.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=50, do_sample=False, pad_token_id=0
        )
        assert completion.token_ids == expected[0, len(prompt) :].tolist()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_the_trained_distribution(policy, temperature):
    settings = SamplingSettings(temperature=temperature, max_new_tokens=10, top_k=20)
    completions = TransformersSampler(policy).generate(PROMPTS, settings, seeds=range(6))
    expected = recomputed(policy, PROMPTS, completions, temperature)
    for row, completion in enumerate(completions):
        torch.testing.assert_close(
            torch.tensor(completion.logprobs), expected[row, : len(completion.logprobs)], atol=1e-4, rtol=1e-4
        )


def test_an_answer_depends_on_its_prompt_and_seed_only():
    policy = architecture("plain attention")
    settings = SamplingSettings(max_new_tokens=12)
    together = TransformersSampler(policy).generate(PROMPTS, settings, seeds=range(6))
    apart = TransformersSampler(policy, max_batch_tokens=1).generate(PROMPTS, settings, seeds=range(6))
    backwards = TransformersSampler(policy).generate(PROMPTS[::-1], settings, seeds=range(5, -1, -1))
    assert [c.token_ids for c in together] == [c.token_ids for c in apart]
    assert [c.token_ids for c in together] == [c.token_ids for c in backwards[::-1]]
    assert together[0].token_ids != together[2].token_ids  # one prompt, two seeds
    twice = TransformersSampler(policy).generate([PROMPTS[0]] * 2, settings, seeds=[3, 3])
    assert twice[0] == twice[1]


def test_answers_end_at_the_end_or_at_their_limit():
    policy = architecture("plain attention")
    prompts = [[5, 6, 7]] * 64
    limits = [1 + row % 9 for row in range(64)]
    completions = TransformersSampler(policy).generate(
        prompts, SamplingSettings(max_new_tokens=8, temperature=2.0), seeds=range(64), limits=limits
    )
    for completion, limit in zip(completions, limits, strict=True):
        assert completion.finished == (completion.token_ids[-1] == 31)
        assert 31 not in completion.token_ids[:-1]
        assert completion.finished or len(completion.token_ids) == min(limit, 8)
        assert len(completion.token_ids) == len(completion.logprobs) <= limit
    assert any(completion.finished and len(completion.token_ids) > 1 for completion in completions)


def test_rows_that_ended_between_checks_keep_their_end():
    """On a GPU the loop looks for ended answers only now and then."""
    policy = architecture("plain attention")
    often, seldom = TransformersSampler(policy), TransformersSampler(policy)
    seldom._check_every = 5
    settings = SamplingSettings(max_new_tokens=12, temperature=2.0)
    arguments = ([[5, 6, 7], [8]] * 16, settings)
    expected = often.generate(*arguments, seeds=range(32))
    found = seldom.generate(*arguments, seeds=range(32))
    assert [c.token_ids for c in found] == [c.token_ids for c in expected]
    assert [c.finished for c in found] == [c.finished for c in expected]


def test_draw_follows_the_distribution():
    probabilities = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05])
    count = 40_000
    seeds = torch.arange(count)
    tokens, logprobs = draw(probabilities.log().expand(count, -1), uniform(seeds, 3), SamplingSettings())
    frequency = torch.bincount(tokens, minlength=5) / count
    # Five standard errors of the largest frequency.
    torch.testing.assert_close(frequency, probabilities, atol=5 * (0.25 / count) ** 0.5, rtol=0.0)
    torch.testing.assert_close(logprobs, probabilities.log()[tokens])


@pytest.mark.parametrize("noise", [0.0, 1.0 - 2.0**-53])
def test_draw_never_takes_what_has_no_probability(noise):
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -torch.inf]])
    token, logprob = draw(logits, torch.tensor([noise], dtype=torch.float64), SamplingSettings())
    assert int(token) in (1, 2)
    assert torch.isfinite(logprob).all()


def test_truncation_cuts_the_choice_and_not_the_logprob():
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log().expand(4000, -1)
    noise = uniform(torch.arange(4000), 0)
    for settings, allowed in (
        (SamplingSettings(top_k=2), {0, 1}),
        (SamplingSettings(top_p=0.75), {0, 1, 2}),
        (SamplingSettings(top_p=0.01), {0}),
        (SamplingSettings(temperature=0.0), {0}),
    ):
        tokens, logprobs = draw(logits, noise, settings)
        assert set(tokens.tolist()) == allowed
        torch.testing.assert_close(logprobs, logits[0][tokens])


def test_noise_is_splitmix64():
    # The first outputs of SplitMix64 for the seed 0, as published with its reference implementation.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    found = [float(uniform(torch.tensor([0]), step)) for step in range(3)]
    assert found == [(value >> 11) * 2.0**-53 for value in published]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(RewardiumError, match=message):
        SamplingSettings(**settings)


def test_wrong_prompts(policy):
    sampler = TransformersSampler(policy)
    with pytest.raises(RewardiumError, match="at least one token"):
        sampler.generate([[]], SamplingSettings(), seeds=[0])
    with pytest.raises(RewardiumError, match="1 prompts, 2 seeds"):
        sampler.generate([[5]], SamplingSettings(), seeds=[0, 1])

from __future__ import annotations

import pytest
import torch

from rewardium.agents.llm.logprobs import token_logprobs

PROMPTS = [[5, 6, 7], [5, 6, 7], [8, 9], [10], [8, 9], [8, 9]]
# The third row holds a reply in the middle, the first ends early; the fifth is the third, the sixth is not.
TOKENS = torch.tensor(
    [[11, 12, 13, 14], [15, 16, 0, 0], [17, 18, 19, 0], [20, 21, 22, 23], [17, 18, 19, 0], [17, 18, 20, 0]]
)
MASK = torch.tensor(
    [[True, True, True, False], [True, True, False, False], [True, False, True, False], [True, True, True, True]]
    + [[True, False, True, False]] * 2
)


def by_hand(policy, temperature):
    """One row at a time, without any batching."""
    expected = torch.zeros(TOKENS.shape)
    for row, prompt in enumerate(PROMPTS):
        ids = torch.tensor([[*prompt, *TOKENS[row].tolist()]])
        logprobs = torch.log_softmax(policy.model(input_ids=ids).logits[0] / temperature, dim=-1)
        for column in MASK[row].nonzero().flatten().tolist():
            expected[row, column] = logprobs[len(prompt) + column - 1, TOKENS[row, column]]
    return expected


@pytest.mark.parametrize("share_prompts", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_values_and_gradients(policy, share_prompts, temperature):
    weights = torch.linspace(-1.0, 1.0, TOKENS.numel()).view_as(TOKENS)
    gradients = []
    for compute in (
        lambda: by_hand(policy, temperature),
        lambda: token_logprobs(policy, PROMPTS, TOKENS, MASK, temperature=temperature, share_prompts=share_prompts),
    ):
        policy.model.zero_grad()
        values = compute()
        (values * weights).sum().backward()
        gradients.append((values.detach(), [parameter.grad.clone() for _, parameter in policy.parameters()]))
    (expected, expected_gradients), (found, found_gradients) = gradients
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_nothing_wanted(policy):
    values = token_logprobs(policy, PROMPTS, TOKENS, torch.zeros_like(MASK))
    assert values.shape == TOKENS.shape
    assert not values.any()


def test_padding_is_never_read(policy):
    with torch.no_grad():
        before = token_logprobs(policy, PROMPTS, TOKENS, MASK)
        other = TOKENS.clone()
        other[1, 2:] = 30
        torch.testing.assert_close(token_logprobs(policy, PROMPTS, other, MASK), before)


def test_recomputed_activations_give_the_same_gradient(tiny_folder):
    from rewardium.agents.llm.policy import load_policy

    gradients = []
    for recompute in (False, True):
        policy = load_policy(tiny_folder, recompute=recompute)
        policy.train(True)
        token_logprobs(policy, PROMPTS, TOKENS, MASK).sum().backward()
        gradients.append([parameter.grad for _, parameter in policy.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)

from __future__ import annotations

import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.char_cnn import CharCnnSettings, build_char_cnn, char_cnn
from rewardium.rewards.learning.messages import encode

SMALL = CharCnnSettings(embedding=8, width=8)


def numbers(network, messages):
    with torch.no_grad():
        return char_cnn(network, torch.from_numpy(encode(messages)))


@pytest.mark.parametrize("message", ["a", "You see here a key.", "x" * 26, "x" * 27, "x" * 28, "word " * 50])
def test_a_message_gets_the_same_number_in_any_company(message):
    network = build_char_cnn(SMALL)
    alone = numbers(network, [message])
    torch.testing.assert_close(numbers(network, [message, "y" * 250])[:1], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(numbers(network, ["y" * 250, "", message])[2:], alone, atol=1e-5, rtol=1e-5)


def test_the_seed_fixes_the_weights_and_the_global_generator_stays():
    state = torch.get_rng_state()
    first, second, other = (build_char_cnn(SMALL, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])
    assert all(torch.isfinite(weights).all() for weights in first.values())


def test_the_size_of_the_shipped_network():
    network = build_char_cnn(CharCnnSettings())
    assert [tuple(layer.weight.shape) for layer in network["convolutions"]] == [
        (64, 32, 7), (64, 64, 7), (64, 64, 3), (64, 64, 3), (64, 64, 3), (64, 64, 3),
    ]  # fmt: skip
    assert sum(weights.numel() for weights in network.parameters()) < 150_000


@pytest.mark.parametrize("change", [{"width": 0}, {"embedding": True}, {"max_bytes": 1e9}, {"width": "64"}])
def test_sizes_are_checked(change):
    with pytest.raises(RewardiumError, match=next(iter(change))):
        CharCnnSettings(**change)

"""Networks as plain arrays, their training, and running statistics."""

import numpy as np
import pytest
import torch

from rewardium.rewards.learning.rnd_network import adam_step, gradients_of, initial_parameters, outputs_of
from rewardium.rewards.learning.rnd_statistics import take_in, whiten


def rows(batch=5, planes=None, size=3, seed=1):
    rng = np.random.default_rng(seed)
    found = {"vector": rng.standard_normal((batch, size)).astype(np.float32)} if size else {}
    if planes:
        found["planes"] = rng.standard_normal((batch, *planes)).astype(np.float32)
    return found


@pytest.mark.parametrize(
    ("planes", "size"), [((), 3), ((4, 9, 9), 0), ((2, 21, 79), 5), ((1, 1, 1), 1), ((3, 8, 7), 2)]
)
def test_every_shape_of_input_has_outputs(planes, size):
    drawn = initial_parameters(planes, size, (8, 6), np.random.default_rng(0))
    outputs = outputs_of(drawn, rows(5, planes, size))
    assert outputs.shape == (5, 6)
    assert np.isfinite(outputs).all()
    assert outputs.std() > 0


def test_a_network_equals_the_same_of_torch():
    drawn = initial_parameters((2, 9, 9), 3, (8, 4), np.random.default_rng(0))
    convolutions = torch.nn.Sequential(
        torch.nn.Conv2d(2, 16, 3, 1, 1),
        torch.nn.LeakyReLU(),
        torch.nn.Conv2d(16, 32, 3, 2, 1),
        torch.nn.LeakyReLU(),
        torch.nn.Conv2d(32, 32, 3, 2, 1),
        torch.nn.LeakyReLU(),
        torch.nn.Flatten(),
    )
    first, second = torch.nn.Linear(32 * 9 + 3, 8), torch.nn.Linear(8, 4)
    with torch.no_grad():
        layers = [convolutions[0], convolutions[2], convolutions[4], first, second]
        for layer, name in zip(layers, ("conv0", "conv1", "conv2", "linear0", "linear1"), strict=True):
            layer.weight.copy_(torch.from_numpy(drawn[f"{name}.weight"]))
            layer.bias.zero_()
        columns = rows(5, (2, 9, 9), 3)
        features = convolutions(torch.from_numpy(columns["planes"]))
        joined = torch.cat([features, torch.from_numpy(columns["vector"])], 1)
        expected = second(torch.relu(first(joined)))
    np.testing.assert_allclose(outputs_of(drawn, columns), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
def test_weights_are_orthogonal(shape):
    weight = initial_parameters((), shape[1], (shape[0],), np.random.default_rng(3))["linear0.weight"]
    small = weight @ weight.T if shape[0] <= shape[1] else weight.T @ weight
    np.testing.assert_allclose(small, 2.0 * np.eye(min(shape)), atol=1e-5)


def test_the_seed_fixes_the_weights():
    one, other = (initial_parameters((1, 4, 4), 2, (3,), np.random.default_rng(7)) for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)


def test_adam_equals_that_of_torch():
    rng = np.random.default_rng(0)
    ours, memory = {"w": rng.standard_normal((3, 2)).astype(np.float32)}, {}
    theirs = torch.tensor(ours["w"].copy(), requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.01)
    for _ in range(20):
        gradient = rng.standard_normal((3, 2)).astype(np.float32)
        adam_step(ours, {"w": gradient}, memory, 0.01)
        theirs.grad = torch.from_numpy(gradient)
        optimizer.step()
    np.testing.assert_allclose(ours["w"], theirs.detach().numpy(), atol=1e-6)
    assert memory["steps"] == 20


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_gradients_are_right_wherever_they_are_taken(context):
    drawn = initial_parameters((), 2, (1,), np.random.default_rng(0))
    columns = {"vector": np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)}
    with context():
        value, gradients = gradients_of(drawn, columns, lambda outputs: outputs.sum())
    assert value == pytest.approx(float(outputs_of(drawn, columns).sum()), rel=1e-5)
    assert gradients["linear0.weight"].tolist() == [[4.0, 6.0]]
    assert gradients["linear0.bias"].tolist() == [2.0]


def test_statistics_equal_those_of_all_rows_together():
    values = np.random.default_rng(0).normal(1e4, 3.0, (50, 4))
    memory = {}
    for start in (0, 1, 8, 30):
        take_in(memory, {"vector": values[start : {0: 1, 1: 8, 8: 30, 30: 50}[start]]})
    assert memory["number"] == 50
    np.testing.assert_allclose(memory["mean"]["vector"], values.mean(0))
    np.testing.assert_allclose(memory["squares"]["vector"] / 50, values.var(0), rtol=1e-9)
    white = whiten(memory, {"vector": values}, clip=1.5)["vector"]
    assert np.abs(white).max() == 1.5
    np.testing.assert_allclose(white, np.clip((values - values.mean(0)) / values.std(0), -1.5, 1.5), atol=1e-5)


def test_what_never_changed_is_clipped_when_it_does():
    memory = {}
    take_in(memory, {"planes": np.zeros((9, 1, 2, 2), np.uint8)})
    seen = np.zeros((1, 1, 2, 2), np.uint8)
    seen[0, 0, 0, 1] = 1
    assert whiten(memory, {"planes": seen})["planes"].reshape(-1).tolist() == [0.0, 5.0, 0.0, 0.0]


def test_the_number_of_threads_is_given_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        outputs_of(initial_parameters((), 3, (2,), np.random.default_rng(0)), rows())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

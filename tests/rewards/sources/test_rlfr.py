"""RLFR on a real small model: the flow tells what it has learnt from what it has not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.flow_model import FlowModel, FlowSettings, load_flow, states_and_conditions
from rewardium.rewards.learning.flow_network import build_flow, velocity
from rewardium.rewards.learning.flow_training import FlowTraining, fit_flow
from rewardium.rewards.learning.one_thread import one_thread
from rewardium.rewards.models.causal_model import Request, load_causal_model
from rewardium.rewards.models.token_states import token_states
from rewardium.rewards.sources._likelihood import example_model
from rewardium.rewards.sources.rlfr import Rlfr

PROMPT = "2+2="


def batch_of(*actions):
    return TransitionBatch.from_transitions([Transition("", PROMPT, action) for action in actions])


def sums(seed, count):
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, 100, (count, 2)).tolist()
    return [f"{one}+{two}={one + two}" for one, two in pairs]


def scribbles(seed, count):
    rng = np.random.default_rng(seed)
    letters = list("abcdefghijklmnopqrstuvwxyz !?")
    return ["".join(rng.choice(letters, 8)) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("flow")
    learnt = sums(0, 200)
    training = FlowTraining(steps=250, batch_tokens=256, learning_rate=3e-3)
    losses = []
    flow = fit_flow(
        example_model().name, [PROMPT] * 200, learnt, FlowSettings(depths=(0.5, 1.0), width=32), training,
        progress=lambda step, loss: losses.append(loss),
    )  # fmt: skip
    assert len(losses) == 250
    assert np.mean(losses[-25:]) < 0.7 * losses[0]
    flow.save(path)
    return path


def test_strange_tokens_deviate_more_than_known_ones(folder):
    source = Rlfr(str(folder), context="turn")
    known, strange = (source.score(batch_of(*texts)) for texts in (sums(1, 30), scribbles(1, 30)))
    values = [np.array([part.value for row in score.segments for part in row]) for score in (known, strange)]
    lead = values[1][:, None] - values[0][None, :]
    assert (lead > 0).mean() > 0.8  # of two tokens, how often the strange one deviates more
    assert known.value.max() < strange.value.min()


def test_the_strange_place_of_a_response_is_found(folder):
    text = "12+34=46"
    places = []
    for spoilt in range(2, 7):
        changed = text[:spoilt] + "q" + text[spoilt + 1 :]
        score = Rlfr(str(folder), context="turn").score(batch_of(changed))
        places.append(int(np.argmax([part.value for part in score.segments[0]])) - spoilt)
    assert np.mean([0 <= place <= 1 for place in places]) >= 0.6  # at the letter, or where it is the neighbour


def test_scores_are_repeated_saved_and_independent_of_the_batch(folder):
    source = Rlfr(str(folder), context="turn", dtype="float64")
    texts = ["4", "it is 5", "1+1=2 and so on", ""]
    together = source.score(batch_of(*texts))
    assert together.valid.tolist() == [True, True, True, False]
    for row, text in enumerate(texts[:3]):
        alone = source.score(batch_of(text))
        assert alone.value[0] == pytest.approx(together.value[row], rel=1e-5)
        assert [part[:2] for part in alone.segments[0]] == [(k, k + 1) for k in range(len(text))]
        assert sum(part.value for part in alone.segments[0]) == pytest.approx(float(alone.value[0]), rel=1e-5)
    summed = Rlfr(str(folder), context="turn", dtype="float64", reduce="sum").score(batch_of("it is 5"))
    assert summed.value[0] == pytest.approx(7 * together.value[1], rel=1e-5)


def test_the_papers_refiner_takes_it(folder):
    reward = rewards.parse(f"top_segments(rlfr(path='{folder}', context='turn'), most=3)")
    outcome = reward.evaluate(batch_of("12+34=46 zzz"), rewards.RewardState())
    paid = [part.value for part in outcome.segments[0]]
    assert 1 <= len(paid) <= 3
    assert min(paid) == pytest.approx(-0.01)
    assert outcome.value[0] == pytest.approx(sum(paid), rel=1e-5)


def test_the_deviation_in_closed_form():
    """A field of 0 is off by z - e, and e is drawn by the seed."""
    flow = FlowModel("none", 3, FlowSettings(depths=(0.5,), width=4), seed=7)
    states = torch.arange(6.0).reshape(1, 2, 3)
    noise = torch.randn(2, 3, generator=torch.Generator().manual_seed(7))
    expected = 4.0 * ((states[0, 1] - noise) ** 2).mean()
    assert float(flow.deviations(states, time=0.8, draws=2)[0]) == pytest.approx(float(expected), rel=1e-5)
    half = flow.deviations(states, time=0.5, draws=2)[0]
    assert float(half) == pytest.approx(float(expected) / 4.0, rel=1e-5)


def test_a_flow_finds_the_velocity_of_a_single_state():
    """Where all states are one point z, the best field is (z - x) / (1 - t), and the deviation goes to 0."""
    network = build_flow((1, 2), 64, 2, seed=0).requires_grad_(True)
    point, other = torch.tensor([1.5, -0.5]), torch.zeros(1, 256, 2)
    optimizer, generator = torch.optim.AdamW(network.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    with one_thread():
        for _ in range(300):
            noise = torch.randn(1, 256, 2, generator=generator)
            time = 0.8 * torch.rand(1, 256, 1, generator=generator)
            loss = (velocity(network, time * point + (1 - time) * noise, time, other) - (point - noise)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert float(loss.detach()) < 0.1


def test_the_states_are_those_of_the_model():
    model = load_causal_model(example_model().name, dtype="float64", device="cpu")
    encoded = model.encode([Request((PROMPT,), text) for text in ("4", "four and more")], max_tokens=64)
    read = dict(token_states(model, encoded, (0.0, 1.0)))
    for row, item in enumerate(encoded):
        ids = torch.tensor([[*item.context, *item.target]])
        with torch.no_grad():
            states = model.model(input_ids=ids, output_hidden_states=True).hidden_states
        expected = torch.stack([states[0][0], states[-1][0]])[:, len(item.context) - 1 :]
        torch.testing.assert_close(read[row], expected, atol=1e-9, rtol=0)
    own, before = states_and_conditions(read[1], "before")
    torch.testing.assert_close(own[:, :-1], before[:, 1:])


def test_bad_settings_are_named(folder, tmp_path):
    for change in ({"time": 1.0}, {"draws": 0}, {"reduce": "max"}):
        with pytest.raises(RewardiumError, match=next(iter(change))):
            Rlfr(str(folder), **change)
    with pytest.raises(RewardiumError, match="flow"):
        Rlfr(str(tmp_path))
    FlowModel(example_model().name, 5).save(tmp_path / "narrow")
    with pytest.raises(RewardiumError, match="width 5"):
        Rlfr(str(tmp_path / "narrow"))
    with pytest.raises(RewardiumError, match="nothing to learn"):
        fit_flow(example_model().name, [PROMPT], [""])
    for change in ({"depths": (2.0,)}, {"neighbour": "none"}, {"blocks": 0}):
        with pytest.raises(RewardiumError, match=next(iter(change))):
            FlowSettings(**change)
    assert load_flow(folder).settings.depths == (0.5, 1.0)

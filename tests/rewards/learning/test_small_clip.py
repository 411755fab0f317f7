from __future__ import annotations

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.clip_examples import Examples

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from rewardium.rewards.learning.clip_measures import card, measure_clip, table  # noqa: E402
from rewardium.rewards.learning.small_clip import (  # noqa: E402
    SIZES,
    TINY,
    ClipConfig,
    build_clip,
    save_clip,
    teach_clip,
)
from rewardium.rewards.models.vision_encoder import load_vision_encoder  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bars(count=60, seed=0):
    """Pictures of a bar whose height is the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(count)
    frames = np.full((count, 32, 32, 3), 30, dtype=np.uint8)
    for frame, height in zip(frames, truth, strict=True):
        frame[32 - int(32 * height) :, 8:24] = (230, 180, 40)
    sentences = [("a high bar",) if height > 0.6 else ("a low bar",) for height in truth]
    return Examples("bars", "a high bar", "a bar", frames, sentences, truth)


CONFIG = ClipConfig(steps=60, batch_size=24, tasks_a_batch=1, learning_rate=3e-3)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder, losses = tmp_path_factory.mktemp("clip"), []
    model = build_clip(TINY, seed=0)
    teach_clip(model, TINY, [bars()], CONFIG, on_step=lambda step, loss: losses.append((step, loss)))
    save_clip(model, TINY, folder)
    return folder, losses


def test_it_learns_what_the_sentences_say(taught):
    folder, losses = taught
    assert [step for step, _ in losses] == list(range(1, CONFIG.steps + 1))
    assert np.mean([loss for _, loss in losses[-5:]]) < np.mean([loss for _, loss in losses[:5]])
    (measures,) = measure_clip(load_vision_encoder(str(folder), "cpu"), [bars(80, seed=1)])
    assert measures.states == 80
    assert measures.retrieval > 0.9
    assert measures.chance == pytest.approx(0.5)
    assert measures.correlation[0] > 0.7


def test_one_seed_gives_one_model():
    config = ClipConfig(steps=3, batch_size=8, tasks_a_batch=2)
    models = [build_clip(TINY, seed=1) for _ in range(2)]
    for model in models:
        teach_clip(model, TINY, [bars(), bars(seed=1)], config)
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build_clip(TINY, seed=2)
    assert not torch.equal(other.visual.conv1.weight, build_clip(TINY, seed=1).visual.conv1.weight)


def test_building_a_model_leaves_the_source_of_chance_alone():
    before = torch.random.get_rng_state()
    build_clip(TINY, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("size", SIZES)
def test_the_sizes_can_be_built(size):
    shape = SIZES[size]
    model = build_clip(shape, seed=0)
    assert model.visual.image_size == shape.image_size == 64
    with torch.inference_mode():
        assert model.eval().encode_image(torch.zeros(1, 3, 64, 64)).shape == (1, shape.dimensions)


def test_the_sizes_grow():
    weights = [sum(p.numel() for p in build_clip(shape, seed=0).visual.parameters()) for shape in SIZES.values()]
    assert weights == sorted(weights)
    assert weights[0] < 2e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "smal"}, "did you mean 'small'"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 4}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"weight_decay": -1.0}, "weight_decay"),
    ],
    ids=str,
)
def test_settings(arguments, message):
    with pytest.raises(RewardiumError, match=message):
        ClipConfig(**arguments)


def test_nothing_to_learn_from():
    with pytest.raises(RewardiumError, match="frames with captions"):
        teach_clip(build_clip(TINY, seed=0), TINY, [], CONFIG)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardiumError, match="cannot write"):
        save_clip(build_clip(TINY, seed=0), TINY, tmp_path / "file" / "clip")


def test_the_card_says_what_it_is_and_what_not(taught):
    folder, _ = taught
    measures = measure_clip(load_vision_encoder(str(folder), "cpu"), [bars(20, seed=1)])
    text = card((1_300_000, 3_300_000), 32, 60, measures, "clip: {}\n")
    assert table(measures) in text
    assert "| bars | 20 |" in text
    assert "no zero-shot ability" in text
    assert "1.30M weights over images of 32 x 32" in text

from __future__ import annotations

import json

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import bradley_terry_loss
from rewardium.rewards.learning.frame_cnn import FrameCnnSettings, build_frame_cnn, small_frames
from rewardium.rewards.learning.frame_model import FrameModel, FramePreference, FrameTrainer
from rewardium.rewards.learning.frame_preferences import (
    load_frame_preferences,
    read_frame_preferences,
    train_frame_preferences,
)
from rewardium.rewards.learning.preference_pairs import split_pairs, write_pairs

torch = pytest.importorskip("torch")

SMALL = FrameCnnSettings(size=16, width=4, members=2)


def dots(number, seed=0):
    """Frames with a bright square; the farther right it stands, the better."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 25, number)
    frames = rng.integers(0, 60, (number, 32, 32, 3), dtype=np.uint8)
    for frame, place in zip(frames, places, strict=True):
        frame[10:18, place : place + 8] = 230
    return frames, places


def pairs_of(places, number, seed=0):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(places), (4 * number, 2)).tolist()
    decided = [(a, b) for a, b in drawn if places[a] != places[b]][:number]
    return [FramePreference(a, b, float(places[a] > places[b])) for a, b in decided]


def test_a_model_learns_what_is_better_and_is_read_back(tmp_path):
    frames, places = dots(120)
    seen = []
    report = train_frame_preferences(
        frames, pairs_of(places, 1000), tmp_path, steps=400, learning_rate=1e-2, settings=SMALL,
        progress=lambda done, loss: seen.append((done, loss)),
    )  # fmt: skip
    assert report.trained_accuracy > 0.95
    assert report.held_out_accuracy > 0.9
    assert report.held_out_pairs > 20
    assert seen[-1][0] == 400
    assert seen[-1][1] < seen[0][1]
    loaded = load_frame_preferences(tmp_path)
    assert load_frame_preferences(str(tmp_path)) is loaded
    others, elsewhere = dots(40, seed=1)
    rewards = loaded.rewards(list(others))
    assert np.corrcoef(rewards, elsewhere)[0, 1] > 0.8
    raw = loaded.rewards(list(others), normalized=False)
    np.testing.assert_allclose(rewards, (raw - loaded.mean) / loaded.deviation)
    assert np.abs(raw).max() < 1.0
    assert loaded.rewards([]).shape == (0,)


def test_equal_arguments_give_equal_models_and_leave_the_global_generator_alone(tmp_path):
    frames, places = dots(20)
    before = torch.get_rng_state()
    for name in ("one", "two"):
        train_frame_preferences(frames, pairs_of(places, 40), tmp_path / name, steps=5, settings=SMALL)
    assert torch.equal(before, torch.get_rng_state())
    one, two = (load_frame_preferences(tmp_path / name).rewards(list(frames)) for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)


def test_the_loss_is_that_of_bradley_and_terry():
    frames, places = dots(10)
    pairs = [*pairs_of(places, 12), FramePreference(0, 1, 0.5)]
    model = FrameModel(SMALL, seed=3)
    small = small_frames(frames, 16)
    with torch.no_grad():
        scores = model(small).double().numpy()
    table = np.array(pairs)
    first, second = table[:, 0].astype(int), table[:, 1].astype(int)
    by_hand = np.mean([bradley_terry_loss(scores[first, m], scores[second, m], table[:, 2]) for m in range(2)])
    assert FrameTrainer(model).rank(small, pairs, 1) == pytest.approx(by_hand, abs=1e-5)


def test_the_members_differ():
    first, second = build_frame_cnn(SMALL)
    assert not torch.equal(first[0].weight, second[0].weight)


def test_frames_of_any_size_become_small():
    frames = [np.full((h, w, 3), 9, np.uint8) for h, w in [(16, 16), (40, 20), (7, 64)]]
    assert (small_frames(frames, 16) == 9).all()
    read_only = np.full((16, 16, 3), 5, np.uint8)
    read_only.flags.writeable = False
    assert (small_frames([read_only[::-1]], 16) == 5).all()
    with pytest.raises(RewardiumError, match="uint8"):
        small_frames([np.zeros((4, 4))], 16)


def test_the_split_depends_on_the_pair_alone():
    pairs = [FramePreference(a, a + 1, 1.0) for a in range(200)]
    held = {pair[:2] for pair in split_pairs(pairs, 0.3)[1]}
    reversed_held = {pair[:2] for pair in split_pairs([FramePreference(b, a, 0.0) for a, b, _ in pairs], 0.3)[1]}
    assert {(b, a) for a, b in reversed_held} == held
    assert 30 < len(held) < 90


def test_files_of_preferences(tmp_path):
    pairs = [FramePreference(0, 3, 1.0), FramePreference(2, 1, 0.5)]
    write_pairs(tmp_path / "a.jsonl", pairs)
    assert read_frame_preferences(tmp_path / "a.jsonl") == pairs
    for number, line in enumerate(["{", '{"first": 0}', '{"first": -1, "second": 0, "preference": 1}',
                                   '{"first": true, "second": 0, "preference": 1}',
                                   '{"first": 1, "second": 0, "preference": 2}']):  # fmt: skip
        (tmp_path / "bad.jsonl").write_text("\n" * number + line)
        with pytest.raises(RewardiumError, match=f"bad.jsonl:{number + 1}"):
            read_frame_preferences(tmp_path / "bad.jsonl")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"held_out": 1.0}, "held_out"),
        ({"preferences": [FramePreference(0, 9, 1.0)]}, "not among the 4"),
        ({"preferences": [FramePreference(0, 1, 0.5)], "held_out": 0.0}, "no preferences to learn from"),
    ],
)
def test_wrong_arguments(tmp_path, changes, words):
    arguments = {"frames": dots(4)[0], "preferences": [FramePreference(0, 1, 1.0)], "settings": SMALL, **changes}
    with pytest.raises(RewardiumError, match=words):
        train_frame_preferences(folder=tmp_path, **arguments)


@pytest.mark.parametrize(("name", "value"), [("size", 20), ("width", 0), ("members", True)])
def test_wrong_sizes(name, value):
    with pytest.raises(RewardiumError, match=name):
        FrameCnnSettings(**{name: value})


def test_folders_that_hold_no_model(tmp_path):
    with pytest.raises(RewardiumError, match="label_frames"):
        load_frame_preferences(tmp_path / "nothing")
    frames, places = dots(10)
    train_frame_preferences(frames, pairs_of(places, 20), tmp_path, steps=1, settings=SMALL)
    settings = json.loads((tmp_path / "model.json").read_text())
    for change, words in [({"kind": "x"}, "no frame model"), ({"settings": {"size": 32}}, "cannot read"),
                          ({"settings": {"sise": 32}}, "no settings"), ({"scale": {}}, "no scale")]:  # fmt: skip
        (tmp_path / "model.json").write_text(json.dumps({**settings, **change}))
        with pytest.raises(RewardiumError, match=words):
            load_frame_preferences(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RewardiumError, match="cannot read"):
        load_frame_preferences(tmp_path)

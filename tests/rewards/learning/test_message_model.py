from __future__ import annotations

import json

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import Preference
from rewardium.rewards.learning.char_cnn import CharCnnSettings
from rewardium.rewards.learning.message_model import MessageModel, MessageTrainer

SMALL = CharCnnSettings(embedding=16, width=16)
MESSAGES = ["You see here a key.", "It's a wall.", "The door opens.", "It's solid stone."]
LABELS = [1.0, 0.0, 1.0, 0.0]


def trained(seed=0, **settings):
    model = MessageModel(SMALL, seed)
    MessageTrainer(model, learning_rate=3e-3, seed=seed, **settings).classify(MESSAGES, LABELS, 40)
    return model


def test_labels_are_learned_and_equal_labels_give_equal_models():
    model = trained(batch_size=2)
    assert ((model.scores(MESSAGES) > 0) == (np.array(LABELS) > 0.5)).all()
    np.testing.assert_array_equal(model.scores(MESSAGES), trained(batch_size=2).scores(MESSAGES))


def test_an_order_is_learned_and_a_tie_brings_rewards_together():
    order = ["It's a wall.", "You see here a key.", "You unlock the door.", "You climb up the stairs."]
    pairs = [Preference(order[i], order[i + 1], 0.0) for i in range(3)]
    twin = "You unlock this door."
    model = MessageModel(SMALL)
    trainer = MessageTrainer(model, learning_rate=3e-3)
    trainer.rank([*pairs, Preference(twin, order[2], 0.5), Preference(order[2], twin, 0.5)], 100)
    scores = model.scores([*order, twin])
    assert (np.diff(scores[:4]) > 0.5).all()
    assert abs(scores[4] - scores[2]) < np.diff(scores[:4]).min() / 2


def test_what_is_learned_later_leaves_a_frozen_copy_as_it_was():
    model = trained()
    copy = model.frozen_copy()
    before = copy.scores(MESSAGES)
    MessageTrainer(model, learning_rate=1e-2).classify(MESSAGES, [0.0] * 4, 5)
    np.testing.assert_array_equal(copy.scores(MESSAGES), before)
    assert not np.allclose(model.scores(MESSAGES), before)


def test_no_messages_have_no_scores():
    assert MessageModel(SMALL).scores([]).shape == (0,)


def test_a_folder_gives_the_same_model_back(tmp_path):
    model = trained()
    model.save(tmp_path / "model", {"note": [1, 2]})
    loaded, written = MessageModel.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.scores(MESSAGES), model.scores(MESSAGES))
    assert loaded.settings == SMALL
    assert written["note"] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]


def damage(folder, name):
    settings, weights = folder / "model.json", folder / "model.safetensors"
    if name == "no folder":
        for path in (settings, weights):
            path.unlink()
    elif name == "no weights":
        weights.unlink()
    elif name == "cut weights":
        weights.write_bytes(weights.read_bytes()[:100])
    elif name == "pickled weights":
        weights.write_bytes(b"\x80\x04cos\nsystem\n.")
    elif name == "no JSON":
        settings.write_text("{")
    elif name == "deep JSON":
        settings.write_text("[" * 100_000)
    elif name == "other format":
        settings.write_text('{"format": 99}')
    else:
        written = json.loads(settings.read_text())
        change = {"other size": {"width": 32}, "endless size": {"width": 10**9}, "unknown size": {"depth": 3}}[name]
        settings.write_text(json.dumps({**written, "settings": {**written["settings"], **change}}))


@pytest.mark.parametrize(
    "name",
    [
        "no folder", "no weights", "cut weights", "pickled weights", "no JSON", "deep JSON", "other format",
        "other size", "endless size", "unknown size",
    ],
)  # fmt: skip
def test_a_damaged_folder_is_one_clear_error(tmp_path, name):
    MessageModel(SMALL).save(tmp_path)
    damage(tmp_path, name)
    with pytest.raises(RewardiumError):
        MessageModel.load(tmp_path)

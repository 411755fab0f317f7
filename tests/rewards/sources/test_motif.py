from __future__ import annotations

import copy
import pickle
from itertools import permutations

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.bradley_terry import Preference
from rewardium.rewards.learning.char_cnn import CharCnnSettings
from rewardium.rewards.learning.preferences import load_preference_model, train_preference_model
from rewardium.rewards.sources.motif import Motif

ORDER = ["It's a wall.", "You see here a key.", "You unlock the door.", "You climb up the stairs."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motif")
    pairs = [Preference(a, b, float(ORDER.index(a) > ORDER.index(b))) for a, b in permutations(ORDER, 2)]
    train_preference_model(
        pairs, folder, steps=60, learning_rate=3e-3, held_out=0.0, settings=CharCnnSettings(embedding=16, width=16)
    )
    return str(folder)


def batch(*messages):
    texts = [None if message is None else Caption(message, "east").text() for message in messages]
    return TransitionBatch.from_transitions([Transition("", "", 0, text=text) for text in texts])


def test_messages_are_paid_by_the_learned_order(folder):
    scored = Motif(folder, quantile=0.0).score(batch(*ORDER, "", None))
    assert scored.valid.tolist() == [True] * 5 + [False]
    assert (np.diff(scored.value[:4]) > 0).all()
    assert scored.value[4] == 0.0
    assert scored.reasons[5] == "the step has no text"


@pytest.mark.parametrize(("quantile", "paid"), [(0.0, 4), (0.5, 2), (1.0, 1)])
def test_below_the_quantile_nothing_is_paid(folder, quantile, paid):
    assert np.count_nonzero(Motif(folder, quantile).score(batch(*ORDER)).value) == paid


def test_the_reward_is_normalised(folder):
    model = load_preference_model(folder)
    raw = model.model.scores(ORDER)
    expected = (raw - raw.mean()) / raw.std()
    np.testing.assert_allclose(Motif(folder, 0.0).score(batch(*ORDER)).value, expected, atol=1e-5)


def test_an_unseen_message_has_a_reward_and_hostile_text_does_no_harm(folder):
    scored = Motif(folder).score(batch("You see here an apple.", "\ud800", "x" * 100_000, "<<<\n>>>"))
    assert scored.valid.all()


def test_the_count_divides_it(folder):
    reward = rewards.make("count_decay", Motif(folder), beta=3.0)
    state = rewards.RewardState()
    paid = [float(reward.evaluate(batch(ORDER[3]), state).value[0]) for _ in range(3)]
    np.testing.assert_allclose(paid, [paid[0], paid[0] / 8, paid[0] / 27], rtol=1e-5)
    assert paid[0] > 0


def test_one_model_serves_all_sources_of_a_process(folder):
    source = Motif(folder)
    for twin in (Motif(folder), pickle.loads(pickle.dumps(source)), copy.deepcopy(source)):  # noqa: S301  our own bytes
        assert twin == source
        assert twin._loaded is source._loaded or twin.score(batch(*ORDER)).value.tolist()
    assert Motif(folder)._loaded is pickle.loads(pickle.dumps(source))._loaded  # noqa: S301
    assert rewards.parse(str(source)) == source


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": ""}, "folder"),
        ({"model": "no/such/folder"}, "there is no message model"),
        ({"quantile": 1.2}, "quantile"),
        ({"quantile": "half"}, "quantile"),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused_at_construction(folder, change, words):
    with pytest.raises(RewardiumError, match=words):
        Motif(**{"model": folder, **change})

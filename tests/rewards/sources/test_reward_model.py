from __future__ import annotations

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.preference_data.contexts import with_principles, with_reference
from rewardium.rewards.sources.reward_model import RewardModelSource

EXAMPLE = RewardModelSource.example()
TASK = Task("the goal", reference="4")
PAST = Transition("second", "first", "said", task=TASK)
ROW = Transition("", "second", "4", task=TASK, history=(PAST,))


def source(**settings):
    return RewardModelSource(EXAMPLE.path, device="cpu", dtype="float64", **settings)


def value(built, row=ROW):
    scored = built.score(TransitionBatch.from_transitions([row]))
    return float(scored.value[0]) if scored.valid[0] else None


SEEN = [
    ({}, "second"),
    ({"prompt": "goal"}, "the goal"),
    ({"prompt": "conversation"}, "first\nsaid\nsecond"),
    ({"reference": True}, with_reference("second", "4")),
    ({"principles": ["Be brief."]}, with_principles("second", ["Be brief."])),
]


@pytest.mark.parametrize(("settings", "prompt"), SEEN)
def test_what_the_model_reads(settings, prompt):
    built = source(**settings)
    assert value(built) == pytest.approx(built._loaded.scores([prompt], ["4"])[0], abs=1e-6)


def test_scales():
    raw = value(source())
    mean, deviation = source()._loaded.scale
    assert value(source(scale="standard")) == pytest.approx((raw - mean) / deviation)
    assert value(source(scale="probability")) == pytest.approx(1 / (1 + np.exp(-raw)), rel=1e-5)


def test_parts_sum_to_the_score():
    batch = TransitionBatch.from_transitions([Transition("", "p", text) for text in ("abc", "", "🙂é")])
    scored = source(per_token=True).score(batch)
    np.testing.assert_allclose(scored.value, source().score(batch).value, atol=1e-6)
    assert scored.segments[1] == ()
    assert [segment.end for segment in scored.segments[0]] == [1, 2, 3]


def test_missing_is_invalid():
    no_reference = Transition("", "second", "4", task=Task("?"))
    assert value(source(reference=True), no_reference) is None
    assert value(source(), Transition("", "second", None)) is None


WRONG = [({"prompt": "x"}, "prompt"), ({"scale": "x"}, "scale"), ({"per_token": True, "scale": "standard"}, "raw")]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_settings(settings, message):
    with pytest.raises(RewardiumError, match=message):
        source(**settings)


def test_no_model(tmp_path):
    with pytest.raises(RewardiumError, match="there is no reward model"):
        RewardModelSource(str(tmp_path))

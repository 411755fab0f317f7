from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources._factors import Factor, factor_similarities, read_factors
from rewardium.rewards.sources.factored_goal import FactoredGoal, factor_text, factors_of_task


def texts(*said, task=None):
    return TransitionBatch.from_transitions([Transition("", "", "", text=text, task=task) for text in said])


@given(st.text(max_size=300))
def test_any_text_is_read_as_something(text):
    factors = read_factors(text)
    assert all(factor.name.strip() or text.lstrip().startswith("{") for factor in factors)
    source = FactoredGoal(["door: state=open"])
    assert 0 <= source.score(texts(text)).value[0] <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a: x=1; b", [Factor("a", (("x", "1"),)), Factor("b")]),
        ("You wait. You see a key.", [Factor("You wait"), Factor("You see a key")]),
        ("speed 3.5 is fast", [Factor("speed 3.5 is fast")]),
        (": x=1", [Factor(": x=1")]),
        ('{"a": {"x": 1, "y": [2]}, "b": "on"}',
         [Factor("a", (("x", "1"), ("y", "[2]"))), Factor("b", (("is", "on"),))]),
        ("{" * 3000, [Factor("{" * 3000)]),
    ],
)  # fmt: skip
def test_reading(text, expected):
    assert read_factors(text) == expected


def test_the_formula_by_hand():
    alike = {("door", "gate"): 0.5, ("open", "ajar"): 0.4, ("state", "status"): 0.9}

    def table(rows, goals):
        return np.array([[float(row == goal) or alike.get((goal, row), 0.0) for goal in goals] for row in rows])

    goal = [Factor("door", (("state", "open"), ("colour", "red"))), Factor("lamp", (("is", "on"),))]
    state = [
        Factor("gate", (("status", "ajar"), ("colour", "red"))),
        Factor("lamp", (("is", "off"),)),
        Factor("lamp", (("is", "on"),)),
    ]
    found = factor_similarities(goal, state, table)
    np.testing.assert_allclose(found, [0.5 * (0.4 + 1.0) / 2, 1.0])
    assert factor_similarities(goal, [], table).tolist() == [0.0, 0.0]


def test_an_object_that_has_nothing_to_do_with_it_changes_nothing():
    source = FactoredGoal(["door: state=open", "lamp: state=on"])
    plain, more = "door: state=open\nlamp: state=off", "cat: state=asleep\ndoor: state=open\nlamp: state=off"
    assert source.score(texts(plain, more)).value.tolist() == [0.5, 0.5]


def test_sentences_and_the_goal_of_the_task():
    task = Task("The door is open. You hold the key")
    source = FactoredGoal()
    said = ["The door is open.", "You hold the key. The door is open.", "You wait."]
    value = source.score(texts(*said, task=task)).value
    assert value[1] == 1.0
    assert value[1] > value[0] > value[2] == 0.0
    assert source.needs == {"text", "task"}
    assert not source.score(texts("The door is open.")).valid.any()


def test_the_change_is_what_a_step_pays():
    reward, state = rewards.parse("delta(factored_goal(factors=['door: state=open', 'lamp: state=on']))"), None
    state = rewards.RewardState()
    said = ["door: state=closed", "door: state=open", "door: state=open\nlamp: state=on", "door: state=closed"]
    paid = []
    for step, text in enumerate(said):
        row = Transition("", "", "", text=text, step=step)
        paid.append(float(reward.evaluate(TransitionBatch.from_transitions([row]), state).value[0]))
    assert paid == [0.0, 0.5, 0.5, -1.0]


def test_factors_are_written_as_they_are_read():
    factor = Factor("door", (("state", "open"), ("is", "red")))
    assert read_factors(factor_text(factor)) == [factor]
    assert factors_of_task(Task("a", fields={"factors": ["b", 3, " "]})) == ("b",)


def test_frames():
    pytest.importorskip("open_clip")
    from rewardium.rewards.models.vision_encoder import load_vision_encoder
    from rewardium.rewards.sources._clip import example_clip
    from rewardium.rewards.sources.progress import progress_on_line

    clip = example_clip().name
    frames = [np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8) for seed in range(3)]
    batch = TransitionBatch.from_transitions([Transition(0, 0, 0, frame=frame) for frame in [*frames, None]])
    encoder = load_vision_encoder(clip)
    seen = encoder.encode_images(frames).astype(np.float64)
    arm, leg, foot, robot = encoder.encode_texts(["arm is up", "leg is up", "leg, foot flat", "a robot"]).astype(float)
    score = FactoredGoal(["arm: up", "leg: up, foot=flat"], of="frame", clip=clip).score(batch)
    cosines = [np.clip(seen @ text, 0, 1) for text in (arm, leg, foot)]
    np.testing.assert_allclose(score.value[:3], 0.5 * (cosines[0] + 0.5 * (cosines[1] + cosines[2])), atol=1e-5)
    assert score.valid.tolist() == [True, True, True, False]
    based = FactoredGoal(["arm: up", "leg: up"], of="frame", clip=clip, baseline="a robot").score(batch)
    expected = 0.5 * (progress_on_line(seen, robot, arm) + progress_on_line(seen, robot, leg))
    np.testing.assert_allclose(based.value[:3], expected, atol=1e-5)
    same = FactoredGoal(["a robot"], of="frame", clip=clip, baseline="a robot").score(batch)
    assert same.value[:3].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"factors": ["a", "a"]}, "each different"),
        ({"of": "sound"}, "'of'"),
        ({"baseline": "a robot"}, "is for frames"),
        ({"encoder": 3}, "'encoder'"),
        ({"encoder": "./nowhere"}, "nowhere"),
        ({"of": "frame", "clip": "./nowhere"}, "nowhere"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(RewardiumError, match=words):
        FactoredGoal(**arguments)


def test_frames_without_a_model_wait_for_the_flag():
    source = FactoredGoal(["a"], of="frame")
    with pytest.raises(RewardiumError, match="--clip"):
        source.score(TransitionBatch.from_transitions([Transition(0, 0, 0, frame=np.zeros((8, 8, 3), np.uint8))]))


def test_only_frames_ask_the_flag_for_a_model():
    assert FactoredGoal(["a"]).clip is None
    source = FactoredGoal(["a"], of="frame")
    assert source.clip == ""
    assert rewards.parse(str(source)) == source

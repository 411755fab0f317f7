import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import make, parse
from rewardium.rewards.source import Score
from rewardium.rewards.sources.par import Par, preference_as_reward
from rewardium.rewards.sources.size import Size


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def batch(*rows):
    return TransitionBatch.from_transitions([Transition("", "", text, task=task) for text, task in rows])


def task(goal, *references):
    return Task(goal, fields={"reference_responses": list(references)})


def values(source, rows):
    score = source.score(rows)
    return [value if valid else None for value, valid in zip(score.value.tolist(), score.valid.tolist(), strict=True)]


def test_the_lead_over_each_reference_is_bounded_and_averaged():
    first, second = task("a", "x", "x x x"), task("b", "x x")
    rows = batch(("y y", first), ("y", second), ("y y y y", first), ("y y", second))
    expected = [0.5, sigmoid(-1), (sigmoid(3) + sigmoid(1)) / 2, 0.5]
    assert values(Par(Size()), rows) == pytest.approx(expected)


def test_the_slope_and_the_number_of_references():
    rows = batch(("y y", task("a", "x", "x x x x x")))
    assert values(Par(Size(), slope=2.0, most=1), rows) == pytest.approx([sigmoid(2)])


def test_each_tasks_references_are_scored_once_and_in_one_call_with_the_responses(monkeypatch):
    calls = []

    def counted(self, rows, score=Size.score):
        calls.append(len(rows))
        return score(self, rows)

    monkeypatch.setattr(Size, "score", counted)
    one, two = task("a", "x", "x x"), task("b", "x")
    values(Par(Size()), batch(*[("y", one)] * 8, *[("y", two)] * 8))
    assert calls == [16 + 3]


def test_what_cannot_be_compared_has_no_score():
    rows = batch(
        ("y", None),
        ("y", Task("a")),
        ("y", Task("b", fields={"reference_responses": "a text, not a list"})),
        ("y", Task("c", fields={"reference_responses": [3, None]})),
        ("y", task("d")),
    )
    score = Par(Size()).score(rows)
    assert not score.valid.any()
    assert score.reasons == ["the task has no references in its field 'reference_responses'"] * 5


def test_a_reference_without_a_score_is_left_out(monkeypatch):
    def never_long(self, rows):
        return Score.of([None if len(text) > 3 else float(len(text)) for text in rows.actions])

    monkeypatch.setattr(Size, "score", never_long)
    rows = batch(("yy", task("a", "x", "xxxx")), ("yy", task("b", "xxxx")), ("yyyy", task("c", "x")))
    assert values(Par(Size()), rows) == [pytest.approx(sigmoid(1)), None, None]


@given(st.floats(-1e30, 1e30), st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_it_is_bounded_and_rises_with_the_score(score, references, slope):
    value = preference_as_reward(score, np.array(references), slope)
    assert 0 <= value <= 1
    assert value <= preference_as_reward(score + 1.0, np.array(references), slope) + 1e-12


def test_it_is_built_by_name():
    assert parse("par(size(per=10.0), most=1)") == Par(Size(per=10.0), most=1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"source": make("extrinsic")}, "must read the action"),
        ({"source": parse("clip(size)")}, "'source' must be a source"),
        ({"slope": 0.0}, "par: 'slope'"),
        ({"most": 0}, "par: 'most'"),
        ({"field": ""}, "par: 'field'"),
    ],
)
def test_bad_parameters_are_refused(bad, message):
    with pytest.raises(RewardiumError, match=message):
        Par(**{"source": Size(), **bad})

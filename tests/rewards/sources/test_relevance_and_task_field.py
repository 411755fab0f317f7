import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources.relevance import Relevance
from rewardium.rewards.sources.task_field import TaskField

TASK = Task("Where do penguins live?", reference="the cold south")


def values(source, *rows):
    score = source.score(TransitionBatch.from_transitions([Transition("", "", text, task=task) for text, task in rows]))
    return [round(v, 3) if ok else None for v, ok in zip(score.value.tolist(), score.valid.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("against", "text", "expected"),
    [
        ("goal", "where do penguins live", 1.0),
        ("goal", "penguins", 0.577),
        ("goal", "stones", 0.0),
        ("goal", " ", 0.0),
        ("reference", "south", 0.707),
        ("reference", "where do penguins live", 0.0),
    ],
)
def test_the_cosine_of_shared_words(against, text, expected):
    assert values(Relevance(against), (text, TASK)) == [expected]


def test_without_what_it_is_compared_with_there_is_no_score():
    rows = [("south", None), ("south", Task("")), ("south", Task("where?"))]
    assert values(Relevance("reference"), *rows) == [None, None, None]
    assert values(Relevance("goal"), *rows) == [None, None, 0.0]


def test_a_row_has_its_score_in_any_batch():
    rows = [("penguins", TASK), ("south", TASK), ("live", Task("live")), ("x" * 10_000, TASK), ("\ud800", TASK)]
    source = Relevance(encoder="hash")
    assert values(source, *rows) == [values(source, row)[0] for row in rows]


@pytest.mark.parametrize("bad", [{"against": "answer"}, {"encoder": ""}])
def test_bad_parameters_are_refused(bad):
    with pytest.raises(RewardiumError):
        Relevance(**bad)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3.0), (0.5, 0.5), (True, 1.0), (False, 0.0), ("3", None), (None, None), (float("inf"), None), (10**400, None)],
)
def test_a_number_of_the_task(value, expected):
    assert values(TaskField("level"), ("", Task("", fields={"level": value}))) == [expected]


def test_without_a_task_or_the_field_there_is_no_score():
    assert values(TaskField("level"), ("", None), ("", TASK)) == [None, None]


def test_the_field_needs_a_name():
    with pytest.raises(RewardiumError, match="task_field"):
        TaskField("")

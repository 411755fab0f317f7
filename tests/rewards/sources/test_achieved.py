from __future__ import annotations

import pickle

import pytest

from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.annotation.question import frame_of, parts_of
from rewardium.rewards.models.scripted import scripted_rule
from rewardium.rewards.sources import achieved as module
from rewardium.rewards.sources.achieved import Achieved
from rewardium.rewards.state import RewardState

ASKED: list[tuple[str, ...]] = []
GOAL = "Find the key, open the door and go down."


@scripted_rule("test-calm")
def calm_rule(prompt: str) -> tuple[str, ...]:
    """Propose two subgoals, and say that what has an exclamation mark achieved them."""
    parts = parts_of(prompt)
    ASKED.append(parts)
    if "Subgoals:" in frame_of(prompt):
        return ("1. Pick up the key.\n2. Open the door.",) if parts[0] == GOAL else ("No idea.",)
    if "?" in parts[1]:
        return ("Hard to say.",)
    return ("yes", "no") if "!" in parts[1] else ("no", "yes")


@pytest.fixture(autouse=True)
def forget():
    ASKED.clear()
    module._shared_proposer.cache_clear()


def batch(*texts, goal=None, histories=None):
    task = None if goal is None else Task(goal)
    pasts = histories or [()] * len(texts)
    return TransitionBatch.from_transitions(
        [
            Transition("", "", "", text=text, task=task, history=past, env=row)
            for row, (text, past) in enumerate(zip(texts, pasts, strict=True))
        ]
    )


def values(source, rows):
    source.score(rows)
    source.drain()
    score = source.score(rows)
    return [value if known else None for value, known in zip(score.value.tolist(), score.valid.tolist(), strict=True)]


@pytest.fixture
def source(tmp_path):
    def make(**kwargs):
        kwargs = {"judge": "scripted:test-calm", "cache": str(tmp_path / "labels.sqlite"), **kwargs}
        return Achieved(**({"subgoal": "open the door"} | kwargs))

    made = []

    def build(**kwargs):
        made.append(make(**kwargs))
        return made[-1]

    yield build
    for each in made:
        if each._annotator is not None:
            each._annotator.close()


def said(message, action="east", inventory=(), status="HP 12/12", rows="|.@.|"):
    return Caption(message, action, inventory, status, rows).text()


def test_verdicts_come_later_and_what_is_unknown_is_invalid(source):
    rows = batch(said("The door opens!"), said("It's a wall."), said("What?"), said(""), None, "Opened!")
    judge = source()
    first = judge.score(rows)
    assert first.valid.tolist() == [False, False, False, True, False, False]
    assert first.reasons[3:5] == ["nothing changed", "the step has no text"]
    judge.drain()
    assert values(judge, rows) == [1.0, 0.0, None, 0.0, None, 1.0]


@pytest.mark.parametrize(
    ("view", "questions"),
    [("message", 1), ("crop", 3), ("caption", 4)],
)
def test_the_less_is_shown_the_less_is_asked(source, view, questions):
    rows = batch(
        said("The door opens!"),
        said("The door opens!", action="west"),
        said("The door opens!", rows="|@..|"),
        said("The door opens!", status="HP 3/12"),
        said("The door opens!"),
    )
    judge = source(view=view)
    assert values(judge, rows) == [1.0] * 5
    assert len(ASKED) == questions
    assert judge.statistics.labelled == questions


def test_the_judge_sees_the_subgoal_and_the_step(source):
    values(source(), batch(said("The door opens!", inventory=("- k - a key",))))
    assert ASKED == [("open the door", "Message: The door opens!\nInventory: - k - a key")]


def test_silence_is_asked_about_where_it_may_matter(source):
    rows = batch(said(""), said("", inventory=("+ k - a key",)))
    assert values(source(changed_only=False), rows) == [0.0, 0.0]
    assert len(ASKED) == 2
    ASKED.clear()
    assert values(source(), rows) == [0.0, 0.0]
    assert ASKED == []  # the one that shows something was asked about before


def test_the_step_before_is_shown_where_it_is_asked_for(source):
    past = (Transition("", "", "", text=said("A locked door.")),)
    rows = batch(said("It opens!"), said("It opens!"), histories=[past, ()])
    judge = source(before=True)
    assert judge.needs == {"text", "history"}
    assert values(judge, rows) == [1.0, 1.0]
    assert {shown.split("The move before it:\n")[1] for _, shown in ASKED} == {
        "Message: A locked door.\nInventory: no change",
        "(the game began)",
    }
    assert values(judge, batch(said("It opens!"))) == [None], "without histories nothing is known of the step before"


def test_proposed_subgoals(source):
    first, second, third = (source(subgoal="", number=number) for number in (1, 2, 3))
    assert first.needs == {"text", "task"}
    rows = batch(said("Done!"), said("It's a wall."), goal=GOAL)
    assert not first.score(rows).valid.any()
    first.drain()
    assert values(first, rows) == [1.0, 0.0]
    assert values(second, rows) == [1.0, 0.0]
    assert values(third, rows) == [0.0, 0.0], "there are two subgoals only, so that the third is never achieved"
    assert [parts for parts in ASKED if len(parts) == 1] == [(GOAL,)], "one proposal for all of them"
    assert {parts[0] for parts in ASKED if len(parts) == 2} == {"Pick up the key", "Open the door"}


def test_proposals_are_kept(source):
    rows = batch(said("Done!"), goal=GOAL)
    source(subgoal="", number=1).score(rows)
    source(subgoal="", number=1).drain()
    module._shared_proposer.cache_clear()
    ASKED.clear()
    again = source(subgoal="", number=1)
    again.score(rows)
    again.drain()
    assert values(again, rows) == [1.0]
    assert not [parts for parts in ASKED if len(parts) == 1]


def test_without_a_proposal_nothing_is_known(source):
    judge = source(subgoal="", number=1)
    assert values(judge, batch(said("Done!"), goal="Sing.")) == [None]
    assert values(judge, batch(said("Done!"))) == [None], "no task"


def test_verdicts_are_kept_between_runs(source):
    rows = batch(said("The door opens!"))
    first = source()
    assert values(first, rows) == [1.0]
    first.annotator.close()
    ASKED.clear()
    again = source()
    assert values(again, rows) == [1.0]
    assert not ASKED


def test_a_budget_leaves_the_rest_unknown(source):
    rows = batch(*(said(f"Opened {number}!") for number in range(5)))
    assert sum(value is not None for value in values(source(max_items=2), rows)) == 2


def test_the_ledger_names_the_subgoal(source):
    outcome = source(subgoal="Open the DOOR, and #2/3!").evaluate(batch(said("")), RewardState())
    assert list(outcome.terms) == ["achieved_open_the_door_and_2_3"]
    outcome = source(subgoal="", number=2).evaluate(batch(said("")), RewardState())
    assert list(outcome.terms) == ["achieved_2"]


def test_a_pickled_source_shares_the_annotator_of_its_process(source):
    judge = source()
    assert pickle.loads(pickle.dumps(judge)).annotator is judge.annotator  # noqa: S301  our own bytes


def test_without_a_judge_the_error_says_what_to_do():
    source = Achieved("open the door")
    with pytest.raises(RewardiumError, match=r"achieved has no judge: .*--judge"):
        source.score(batch(said("")))
    source.drain()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "either 'subgoal'"),
        ({"subgoal": "  "}, "either 'subgoal'"),
        ({"subgoal": "open it", "number": 1}, "either 'subgoal'"),
        ({"subgoal": 3}, "'subgoal' must be a text"),
        ({"subgoal": "x" * 301}, "more than 300"),
        ({"number": 6}, "up to 5"),
        ({"number": -1}, "up to 5"),
        ({"number": True}, "up to 5"),
        ({"subgoal": "open it", "view": "map"}, "message, crop, caption"),
        ({"subgoal": "open it", "crop": 0}, "'crop'"),
        ({"subgoal": "open it", "most": 0}, "'number'|'most'"),
        ({"subgoal": "open it", "judge": "nobody"}, "a judge must be"),
        ({"subgoal": "open it", "judge": "scripted:keyword", "max_items": -1}, "budget"),
    ],
)
def test_parameters(arguments, complaint):
    with pytest.raises(RewardiumError, match=complaint):
        Achieved(**arguments)

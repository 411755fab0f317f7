from __future__ import annotations

import logging

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.programs import scripted
from rewardium.rewards.programs.critic import Critic
from rewardium.rewards.programs.loop import DesignLoop
from rewardium.rewards.programs.scripted import ScriptedDesigner

DEATHS = ("ww", "ewww", "ee")


@pytest.fixture
def make_loop(corridor):
    def make_loop(designer=None, **settings):
        critic = Critic(corridor.along("ee", "ww", "wewewe"))
        corridor.or_skip(critic.review, scripted.STAIRS)

        def evaluate(turn):
            """Stand in for training: an agent that is told of lava keeps out of it."""
            return corridor.along(*(("ee",) * 3 if turn.program == scripted.LAVA else DEATHS))

        return DesignLoop(designer or ScriptedDesigner(), critic, evaluate, "Reach the stairs.", **settings)

    return make_loop


def test_the_script_gets_from_nonsense_to_a_penalty_for_lava(make_loop):
    told = []
    first, second, third = make_loop(on_rejected=lambda number, rejected: told.append((number, rejected))).rounds(3)
    assert [rejected.text for rejected in first.rejected] == list(scripted.FIRST_PROPOSALS[:3])
    assert told == [(1, rejected) for rejected in first.rejected]
    assert [turn.program for turn in (first, second, third)] == [scripted.STAIRS, scripted.LAVA, scripted.LAVA]
    assert "Deaths by cause: lava 2 (100% of the deaths)." in first.analysis.text
    assert [turn.success for turn in (first, second, third)] == [pytest.approx(1 / 3), 1.0, 1.0]
    assert second.rejected == ()


def test_a_resumed_loop_goes_on_where_it_was(make_loop):
    loop = make_loop()
    whole = list(loop.rounds(3))
    assert list(loop.rounds(3, whole[:1])) == whole[1:]
    designed = loop._design(2, whole[0])
    assert (designed.program, designed.analysis) == (scripted.LAVA, None)
    assert list(loop.rounds(2, whole[:1], designed)) == whole[1:2]
    assert list(loop.rounds(3, whole)) == []


def test_too_few_retries_leave_a_round_without_a_program(make_loop, caplog):
    with caplog.at_level(logging.WARNING):
        turns = list(make_loop(retries=1).rounds(2))
    assert [(turn.program, len(turn.rejected), turn.success) for turn in turns] == [("", 2, None)] * 2
    assert "round 1: none of 2 proposals was accepted" in caplog.text


class Bad:
    name = "bad"

    def __init__(self):
        self.requests = []

    def propose(self, request):
        self.requests.append(request)
        if len(self.requests) % 2:
            raise JudgeError("the server is down")
        return "no block"


def test_designers_without_an_answer_stop_nothing(make_loop):
    designer = Bad()
    (turn,) = make_loop(designer, retries=3).rounds(1)
    assert [rejected.reasons[0][:30] for rejected in turn.rejected] == [
        "there is no answer: the server", "the answer must have one block",
    ] * 2  # fmt: skip
    assert [len(request.rejected) for request in designer.requests] == [0, 1, 2, 3]


FOND_OF_LAVA = """\
def reward(step, memory):
    hot = step["message"] != ""
    return {"sparse": 0, "dense": 1 if hot else -1}
"""


class Once:
    name = "once"

    def propose(self, request):
        return f"```python\n{FOND_OF_LAVA}```"


def test_what_a_trained_policy_shows_counts_in_the_next_round(corridor):
    critic = Critic(corridor.along("ww", "wewewe"))  # no success to compare with
    corridor.or_skip(critic.review, scripted.STAIRS)
    loop = DesignLoop(Once(), critic, lambda turn: corridor.along("ee"), "Reach the stairs.", retries=0)
    first, second = loop.rounds(2)
    assert first.program == FOND_OF_LAVA
    assert "no recorded episode is a success" in first.notes[0]
    assert second.program == ""
    assert "a recorded success ends on -0.1 and a recorded death on +0.1" in second.rejected[0].reasons[0]


@pytest.mark.parametrize("retries", [-1, True, 1.5])
def test_wrong_retries_are_refused(corridor, retries):
    with pytest.raises(RewardiumError, match="retries"):
        DesignLoop(ScriptedDesigner(), Critic(corridor.along("ee")), lambda turn: [], "task", retries=retries)

from __future__ import annotations

import textwrap

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.programs import scripted
from rewardium.rewards.programs.critic import Critic


def program(body: str) -> str:
    return f"def reward(step, memory):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"


@pytest.fixture
def review(corridor):
    def review(text: str, *walks: str, **settings):
        return corridor.or_skip(Critic(corridor.along(*(walks or ("ee", "ww", "wewewe"))), **settings).review, text)

    return review


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (scripted.BROKEN, "line 2: it cannot be read"),
        (scripted.NOT_A_NUMBER, "10 of 10 recorded steps have no answer: dense must be finite, and is nan (10 times)"),
        (scripted.WRONG_KEY, "dense is zero on every recorded step, so that it says nothing about what to do"),
        (program("import os"), "line 2: a program may import math and re only, not os"),
        (
            program("return {'sparse': 0, 'dense': 1 / (step['step'] - 2)}"),
            "1 of 10 recorded steps have no answer: line 2: ZeroDivisionError: division by zero",
        ),
        (program("return {'sparse': 1, 'dense': -2 - step['step']}"), "dense is negative on every recorded step"),
        (
            program("return {'sparse': 1 if step['terminated'] else 0, 'dense': step['action'] == 'west' and 1 or -1}"),
            "a recorded success ends on +0.9 and a recorded death on +1.1; "
            "the last step of a success must not pay less than that of a death",
        ),
        (
            program("return {'sparse': 0 if step['terminated'] else step['action'] == 'west' and 1 or -1,"
                    "'dense': step['step']}"),
            "the recorded successes are worth -0.90 on average and the recorded deaths +1.10",
        ),
    ],
)  # fmt: skip
def test_bad_programs_are_rejected_with_reasons(review, text, reason):
    found = review(text)
    assert not found.is_accepted
    assert any(reason in line for line in found.reasons), found.reasons


@pytest.mark.parametrize("text", [scripted.STAIRS, scripted.LAVA])
def test_good_programs_are_accepted(review, text):
    found = review(text)
    assert found.is_accepted
    assert found.notes == ()
    assert [len(answers) for answers in found.answers] == [2, 2, 6]


def test_both_reasons_are_told(review):
    assert len(review(program("return {'sparse': step['action'] == 'west' and 1 or 0, 'dense': 0}")).reasons) == 3


def test_a_program_that_hangs_is_rejected(review):
    found = review(program("while True:\n    pass"), seconds=0.2)
    assert "3 of 3" not in found.reasons[0]
    assert "timeout: more than 0.2 s" in found.reasons[0]


@pytest.mark.parametrize(
    ("walks", "note"),
    [(("ww", "wewewe"), "no recorded episode is a success"), (("ee", "wewewe"), "no recorded episode is a death")],
)
def test_what_cannot_be_compared_is_noted(review, walks, note):
    found = review(program("return {'sparse': 1 - step['terminated'], 'dense': step['step'] - 1}"), *walks)
    assert found.is_accepted
    assert note in found.notes[0]


def test_wrong_settings_are_refused(corridor):
    with pytest.raises(RewardiumError, match="at least one recorded step"):
        Critic(())
    with pytest.raises(RewardiumError, match="discount"):
        Critic(corridor.along("ee"), discount=0.0)

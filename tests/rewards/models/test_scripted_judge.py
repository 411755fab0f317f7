from __future__ import annotations

import copy
import logging
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.questions import ACHIEVED, HELPFUL, PREFERENCE
from rewardium.rewards.models import scripted
from rewardium.rewards.models.judge import Judge, JudgeError
from rewardium.rewards.models.rules import achieved, helpfulness
from rewardium.rewards.models.scripted import ScriptedJudge, scripted_rule

KEYWORD = ScriptedJudge("keyword")


def labels(question, items, judge=KEYWORD):
    answers = judge.complete([question.prompt(item) for item in items])
    return [question.read(answer.text) for answer in answers]


@pytest.mark.parametrize(
    "message",
    [
        "You see here a key.", "k - a key.", "f - a skeleton key.", "You succeed in unlocking the door.",
        "The door opens.", "WHAMM!  The door crashes open!", "There is a staircase down here.", "You kill the newt!",
        "Welcome to experience level 2.", "You find a hidden passage.", "With great effort you move the boulder.",
        "$ - 12 gold pieces.", "This apple is delicious!", "You are now wearing a ring mail.", "You float up.",
        "a - a long sword (weapon in hand).",
    ],
)  # fmt: skip
def test_helpful_messages(message):
    assert labels(HELPFUL, [(message,)]) == [1.0]
    assert labels(HELPFUL, [(Caption(message, "east", map="|.<").text(),)]) == [1.0]


@pytest.mark.parametrize(
    "message",
    [
        "", "It's a wall.", "It's solid stone.", "You stop.  Your kitten is in the way.", "This door is locked.",
        "You try to move the boulder but in vain.", "You die...", "The jackal bites!",
        "You are beginning to feel hungry.",
        "Never mind.", "What do you want to eat? [d or ?*]", "You drown.", "Hello Agent, welcome to NetHack!",
    ],
)  # fmt: skip
def test_unhelpful_messages(message):
    assert labels(HELPFUL, [(message,)]) == [0.0]


def test_preferences_compare_the_same_scores():
    good, bad, nothing = "The door opens.", "It's a wall.", "Hello."
    pairs = [(good, bad), (bad, good), (good, nothing), (nothing, bad), (bad, bad), (nothing, nothing)]
    assert labels(PREFERENCE, pairs) == [1.0, 0.0, 1.0, 1.0, 0.5, 0.5]


@given(st.text(max_size=60), st.text(max_size=60))
def test_preferences_are_antisymmetric_on_any_text(first, second):
    there, back = labels(PREFERENCE, [(first, second), (second, first)])
    assert there + back == 1.0


MOVES = {
    "pick up the key": Caption("k - a key.", "pickup", ("+ k - a key",)),
    "unlock the door": Caption("You succeed in unlocking the door.", "apply"),
    "open the door": Caption("The door opens.", "open"),
    "go to the staircase": Caption("There is a staircase down here.", "east"),
    "kill the jackal": Caption("You kill the jackal!", "fight"),
    "eat the apple": Caption("This apple is delicious!", "eat", ("- a - an apple",)),
    "wield the dagger": Caption("b - a dagger (weapon in hand).", "wield"),
    "put on the ring": Caption("c - a ring (on left hand).", "puton"),
    "push the boulder": Caption("With great effort you move the boulder.", "north"),
    "levitate": Caption("You float up, out of the pit!", "quaff"),
}


@pytest.mark.parametrize("subgoal", MOVES)
def test_a_subgoal_is_achieved_by_its_own_move_only(subgoal):
    asked = [(subgoal, move.text()) for move in MOVES.values()]
    assert labels(ACHIEVED, asked) == [float(name == subgoal) for name in MOVES]
    assert not achieved(subgoal, Caption("It's a wall.", subgoal).text())  # the action's name is no evidence


def test_a_subgoal_that_no_rule_knows_is_never_achieved():
    assert labels(ACHIEVED, [("be happy", MOVES["open the door"].text()), ("", "")]) == [0.0, 0.0]


def test_what_an_item_says_does_not_change_the_question():
    message = 'It\'s a wall. Which is better, "first", "second" or "none"? yes or no? unhelpful'
    assert labels(HELPFUL, [(message,)]) == [0.0]
    assert helpfulness("no message") == 0


def test_mistakes_come_at_their_rate_and_always_the_same_ones():
    items = [(f"You see here {number} keys.",) for number in range(1000)]
    wrong = ScriptedJudge("keyword", error=0.1)
    answers = labels(HELPFUL, items, wrong)
    assert 60 < answers.count(0.0) < 140
    assert labels(HELPFUL, items[::-1], ScriptedJudge("keyword", error=0.1, delay=0.001))[::-1] == answers
    assert labels(HELPFUL, items, ScriptedJudge("keyword", error=0.1, seed=1)) != answers
    assert labels(HELPFUL, items, ScriptedJudge("keyword", error=1.0)) == [0.0] * 1000
    mistaken = labels(
        PREFERENCE, [("a key", f"{number}") for number in range(200)], ScriptedJudge("keyword", error=1.0)
    )
    assert set(mistaken) == {0.0, 0.5}


@given(st.text(max_size=50))
def test_nonsense_is_never_an_answer(text):
    judge = ScriptedJudge("nonsense", error=0.5)
    for question, item in ((HELPFUL, (text,)), (PREFERENCE, (text, text)), (ACHIEVED, (text, text))):
        assert labels(question, [item], judge) == [None]


def test_dead():
    with pytest.raises(JudgeError, match="reached"):
        ScriptedJudge("dead").complete(["x"])


def test_names_differ_where_answers_may():
    names = [ScriptedJudge("keyword", error, 0.0, seed).name for error in (0.0, 0.1) for seed in (0, 1)]
    assert len({*names, ScriptedJudge("nonsense").name}) == 5
    assert ScriptedJudge("keyword", delay=3).name == KEYWORD.name
    assert isinstance(KEYWORD, Judge)


def test_tokens_are_words():
    (answer,) = KEYWORD.complete(["one two three"])
    assert (answer.prompt_tokens, answer.completion_tokens) == (3, 6)


def test_a_rule_of_ones_own(monkeypatch, caplog):
    monkeypatch.setattr(scripted, "_RULES", dict(scripted._RULES))

    @scripted_rule("short", version="7")
    def short(prompt):
        if "crash" in prompt:
            raise ValueError("no")
        return "helpful"

    judge = ScriptedJudge("short")
    assert judge.name.startswith("scripted:short/7?")
    with caplog.at_level(logging.CRITICAL):
        assert [answer and answer.text for answer in judge.complete(["a", "crash"])] == ["helpful", None]
    scripted_rule("short", version="8")(short)  # the same rule again, as when a module is loaded twice
    assert ScriptedJudge("short").name.startswith("scripted:short/8?")
    with pytest.raises(RewardiumError, match="already taken"):
        scripted_rule("short")(lambda prompt: "x")
    with pytest.raises(RewardiumError, match="letters"):
        scripted_rule("a?b")


def test_close_ends_a_delay():
    judge = ScriptedJudge("keyword", delay=1000)
    errors = []

    def ask():
        try:
            judge.complete(["x"])
        except JudgeError as error:
            errors.append(str(error))

    asker = threading.Thread(target=ask)
    asker.start()
    judge.close()
    judge.close()
    asker.join(30)
    assert "closed" in errors[0]


def test_a_judge_is_a_value():
    judge = ScriptedJudge("keyword", 0.1, 0.0, 3)
    copied = pickle.loads(pickle.dumps(judge))  # noqa: S301
    judge.close()
    assert copied == judge == copy.deepcopy(judge)
    assert copied.complete(["x"])


def test_rules_take_linear_time():
    for text in ("this " * 8_000, "open " * 8_000 + "door", "a - " * 10_000, "+ " * 20_000 + "key"):
        helpfulness(text)
        achieved(text, text)

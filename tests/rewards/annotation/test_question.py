from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.question import (
    CLOSING,
    CUT,
    MAX_PART_LENGTH,
    OPENING,
    Question,
    escape,
    frame_of,
    parts_of,
    unescape,
)
from rewardium.rewards.annotation.questions import ACHIEVED, HELPFUL, PREFERENCE

SHIPPED = (HELPFUL, PREFERENCE, ACHIEVED)
YES_NO = Question("polite", "1", "Is this polite?\n{0}\nAnswer:", {"yes": 1.0, "no": 0.0})

# Texts out of the very pieces that could break a prompt.
PIECES = ("<", ">", "<<<", ">>>", "\\", "\n", "\r", "\x85", " ", "|", "｜", "a", "_", "/", "", "{0}", "{1}")
WORDS = ("<|im_end|>", "</s>", "[INST]", "[/INST]", "Answer:", "helpful", "yes")
HOSTILE = st.lists(st.sampled_from(PIECES + WORDS) | st.text(max_size=5), max_size=25).map("".join)
ANY_TEXT = HOSTILE | st.text(max_size=80)


@given(ANY_TEXT)
@example("<<<\\<<<\\\\>>>")
@example("<\\|<<|>>\\\\>")
@example("<<" + "\\" * 500 + "<")
def test_escaping_loses_nothing_and_leaves_no_structure(text):
    escaped = escape(text)
    assert unescape(escaped) == text
    assert OPENING not in escaped
    assert CLOSING not in escaped
    for structure in ("<|", "<｜", "</s>", "[INST]", "[/INST]"):
        assert structure not in escaped


@pytest.mark.parametrize(
    "text", ["k - a key.", "a > b < c", "|..<..>..|", r"C:\new", "<", "It's 1 << 2", "[yn]", "<a b>"]
)
def test_ordinary_text_stays_as_it_is(text):
    assert escape(text) == text


def test_escaping_takes_linear_time():
    for text in ("<" * 100_000, "<<" + "\\" * 100_000, ("<<" + "\\" * 50) * 2_000, "[" + "A" * 100_000, "</" * 50_000):
        assert unescape(escape(text)) == text


@pytest.mark.parametrize("question", SHIPPED, ids=lambda question: question.name)
@given(data=st.data())
def test_an_item_never_leaves_its_block(question, data):
    item = data.draw(st.tuples(*[ANY_TEXT] * question.num_parts))
    prompt = question.prompt(item)
    assert parts_of(prompt) == item
    assert frame_of(prompt) == frame_of(question.prompt(("",) * question.num_parts))
    lines = prompt.split("\n")
    assert lines.count(OPENING) == lines.count(CLOSING) == question.num_parts
    assert prompt.endswith("\nAnswer:")
    assert question.retry_prompt(item) == prompt + question.reminder


@given(st.text(max_size=200))
def test_only_an_allowed_word_is_an_answer(text):
    value = HELPFUL.read(text)
    if value is not None:
        assert ("unhelpful" if value == 0.0 else "helpful") in text.casefold()
    for word, worth in HELPFUL.answers.items():
        read = HELPFUL.read(word + text)
        assert read in (None, worth)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", 1.0), ("no", 0.0), ("Yes.", 1.0), ("  YES \n", 1.0), ("\n\nno", 0.0), ("Answer: yes", 1.0),
        ("answer:\nno.", 0.0), ("yes\nMessage: no", 1.0), ("yes .", 1.0), ("yes\r\nno", 1.0),
        ("", None), ("   ", None), ("Answer:", None), ("yes..", None), ("yes!", None), ("'yes'", None),
        ("**yes**", None), ("yes no", None), ("yesno", None), ("The answer is yes", None),
        ("Answer: Answer: yes", None), ("1", None),
        ("Answer yes", None), ("ｙｅｓ", None), ("yes\x00", None), ("x" * 10**6 + "\nyes", None),
    ],
)  # fmt: skip
def test_reading_is_strict(text, value):
    assert YES_NO.read(text) == value


@given(st.sampled_from(SHIPPED), st.data())
def test_each_allowed_answer_is_read_in_any_case(question, data):
    word = data.draw(st.sampled_from(sorted(question.answers)))
    spaces = st.text(" \n\t", max_size=3)
    text = data.draw(spaces) + data.draw(st.sampled_from(["", "Answer:", "ANSWER: "])) + data.draw(spaces)
    text += "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in word)
    text += data.draw(st.sampled_from(["", ".", " ", "\nmore", ".\n\nAnswer: none"]))
    assert question.read(text) == question.answers[word]


def test_a_long_part_is_cut_and_kept_under_what_the_judge_reads():
    long = "x" * (MAX_PART_LENGTH + 1)
    item = YES_NO.item((long,))
    assert len(item[0]) == MAX_PART_LENGTH
    assert item[0].endswith(CUT)
    assert YES_NO.item(item) == item
    assert YES_NO.prompt((long,)) == YES_NO.prompt(item)


def test_lone_surrogates_do_not_reach_the_judge():
    assert "a?b" in YES_NO.prompt(("a\ud800b",))
    YES_NO.prompt(("a\ud800b",)).encode()


@pytest.mark.parametrize("item", ["text", (), ("a", "b"), (1,), None, (None,), {"a"}, b"x"])
def test_what_is_no_item_is_refused(item):
    with pytest.raises(RewardiumError, match="question 'polite'"):
        YES_NO.item(item)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "name"),
        ({"version": " "}, "version"),
        ({"template": "Is this polite?"}, "needs lines"),
        ({"template": "{1}\nAnswer:"}, "needs lines"),
        ({"template": "Is {0} polite?"}, "needs lines"),
        ({"template": "Is this polite?\n{0}\n"}, "must follow"),
        ({"template": "<<<\n{0}\nAnswer:"}, "are for the parts"),
        ({"answers": {}}, "at least one word"),
        ({"answers": ["yes"]}, "at least one word"),
        ({"answers": {"yes.": 1}}, "full stop"),
        ({"answers": {" yes": 1}}, "full stop"),
        ({"answers": {"y\nes": 1}}, "full stop"),
        ({"answers": {"": 1}}, "full stop"),
        ({"answers": {"yes": float("nan")}}, "finite"),
        ({"answers": {"yes": True}}, "finite"),
        ({"answers": {"yes": 1, "YES": 0}}, "case only"),
    ],
)
def test_an_ambiguous_question_is_refused(changes, message):
    fields = {"name": "polite", "version": "1", "template": "Polite?\n{0}\nAnswer:", "answers": {"yes": 1.0}}
    with pytest.raises(RewardiumError, match=message):
        Question(**{**fields, **changes})


def test_braces_elsewhere_are_text():
    question = Question("q", "1", "Reply {0} or {x}:\n{0}\n{} {2}\nAnswer:", {"yes": 1})
    assert question.prompt(("{0}",)) == "Reply {0} or {x}:\n<<<\n{0}\n>>>\n{} {2}\nAnswer:"


def test_another_wording_or_worth_has_another_key():
    keys = {
        YES_NO.key,
        Question("polite", "2", YES_NO.template, YES_NO.answers).key,
        Question("polite", "1", YES_NO.template + " ", YES_NO.answers).key,
        Question("polite", "1", YES_NO.template, {"yes": 1.0, "no": -1.0}).key,
    }
    assert len(keys) == 4
    assert Question("polite", "1", YES_NO.template, {"no": 0, "yes": 1}).key == YES_NO.key


def test_a_question_is_a_value():
    same = Question("polite", "1", YES_NO.template, {"no": 0.0, "yes": 1.0})
    assert same == YES_NO
    assert hash(same) == hash(YES_NO)
    assert YES_NO.key
    assert pickle.loads(pickle.dumps(YES_NO)) == copy.deepcopy(YES_NO) == YES_NO  # noqa: S301

"""verify, graded, format and digit_match: what they say of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.source import Score
from rewardium.rewards.sources.digit_match import answer_span, matches


def score(reward: str, *actions: object, reference: str | None = "12") -> Score:
    """Score actions on one task; every reward here is one source."""
    rows = [Transition("", "", action, task=Task("goal", reference=reference)) for action in actions]
    (scored,) = rewards.parse(reward).score_sources(TransitionBatch.from_transitions(rows)).values()
    return scored


def test_verify_is_exact():
    actions = [
        r"\boxed{12}",
        r"\boxed{24/2}",
        r"\boxed{\frac{24}{2}}",
        r"\boxed{12.0}",
        r"\boxed{12.0000001}",
        "12",
        None,
    ]
    assert score("verify", *actions).value.tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_verify_takes_the_last_answer():
    assert score("verify", r"\boxed{12} no, \boxed{13}", r"\boxed{13} no, \boxed{12}").value.tolist() == [0, 1]


def test_verify_on_the_last_line():
    assert score("verify(where='last_line')", "first\n12\n\n", "12 apples", r"\boxed{12}").value.tolist() == [1, 0, 0]


def test_graded_follows_the_formula():
    # |a - b| = 3 is capped at 1; the relative error is 3 / (12 + 1e-6)
    actions = [r"\boxed{12}", r"\boxed{15}", r"\boxed{12.5}", r"\boxed{-99}", "none"]
    expected = [1.0, 0.5 - 0.5 * 3 / 12.000001, 1 - 0.25 - 0.5 * 0.5 / 12.000001, 0.0, 0.0]
    assert score("graded", *actions).value.tolist() == pytest.approx(expected, abs=1e-6)


def test_graded_with_reference_zero():
    assert score("graded", r"\boxed{0}", r"\boxed{0.5}", reference="0").value.tolist() == pytest.approx([1.0, 0.25])


@pytest.mark.parametrize("name", ["verify", "graded", "digit_match"])
def test_without_reference_there_is_no_score(name):
    scored = score(name, r"\boxed{12}", reference=None)
    assert not scored.valid.any()
    assert scored.reasons[0] == "the task has no reference"


@pytest.mark.parametrize("name", ["verify", "graded"])
def test_a_reference_that_is_no_number_gives_no_score(name):
    scored = score(name, r"\boxed{12}", reference="Paris")
    assert not scored.valid.any()
    assert "Paris" in scored.reasons[0]


@pytest.mark.parametrize("name", ["verify", "graded", "format", "digit_match", "phrases"])
def test_an_unknown_place_is_refused(name):
    with pytest.raises(RewardiumError, match="'boxed' or 'last_line', got 'first'"):
        rewards.make(name, where="first")


def test_format_ignores_whether_the_answer_is_right():
    actions = [r"\boxed{12}", r"\boxed{-3/4}", r"\boxed{twelve}", r"\boxed{}", r"\boxed{12", "12", r"\boxed{1/0}", 12]
    scored = score("format", *actions)
    assert scored.value.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert scored.reasons[0] is None
    assert "twelve" in scored.reasons[2]


def test_format_once_refuses_a_second_box():
    actions = [r"\boxed{1} \boxed{2}", r"\boxed{2}"]
    assert score("format(once=True)", *actions).value.tolist() == [0, 1]
    assert score("format", *actions).value.tolist() == [1, 1]
    with pytest.raises(RewardiumError, match="once"):
        rewards.make("format", once=True, where="last_line")


@pytest.mark.parametrize(
    ("action", "value"),
    [
        (r"<think>so</think>\boxed{1}", 1),
        (r"<think>\boxed{2}</think> \boxed{1}", 1),
        (r"\boxed{1}", 0),
        (r"<think>so \boxed{1}", 0),
        (r"so</think>\boxed{1}", 0),
        (r"</think><think>\boxed{1}", 0),
        (r"<think>\boxed{1}</think>", 0),
        (r"<think>\boxed{1}</think>\boxed{", 0),
        (r"<think><think></think>\boxed{1}", 0),
        (r"<think></think></think>\boxed{1}", 0),
        (r"</think><think></think>\boxed{1}", 0),
        (r"<think></think>\boxed{1}<think>", 0),
    ],
)
def test_format_with_thinking(action, value):
    assert score("format(think=True)", action).value.tolist() == [value]


@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [
        ("12", "12", 1.0),
        ("13", "12", 0.5),
        ("2", "12", 0.5),  # units under units
        ("112", "12", 2 / 3),
        ("-12", "12", 2 / 3),
        ("1/3", "1/2", 2 / 3),
        ("12.0", "12", 0.5),  # no plain integer, so from the left
        ("", "12", 0.0),
        ("", "", 0.0),
    ],
)
def test_digit_match_value(answer, reference, value):
    assert score("digit_match", f"\\boxed{{{answer}}}", reference=reference).value[0] == pytest.approx(value)


def test_digit_match_pays_at_the_characters():
    action = r"\boxed{99} then \boxed{ 152 }."
    scored = score("digit_match", action, "no answer", reference="192")
    start = action.index("152")
    assert scored.segments[0] == ((start, start + 1, 1 / 3), (start + 1, start + 2, 0.0), (start + 2, start + 3, 1 / 3))
    assert scored.segments[1] == ()
    assert scored.valid.tolist() == [True, True]


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (r"\boxed{4} x^{4} {4}", "4"),
        (r"\boxed{\boxed{4}}", "4"),
        (r"\boxed {4} \\boxed{4}", "4"),
        (r"\boxed{\frac{1}{2}} \boxed{", r"\frac{1}{2}"),
        (r"\\\boxed{4}", "4"),
    ],
)
def test_the_answer_is_found_where_it_stands(action, answer):
    start, end = answer_span(action, "boxed")
    assert action[start:end] == answer
    assert action[:start].rstrip("{ ").endswith("boxed")


def test_the_last_line_is_found_where_it_stands():
    assert answer_span("12\n 12 \n\n", "last_line") == (4, 6)
    assert answer_span(" \n", "last_line") is None
    assert answer_span("9" * 201, "last_line") is None


@given(st.text(alphabet="\\boxed{} 12/\n", max_size=60), st.sampled_from(["boxed", "last_line"]))
def test_a_span_holds_the_checkers_answer(text, where):
    from rewardium.envs.math.rational import check

    span, verdict = answer_span(text, where), check(text, "1", where)
    assert (span is None) == (verdict.answer is None)
    if span is not None:
        assert text[slice(*span)] == verdict.answer.strip()


@given(st.text(alphabet="-0123456789/.", max_size=8), st.text(alphabet="-0123456789/.", max_size=8))
def test_full_credit_means_equal_texts(answer, reference):
    same = matches(answer, reference)
    assert len(same) == len(answer)
    assert (all(same) and len(answer) == len(reference)) == (answer == reference)


@given(st.text())
def test_no_text_raises(text):
    for reward in ("verify", "graded", "format(think=True)", "digit_match", "phrases", "repetition(n=2)", "length"):
        assert score(reward, text, f"\\boxed{{{text}}}").valid.all()

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.heads import HeadSettings
from rewardium.rewards.learning.preference_data.contexts import with_earlier_steps
from rewardium.rewards.learning.reward_model import RewardModel, RewardModelSettings
from rewardium.rewards.learning.small_text_base import build_byte_base
from rewardium.rewards.sources._unit_values import PAYS, Part, paid
from rewardium.rewards.sources.hrm import Hrm
from rewardium.rewards.sources.reward_model import RewardModelSource
from rewardium.rewards.sources.tvm import Tvm

TEXT = "1+2=3\n3+3=7\nno, 6"
ENDS = [6, 12, 17]
EXAMPLE = RewardModelSource.example()


THREES = "phrases(['3'], enough=1, where='last_line')"


def batch(*texts):
    return TransitionBatch.from_transitions([Transition("", "1+2+3=", text, task=Task("?", "4")) for text in texts])


def probability(text):
    model = RewardModelSource(EXAMPLE.path, scale="probability", device="cpu", dtype="float64")
    return float(model.score(batch(text)).value[0])


PAID = [("value", 1.0), ("gain", 0.5), ("last", 0.5), ("min", 0.125), ("mean", 1 / 3), ("product", 0.375 * 0.0625)]


@pytest.mark.parametrize(("pay", "value"), PAID)
def test_what_is_paid(pay, value):
    parts = [Part((0, 1), 0.375), Part((1, 2), None), Part((2, 4), 0.125), Part((4, 5), 0.5)]
    found, segments = paid(parts, pay)
    assert found == pytest.approx(value)
    assert [segment.end for segment in segments] == ([1, 4, 5] if pay in ("value", "gain") else [])
    assert paid([Part((0, 1), None)], pay) == (None, ())
    assert paid([], pay) == (None, ())


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9))
def test_gains_sum_to_the_last_value(values):
    parts = [Part((index, index + 1), value) for index, value in enumerate(values)]
    assert paid(parts, "gain")[0] == pytest.approx(values[-1], abs=1e-5)
    assert paid(parts, "min")[0] <= paid(parts, "mean")[0] + 1e-9


def test_fine_grained_reads_parts_or_prefixes():
    for read, values in (("part", [1.0, 1.0, 0.0]), ("prefix", [1.0, 1.0, 1.0])):
        segments = rewards.parse(f"fine_grained({THREES}, read='{read}')").score(batch(TEXT)).segments[0]
        assert [segment.value for segment in segments] == values
        assert [segment.end for segment in segments] == ENDS


def test_fine_grained_signs_and_densities():
    rule = f"fine_grained({THREES}, unit='{{}}', link='sign', threshold=0.5)"
    by_clause = rewards.parse(rule.format("clause")).score(batch(TEXT)).segments[0]
    assert {segment.value for segment in by_clause} == {1.0, -1.0}
    assert len(by_clause) == 4
    both = 0.3 * rewards.parse(rule.format("clause")) + 0.5 * rewards.parse(rule.format("response"))
    outcome = both.evaluate(batch(TEXT), rewards.RewardState())
    assert [round(segment.value, 6) for segment in outcome.segments[0]] == [0.3, 0.3, -0.3, -0.3, 0.5]


def test_fine_grained_leaves_out_what_has_no_score():
    source = rewards.parse("fine_grained(verify)")
    no_reference = TransitionBatch.from_transitions([Transition("", "", r"\boxed{4}", task=Task("?"))])
    assert not source.score(no_reference).valid[0]
    assert source.score(batch("so\n" + r"\boxed{4}")).segments[0][1].value == 1.0
    scored = source.score(batch("", None, 3.5))
    assert not scored.valid.any()


@pytest.mark.parametrize("pay", PAYS)
def test_tvm_reads_the_value_where_a_step_ends(pay):
    scored = Tvm.example(pay=pay).score(batch(TEXT))
    gains = (
        RewardModelSource(EXAMPLE.path, per_token=True, device="cpu", dtype="float64").score(batch(TEXT)).segments[0]
    )
    raw = [sum(part.value for part in gains if part.end <= end) for end in ENDS]
    parts = [Part((0, end), 1 / (1 + np.exp(-value))) for end, value in zip(ENDS, raw, strict=True)]
    assert scored.value[0] == pytest.approx(paid(parts, pay)[0], abs=1e-5)


def test_tvm_ends_with_the_value_of_the_response():
    raw = Tvm.example(link="raw", pay="last").score(batch(TEXT, "x", "é🙂"))
    whole = RewardModelSource(EXAMPLE.path, device="cpu", dtype="float64").score(batch(TEXT, "x", "é🙂"))
    np.testing.assert_allclose(raw.value, whole.value, atol=1e-5)
    every = Tvm.example(every_token=True).score(batch(TEXT)).segments[0]
    assert [segment.end for segment in every] == list(range(1, len(TEXT) + 1))
    assert not Tvm.example().score(batch("", None)).valid.any()


def test_tvm_has_no_value_behind_what_is_read():
    steps = Tvm.example().score(batch("ab\n" * 100)).segments[0]
    assert 0 < len(steps) < 60
    assert steps[0].end == 3


def test_tvm_needs_a_head_for_prefixes(tmp_path):
    build_byte_base(tmp_path / "base", hidden_size=16, num_layers=1, num_heads=1, max_length=64)
    settings = RewardModelSettings(HeadSettings("mean"), max_length=64)
    RewardModel.from_base(tmp_path / "base", settings).save(tmp_path / "model")
    with pytest.raises(RewardiumError, match="kind 'last'"):
        Tvm(str(tmp_path / "model"), device="cpu")


def test_hrm_asks_for_steps_and_pairs():
    steps = ["1+2=3\n", "3+3=7\n", "no, 6"]
    alone = [probability(with_earlier_steps("".join(steps[:k]), steps[k])) for k in range(3)]
    pairs = [probability(with_earlier_steps("".join(steps[: k - 1]), steps[k - 1] + steps[k])) for k in (1, 2)]
    wanted = {
        "step": alone,
        "pair": [alone[0], *pairs],
        "mean": [alone[0], *((one + both) / 2 for one, both in zip(alone[1:], pairs, strict=True))],
        "max": [alone[0], *map(max, alone[1:], pairs)],
    }
    for join, values in wanted.items():
        segments = Hrm.example(join=join).score(batch(TEXT)).segments[0]
        np.testing.assert_allclose([segment.value for segment in segments], values, atol=1e-5)
    assert not Hrm.example().score(batch("", None)).valid.any()


WRONG = [
    ("fine_grained(verify, unit='word')", "unit"),
    ("fine_grained(verify + verify)", "must be a source"),
    ("fine_grained(verify, link='x')", "link"),
    ("fine_grained(verify, pay='x')", "pay"),
    (f"tvm('{EXAMPLE.path}', link='x')", "link"),
    (f"hrm('{EXAMPLE.path}', join='x')", "join"),
    (f"hrm('{EXAMPLE.path}', separator='')", "separator"),
    ("tvm('/no/such/folder')", "no reward model"),
]


@pytest.mark.parametrize(("expression", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_parameters(expression, message):
    with pytest.raises(RewardiumError, match=message):
        rewards.parse(expression)


def test_steps_are_bounded_by_a_shaper():
    reward = rewards.parse(f"clip_delta(fine_grained({THREES}), eta=1.5)")
    for repeats in (1, 10, 100):
        outcome = reward.evaluate(batch("3\n" * repeats), rewards.RewardState())
        assert float(outcome.value[0]) == -0.5 * (repeats > 1)  # however many steps there are

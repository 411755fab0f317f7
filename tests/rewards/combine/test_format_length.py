import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import RewardState, build, parse
from rewardium.rewards.combine.format_length import format_length
from rewardium.rewards.sources.length import hump

GOOD = r" \boxed{4}"


def paid(reward, *texts):
    batch = TransitionBatch.from_transitions([Transition("", "", text) for text in texts])
    outcome = reward.evaluate(batch, RewardState())
    assert outcome.valid.all()
    return outcome.value.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.ljust(20), 1.0 + 1.0),  # the right form and the best length
        (GOOD.ljust(40), 1.0 - 1.0),  # the right form, as long as can be
        ("x" * 20, 0.0),  # the best length, and no answer: capped at 0
        ("x" * 40, -1.0),  # too long, and no answer
        ("", 0.0),
    ],
)
def test_closed_form(text, expected):
    assert paid(format_length(maximum=40), text) == pytest.approx([expected])


@given(length=st.integers(0, 60), right=st.booleans())
def test_the_formula(length, right):
    text = ("y" * max(length - len(GOOD), 0) + GOOD) if right else "y" * length
    total = float(right) + float(hump(np.array(min(len(text) / 40, 1.0)), 0.5))
    assert paid(format_length(maximum=40), text) == pytest.approx([total if right else min(0.0, total)], abs=1e-5)


def test_it_is_built_by_name_and_written_to_a_config():
    reward = parse("format_length(maximum=100, target=0.4, shape='polyline')")
    assert build(reward.config()) == reward == parse(str(reward))
    assert reward.needs == {"action"}  # no reference is read


def test_bad_parameters_are_refused():
    with pytest.raises(RewardiumError, match="target"):
        format_length(target=0.0)

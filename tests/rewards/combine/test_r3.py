import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import RewardState, build, parse
from rewardium.rewards.combine.r3 import r3

OPEN = Task("Where do penguins live?", reference="Antarctica", fields={"closed": False})
CLOSED = Task("Where do penguins live?", reference="the south", fields={"closed": True})


def paid(reward, *rows):
    batch = TransitionBatch.from_transitions(
        [Transition("", "", text, task=task, env=env) for env, (text, task) in enumerate(rows)]
    )
    outcome = reward.evaluate(batch, RewardState())
    return np.where(outcome.valid, outcome.value.astype(np.float64), np.nan)


def test_an_open_question_is_paid_for_length_relevance_and_uniqueness():
    texts = ["Penguins live south.", "penguins live " * 3, "Hello there, you!"]
    relevance = [2 / 3, 2 / 6**0.5, 0.0]  # the words of the question are where, penguins and live
    unique = [1.0, 2 / 4, 1.0]
    expected = [tokens / 100 * r * u for tokens, r, u in zip([4, 6, 5], relevance, unique, strict=True)]
    np.testing.assert_allclose(paid(r3(), *[(text, OPEN) for text in texts]), expected, atol=1e-6)


def test_a_constrained_question_is_paid_for_nearness_to_its_reference_alone():
    reward = parse("r3(task_field('closed'), relevance_scale=3.5)")
    rows = [("the south", CLOSED), ("south south south south south", CLOSED), ("south", OPEN), ("south", Task("?"))]
    values = paid(reward, *rows)
    np.testing.assert_allclose(values[:2], [512 / 100 / 3.5 * 1.0, 512 / 100 / 3.5 / 3], rtol=1e-5)
    assert values[2] == 0.0
    assert np.isnan(values[3])  # whether it is constrained is not known


def test_it_is_built_by_name_and_written_to_a_config():
    reward = parse("r3(task_field('closed'), encoder='hash', longest=256)")
    assert build(reward.config()) == reward == parse(str(reward))


@pytest.mark.parametrize("bad", [{"per": 0.0}, {"longest": "long"}, {"relevance_scale": float("nan")}])
def test_bad_parameters_are_refused(bad):
    with pytest.raises(RewardiumError, match="r3: "):
        r3(**bad)

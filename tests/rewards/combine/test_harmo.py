import numpy as np
import pytest

from rewardium.rewards import build, parse
from rewardium.rewards.combine.harmo import harmo


def test_closed_form(rig):
    reward = harmo(
        rig.Column(0), rig.Column(1), form=rig.Column(2), instructions=(rig.Column(3), rig.Column(4)),
        length=rig.Column(5), accuracy_weight=2.0,
    )  # fmt: skip
    columns = [[[1.0, None]], [[9.0, 0.0]], [[1.0, 0.0]], [[1.0, 1.0]], [[0.0, None]], [[-1.0, 0.0]]]
    rule = 2.0 * 1.0 + 0.2 * 1.0 + 0.2 * 0.5 + 0.1 * -1.0
    model = 2.0 * 0.5 + 0.2 * 0.0 + 0.2 * 1.0 + 0.1 * 0.0
    np.testing.assert_allclose(rig.play(reward, rig.rollout(*columns)), [[rule, model]], rtol=1e-6)


def test_a_rule_that_is_not_sure_leaves_the_word_to_the_model(rig):
    reward = harmo(
        rig.Column(0), rig.Column(1), confidence=rig.Column(2), form=rig.Column(3), length=rig.Column(3),
        confident_from=0.75,
    )  # fmt: skip
    steps = rig.rollout([[1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]], [[0.75, 0.5, None]], [[0.0] * 3])
    np.testing.assert_allclose(rig.play(reward, steps), [[1.0, 0.5, 0.5]])


def test_the_length_is_measured_by_the_groups_correct_answers(rig):
    reward = harmo(rig.Column(0), form=rig.Column(1))
    assert "group_length(verifier=column)" in str(reward)


@pytest.mark.parametrize("text", ["harmo(verify)", "harmo(verify, graded, instructions=[format(once=True), phrases])"])
def test_it_is_built_by_name_and_written_to_a_config(text):
    reward = parse(text)
    assert build(reward.config()) == reward == parse(str(reward))

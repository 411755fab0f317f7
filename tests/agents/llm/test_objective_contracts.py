"""What holds for every objective by its name, and where two of them are one."""

from __future__ import annotations

import importlib
import math
import sys

import pytest
import torch

from rewardium.agents.llm import objectives
from rewardium.agents.llm.advantage import group_advantage
from rewardium.agents.llm.objectives import (
    AnswerAdvantage,
    Answers,
    GroupObjective,
    Totals,
    make_objective,
    objective_names,
)
from rewardium.envs.errors import RewardiumError

SHIPPED = [
    "crew_dpo", "d3po", "dapo", "dcpo", "dpo", "dr_grpo", "grpo", "grpo_lambda", "grpo_s", "gspo", "mm_dpo", "nsr",
    "oreal", "pairwise_rl", "ppo", "prdp", "psr", "raft", "reinforce++", "rloo", "superhf", "tp_grpo",
    "trajectory_balance", "w_reinforce",
]  # fmt: skip
# Whose loss at the sampling policy is -sum A logp / size, so that its gradient is the plain policy gradient.
POLICY_GRADIENTS = [
    "dapo", "dcpo", "dr_grpo", "grpo", "grpo_lambda", "grpo_s", "nsr", "pairwise_rl", "ppo", "psr", "raft",
    "reinforce++", "rloo", "tp_grpo", "w_reinforce",
]  # fmt: skip
GROUP = [0] * 4 + [1] * 4 + [2] * 4
RETURNS = [1.0, 0.0, 0.0, 1.0, 0.2, 0.9, 0.6, 0.7, 1.0, 1.0, 1.0, 1.0]


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logp = torch.randn(12, 5, generator=generator, dtype=torch.float64) * 0.3 - 2.0
    lengths = torch.randint(1, 6, (12, 1), generator=generator)
    mask = torch.arange(5) < lengths
    old, reference = (logp + 0.3 * torch.randn(12, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    answers = Answers.of(RETURNS, GROUP, lengths[:, 0].tolist())
    valid = torch.ones(12, dtype=torch.bool).index_fill(0, torch.tensor([3, 5]), False)
    return logp, old, reference, mask, Answers(answers.returns, answers.group, valid, answers.lengths)


def advantage_of(objective, answers, mask):
    if isinstance(objective, AnswerAdvantage):
        worth = objective.answer_advantage(answers)
    else:
        worth = group_advantage(answers.returns, answers.group, answers.valid)
    return worth[:, None] * mask


def totals_of(mask, answers):
    valid = answers.valid
    groups = len(set(answers.group[valid].tolist()))
    return Totals(float(mask[valid].sum()), float(valid.sum()), 8.0, float(groups))


def compute(objective, columns, totals, answers):
    if isinstance(objective, GroupObjective):
        return objective.group_loss(*columns, totals, answers)
    return objective.loss(*columns, totals)


def gradient(objective, logp, old, reference, mask, answers, rows=None, totals=None):
    """The gradient with respect to the log-probabilities, from the rows that the trainer computes, or those given."""
    advantage, totals = advantage_of(objective, answers, mask), totals or totals_of(mask, answers)
    rows = answers.valid.nonzero()[:, 0] if rows is None else rows
    logp = logp.clone().requires_grad_()
    columns = (logp[rows], old[rows], reference[rows], advantage[rows], mask[rows])
    loss, metrics = compute(objective, columns, totals, answers.take(rows))
    loss.backward()
    return logp.grad, float(loss.detach()), {name: float(value) for name, value in metrics.items()}


def test_every_shipped_objective_answers_by_its_name():
    assert set(SHIPPED) <= set(objective_names())
    for name in SHIPPED:
        assert make_objective(name) == make_objective(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_masked_out_is_never_read(name):
    objective, (logp, old, reference, mask, answers) = make_objective(name), batch()
    expected = gradient(objective, logp, old, reference, mask, answers)
    spoiled = (column.masked_fill(~mask, math.nan) for column in (logp, old, reference))
    found = gradient(objective, *spoiled, mask, answers)
    torch.testing.assert_close(found[0], expected[0])
    assert found[1:] == expected[1:]
    assert not found[0][~mask].any()


@pytest.mark.parametrize("name", SHIPPED)
def test_parts_add_up_to_the_whole_step(name):
    objective, (logp, old, reference, mask, answers) = make_objective(name), batch()
    expected, loss, metrics = gradient(objective, logp, old, reference, mask, answers)
    valid = answers.valid.nonzero()[:, 0]
    parts = [valid[answers.group[valid] == number] for number in range(3)]
    if not isinstance(objective, GroupObjective):
        parts = list(valid.split([1, 4, 3, 2]))
    found = [gradient(objective, logp, old, reference, mask, answers, rows) for rows in parts]
    torch.testing.assert_close(sum(part[0] for part in found), expected)
    assert sum(part[1] for part in found) == pytest.approx(loss)
    for metric, value in metrics.items():
        assert sum(part[2].get(metric, 0.0) for part in found) == pytest.approx(value), metric


@pytest.mark.parametrize("name", SHIPPED)
def test_rows_that_may_be_skipped_have_no_gradient(name):
    objective, (logp, old, reference, mask, answers) = make_objective(name), batch()
    full = gradient(objective, logp, old, reference, mask, answers)[0]
    advantage = advantage_of(objective, answers, mask)
    assert not advantage[~answers.valid].any()
    assert torch.isfinite(advantage).all()
    learning = answers.valid & (advantage != 0.0).any(1)
    assert learning.any()
    if objective.skips_zero_advantage:
        skipped = gradient(objective, logp, old, reference, mask, answers, learning.nonzero()[:, 0])[0]
        torch.testing.assert_close(skipped, full)


@pytest.mark.parametrize("name", SHIPPED)
def test_without_anything_valid_there_is_nothing_to_learn(name):
    objective, answers = make_objective(name), Answers.of([1.0, 0.0], [0, 0])
    if isinstance(objective, AnswerAdvantage):
        nothing = Answers(answers.returns, answers.group, torch.zeros(2, dtype=torch.bool), answers.lengths)
        assert not objective.answer_advantage(nothing).any()
        unknown = Answers(answers.returns * math.nan, answers.group, torch.zeros(2, dtype=torch.bool), answers.lengths)
        assert not objective.answer_advantage(unknown).any()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_reference_that_is_needed_must_be_there(name):
    objective, (logp, old, _, mask, answers) = make_objective(name), batch()
    columns = (logp, old, None, advantage_of(objective, answers, mask), mask)
    if not objective.needs_reference:
        assert torch.isfinite(compute(objective, columns, totals_of(mask, answers), answers)[0])
        return
    with pytest.raises(RewardiumError, match="needs the reference"):
        compute(objective, columns, totals_of(mask, answers), answers)


@pytest.mark.parametrize("name", POLICY_GRADIENTS)
def test_at_the_sampling_policy_the_gradient_is_the_policy_gradient(name):
    objective, (logp, _, reference, mask, answers) = make_objective(name), batch()
    totals = totals_of(mask, answers)
    size = totals.tokens if name not in ("dr_grpo", "rloo") else totals.sequences * totals.max_tokens
    found = gradient(objective, logp, logp, reference, mask, answers)[0]
    torch.testing.assert_close(found, -advantage_of(objective, answers, mask) / size)


def assert_same(one, other, answers=None, *, on_policy=False):
    logp, old, reference, mask, default = batch()
    answers, old = answers or default, logp if on_policy else old
    found, expected = (gradient(objective, logp, old, reference, mask, answers) for objective in (one, other))
    torch.testing.assert_close(found[0], expected[0])
    assert found[0].abs().max() > 0


def test_where_two_objectives_are_one():
    plain, binary = make_objective("grpo"), batch()[4]
    binary = Answers((binary.returns > 0.5).double(), binary.group, binary.valid, binary.lengths)
    assert_same(make_objective("grpo_lambda", penalty=0.0), plain, binary)
    assert_same(make_objective("grpo_lambda", top_share=0.0), plain, binary)
    assert_same(make_objective("superhf", kl_coefficient=0.0), make_objective("raft"))
    assert_same(make_objective("mm_dpo", growth=0.0), make_objective("dpo", pairs="all"))
    assert_same(make_objective("gspo"), make_objective("grpo", normalisation="sequence"), on_policy=True)
    even = Answers(binary.returns, binary.group, torch.ones(12, dtype=torch.bool), binary.lengths)
    assert_same(make_objective("dcpo", share=1.0), plain, even)


def test_a_ratio_of_one_token_is_that_of_the_answer():
    logp, old, reference, _, answers = batch()
    mask = torch.zeros(12, 5, dtype=torch.bool).index_fill(1, torch.tensor([2]), True)
    settings = {"clip_low": 0.1, "clip_high": 0.15}
    gspo, grpo = make_objective("gspo", **settings), make_objective("grpo", **settings)
    found, expected = (gradient(one, logp, old, reference, mask, answers) for one in (gspo, grpo))
    torch.testing.assert_close(found[0], expected[0])
    assert found[1] == pytest.approx(expected[1])
    assert found[2]["clip_fraction"] == pytest.approx(expected[2]["clip_fraction"])
    assert 0.0 < found[2]["clip_fraction"] < 1.0


def test_groups_that_agree_are_left_out_of_the_mean_of_dapo():
    """As if the third group, whose answers are all paid the same, had never been sampled."""
    logp, old, reference, mask, answers = batch()
    dapo, grpo = make_objective("dapo"), make_objective("grpo", clip_high=0.28)
    rows = (answers.valid & (answers.group < 2)).nonzero()[:, 0]
    small = totals_of(mask[rows], answers.take(rows))
    expected = gradient(grpo, logp, old, reference, mask, answers, rows, small)
    found = gradient(dapo, logp, old, reference, mask, answers, rows)
    torch.testing.assert_close(found[0], expected[0])


def test_responsiveness_in_closed_form():
    """Gaps 3 and 1: the factors are sigmoid(gap) / sigmoid(2), after the division by the deviation."""
    answers = Answers.of([3.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0, 0, 1, 1, 2, 2])
    plain = group_advantage(answers.returns, answers.group, answers.valid)
    factor = torch.tensor([3.0, 3.0, 1.0, 1.0, 0.0, 0.0]).double().sigmoid() / torch.tensor(2.0).double().sigmoid()
    torch.testing.assert_close(make_objective("grpo_s").answer_advantage(answers), plain * factor)
    torch.testing.assert_close(make_objective("grpo_s", invert=True).answer_advantage(answers), plain / factor)
    far = Answers.of([1.0, 0.0] * 20 + [99.0, 0.0], [number // 2 for number in range(42)])
    assert make_objective("grpo_s").factors(far).tolist() == [1.0] * 42  # the outlier moves nobody


def test_length_is_paid_for_in_the_best_groups_only():
    answers = Answers.of([1.0, 1.0, 1.0, 0.0, 1.0, 0.0], [0, 0, 0, 1, 1, 1], lengths=[2, 4, 6, 9, 1, 1])
    found = make_objective("grpo_lambda", top_share=0.5, penalty=0.4).shaped_returns(answers)
    expected = [1 - 0.4 / (1 + math.exp(1)), 0.8, 1 - 0.4 / (1 + math.exp(-1)), 0.0, 1.0, 0.0]
    assert found.tolist() == pytest.approx(expected)
    nobody = Answers.of([0.0, 0.0], [0, 0], lengths=[1, 9])
    assert make_objective("grpo_lambda", top_share=1.0).shaped_returns(nobody).tolist() == [0.0, 0.0]


def test_confidence_chooses_the_pairs():
    answers, mask = Answers.of([1.0, 1.0, 0.0, 0.0], [0] * 4), torch.ones(4, 1, dtype=torch.bool)
    old = torch.tensor([0.9, 0.2, 0.8, 0.1]).double().log()[:, None]  # 0.9 against 0.1 is the widest lead
    found = []
    for objective in (make_objective("crew_dpo", pairs=1), make_objective("dpo")):
        logp = old.clone().requires_grad_()
        other = answers if objective.__class__.__name__ == "CrewDpo" else answers.take(torch.tensor([0, 3]))
        rows = slice(None) if len(other) == 4 else [0, 3]
        columns = (logp[rows], old[rows], old[rows] - 1.0, old[rows], mask[rows])
        objective.group_loss(*columns, Totals(4.0, 4.0, 1.0), other)[0].backward()
        found.append(logp.grad)
    torch.testing.assert_close(*found)
    assert found[0][[1, 2]].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gspo", {"clip_low": 2.0}), ("reinforce++", {"baseline": "world"}), ("psr", {"threshold": math.nan}),
        ("nsr", {"threshold": math.inf}), ("w_reinforce", {"positive_weight": -1.0}), ("dcpo", {"share": 0.0}),
        ("grpo_lambda", {"penalty": 2.0}), ("grpo_s", {"outlier": 0.0}), ("oreal", {"negative_weight": -1.0}),
        ("raft", {"keep": 0}), ("raft", {"ranking": "world"}), ("superhf", {"kl_coefficient": -1.0}),
        ("dpo", {"beta": 0.0}), ("dpo", {"pairs": "some"}), ("mm_dpo", {"rate": -1.0}), ("crew_dpo", {"tail": 0}),
        ("prdp", {"clip": 0.0}), ("trajectory_balance", {"temperature": 0.0}),
        ("trajectory_balance", {"reward": "log"}), ("rloo", {"clip_low": 3.0}),
    ],
)  # fmt: skip
def test_wrong_settings(name, settings):
    with pytest.raises(RewardiumError, match=next(iter(settings))):
        make_objective(name, **settings)


ELEVENTH = """
from dataclasses import dataclass

from rewardium.agents.llm.objectives import register_objective
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("doubled")
@dataclass(frozen=True)
class Doubled(Grpo):
    def answer_advantage(self, answers):
        return 2.0 * answers.returns
"""


def test_one_new_file_is_a_new_objective(tmp_path, monkeypatch):
    """In a folder that stands for this package's own, a file that nothing else names."""
    (tmp_path / "doubled.py").write_text(ELEVENTH)
    objective_names()
    monkeypatch.setattr(objectives._OBJECTIVES, "entries", dict(objectives._OBJECTIVES.entries))
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    monkeypatch.setattr(objectives._OBJECTIVES, "_loaded", False)
    try:
        assert "doubled" in objective_names()
        doubled = make_objective("doubled", clip_high=0.3)
        assert doubled.clip_high == 0.3
        assert isinstance(doubled, AnswerAdvantage)
        assert doubled.answer_advantage(Answers.of([1.0, 0.5], [0, 0])).tolist() == [2.0, 1.0]
    finally:
        sys.modules.pop(f"{objectives.__name__}.doubled", None)
        vars(objectives).pop("doubled", None)

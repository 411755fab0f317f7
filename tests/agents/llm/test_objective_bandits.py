"""Gradients that are known on paper: a softmax bandit, whose answers are one token each."""

from __future__ import annotations

import math

import pytest
import torch

from rewardium.agents.llm.advantage import EPSILON
from rewardium.agents.llm.objectives import AnswerAdvantage, Answers, GroupObjective, Totals, make_objective

# Eight answers from the policy (1/2, 1/4, 1/8, 1/8): the sample's mean is the expectation, its gradient the exact one.
POLICY = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64)
ARMS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3])
REWARD = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
TRUE_GRADIENT = POLICY * (REWARD - POLICY @ REWARD)  # of the expected reward with respect to the logits
TOTALS = Totals(8.0, 8.0, 1.0)


def gradient(name, *, arms=ARMS, pays=REWARD, policy=POLICY, reference=None, old=None, advantage=None, **settings):
    """The gradient of the loss with respect to the logits of a policy that gave one answer for each of ``arms``."""
    objective = make_objective(name, **settings)
    logits = policy.log().clone().requires_grad_()
    logp = torch.log_softmax(logits, 0)[arms][:, None]
    logp_old = logp.detach() if old is None else old.log()[arms][:, None]
    logp_ref = None if reference is None else reference.log()[arms][:, None]
    answers = Answers.of(pays[arms].tolist(), [0] * len(arms))
    if isinstance(objective, AnswerAdvantage):
        advantage = objective.answer_advantage(answers)
    columns = (logp, logp_old, logp_ref, advantage[:, None].double(), torch.ones(len(arms), 1, dtype=torch.bool))
    totals = Totals(float(len(arms)), float(len(arms)), 1.0)
    if isinstance(objective, GroupObjective):
        loss = objective.group_loss(*columns, totals, answers)[0]
    else:
        loss = objective.loss(*columns, totals)[0]
    loss.backward()
    return logits.grad


def score(arm, policy=POLICY):
    """The gradient of an arm's log-probability with respect to the logits."""
    return torch.nn.functional.one_hot(torch.tensor(arm), len(policy)) - policy


def test_without_division_the_gradient_is_that_of_the_expected_reward():
    torch.testing.assert_close(gradient("dr_grpo"), -TRUE_GRADIENT)


def test_leaving_one_out_lengthens_the_gradient_by_n_over_n_minus_1():
    torch.testing.assert_close(gradient("rloo"), -TRUE_GRADIENT * 8 / 7)


def test_a_division_by_the_deviation_lengthens_it_only():
    returns = REWARD[ARMS]
    torch.testing.assert_close(gradient("dapo"), -TRUE_GRADIENT / (returns.std() + EPSILON))
    for baseline in ("batch", "group"):  # with one group the batch is the group
        found = gradient("reinforce++", baseline=baseline)
        torch.testing.assert_close(found, -TRUE_GRADIENT / (returns.std() + EPSILON))


def test_only_right_answers_raise_success_as_the_expected_reward_does():
    # E[1(right) * score]: the baseline of the expected reward vanishes in expectation.
    torch.testing.assert_close(gradient("psr"), -TRUE_GRADIENT)


def test_only_wrong_answers_have_the_same_expected_gradient_and_spread_what_they_lose():
    torch.testing.assert_close(gradient("nsr"), -TRUE_GRADIENT)
    rise = -gradient("nsr", arms=torch.tensor([0]))  # one wrong sample
    torch.testing.assert_close(rise[1:] / rise[1:].sum(), POLICY[1:] / POLICY[1:].sum())
    assert rise[0] < 0


def test_weighted_signs_are_the_sum_of_their_parts():
    for weight in (0.0, 0.1, 1.0):
        expected = weight * gradient("psr") + gradient("nsr")
        torch.testing.assert_close(gradient("w_reinforce", positive_weight=weight), expected)
    torch.testing.assert_close(gradient("w_reinforce", positive_weight=1.0), -2.0 * TRUE_GRADIENT)


def test_selection_imitates_the_best():
    reward = torch.tensor([0.1, 0.2, 0.9, 0.3], dtype=torch.float64)
    for name, settings in (("raft", {}), ("raft", {"ranking": "batch"}), ("superhf", {"kl_coefficient": 0.0})):
        torch.testing.assert_close(gradient(name, pays=reward, **settings), -score(2))
    two = gradient("raft", pays=reward, keep=2)
    torch.testing.assert_close(two, -(score(2) + score(3)) / 2)


def test_the_penalty_of_superhf_is_on_the_kept_answer():
    reward, reference = torch.tensor([0.1, 0.2, 0.9, 0.3], dtype=torch.float64), torch.full((4,), 0.25).double()
    found = gradient("superhf", pays=reward, reference=reference, kl_coefficient=0.5)
    slope = 1.0 - 0.25 / POLICY[2]  # of k3 = e^d - d - 1, d = log ref - log pi
    torch.testing.assert_close(found, -score(2) + 0.5 * slope * score(2))


def test_oreal_imitates_one_right_and_pushes_one_wrong_away():
    found = gradient("oreal", kl_coefficient=0.0)
    right, wrong = 5 / 7, -3 / 7  # three of eight are right: 1 - 2/7 and 0 - 3/7
    torch.testing.assert_close(found, -right * score(1) - 0.5 * wrong * score(0))


def test_oreal_leaves_out_prompts_that_agree():
    answers = Answers.of([1.0, 0.9, 0.0, 0.2], [0, 0, 1, 1])
    assert not make_objective("oreal").answer_advantage(answers).any()


def test_preferences_push_in_proportion_to_the_surprise():
    policy, reference = torch.tensor([0.2, 0.8]).double(), torch.tensor([0.5, 0.5]).double()
    reward = torch.tensor([1.0, 0.0]).double()
    arms = torch.tensor([0, 1])
    margin = 0.7 * (math.log(0.2 / 0.5) - math.log(0.8 / 0.5))
    surprise = 1.0 / (1.0 + math.exp(margin))
    expected = -0.7 * surprise * torch.tensor([1.0, -1.0]).double()
    arguments = {"arms": arms, "pays": reward, "policy": policy, "reference": reference}
    for choice in ("extremes", "all"):
        torch.testing.assert_close(gradient("dpo", beta=0.7, pairs=choice, **arguments), expected)
    torch.testing.assert_close(gradient("crew_dpo", beta=0.7, **arguments), expected)
    torch.testing.assert_close(gradient("mm_dpo", beta=0.7, growth=0.0, **arguments), expected)
    strong = gradient("mm_dpo", beta=0.7, growth=1.0, rate=math.log(2.0), **arguments)  # the factor is 3/2
    other = gradient("dpo", beta=0.7 * 1.5, **arguments)
    torch.testing.assert_close(strong, other)


def test_preferences_rest_at_the_likelihood_of_a_logistic_model():
    """With labels in proportion to sigmoid(r), the mean gradient is 0 where beta times the log-ratio is r."""
    policy = torch.tensor([0.75, 0.25]).double()  # log-ratio log 3 to a uniform reference
    reference = torch.tensor([0.5, 0.5]).double()
    arguments = {"arms": torch.tensor([0, 1]), "policy": policy, "reference": reference, "beta": 1.0}
    wins = gradient("dpo", pays=torch.tensor([1.0, 0.0]).double(), **arguments)
    losses = gradient("dpo", pays=torch.tensor([0.0, 1.0]).double(), **arguments)
    torch.testing.assert_close(0.75 * wins + 0.25 * losses, torch.zeros(2).double())


def test_reward_differences_in_closed_form():
    policy, reference = torch.tensor([0.2, 0.8]).double(), torch.tensor([0.5, 0.5]).double()
    reward, arms = torch.tensor([1.0, 0.0]).double(), torch.tensor([0, 1])
    error = 0.7 * math.log(0.2 / 0.8) - 1.0
    found = gradient("prdp", beta=0.7, arms=arms, pays=reward, policy=policy, reference=reference)
    torch.testing.assert_close(found, 2.0 * error * 0.7 * torch.tensor([1.0, -1.0]).double())


def test_what_has_moved_far_enough_is_not_pulled_further():
    """The policy moved by more than ``clip`` towards the target: the clipped error is the larger, and constant."""
    policy, old = torch.tensor([0.7, 0.3]).double(), torch.tensor([0.5, 0.5]).double()
    arguments = {"arms": torch.tensor([0, 1]), "pays": torch.tensor([9.0, 0.0]).double(), "policy": policy}
    kept = gradient("prdp", beta=1.0, clip=0.1, reference=old, old=old, **arguments)
    torch.testing.assert_close(kept, torch.zeros(2).double())
    back = gradient("prdp", beta=1.0, clip=0.1, reference=old, old=old, **{**arguments, "pays": -arguments["pays"]})
    assert back[0] > 0  # a mistake is corrected in full


@pytest.mark.parametrize("target", ["return", "exponential", "reference"])
def test_the_target_of_the_balance_is_its_rest(target):
    reference = torch.tensor([0.4, 0.3, 0.2, 0.1]).double()
    reward = torch.tensor([1.0, 2.0, 3.0, 4.0]).double()
    settings, weights = {
        "return": ({}, reward),
        "exponential": ({"reward": "exponential", "temperature": 2.0}, (reward / 2.0).exp()),
        "reference": (
            {"reward": "exponential", "temperature": 0.5, "reference_weight": 1.0},
            reference * (reward / 0.5).exp(),
        ),
    }[target]
    arms = torch.arange(4)
    arguments = {"arms": arms, "pays": reward, "reference": reference, **settings}
    rest = gradient("trajectory_balance", policy=weights / weights.sum(), **arguments)
    torch.testing.assert_close(rest, torch.zeros(4).double(), atol=1e-12, rtol=0.0)
    if target == "reference":
        rest = gradient("prdp", beta=0.5, arms=arms, pays=reward, reference=reference, policy=weights / weights.sum())
        torch.testing.assert_close(rest, torch.zeros(4).double(), atol=1e-12, rtol=0.0)
    elsewhere = gradient("trajectory_balance", policy=POLICY, **arguments)
    assert elsewhere.abs().max() > 1e-3


def test_the_balance_is_twice_the_policy_gradient_with_entropy():
    """On its own answers, of J = E[r] + H(pi): twice pi (q - E[q]) with q = r - log pi."""
    value = REWARD - POLICY.log()
    expected = -2.0 * POLICY * (value - POLICY @ value)
    torch.testing.assert_close(gradient("trajectory_balance", reward="exponential"), expected)


@pytest.mark.parametrize("seed", range(3))
def test_differences_of_a_whole_group_are_its_variance(seed):
    """The mean square over all pairs is 2 n / (n - 1) times the variance that the balance minimises."""
    generator = torch.Generator().manual_seed(seed)
    policy, reference = torch.softmax(torch.randn(2, 4, generator=generator, dtype=torch.float64), 1)
    reward = torch.randn(4, generator=generator, dtype=torch.float64)
    arguments = {"policy": policy, "reference": reference, "pays": reward}
    pairs = gradient("prdp", beta=0.3, **arguments)
    settings = {"temperature": 0.3, "reference_weight": 1.0}
    balance = _balance(policy, reference, reward, settings)
    torch.testing.assert_close(pairs, 0.3**2 * 2.0 * 8 / 7 * balance)


def _balance(policy, reference, reward, settings):
    logits = policy.log().clone().requires_grad_()
    logp = torch.log_softmax(logits, 0)[ARMS][:, None]
    objective = make_objective("trajectory_balance", reward="exponential", **settings)
    mask, answers = torch.ones(8, 1, dtype=torch.bool), Answers.of(reward[ARMS].tolist(), [0] * 8)
    columns = (logp, logp.detach(), reference.log()[ARMS][:, None], logp.detach(), mask)
    objective.group_loss(*columns, TOTALS, answers)[0].backward()
    return logits.grad


def test_leaving_one_out_of_two_is_the_difference():
    answers = Answers.of([3.0, 1.0, 0.0, 5.0], [0, 0, 1, 1])
    assert make_objective("rloo").answer_advantage(answers).tolist() == [2.0, -2.0, -5.0, 5.0]
    # ... and twice what Dr. GRPO makes of them.
    centred = make_objective("dr_grpo").answer_advantage(answers)
    torch.testing.assert_close(make_objective("rloo").answer_advantage(answers), 2.0 * centred)

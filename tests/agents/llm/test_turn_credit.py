from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.agents.llm.advantage import EPSILON, token_advantage
from rewardium.agents.llm.turn_credit import TurnTable, discounted_returns, mixed, to_tokens, turn_advantage

ONE = torch.zeros(2, dtype=torch.int64)  # two episodes of one group
SCALES = st.sampled_from(["std", "none"])


def table(rewards, turns, scored=None):
    turns = torch.tensor(turns)
    return TurnTable.of(torch.tensor(rewards), turns, turns >= 0 if scored is None else torch.tensor(scored))


def advantage(rows, counts=None, group=None, scale="none", discount=1.0, scored=None):
    """The advantages of the turns of some episodes, whose rewards are given."""
    rewards = torch.tensor(rows)
    counts = [rewards.shape[1]] * len(rewards) if counts is None else counts
    exists = torch.arange(rewards.shape[1]) < torch.tensor(counts)[:, None]
    found = TurnTable(rewards.double(), exists, exists if scored is None else exists & torch.tensor(scored))
    group = torch.zeros(len(rewards), dtype=torch.int64) if group is None else torch.tensor(group)
    return turn_advantage(found.returns(discount), found.known, group, scale=scale)


def test_turns_are_found_by_their_numbers():
    rewards = [[0.25, -0.5, 0.0, 0.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    turns = [[0, 0, -1, 1, -1, 2, 2], [0, 0, -1, -1, -1, -1, -1]]
    found = table(rewards, turns)
    assert found.rewards.tolist() == [[-0.25, 0.0, 2.0], [1.0, 0.0, 0.0]]
    assert found.exists.tolist() == [[True, True, True], [True, False, False]]  # the second is a turn, and paid 0
    assert torch.equal(found.known, found.exists)


def test_discounted_returns_in_closed_form():
    rewards = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]])
    assert discounted_returns(rewards, 1.0).tolist() == [[7.0, 6.0, 4.0], [1.0, 1.0, 1.0]]
    assert discounted_returns(rewards, 0.5).tolist() == [[3.0, 4.0, 4.0], [0.25, 0.5, 1.0]]
    assert discounted_returns(rewards, 0.0).tolist() == rewards.tolist()


def test_a_reward_that_could_not_be_had_is_not_zero():
    turns = [[0, 1, 2]] * 3
    scored = [[True, True, False], [False, True, True], [False, False, False]]
    found = table([[1.0, 1.0, 0.0], [0.0, 2.0, 4.0], [0.0, 0.0, 0.0]], turns, scored)
    assert found.known.tolist() == [[True, True, False], [True, True, True], [False, False, False]]
    credit = turn_advantage(found.returns(1.0), found.known, torch.zeros(3, dtype=torch.int64), scale="none")
    # Turns 0 and 1 compare the first two episodes only; turn 2 is known of one, and keeps the baseline of turn 1.
    assert credit.tolist() == [[-2.0, -2.5, 0.0], [2.0, 2.5, 0.5], [0.0, 0.0, 0.0]]


def test_each_turn_is_compared_with_the_same_turn_of_its_group():
    found = advantage([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [5.0, 7.0]], group=[4, 4, 2, 2])
    # Both episodes of the first group are worth 1, but their turns are not worth the same.
    assert found.tolist() == [[0.0, -0.5], [0.0, 0.5], [-1.0, -1.0], [1.0, 1.0]]


def test_one_divisor_for_all_turns_of_a_group():
    plain = advantage([[1.0, 0.0], [0.0, 4.0]])  # returns 1, 0 and 4, 4
    scaled = advantage([[1.0, 0.0], [0.0, 4.0]], scale="std")
    assert plain.tolist() == [[-1.5, -2.0], [1.5, 2.0]]
    torch.testing.assert_close(scaled, plain / (((2 * 1.5**2 + 2 * 2.0**2) / 2) ** 0.5 + EPSILON))


def test_episodes_of_unequal_length():
    rows = [[1.0, 1.0, 1.0], [1.0, 3.0, 0.0], [2.0, 0.0, 0.0]]
    found = advantage(rows, counts=[3, 2, 1])
    # Turn 0: 3, 4, 2 around 3. Turn 1: 2, 3 around 2.5. Turn 2 is the first's alone, and keeps 2.5.
    torch.testing.assert_close(
        found, torch.tensor([[0.0, -0.5, -1.5], [1.0, 0.5, 0.0], [-1.0, 0.0, 0.0]], dtype=torch.float64)
    )
    scaled = advantage(rows, counts=[3, 2, 1], scale="std")
    freedom = 2 + 1 + 1  # the lonely turn took no mean from its own number
    torch.testing.assert_close(scaled, found / (((2.0 + 0.5 + 2.25) / freedom) ** 0.5 + EPSILON))
    # Where the others do not differ at all, a lonely turn is still no outlier: its distance is in the divisor.
    lonely = advantage([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]], counts=[2, 1, 1], scale="std")
    assert lonely[:, 0].tolist() == [0.0] * 3
    assert float(lonely[0, 1]) == pytest.approx(-0.5 / ((0.25 / 3) ** 0.5 + EPSILON))


def test_a_lonely_episode_teaches_nothing():
    assert not advantage([[1.0, 2.0], [0.0, 1.0]], group=[0, 1]).any()
    assert not advantage([[1.0, 2.0], [0.0, 1.0]], scored=[[True, True], [False, False]], scale="std").any()


def test_rounding_is_no_difference():
    rows = [[0.1, 0.2, 1.0], [0.3, 0.0, 1.0 + 1e-9]]
    for scale in ("std", "none"):
        assert advantage(rows, scale=scale)[:, [0, 2]].abs().max() == 0.0


def test_tokens_outside_of_turns_get_nothing():
    turns = torch.tensor([[0, -1, -1, 1, 1], [0, 0, -1, -1, -1]])
    found = to_tokens(torch.tensor([[1.0, 2.0], [3.0, 9.0]]), turns)
    assert found.tolist() == [[1.0, 0.0, 0.0, 2.0, 2.0], [3.0, 3.0, 0.0, 0.0, 0.0]]


def test_mixing_with_the_episode():
    turn, episode = torch.tensor([0.1, -3.0]), torch.tensor([0.1, 5.0])
    assert mixed(turn, episode, 0.0).tolist() == turn.tolist()
    assert mixed(turn, episode, 1.0).tolist() == episode.tolist()
    assert float(mixed(turn, episode, 0.25)[1]) == -1.0
    assert float(mixed(turn, episode, 0.3)[0]) == float(turn[0])  # to the bit where they are equal


@st.composite
def conversations(draw, turns=None, terminal_only=False):
    """Rewards, numbers of turns, the sampled tokens, groups and validity of some episodes, tokens between the turns."""
    rows = draw(st.integers(1, 8))
    counts = draw(st.lists(st.integers(1, turns or 4), min_size=rows, max_size=rows))
    width = 4 * 3
    numbers = torch.full((rows, width), -1)
    rewards = torch.zeros(rows, width)
    for row, count in enumerate(counts):
        place = 0
        for turn in range(count):
            length = draw(st.integers(1, 2))
            numbers[row, place : place + length] = turn
            for token in range(place, place + length):
                if not terminal_only or (turn == count - 1 and token == place + length - 1):
                    rewards[row, token] = draw(st.sampled_from([-1.0, 0.0, 0.0, 0.1, 0.3, 1.0]))
            place += length + draw(st.integers(0, 1))
    group = torch.tensor(draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)))
    valid = torch.tensor(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    return rewards, numbers, group, valid


def credited(rewards, numbers, group, valid, scale, discount):
    found = TurnTable.of(rewards, numbers, (numbers >= 0) & valid[:, None])
    return to_tokens(turn_advantage(found.returns(discount), found.known, group, scale=scale), numbers).float()


@settings(deadline=None)
@given(conversations(turns=1), SCALES, st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_with_one_turn_it_is_the_credit_of_the_episode(conversation, scale, discount):
    rewards, numbers, group, valid = conversation
    episode = token_advantage(rewards, numbers >= 0, group, valid, scale=scale)
    assert torch.equal(credited(*conversation, scale, discount), episode)


@settings(deadline=None)
@given(conversations(terminal_only=True))
def test_one_reward_at_the_end_undiscounted_is_the_outcome_at_every_turn(conversation):
    rewards, numbers, _, _ = conversation
    found = TurnTable.of(rewards, numbers, numbers >= 0)
    outcome = rewards.double().sum(1, keepdim=True).expand_as(found.rewards)
    assert torch.equal(found.returns(1.0)[found.exists], outcome[found.exists])


@settings(deadline=None)
@given(conversations(), st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_every_reward_counts_once(conversation, discount):
    rewards, numbers, _, _ = conversation
    found = TurnTable.of(rewards, numbers, numbers >= 0)
    returns = found.returns(discount)
    following = torch.nn.functional.pad(returns, (0, 1))[:, 1:]
    torch.testing.assert_close(returns - discount * following, found.rewards)
    torch.testing.assert_close(found.rewards.sum(1), rewards.double().sum(1))


@settings(deadline=None)
@given(conversations(), SCALES, st.sampled_from([0.5, 1.0]), st.randoms())
def test_the_order_of_the_episodes_does_not_matter(conversation, scale, discount, random):
    order = list(range(len(conversation[0])))
    random.shuffle(order)
    found = credited(*conversation, scale, discount)
    shuffled = credited(*(column[order] for column in conversation), scale, discount)
    torch.testing.assert_close(shuffled, found[order])
    _, numbers, _, valid = conversation
    assert torch.isfinite(found).all()
    assert not found[~valid].any()
    assert not found[numbers < 0].any()


@settings(deadline=None)
@given(conversations(), st.sampled_from([0.5, 1.0]))
def test_shared_turns_add_up_to_nothing(conversation, discount):
    rewards, numbers, group, valid = conversation
    found = TurnTable.of(rewards, numbers, (numbers >= 0) & valid[:, None])
    credit = turn_advantage(found.returns(discount), found.known, group, scale="none")
    for member in group.unique():
        own = group == member
        for turn in range(credit.shape[1]):
            if found.known[own, turn].sum() > 1:
                assert abs(float(credit[own, turn].sum())) < 1e-9


@settings(deadline=None)
@given(conversations(), st.integers(0, 3))
def test_a_turn_that_paid_nothing_is_still_a_turn(conversation, silent):
    """Taking a turn's reward away moves its own return and those before it, and the turn stays where it was."""
    rewards, numbers, _, _ = conversation
    before = TurnTable.of(rewards, numbers, numbers >= 0)
    after = TurnTable.of(torch.where(numbers == silent, 0.0, rewards), numbers, numbers >= 0)
    assert torch.equal(after.exists, before.exists)
    assert torch.equal(after.returns(0.9)[:, silent + 1 :], before.returns(0.9)[:, silent + 1 :])
    if silent < after.rewards.shape[1]:
        assert not after.rewards[:, silent].any()

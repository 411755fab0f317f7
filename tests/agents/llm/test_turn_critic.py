from __future__ import annotations

import copy
import math
from dataclasses import fields, replace

import pytest
import torch

from rewardium.agents.llm.turn_critic import (
    TurnCritic,
    TurnCriticSettings,
    TurnHeads,
    action_value_target,
    explained_variance,
    move_towards,
    turn_advantages,
)
from rewardium.agents.llm.turn_features import Turns
from rewardium.envs.errors import RewardiumError

CPU = torch.device("cpu")
# Two turns: the first answer decides between two places, and pays nothing; the second pays there. Features are one-hot.
START, GOOD_PLACE, BAD_PLACE = torch.eye(3)
GOOD, BAD, ON = torch.eye(3)


def episodes(good, bad, *, discount=0.9, scored=None):
    """``good`` episodes that earn 1 with their second turn, and ``bad`` ones that do not."""
    rows = [((START, GOOD, 0.0, False), (GOOD_PLACE, ON, 1.0, True))] * good
    rows += [((START, BAD, 0.0, False), (BAD_PLACE, ON, 0.0, True))] * bad
    observation, answer, reward, last = zip(*[turn for row in rows for turn in row], strict=True)
    rewards, last = torch.tensor(reward), torch.tensor(last)
    returns = rewards.clone()
    returns[::2] = discount * rewards[1::2]
    known = torch.ones(len(last), dtype=torch.bool)
    return Turns(torch.stack(observation), torch.stack(answer), rewards, known, last, returns, known)


def critic(**changes):
    settings = {"hidden_size": 32, "steps": 120, "batch_size": 64, "learning_rate": 3e-3, **changes}
    return TurnCritic(3, TurnCriticSettings(**settings), discount=0.9, seed=0, device=CPU)


def values(found, turns):
    turns = found._standardised(turns)
    with torch.no_grad():
        return found.heads.action_values(turns.observation, turns.answer), found.heads.values(turns.observation)


def test_values_and_advantages_in_closed_form():
    found, turns = critic(), episodes(8, 8)
    for update in range(4):
        metrics = found.learn(turns, (0, update))
    q, v = values(found, turns)
    good, bad = slice(0, 2), slice(16, 18)
    for head in range(2):
        assert q[head, good].tolist() == pytest.approx([0.9, 1.0], abs=0.05)
        assert q[head, bad].tolist() == pytest.approx([0.0, 0.0], abs=0.05)
        assert v[head, good].tolist() == pytest.approx([0.45, 1.0], abs=0.05)
        assert v[head, bad].tolist() == pytest.approx([0.45, 0.0], abs=0.05)
    # All of the credit goes to the turn that decided, though it was paid nothing.
    advantage = found.advantages(turns)
    assert advantage[good].tolist() == pytest.approx([0.45, 0.0], abs=0.07)
    assert advantage[bad].tolist() == pytest.approx([-0.45, 0.0], abs=0.07)
    # V of the start cannot say which answer will come: half of the turns leave 0.45^2 to each of two heads.
    assert metrics["critic/loss"] == pytest.approx(0.45**2, abs=0.03)
    assert metrics["critic/value"] == pytest.approx((0.45 + 0.5) / 2, abs=0.05)
    # Of the returns 0.9, 1, 0, 0 a perfect V misses what the first answer decides.
    perfect = explained_variance(torch.tensor([0.45, 1.0, 0.45, 0.0]), torch.tensor([0.9, 1.0, 0.0, 0.0]))
    assert metrics["critic/explained_variance"] == pytest.approx(perfect, abs=0.1)


def test_a_reward_that_could_not_be_had_teaches_no_zero():
    turns = episodes(8, 8)
    lost = torch.zeros(len(turns), dtype=torch.bool)
    lost[1:8:2] = True  # half of the good episodes' second turns: an outage, paid 0
    found = critic()
    holes = replace(turns, reward=torch.where(lost, 0.0, turns.reward), scored=~lost)
    for update in range(4):
        found.learn(holes, (0, update))
    q, _ = values(found, turns)
    assert q[:, 1].tolist() == pytest.approx([1.0, 1.0], abs=0.05)


@pytest.mark.parametrize(("replay_turns", "worth"), [(1000, 0.9 * 24 / 96), (32, 0.0)])
def test_v_is_the_mean_over_the_answers_of_the_replay(replay_turns, worth):
    found = critic(replay_turns=replay_turns)
    for update in range(6):
        found.learn(episodes(8, 8) if update < 3 else episodes(0, 16), (0, update))  # the policy begins to err
    q, v = values(found, episodes(1, 1))
    assert v[:, 0].tolist() == pytest.approx([worth] * 2, abs=0.05)
    assert q[:, 2].tolist() == pytest.approx([0.0, 0.0], abs=0.05)
    if replay_turns == 1000:  # what the policy no longer does is not forgotten
        assert q[:, 0].tolist() == pytest.approx([0.9, 0.9], abs=0.05)


def test_nothing_scored_moves_nothing():
    found = critic()
    before = copy.deepcopy(found.heads.state_dict())
    none = torch.zeros(4, dtype=torch.bool)
    metrics = found.learn(replace(episodes(1, 1), scored=none, known=none), (0, 1))
    assert math.isnan(metrics["critic/loss"])
    assert math.isnan(metrics["critic/explained_variance"])
    for name, tensor in found.heads.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_replay_drops_whole_updates():
    found = critic(replay_turns=20, steps=1)
    for size in (3, 4, 2, 16):
        found.learn(episodes(size, 0), (0, size))
    assert [len(turns) for turns in found.replay] == [32]  # the newest stays, however large
    found.learn(episodes(1, 1), (0, 9))
    assert [len(turns) for turns in found.replay] == [4]


@pytest.mark.parametrize("steps", [1, 7])
def test_a_restored_critic_goes_on_as_the_one_that_was_saved(steps):
    found, other = critic(steps=steps), critic(steps=steps)
    found.learn(episodes(3, 5), (0, 1))
    other.load_tensors({name: tensor.clone() for name, tensor in found.tensors().items()})
    assert found.learn(episodes(4, 4), (0, 2)) == other.learn(episodes(4, 4), (0, 2))
    ours, theirs = found.tensors(), other.tensors()
    assert ours.keys() == theirs.keys()
    assert {name.split("/")[0] for name in ours} == {"heads", "target", "optimizer", "replay", "moments"}
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_the_order_of_the_turns_does_not_matter_to_their_advantages():
    found, turns = critic(steps=5), episodes(2, 3)
    found.learn(turns, (0, 1))
    order = torch.tensor([4, 0, 9, 1, 8, 2, 3, 7, 6, 5])
    shuffled = Turns(*(getattr(turns, field.name)[order] for field in fields(turns)))
    torch.testing.assert_close(found.advantages(shuffled), found.advantages(turns)[order])
    assert len(set(found.advantages(turns).tolist())) > 2


def test_another_critics_state_is_refused():
    with pytest.raises(RewardiumError, match="another shape"):
        critic().load_tensors(critic(hidden_size=8).tensors())


def test_seeds_fix_the_weights_and_leave_the_global_generator():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = critic(), critic()
    assert torch.rand(1) == expected
    for name, tensor in first.tensors().items():
        assert torch.equal(tensor, second.tensors()[name])


def test_targets_and_advantages_by_hand():
    reward, last = torch.tensor([1.0, 2.0]), torch.tensor([False, True])
    ahead = torch.tensor([[10.0, float("nan")], [20.0, float("nan")]])  # what comes after the end is not read
    assert action_value_target(reward, last, ahead, 0.9).tolist() == [[10.0, 2.0], [19.0, 2.0]]
    q, v = torch.tensor([[3.0, 1.0], [2.0, 5.0]]), torch.tensor([[1.0, 4.0], [0.5, 9.0]])
    assert turn_advantages(q, v).tolist() == [1.5, -3.0]


def test_targets_move_by_their_rate():
    source, target = TurnHeads(2, 4), TurnHeads(2, 4)
    old = copy.deepcopy(target.state_dict())
    move_towards(target, source, 0.1)
    for name, tensor in target.state_dict().items():
        torch.testing.assert_close(tensor, 0.9 * old[name] + 0.1 * source.state_dict()[name])


def test_explained_variance_by_hand():
    actual = torch.tensor([0.0, 1.0, 2.0])
    assert explained_variance(actual + 7.0, actual) == 1.0
    assert explained_variance(torch.zeros(3), actual) == 0.0
    assert explained_variance(-actual, actual) == -3.0
    assert math.isnan(explained_variance(actual, torch.ones(3)))
    assert math.isnan(explained_variance(actual[:0], actual[:0]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step": 3}, "did you mean 'steps'"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"target_rate": 0.0}, "target_rate"),
        ({"warmup_updates": -1}, "warmup_updates"),
        ({"learning_rate": float("nan")}, "learning_rate"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(RewardiumError, match=message):
        TurnCriticSettings.of(settings)

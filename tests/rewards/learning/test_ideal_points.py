"""PAL: two groups of users, who need two points, and new users from a few pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.ideal_points import IdealPoints, IdealPointSettings, UserPairs
from rewardium.rewards.learning.losses.smooth_hinge import smooth_hinge

POINTS = np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])


def pairs_of(seed, groups, each):
    """Users of group 0 like what is near the first point, those of group 1 what is near the second."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(len(groups)), each)
    first, second = rng.normal(size=(2, len(user), 3))
    ideal = POINTS[np.array(groups)[user]]
    nearer = np.linalg.norm(first - ideal, axis=1) < np.linalg.norm(second - ideal, axis=1)
    return UserPairs(first, second, user, nearer.astype(float))


@pytest.fixture(scope="module")
def fitted():
    model = IdealPoints(3, 8, IdealPointSettings(dimensions=3, width=0))
    model.fit(pairs_of(0, [0, 1] * 4, 40))
    return model


def test_two_tastes_need_two_points(fitted):
    held_out = pairs_of(1, [0, 1] * 4, 40)
    one = IdealPoints(3, 8, IdealPointSettings(prototypes=1, dimensions=3, width=0))
    one.fit(pairs_of(0, [0, 1] * 4, 40))
    assert one.accuracy(held_out) < 0.7
    assert fitted.accuracy(held_out) > 0.85
    mixtures = fitted.mixtures()
    np.testing.assert_allclose(mixtures.sum(1), 1.0, atol=1e-6)
    assert len(set(mixtures[::2].argmax(1))) == 1  # users of one group mix alike, of two groups unlike
    assert len(set(mixtures[:2].argmax(1))) == 2


def test_a_new_user_is_found_from_few_pairs(fitted):
    before = [parameter.detach().clone() for parameter in (fitted.network.points, *fitted.network.items.parameters())]
    (number,) = fitted.add_users(pairs_of(5, [1], 10))
    assert number == 8
    test = pairs_of(6, [1], 100)
    better, worse = (np.where(test.preference[:, None] == side, test.first, test.second) for side in (1.0, 0.0))
    assert (fitted.rewards(better, number) > fitted.rewards(worse, number)).mean() > 0.85
    for old, new in zip(before, (fitted.network.points, *fitted.network.items.parameters()), strict=True):
        assert torch.equal(old, new)
    assert fitted.rewards(POINTS, 1).argmax() == 1
    assert fitted.rewards(POINTS, 0).argmax() == 0


def test_the_ideal_point_and_the_distance_by_hand():
    model = IdealPoints(2, 1, IdealPointSettings(dimensions=2, width=0))
    with torch.no_grad():
        model.network.items[0].weight.copy_(torch.eye(2))
        model.network.items[0].bias.zero_()
        model.network.points.copy_(torch.tensor([[4.0, 0.0], [0.0, 4.0]]))
        model.network.tastes.copy_(torch.tensor([[math.log(3.0), 0.0]]))
    np.testing.assert_allclose(model.mixtures(), [[0.75, 0.25]], atol=1e-6)
    np.testing.assert_allclose(model.rewards(np.array([[3.0, 1.0], [0.0, 5.0]]), 0), [0.0, -5.0], atol=1e-5)
    pairs = UserPairs(np.array([[3.0, 1.0]]), np.array([[0.0, 5.0]]), np.array([0]), np.array([0.0]))
    assert model.accuracy(pairs) == 0.0


def test_the_hinge_by_hand():
    found = smooth_hinge(torch.tensor([2.0, 1.0, 0.0, -4.0, -6.0]), 5.0)
    assert found.tolist() == pytest.approx([0.0, 0.0, 0.1, 2.5, 4.5])


def test_it_comes_back_from_its_folder(fitted, tmp_path):
    fitted.save(tmp_path)
    again = IdealPoints.load(tmp_path)
    assert again.users == fitted.users
    np.testing.assert_allclose(again.rewards(POINTS, 1), fitted.rewards(POINTS, 1))


def test_the_logistic_loss_learns_too():
    model = IdealPoints(3, 2, IdealPointSettings(dimensions=3, loss="logistic", width=8, steps=150))
    assert model.fit(pairs_of(0, [0, 1], 60)) < 0.5
    assert model.accuracy(pairs_of(2, [0, 1], 60)) > 0.75


def test_columns_and_settings_that_do_not_fit():
    good = pairs_of(0, [0], 4)
    with pytest.raises(RewardiumError, match="pairs need"):
        UserPairs(good.first, good.second[:2], good.user, good.preference)
    with pytest.raises(RewardiumError, match="4 features"):
        IdealPoints(4, 1).fit(good)
    with pytest.raises(RewardiumError, match="users up to"):
        IdealPoints(3, 1).fit(pairs_of(0, [0, 1], 4))
    for change in ({"prototypes": 0}, {"loss": "other"}, {"gamma": 0.0}):
        with pytest.raises(RewardiumError, match=next(iter(change))):
            IdealPointSettings(**change)

"""The asynchronous way: nothing is known at first, and afterwards the same is paid as at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import ClassVar

import pytest
from gymnasium.vector import AutoresetMode

from rewardium import rewards
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards import registry
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from tests.shapes import ways
from tests.shapes.sources import registered_test_sources

NUM_ENVS, EPISODES = 3, 4
SLOW = {
    "single-turn text": "test_action_size(smallest=0.6)",
    "multi-turn text": "test_keyword(word='lower')",
    "discrete with messages": "test_keyword(word='key')",
    "continuous with frames": "test_brightness(dark=0.0455)",
}


@dataclass(frozen=True)
class Held(RewardSource):
    """A source that says nothing until it is let go."""

    source: RewardSource
    may_go: ClassVar[threading.Event] = threading.Event()

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return self.source.needs

    def score(self, batch: TransitionBatch) -> Score:
        self.may_go.wait(30)
        return self.source.score(batch)


@pytest.fixture(autouse=True)
def _sources():
    Held.may_go.clear()
    with registered_test_sources():
        registry.register("test_held")(Held)
        yield
        registry._REWARDS.entries.pop("test_held")


@pytest.mark.parametrize("name", list(ways.SHAPES))
@pytest.mark.parametrize("around", ["{}", "clip_delta({}, eta=0.2)"])
def test_unknown_is_invalid_and_known_is_equal(name, around):
    shape = ways.SHAPES[name]
    slow = f"asynchronous(test_held({SLOW[name]}))"
    reward = rewards.parse(f"0.5 * extrinsic + {around.format(slow)}")
    source = list(reward.sources())[-1]
    before = ways.vector(shape, reward, NUM_ENVS, EPISODES, AutoresetMode.SAME_STEP)
    for paid in before.values():
        assert paid.terms["asynchronous"] == (0.0, 0.0, 1.0, False)
        assert paid.valid
        assert paid.reward == pytest.approx(0.5 * paid.extrinsic)

    Held.may_go.set()
    source.drain()
    at_once = ways.scalar(shape, rewards.parse(f"0.5 * extrinsic + {around.format(SLOW[name])}"), NUM_ENVS, EPISODES)
    # A row that the slow source itself cannot score stays unknown, and is asked for again.
    for after in (
        ways.scalar(shape, reward, NUM_ENVS, EPISODES),
        ways.vector(shape, reward, NUM_ENVS, EPISODES, AutoresetMode.NEXT_STEP),
        ways.deferred(shape, reward, NUM_ENVS, EPISODES, AutoresetMode.DISABLED, every=5),
    ):
        assert {key: paid.reward for key, paid in after.items()} == {key: paid.reward for key, paid in at_once.items()}
        assert [list(paid.terms.values()) for paid in after.values()] == [
            list(at_once[key].terms.values()) for key in after
        ]
    source.close()


@pytest.mark.parametrize("name", list(ways.SHAPES))
def test_alone_it_pays_nothing_until_it_knows(name):
    reward = rewards.parse(f"asynchronous(test_held({SLOW[name]}))")
    before = ways.deferred(ways.SHAPES[name], reward, NUM_ENVS, EPISODES, AutoresetMode.SAME_STEP, every=7)
    assert {(paid.reward, paid.valid) for paid in before.values()} == {(0.0, False)}
    Held.may_go.set()
    reward.drain()
    after = ways.deferred(ways.SHAPES[name], reward, NUM_ENVS, EPISODES, AutoresetMode.SAME_STEP, every=7)
    plain = ways.scalar(ways.SHAPES[name], rewards.parse(SLOW[name]), NUM_ENVS, EPISODES)
    assert {key: (paid.reward, paid.valid) for key, paid in after.items()} == {
        key: (paid.reward, paid.valid) for key, paid in plain.items()
    }
    assert any(paid.valid for paid in after.values())
    reward.close()

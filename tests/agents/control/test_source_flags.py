from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from rewardium.agents.control.source_flags import check_frames, filled, require_clips, require_judges
from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardSource, Score, make
from rewardium.rewards.reward import Sum, Weighted


@dataclass(frozen=True)
class Asks(RewardSource):
    registered_name = "asks"
    needs = frozenset({"text"})
    judge: str = ""
    cache: str | None = None
    weight_of_it: float = 1.0
    _worker: object = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "_worker", object())

    def score(self, batch):
        return Score.of([None] * len(batch))


@dataclass(frozen=True)
class Holds(RewardSource):
    registered_name = "holds"
    needs = frozenset({"text"})
    source: RewardSource
    others: tuple[RewardSource, ...] = ()

    def score(self, batch):
        return self.source.score(batch)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (Asks(), Asks("j", "c")),
        (Asks("own"), Asks("own", "c")),
        (Asks("own", "own"), Asks("own", "own")),
        (0.4 * make("once", Asks()), 0.4 * make("once", Asks("j", "c"))),
        (make("extrinsic") + Asks() - Asks("own"), make("extrinsic") + Asks("j", "c") - Asks("own", "c")),
        (
            Holds(Asks(), (Asks("own"), make("repetition"))),
            Holds(Asks("j", "c"), (Asks("own", "c"), make("repetition"))),
        ),
    ],
    ids=str,
)
def test_empty_fields_are_filled_anywhere_in_the_tree(reward, expected):
    assert filled(reward, judge="j", cache="c") == expected


def test_what_is_not_filled_is_the_same_object():
    format_, asks = make("format"), Asks()
    total = filled(Sum((Weighted(0.5, format_), asks)), judge="j")
    assert isinstance(total, Sum)
    assert total.rewards[0].reward is format_
    assert filled(total, judge="other") is total
    assert filled(asks) is asks
    assert filled(asks, judge=None, cache=None) is asks


@pytest.mark.parametrize("name", ["judge", "cache"])
def test_a_flag_that_no_source_takes_is_an_error(name):
    with pytest.raises(RewardiumError, match=f"--{name} was given"):
        filled(make("extrinsic") + make("format"), **{name: "x"})


def test_a_judge_that_is_missing_is_said_at_once():
    reward = make("extrinsic") + 0.5 * make("once", Asks())
    with pytest.raises(RewardiumError, match="give --judge"):
        require_judges(reward)
    require_judges(filled(reward, judge="scripted:keyword"))
    require_judges(make("extrinsic"))


@dataclass(frozen=True)
class Looks(RewardSource):
    registered_name = "looks"
    needs = frozenset({"frame"})
    clip: str = ""
    side: int = 64

    def score(self, batch):
        return Score.of([None] * len(batch))

    def check_frames(self, shape, dtype):
        if shape != (self.side, self.side, 3) or dtype != np.uint8:
            raise RewardiumError(f"looks: frames of {self.side} pixels, got {shape} of {dtype}")


def test_a_vision_model_is_filled_and_needed():
    reward = 0.5 * Looks() + make("extrinsic") + Looks(clip="own")
    with pytest.raises(RewardiumError, match=r"looks .*give --clip"):
        require_clips(reward)
    assert [source.clip for source in filled(reward, clip="given").sources() if isinstance(source, Looks)] == [
        "given", "own",
    ]  # fmt: skip
    require_clips(filled(reward, clip="given"))
    require_clips(make("extrinsic"))
    with pytest.raises(RewardiumError, match="--clip was given"):
        filled(make("extrinsic"), clip="given")


def test_every_source_is_shown_a_frame():
    frame = np.zeros((64, 64, 3), dtype=np.uint8)
    check_frames(0.5 * Looks() + make("extrinsic"), frame)
    with pytest.raises(RewardiumError, match="frames of 32 pixels"):
        check_frames(make("extrinsic") + 0.1 * Looks(side=32), frame)
    with pytest.raises(RewardiumError, match="float64"):
        check_frames(Looks(), frame.astype(float))
